"""Lip-sync: whichever of sound and picture is early waits for the other, up to a bound."""

from collections import deque
from statistics import fmean, median

MAX_WAIT = 0.25
"""Seconds that either may be made to wait."""
TOLERANCE = 0.02
"""Seconds apart at which nobody waits: nobody hears or sees that."""
_RECENT = 60
"""Latencies that count: about a second of sound, two of pictures."""
_STEP = 0.002
"""Seconds by which a wait changes at a time, so that it is not noticed."""


class Sync:
    """Decides how long sound and pictures of one peer wait.

    All times are latencies: seconds from the capture to now.
    """

    def __init__(self) -> None:
        self.sound_wait = 0.0
        """Seconds to hold the next sound back."""
        self.picture_wait = 0.0
        """Seconds to hold the next picture back."""
        self._sound: deque[float] = deque(maxlen=_RECENT)
        self._picture: deque[float] = deque(maxlen=_RECENT)
        self._heard: deque[float] = deque(maxlen=_RECENT)
        self._seen: deque[float] = deque(maxlen=_RECENT)

    def sound_ready(self, latency: float) -> None:
        """A piece of sound could be played with this latency."""
        self._sound.append(latency)
        self._decide()

    def picture_ready(self, latency: float) -> None:
        """A picture could be shown with this latency."""
        self._picture.append(latency)
        self._decide()

    def heard(self, latency: float) -> None:
        """Sound was played with this latency."""
        self._heard.append(latency)

    def seen(self, latency: float) -> None:
        """A picture was shown with this latency."""
        self._seen.append(latency)

    @property
    def offset(self) -> float | None:
        """Seconds by which the sound comes after its picture, as played and shown."""
        if not self._heard or not self._seen:
            return None
        return fmean(self._heard) - fmean(self._seen)

    def _decide(self) -> None:
        if not self._sound or not self._picture:
            return
        late = median(self._sound) - median(self._picture)
        if abs(late) < TOLERANCE:
            late = 0.0
        self.picture_wait = _towards(self.picture_wait, min(max(late, 0.0), MAX_WAIT))
        self.sound_wait = _towards(self.sound_wait, min(max(-late, 0.0), MAX_WAIT))


def _towards(value: float, goal: float) -> float:
    return max(value - _STEP, min(value + _STEP, goal))
