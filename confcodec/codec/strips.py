"""Pictures larger than any call's in strips, each in no more memory than a call's takes.

A strip is some whole slices, and a margin above and below that is computed and thrown
away: wider than what a pixel's value depends on, so that strips join without a seam. With
`rt` in bf16, `encode` of 8192x8192 takes 1.3 GB in all, `decode` 1 GB; of 4000x3000 0.8 and 0.7.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from confcodec.codec.bitstream import SLICE_HEIGHT, slice_count
from confcodec.codec.size import MAX_SIDE

_MARGIN = 1
"""Slices; two blocks of `rt` on each scale reach 48 rows, the nets of `cae` 38."""


@dataclass(frozen=True, slots=True)
class Strip:
    """Slices `first` to `last`, that one not among them, and the margin around them."""

    first: int
    last: int
    above: int
    """Slices of margin above: 0 or 1."""
    below: int
    """The same below."""

    def outer(self, unit: int) -> slice:
        """Its part of a picture, or of latents, with the margin; a slice has `unit` rows."""
        return slice((self.first - self.above) * unit, (self.last + self.below) * unit)

    def inner(self, unit: int) -> slice:
        """The part of `outer` that is no margin."""
        start = self.above * unit
        return slice(start, start + (self.last - self.first) * unit)

    def own(self, unit: int) -> slice:
        """The same in the whole picture."""
        return slice(self.first * unit, self.last * unit)


_WHOLE = MAX_SIDE * MAX_SIDE
"""Pixels up to which a picture is coded in one go."""


def strips(width: int, height: int, pixels: int = _WHOLE) -> list[Strip]:
    """The strips of a picture, one alone if it is no larger than a call's.

    Args:
        pixels: of a strip, about, the margin not counted; no more than a call's.
    """
    count = slice_count(height)
    if width * height <= _WHOLE:
        return [Strip(0, count, 0, 0)]
    return list(_cut(count, max(1, min(pixels, _WHOLE) // (width * SLICE_HEIGHT))))


def _cut(count: int, step: int) -> Iterator[Strip]:
    for first in range(0, count, step):
        last = min(first + step, count)
        yield Strip(first, last, min(_MARGIN, first), min(_MARGIN, count - last))
