"""How much of what was sent got lost, from the receiver reports."""

from collections import deque

from confcodec.wire.receiver_report import WINDOW as REPORTED
from confcodec.wire.receiver_report import Report

MARGIN = 8
"""Packets that later ones may overtake before they count as lost."""
WINDOW = 600
"""Packets that the figures are means over: a few seconds."""
OVERFLOW = 100
"""Packets before a queue is noticed whose loss tells nothing of the line: the queue was full."""


class LossMeter:
    """Reads the bitmaps of one receiver."""

    def __init__(self, window: int = WINDOW) -> None:
        self._next: int | None = None
        self._congested = False
        self._lost: deque[bool] = deque(maxlen=window)

    def push(self, report: Report, *, congested: bool = False) -> None:
        """Take a report; packets that earlier ones told of count once.

        Args:
            report: of the receiver.
            congested: a queue on the way is too long. What is lost then, and was lost
                shortly before that was noticed, the queue dropped: it does not count.
        """
        if congested and not self._congested:
            self.forget(OVERFLOW)
        self._congested = congested
        if not report.packets:
            return
        last = (report.newest - MARGIN) & 0xFFFF
        if self._next is None:
            # Nothing was sent before the packets that the first report tells of.
            self._next = (report.newest - min(report.packets, REPORTED) + 1) & 0xFFFF
        count = (last - self._next + 1) & 0xFFFF
        if count > 0x8000:  # an old report, overtaken
            return
        if congested:
            self._next = (report.newest + 1) & 0xFFFF
            return
        self._next = (last + 1) & 0xFFFF
        for back in range(min(count, REPORTED - MARGIN) - 1 + MARGIN, MARGIN - 1, -1):
            self._lost.append(not report.received >> back & 1)

    def __len__(self) -> int:
        return len(self._lost)

    def forget(self, packets: int = WINDOW) -> None:
        """Do not count the newest so many packets."""
        for _ in range(min(packets, len(self._lost))):
            self._lost.pop()

    @property
    def loss(self) -> float:
        """Share of packets lost lately, 0..1."""
        return sum(self._lost) / len(self._lost) if self._lost else 0.0

    @property
    def burst(self) -> float:
        """Packets lost in a row, on average; 1 if none were."""
        lost = list(self._lost)
        starts = sum(
            now and not before
            for before, now in zip([False, *lost], lost, strict=False)
        )
        return sum(lost) / starts if starts else 1.0
