"""Fitting a picture of any size into the one a call uses."""

import cv2
import numpy as np

from confcodec.codec.frame import Pixels


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
