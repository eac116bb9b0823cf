"""A captured picture on its way through the pipe."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]
"""(H, W, 3) uint8 RGB."""

MIN_SIDE = 16
MAX_WIDTH = 1920
MAX_HEIGHT = 1920


@dataclass(frozen=True, slots=True)
class Frame:
    """One picture with the facts the pipe needs about it."""

    pixels: Pixels
    """(H, W, 3) uint8 RGB."""
    number: int
    """Position in the stream, from 0, without gaps at the source."""
    capture_time: float
    """Seconds on this machine's monotonic clock."""
    stale: bool = False
    """True when the source was lost and this repeats its last picture."""


def check_pixels(pixels: Pixels) -> None:
    """Refuse what no codec here can code.

    Raises:
        ValueError: not uint8 RGB, or a size outside 16x16 .. 1920x1920.
    """
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3:
        raise ValueError(
            f"a frame is uint8 RGB of shape (H, W, 3), not {pixels.dtype} {pixels.shape}"
        )
    check_size(pixels.shape[1], pixels.shape[0])


def check_size(width: int, height: int) -> None:
    """Refuse a frame size outside 16x16 .. 1920x1920 with a ValueError."""
    if not (MIN_SIDE <= width <= MAX_WIDTH and MIN_SIDE <= height <= MAX_HEIGHT):
        raise ValueError(
            f"{width}x{height} is outside {MIN_SIDE}x{MIN_SIDE} .. {MAX_WIDTH}x{MAX_HEIGHT}; scale the picture first"
        )
