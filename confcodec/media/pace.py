"""When the next frame is due, and sources that only have to keep that time."""

import threading
import time
from collections.abc import Callable

from confcodec.codec.frame import Frame, Pixels
from confcodec.errors import CaptureError

_EARLY = 0.3
"""Part of a frame interval by which a frame may be early and is still used."""


class Timer:
    """Seconds on the monotonic clock, and a sleep that `stop` ends; tests make up their own."""

    def __init__(self) -> None:
        self._stopped = threading.Event()

    def now(self) -> float:
        """Seconds on the monotonic clock."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Return after so long, or as soon as the timer is stopped."""
        if seconds > 0:
            self._stopped.wait(seconds)

    def stop(self) -> None:
        """End every sleep, now and later."""
        self._stopped.set()

    def check(self, name: str) -> None:
        """Raise CaptureError if the timer, and so the source `name`, was stopped."""
        if self._stopped.is_set():
            raise CaptureError(f"{name} was closed")


class Thinning:
    """Chooses frames of a faster stream so that no more than `fps` a second are left.

    A stream of that very rate passes whole, however its times are rounded or jitter.
    """

    def __init__(self, fps: float) -> None:
        self._interval = 1 / fps
        self.due: float | None = None
        """Time from which the next frame is wanted."""

    def take(self, time: float) -> bool:
        """Whether to use the frame of `time`, in seconds; times never fall."""
        if self.due is None:
            self.due = time
        if time < self.due - _EARLY * self._interval:
            return False
        self.due = max(self.due, time - self._interval / 2) + self._interval
        return True


class PacedSource:
    """Pictures that can be had at any moment, given out at a steady pace."""

    def __init__(
        self,
        name: str,
        fps: float,
        picture: Callable[[int], Pixels],
        timer: Timer | None = None,
    ) -> None:
        """`picture` makes the pixels of a frame from its number."""
        self.name, self.fps = name, fps
        self._picture = picture
        first = picture(0)
        self.size = (first.shape[1], first.shape[0])
        self._timer = timer or Timer()
        self._due: float | None = None
        self._number = 0

    def read(self) -> Frame:
        """Wait until the next frame is due.

        Raises:
            CaptureError: the source is closed.
        """
        pixels = self._picture(self._number)
        now = self._timer.now()
        self._due = (
            now if self._due is None else _next_due(self._due, 1 / self.fps, now)
        )
        self._timer.sleep(self._due - now)
        self._timer.check(self.name)
        frame = Frame(pixels, self._number, self._timer.now())
        self._number += 1
        return frame

    def close(self) -> None:
        """End a `read` that is under way."""
        self._timer.stop()


def _next_due(due: float, interval: float, now: float) -> float:
    """One interval later; for a slow reader, so many more that it need not hurry to catch up."""
    missed = int((now - due) / interval)
    return due + max(missed, 1) * interval
