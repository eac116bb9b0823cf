"""The sizes that a frame may have."""

MIN_SIDE = 16
MAX_SIDE = 1920
"""Of a frame in a call, and of any bitstream that comes over a network."""
FILE_SIDE = 8192
"""Of a picture in a file."""


def check_size(width: int, height: int, max_side: int = MAX_SIDE) -> None:
    """Refuse a frame with a side outside 16 .. `max_side` with a ValueError."""
    if not (MIN_SIDE <= width <= max_side and MIN_SIDE <= height <= max_side):
        raise ValueError(
            f"{width}x{height} is outside {MIN_SIDE}x{MIN_SIDE} .. {max_side}x{max_side}; scale the picture first"
        )
