"""JPEG, WebP, JPEG 2000 and AVIF behind the interface of the learned codecs."""

import io
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import PIL
from PIL import Image, ImageFile

from confcodec.codec.classic.headers import check_avif, check_jpeg2000
from confcodec.codec.frame import Pixels, check_pixels
from confcodec.codec.interface import Codec, CodecInfo
from confcodec.codec.quality import QUALITIES, check_quality
from confcodec.codec.registry import codec_of
from confcodec.codec.size import check_size
from confcodec.errors import BitstreamError, ConfcodecError

_PILLOW_FORMATS = {"jpeg": "JPEG", "webp": "WEBP"}
_IMAGECODECS = ("jpeg2000", "avif")

VARIANTS = ("jpeg:420", "avif:4")
"""Settings that only comparisons need: JPEG 4:2:0, and AVIF at libaom's speed 4."""


def load_classic(
    name: str,
    *,
    device: str = "cpu",
    weights: Path | None = None,
    threads: int | None = None,
) -> Codec:
    """A codec of another project: jpeg, webp, jpeg2000, avif, or one of `VARIANTS`.

    Device, weights and threads are those of learned codecs; these have none.

    Raises:
        ConfcodecError: jpeg2000 or avif where imagecodecs is not installed.
    """
    if name.partition(":")[0] in _IMAGECODECS:
        return _ImagecodecsCodec(name)
    return _PillowCodec(name)


class _PillowCodec(Codec):
    """JPEG or WebP; its bitstream is the ordinary file of that format."""

    def __init__(self, name: str) -> None:
        self._format = _PILLOW_FORMATS[name.partition(":")[0]]
        # 4:4:4 because the figures are RGB PSNR, which 4:2:0 caps near 40 dB.
        self._subsampling = 2 if name == "jpeg:420" else 0
        self.info = CodecInfo(name, f"Pillow {PIL.__version__}", "cpu", "uint8", 1)

    def encode(self, pixels: Pixels, quality: int) -> bytes:
        """Code one picture; quality 0..63 spans 1..97 of the format's own scale."""
        check_pixels(pixels, self.max_side)
        check_quality(quality)
        image, out = Image.fromarray(pixels), io.BytesIO()
        native = round(1 + quality * 96 / (QUALITIES - 1))
        if self._format == "JPEG":
            # Optimised tables are written as one block, which Pillow makes too small for noise.
            ImageFile.MAXBLOCK = max(ImageFile.MAXBLOCK, 4 * image.width * image.height)
            options = {"optimize": True, "subsampling": self._subsampling}
            image.save(out, "JPEG", quality=native, **options)
        else:
            image.save(out, "WEBP", quality=native, method=4)
        return out.getvalue()

    def decode(self, bitstream: bytes) -> Pixels:
        """Read a picture back, refusing sizes no frame has before decoding them."""
        _check_codec(self, bitstream)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error", Image.DecompressionBombWarning)
                with Image.open(io.BytesIO(bitstream), formats=[self._format]) as image:
                    check_size(*image.size, self.max_side)
                    return np.array(image.convert("RGB"))
        except Exception as error:  # Pillow raises almost anything on damaged files
            raise BitstreamError(
                f"damaged {self._format} picture, or larger than {self.max_side} a side: {error}"
            ) from error


class _ImagecodecsCodec(Codec):
    """JPEG 2000 (OpenJPEG, a bare codestream) or AVIF (libaom, 4:4:4, a whole file)."""

    def __init__(self, name: str) -> None:
        self._name, _, speed = name.partition(":")
        # 8 takes about as long as the learned codec; 4 is 20 times slower, 10 % smaller.
        self._speed = int(speed or 8)
        self._library, model = _imagecodecs(self._name)
        self.info = CodecInfo(name, f"{model}, imagecodecs", "cpu", "uint8", 1)

    def encode(self, pixels: Pixels, quality: int) -> bytes:
        """Code one picture; quality spans 25..52 dB for JPEG 2000, 0..99 of AVIF's scale."""
        check_pixels(pixels, self.max_side)
        check_quality(quality)
        pixels, share = np.ascontiguousarray(pixels), quality / (QUALITIES - 1)
        if self._name == "jpeg2000":
            options = {"level": 25 + 27 * share, "codecformat": "j2k"}
            return bytes(self._library.jpeg2k_encode(pixels, numthreads=1, **options))
        options = {"level": round(99 * share), "speed": self._speed}
        return bytes(
            self._library.avif_encode(
                pixels, pixelformat="444", codec="aom", numthreads=1, **options
            )
        )

    def decode(self, bitstream: bytes) -> Pixels:
        """Read a picture back, refusing any but those that `encode` can have written."""
        _check_codec(self, bitstream)
        is_avif = self._name == "avif"
        check = check_avif if is_avif else check_jpeg2000
        read = self._library.avif_decode if is_avif else self._library.jpeg2k_decode
        width, height = check(bitstream, self.max_side)
        try:
            pixels = np.asarray(read(bitstream, numthreads=1))
        except Exception as error:  # each library has exceptions of its own
            raise BitstreamError(f"damaged {self._name} picture: {error}") from error
        if pixels.shape != (height, width, 3) or pixels.dtype != np.uint8:
            raise BitstreamError(f"damaged {self._name} picture: {pixels.shape}")
        return pixels


def _check_codec(codec: Codec, bitstream: bytes) -> None:
    name = codec.info.codec.partition(":")[0]
    if codec_of(bitstream) != name:
        raise BitstreamError(f"these bytes are no {name} picture")


def _imagecodecs(name: str) -> tuple[Any, str]:
    """The package, and the version of its library for a format."""
    try:
        import imagecodecs

        is_avif = name == "avif"
        # Fails with an ImportError, too, where the package was built without the format.
        version = imagecodecs.avif_version if is_avif else imagecodecs.jpeg2k_version
        return imagecodecs, str(version())
    except ImportError as error:
        raise ConfcodecError(
            "jpeg2000 and avif need the package imagecodecs; run: pip install 'confcodec[lab]'"
        ) from error
