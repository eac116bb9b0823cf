"""Fitting a picture of any size into the one a call uses; half of it where bits are scarce."""

import cv2
import numpy as np

from confcodec.codec.frame import MIN_SIDE, Pixels


def cover(pixels: Pixels, size: tuple[int, int]) -> Pixels:
    """Scale to (width, height) `size` without distortion, cutting off what stands over.

    The middle stays. Scaling down averages areas, so that fine texture does not alias.
    """
    height, width = pixels.shape[:2]
    scale = max(size[0] / width, size[1] / height)
    cut_width = min(round(size[0] / scale), width)
    cut_height = min(round(size[1] / scale), height)
    left, top = (width - cut_width) // 2, (height - cut_height) // 2
    cut = pixels[top : top + cut_height, left : left + cut_width]
    if (cut_width, cut_height) == size:
        return np.ascontiguousarray(cut)
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(cut, size, interpolation=how), np.uint8)


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
