"""Fitting a picture of any size into the one a call uses; half of it where bits are scarce."""

import cv2
import numpy as np

from confcodec.codec.frame import Pixels
from confcodec.codec.size import MIN_SIDE

_LOSS = 0.26
"""The most of a picture that may be cut off to fill another shape. Between 4:3 and 16:9 a quarter
goes, at the edges, where little is; of an upright picture in a wide one, half would."""


def fit(pixels: Pixels, size: tuple[int, int]) -> Pixels:
    """Scale to (width, height) `size` without distortion: filling it, or between black bars.

    Bars where filling it would cut off more than a quarter of the picture.
    """
    height, width = pixels.shape[:2]
    filled, whole = _scales(pixels, size)
    if 1 - whole / filled <= _LOSS:
        return cover(pixels, size)
    inner = (max(round(width * whole), 1), max(round(height * whole), 1))
    left, top = (size[0] - inner[0]) // 2, (size[1] - inner[1]) // 2
    between = np.zeros((size[1], size[0], 3), np.uint8)
    between[top : top + inner[1], left : left + inner[0]] = cover(pixels, inner)
    return between


def cover(pixels: Pixels, size: tuple[int, int]) -> Pixels:
    """Scale to (width, height) `size` without distortion, cutting off what stands over.

    The middle stays. Scaling down averages areas, so that fine texture does not alias.
    """
    height, width = pixels.shape[:2]
    scale, _ = _scales(pixels, size)
    cut_width = min(round(size[0] / scale), width)
    cut_height = min(round(size[1] / scale), height)
    left, top = (width - cut_width) // 2, (height - cut_height) // 2
    cut = pixels[top : top + cut_height, left : left + cut_width]
    if (cut_width, cut_height) == size:
        return np.ascontiguousarray(cut)
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(cut, size, interpolation=how), np.uint8)


def _scales(pixels: Pixels, size: tuple[int, int]) -> tuple[float, float]:
    """The factors by which a picture fills `size`, and by which it is whole within it."""
    height, width = pixels.shape[:2]
    factors = (size[0] / width, size[1] / height)
    return max(factors), min(factors)


def can_halve(pixels: Pixels) -> bool:
    """Whether `halve` leaves a picture that codecs take, and `double` undoes it in size."""
    return all(side % 2 == 0 and side >= 2 * MIN_SIDE for side in pixels.shape[:2])


def halve(pixels: Pixels) -> Pixels:
    """(H, W, 3) to (H/2, W/2, 3): the mean of each four pixels."""
    return _resize(pixels, 0.5, cv2.INTER_AREA)


def double(pixels: Pixels) -> Pixels:
    """(H, W, 3) to (2H, 2W, 3), smoothly."""
    return _resize(pixels, 2, cv2.INTER_CUBIC)


def _resize(pixels: Pixels, factor: float, how: int) -> Pixels:
    scaled = cv2.resize(pixels, None, fx=factor, fy=factor, interpolation=how)
    return np.asarray(scaled, np.uint8)
