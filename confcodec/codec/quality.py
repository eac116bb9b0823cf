"""The scale of quality that all codecs share."""

QUALITIES = 64
"""Quality runs from 0, the fewest bits, to 63, the best picture."""


def check_quality(quality: int) -> None:
    """Refuse a quality outside 0..63 with a ValueError."""
    if not 0 <= quality < QUALITIES:
        raise ValueError(f"quality {quality} is outside 0..{QUALITIES - 1}")
