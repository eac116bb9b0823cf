"""A captured picture on its way through the pipe."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]
"""(H, W, 3) uint8 RGB."""

MIN_SIDE = 16
MAX_SIDE = 1920
"""Of a frame in a call, and of any bitstream that comes over a network."""
FILE_SIDE = 8192
"""Of a picture in a file."""


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


def check_pixels(pixels: Pixels, max_side: int = MAX_SIDE) -> None:
    """Refuse what no codec here can code.

    Raises:
        ValueError: not uint8 RGB, or a side outside 16 .. `max_side`.
    """
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3:
        raise ValueError(
            f"a frame is uint8 RGB of shape (H, W, 3), not {pixels.dtype} {pixels.shape}"
        )
    check_size(pixels.shape[1], pixels.shape[0], max_side)


def check_size(width: int, height: int, max_side: int = MAX_SIDE) -> None:
    """Refuse a frame with a side outside 16 .. `max_side` with a ValueError."""
    if not (MIN_SIDE <= width <= max_side and MIN_SIDE <= height <= max_side):
        raise ValueError(
            f"{width}x{height} is outside {MIN_SIDE}x{MIN_SIDE} .. {max_side}x{max_side}; scale the picture first"
        )
