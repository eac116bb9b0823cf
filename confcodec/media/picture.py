"""Picture files as pixels: upright, 8 bits, without transparency."""

import logging
import os
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from confcodec.codec.frame import Pixels
from confcodec.errors import CaptureError
from confcodec.file_search import files_below

logger = logging.getLogger(__name__)

PICTURES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff"})

_MAX_PIXELS = 64_000_000
_BACKGROUND = (255, 255, 255)
"""What shows through where a picture is transparent: white, as in a browser."""


def find_pictures(folder: Path) -> list[Path]:
    """Every picture file below a folder, sorted by path.

    Raises:
        CaptureError: no such folder, or no picture in it.
    """
    if not os.path.isdir(folder):
        raise CaptureError(f"{folder} is no folder; name one that holds pictures")
    found, closed = files_below(folder, PICTURES)
    for path in closed:
        logger.warning("%s may not be entered; left out", path)
    if not found:
        raise CaptureError(f"{folder} holds no picture ({', '.join(sorted(PICTURES))})")
    return found


def read_picture(path: Path) -> Pixels:
    """A picture file as uint8 RGB (H, W, 3), turned as its EXIF data says.

    Of 16 bits the upper 8 are kept; transparent parts show white.

    Raises:
        CaptureError: no picture, damaged, or of more than 64 million pixels.
    """
    try:
        with Image.open(path) as image:
            if image.width * image.height > _MAX_PIXELS:
                raise ValueError(f"{image.width}x{image.height} is too large")
            return np.array(_to_rgb(ImageOps.exif_transpose(image)))
    except FileNotFoundError as error:
        raise CaptureError(f"{path} does not exist") from error
    except Exception as error:  # Pillow raises almost anything on damaged files
        raise CaptureError(f"{path} cannot be read as a picture: {error}") from error


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):  # 16-bit grey, which `convert` would clip at 255
        levels = np.asarray(image).astype(np.int64)
        if levels.min() < 0 or levels.max() > 0xFFFF:
            raise ValueError("grey levels of more than 16 bits")
        return Image.fromarray((levels >> 8).astype(np.uint8)).convert("RGB")
    if image.mode == "F":
        raise ValueError("grey levels with fractions")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        opaque = Image.new("RGBA", image.size, _BACKGROUND)
        opaque.alpha_composite(image)
        image = opaque
    return image.convert("RGB")
