"""Picture files as pixels: upright, sRGB of 8 bits, without transparency."""

import io
import logging
import os
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageCms, ImageOps

from confcodec.codec.frame import Pixels
from confcodec.codec.size import FILE_SIDE
from confcodec.errors import CaptureError
from confcodec.machine.file_search import files_below

logger = logging.getLogger(__name__)

PICTURES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff"})

_MAX_PIXELS = FILE_SIDE * FILE_SIDE
_FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF")
"""Pillow's names; others of its formats start programs."""
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

    Colours are converted to sRGB if a profile in the file says what they are. Of 16 bits
    the upper 8 are kept; transparent parts show white. Of an animation, the first frame.

    Raises:
        CaptureError: no picture, damaged, or of more than 67 million pixels.
    """
    try:
        with open_image(path) as image:
            return to_pixels(image)
    except FileNotFoundError as error:
        raise CaptureError(f"{path} does not exist") from error
    except Exception as error:  # Pillow raises almost anything on damaged files
        raise CaptureError(f"{path} cannot be read as a picture: {error}") from error


def open_image(path: Path) -> Image.Image:
    """A picture of one of the kinds that are read here, opened, not yet decoded.

    Raises what Pillow raises, and ValueError for more than 67 million pixels.
    """
    image = Image.open(path, formats=_FORMATS)
    if image.width * image.height > _MAX_PIXELS:
        image.close()
        raise ValueError(f"{image.width}x{image.height} is too large")
    return image


def to_pixels(image: Image.Image) -> Pixels:
    """The frame that an opened picture is at, as `read_picture` gives it."""
    return np.array(_to_rgb(_upright(image)))


def _upright(image: Image.Image) -> Image.Image:
    try:
        return ImageOps.exif_transpose(image)
    except Exception as error:
        # Damaged EXIF data; if it was the picture itself, loading fails again.
        logger.debug("EXIF data ignored: %s", error)
        image.load()
        return image


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):  # 16-bit grey, which `convert` would clip at 255
        levels = np.asarray(image).astype(np.int64)
        if levels.min() < 0 or levels.max() > 0xFFFF:
            raise ValueError("grey levels of more than 16 bits")
        return Image.fromarray((levels >> 8).astype(np.uint8)).convert("RGB")
    if image.mode == "F":
        raise ValueError("grey levels with fractions")
    profile = image.info.get("icc_profile")
    if image.has_transparency_data:
        clear = _to_srgb(image.convert("RGBA"), profile)
        opaque = Image.new("RGBA", clear.size, _BACKGROUND)
        opaque.alpha_composite(clear)
        return opaque.convert("RGB")
    return _to_srgb(image, profile).convert("RGB")


def _to_srgb(image: Image.Image, content: bytes | None) -> Image.Image:
    """Colours as an ICC profile, untrusted, means them; as they are where it is damaged."""
    if not content:
        return image
    try:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(content))
        # Most profiles are sRGB's own: converting would only round.
        if ImageCms.getProfileDescription(profile).startswith("sRGB"):
            return image
        space = profile.profile.xcolor_space.strip()
        if space == "GRAY" and image.mode in ("1", "LA"):
            image = image.convert("L")
        elif space == "RGB" and image.mode not in ("RGB", "RGBA"):
            image = image.convert("RGB")
        mode = "RGBA" if image.mode == "RGBA" else "RGB"
        converted = ImageCms.profileToProfile(image, profile, _srgb(), outputMode=mode)
        return image if converted is None else converted
    except Exception as error:  # LittleCMS and Pillow have several kinds for this
        logger.debug("colour profile ignored: %s", error)
        return image


@cache
def _srgb() -> ImageCms.ImageCmsProfile:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
