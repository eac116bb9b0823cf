"""`confcodec encode` and `confcodec decode`: still pictures to bitstream files and back."""

import argparse
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from confcodec.codec.codec import Codec, codec_of
from confcodec.codec.frame import Pixels, check_size
from confcodec.codec.metrics import bpp, psnr
from confcodec.errors import CaptureError, ConfcodecError


def encode_file(arguments: argparse.Namespace) -> dict[str, object]:
    """Code the picture `input` into the bitstream file `output`; returns the figures.

    Raises:
        CaptureError: the input is no picture, or too small or large.
        ConfcodecError: the output cannot be written, or the codec not be used.
    """
    pixels = read_picture(arguments.input)
    codec = _load(arguments.codec, arguments)
    bitstream = codec.encode(pixels, arguments.quality)
    output = arguments.output or arguments.input.with_suffix(".ccb")
    _write(output, bitstream)
    return {
        "output": str(output),
        "bytes": len(bitstream),
        "size": [pixels.shape[1], pixels.shape[0]],
        "bpp": round(bpp(bitstream, pixels), 4),
        "psnr_db": round(min(psnr(pixels, codec.reconstruct(bitstream)), 100.0), 3),
        "quality": arguments.quality,
        "codec": codec.info.codec,
        "model": codec.info.model,
    }


def decode_file(arguments: argparse.Namespace) -> dict[str, object]:
    """Turn the bitstream file `input` back into the picture file `output`.

    Raises:
        BitstreamError: the input is no bitstream of ours.
        ConfcodecError: a file cannot be read or written, or the codec not be used.
    """
    try:
        bitstream = arguments.input.read_bytes()
    except OSError as error:
        raise ConfcodecError(
            f"cannot read {arguments.input}: {error.strerror}"
        ) from error
    codec = _load(codec_of(bitstream), arguments)
    pixels = codec.decode(bitstream)
    output = arguments.output or arguments.input.with_suffix(".png")
    try:
        Image.fromarray(pixels).save(output)
    except (OSError, ValueError) as error:
        raise ConfcodecError(
            f"cannot write {output}: {error}; name a .png file"
        ) from error
    size = [pixels.shape[1], pixels.shape[0]]
    return {"output": str(output), "size": size, "codec": codec.info.codec}


def read_picture(path: Path) -> Pixels:
    """A picture file as uint8 RGB, upright.

    Raises:
        CaptureError: no picture, or its size is outside the codecs' limits.
    """
    try:
        with Image.open(path) as image:
            check_size(*image.size)
            return np.array(ImageOps.exif_transpose(image).convert("RGB"))
    except FileNotFoundError as error:
        raise CaptureError(f"{path} does not exist") from error
    except Exception as error:  # Pillow raises almost anything on damaged files
        raise CaptureError(f"{path} cannot be read as a picture: {error}") from error


def _load(name: str, arguments: argparse.Namespace) -> Codec:
    try:
        return Codec.load(name, arguments.device, threads=arguments.threads)
    except ValueError as error:
        raise ConfcodecError(str(error)) from error


def _write(path: Path, content: bytes) -> None:
    try:
        path.write_bytes(content)
    except OSError as error:
        raise ConfcodecError(f"cannot write {path}: {error.strerror}") from error
