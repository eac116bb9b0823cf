"""What is given up when the machines of a call can no longer keep up.

Higher quality means more symbols to code and more packets to carry, at both ends. Where
that is more than they can do in the time of a frame, frames wait and are dropped, and a
sharper picture is a poor trade for a jerky one: the quality's limit falls at once, and rises
again slowly while the encoder has time to spare (as the overuse detectors of other calls do
it). It does not fall far: most of a learned codec's work is the same at every quality (`rt-s`
saves 15 % from quality 42 to 14). What is left is to send every second or third frame,
evenly, which looks better than as many lost at random.
"""

import math

LEAST = 28
"""Quality below which the limit does not fall: below it little work can be saved."""
MOST_STRIDE = 3
"""At worst one of so many frames is sent."""

_BUSY, _SPARE = 0.9, 0.8
"""Share of the time that the encoder may take; share below which more is tried."""
_HOPELESS = 1.25
"""Share above which lower quality would not be enough."""
_FALL = 4
"""Steps of quality that the limit falls at once."""
_SETTLE = 0.5
"""Seconds before more is given up: what was coded before is still on its way."""
_EPISODE = 2.0
"""Seconds after a fall in which another belongs to the same shortage."""
_RISE = 1.0
"""Seconds for each step of quality up, doubled with each shortage up to `_PATIENT`."""
_PATIENT = 16.0
_RETRY = 4.0
"""Seconds before a higher frame rate is tried, doubled with each failure up to `_RETRY_LATEST`."""
_RETRY_LATEST = 64.0
_TRIAL = 8.0
"""Seconds in which it must prove itself."""
_MEMORY = 15
"""Frames over which the encoder's time is averaged."""


class Load:
    """One sender's limits; pure, the clock passed in."""

    def __init__(self, highest: int) -> None:
        """`highest` is the greatest quality there is."""
        self.limit = highest
        """The highest quality to code at."""
        self.stride = 1
        """One of so many frames is to be coded."""
        self._highest = highest
        self._quality = highest
        self._share = 0.0
        self._fell = self._rose = self._tried = -math.inf
        self._rise, self._retry = _RISE, _RETRY

    def coded(self, seconds: float, interval: float, quality: int, now: float) -> None:
        """A frame took the encoder so many seconds.

        Args:
            seconds: in the encoder.
            interval: seconds from one coded frame to the next.
            quality: it was coded at.
            now: seconds on this machine's monotonic clock.
        """
        self._quality = quality
        share = seconds / interval
        self._share += (share - self._share) / _MEMORY
        if self._share > _BUSY:
            self.late(now)
        elif self._share < _SPARE and now - max(self._fell, self._rose) > self._rise:
            self._try_more(now)

    def late(self, now: float) -> None:
        """A frame was dropped because one of the machines was behind."""
        if now - self._fell < _SETTLE:
            return
        if now - self._fell > _EPISODE:
            self._rise = min(_PATIENT, 2 * self._rise)
        self._fell = now
        quality = min(self.limit, self._quality)
        failed = now - self._tried < _TRIAL
        fewer = failed or quality <= LEAST or self._share > _HOPELESS
        if fewer and self.stride < MOST_STRIDE:
            self._retry = min(_RETRY_LATEST, 2 * self._retry) if failed else _RETRY
            self._send_one_of(self.stride + 1)
        elif quality > LEAST:
            self.limit = max(LEAST, quality - _FALL)

    def _try_more(self, now: float) -> None:
        """There is time to spare: a higher frame rate if it fits, or higher quality."""
        more = self.stride - 1
        fits = more and self._share * self.stride < _SPARE * more
        if fits and now - self._fell > self._retry:
            self._send_one_of(more)
            self._tried = self._rose = now
            return
        if self.limit < self._highest:
            self.limit += 1
            self._rose = now
        # Without a fall for so long, the next rise need not be as slow.
        self._rise = max(_RISE, self._rise - _RISE / 2)

    def _send_one_of(self, stride: int) -> None:
        self._share *= self.stride / stride
        self.stride = stride
