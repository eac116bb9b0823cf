"""Pacing: the packets of a frame leave one after the other, not all at once.

A burst overflows short queues on the way and delays what others send (RFC 8298, section 4.1.2).
"""

from collections import deque
from typing import Generic, TypeVar

from confcodec.wire.control.rate import PACKET_OVERHEAD

T = TypeVar("T")

HEADROOM = 8.0
"""Times the rate at which packets leave: a frame in an eighth of the time to the next."""
AHEAD = 0.002
"""Seconds that packets may leave early: timers are no finer, and each wake costs."""


class Pacer(Generic[T]):
    """A queue that says when its first element may leave; pure, the clock passed in."""

    def __init__(self) -> None:
        self._waiting: deque[tuple[T, float]] = deque()
        self._next = 0.0

    def __len__(self) -> int:
        return len(self._waiting)

    def put(
        self, elements: list[tuple[T, int]], rate: float, longest: float, now: float
    ) -> None:
        """Queue elements and the bytes of the message that each will be.

        Args:
            elements: what leaves, first to last, and its size.
            rate: bits a second that the sender may send.
            longest: seconds that it may take at most for these to leave.
            now: seconds on this machine's monotonic clock.
        """
        sizes = [8 * (size + PACKET_OVERHEAD) for _, size in elements]
        pace = max(HEADROOM * rate, sum(sizes) / longest)
        if not self._waiting:
            self._next = max(self._next, now)
        self._waiting.extend(
            (element, bits / pace)
            for (element, _), bits in zip(elements, sizes, strict=True)
        )

    def take(self, now: float) -> list[T]:
        """Remove and return what may leave now."""
        leaving = []
        while self._waiting and self._next <= now + AHEAD:
            element, seconds = self._waiting.popleft()
            leaving.append(element)
            self._next += seconds
        return leaving

    def wait(self, now: float) -> float:
        """Seconds until the next may leave; 0 if one may already."""
        return max(0.0, self._next - AHEAD - now) if self._waiting else 0.0
