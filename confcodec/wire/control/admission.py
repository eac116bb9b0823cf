"""Whether to skip a frame because the machines, the budget or the network are full.

A receiver settles each frame in order, decoded or given up, and its reports say which came
last. What is not settled is on its way, waits for a lost packet, or waits for the decoder.
"""

import math
from collections import deque

from confcodec.wire.reassembly import DEADLINE
from confcodec.wire.receiver_report import NO_FRAME

MAX_UNSETTLED = 3
"""Frames that may wait at the receiver, besides those on the wire."""
MAX_QUEUE_AGE = 0.1
"""Seconds of media in the send queue at which frames are skipped instead of coded."""
_FORGOTTEN = 1.0
"""Seconds after which a frame without an answer was lost, or its report was."""


class Admission:
    """Which frames the other side still owes an answer for; pure, the clock passed in."""

    def __init__(self) -> None:
        self._unsettled: deque[tuple[int, float]] = deque()

    def __len__(self) -> int:
        return len(self._unsettled)

    def sent(self, number: int, now: float) -> None:
        """Frame `number` is on its way."""
        self._unsettled.append((number, now))

    def settled(self, last_frame: int) -> None:
        """The receiver's report names the frame settled last; `NO_FRAME` before any."""
        if last_frame == NO_FRAME:
            return
        while self._unsettled and self._unsettled[0][0] <= last_frame:
            self._unsettled.popleft()

    def crowded(self, fps: float, rtt: float, loss: float, now: float) -> bool:
        """Whether more frames wait at the receiver than the way to it explains.

        Args:
            fps: frames sent in a second.
            rtt: seconds of the shortest round trip: a longer one may be the very queue
                that is to be avoided.
            loss: share of packets that the line loses; a frame may wait for its missing
                packets up to `DEADLINE`.
            now: seconds on this machine's monotonic clock.
        """
        while self._unsettled and now - self._unsettled[0][1] > _FORGOTTEN:
            self._unsettled.popleft()
        waits = rtt + (DEADLINE if loss > 0 else 0.0)
        return len(self._unsettled) >= MAX_UNSETTLED + math.ceil(fps * waits)
