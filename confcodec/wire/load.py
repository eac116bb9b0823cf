"""How high the quality may go before the machines of a call can no longer keep up.

Higher quality means more symbols to code and more packets to carry, at both ends. Where
that is more than they can do in the time of a frame, frames wait and are dropped, and a
sharper picture is a poor trade for a jerky one: the limit falls at once, and rises again
slowly while the encoder has time to spare (as the overuse detectors of other calls do it).
"""

import math

LEAST = 16
"""Quality below which the limit does not fall: below it little work can be saved."""

_BUSY, _SPARE = 0.9, 0.8
"""Share of the time that the encoder may take; share below which the limit rises."""
_FALL = 4
"""Steps of quality that the limit falls at once."""
_SETTLE = 0.5
"""Seconds before it falls again: what was coded before the fall is still on its way."""
_RISE = 1.0
"""Seconds for each step up, doubled with each fall up to `_PATIENT`."""
_PATIENT = 16.0
_MEMORY = 15
"""Frames over which the encoder's time is averaged."""


class Load:
    """One sender's limit of quality; pure, the clock passed in."""

    def __init__(self, highest: int) -> None:
        """`highest` is the greatest quality there is."""
        self.limit = highest
        """The highest quality to code at."""
        self._highest = highest
        self._quality = highest
        self._share: float | None = None
        self._changed = -math.inf
        self._rise = _RISE

    def coded(self, seconds: float, interval: float, quality: int, now: float) -> None:
        """A frame took the encoder so many seconds.

        Args:
            seconds: in the encoder.
            interval: seconds from one frame to the next.
            quality: it was coded at.
            now: seconds on this machine's monotonic clock.
        """
        self._quality = quality
        share = seconds / interval
        last = self._share
        self._share = share if last is None else last + (share - last) / _MEMORY
        if self._share > _BUSY:
            self.late(now)
        elif self._share < _SPARE and now - self._changed > self._rise:
            if self.limit < self._highest:
                self.limit += 1
                self._changed = now
            # Without a fall for so long, the next rise need not be as slow.
            self._rise = max(_RISE, self._rise - _RISE / 2)

    def late(self, now: float) -> None:
        """A frame was dropped because one of the machines was behind."""
        if now - self._changed < _SETTLE and self.limit < self._quality:
            return
        lower = min(self.limit, self._quality) - _FALL
        self.limit = min(self._highest, max(LEAST, lower))
        self._changed = now
        self._rise = min(_PATIENT, 2 * self._rise)
