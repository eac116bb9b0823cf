"""A captured picture on its way through the pipe."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from confcodec.codec.size import MAX_SIDE, check_size

Pixels = npt.NDArray[np.uint8]
"""(H, W, 3) uint8 RGB."""


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
