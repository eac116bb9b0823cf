"""A contact sheet: crops of some pictures by every codec, at equal bpp, to be looked at."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from confcodec.codec.frame import Pixels
from confcodec.codec.interface import Codec
from confcodec.codec.metrics import bpp, psnr
from confcodec.codec.quality import QUALITIES
from confcodec.lab.evaluation.rows import Settings, load_codec, read_codable
from confcodec.machine.printable import printable

CROP = 256
"""Side of a crop, pixels."""
PICTURES = 6
"""Rows of a sheet, at most."""

_LABEL = 14


def write_sheet(
    paths: Sequence[Path],
    names: Sequence[str],
    settings: Settings,
    target: float,
    out: Path,
) -> None:
    """Write a sheet: a row for each of some pictures, the original first."""
    chosen = paths[:: -(-len(paths) // PICTURES)]
    codecs = [load_codec(name, settings) for name in names]
    size = ((len(names) + 1) * CROP, len(chosen) * (CROP + _LABEL))
    sheet = Image.new("RGB", size, "white")
    for row, path in enumerate(chosen):
        pixels = read_codable(path)
        top = row * (CROP + _LABEL)
        _paste(sheet, (0, top), pixels, f"{printable(path.name)}, original")
        for column, codec in enumerate(codecs, 1):
            bitstream, quality = at_rate(codec, pixels, target)
            decoded = codec.decode(bitstream)
            text = f"{codec.info.codec} q{quality} {bpp(bitstream, pixels):.3f} bpp"
            text += f" {psnr(pixels, decoded):.2f} dB"
            _paste(sheet, (column * CROP, top), decoded, text)
    sheet.save(out)


def at_rate(codec: Codec, pixels: Pixels, target: float) -> tuple[bytes, int]:
    """The bitstream of the best quality of at most `target` bpp, or of the lowest quality."""
    low, high = 0, QUALITIES - 1
    best = codec.encode(pixels, low)
    while low < high:
        middle = (low + high + 1) // 2
        bitstream = codec.encode(pixels, middle)
        if bpp(bitstream, pixels) <= target:
            low, best = middle, bitstream
        else:
            high = middle - 1
    return best, low


def _paste(sheet: Image.Image, at: tuple[int, int], pixels: Pixels, text: str) -> None:
    height, width = pixels.shape[:2]
    # Faces sit in the middle, rather high.
    top, left = max(0, (height - CROP) // 3), max(0, (width - CROP) // 2)
    crop = np.ascontiguousarray(pixels[top : top + CROP, left : left + CROP])
    ImageDraw.Draw(sheet).text((at[0] + 2, at[1] + 1), text, fill="black")
    sheet.paste(Image.fromarray(crop), (at[0], at[1] + _LABEL))
