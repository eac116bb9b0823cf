"""What is given up when the machines of a call cannot keep up, in proportion to the shortage.

The evidence is time: how long each frame keeps the encoder here and the decoder there (its
reports say so), averaged over the last second, and whether a queue before one of them never
empties. One late frame is no evidence, nor is anything that the network does: a frame that is
lost or late on the way takes no time of a decoder.

If every frame of the source would take the slower of the two more than its time, quality is
lowered where so little is missing that this is enough (a learned codec saves about half a per
cent of its work with each step). Otherwise fewer frames are sent, as many as fit and evenly:
that looks better than the same number lost at random, or than ever poorer pictures. As soon as
the time measured leaves room again, so much is taken back as fits.
"""

import math
from collections import deque
from dataclasses import dataclass
from typing import TypeVar

from confcodec.wire.receiver_report import Report, wrapped

T = TypeVar("T")

LEAST = 28
"""Quality below which the limit does not fall: below it little work can be saved."""
PARTS = 60
"""The share of frames that is sent is a whole number of these parts."""
LEAST_PARTS = 4
"""Of them, at least so many: two frames a second of thirty."""

_FULL, _SPARE = 0.965, 0.85
"""Share of its time that the slower half may take, and up to which more is taken on at once."""
_NEAR = 0.92
"""Share up to which more is taken on little by little."""
_WORK = 0.005
"""Part of a frame's work that one step of quality makes."""
_WINDOW = 1.0
"""Seconds over which times are averaged."""
_ENOUGH = 5
"""Frames that an average needs."""
_UNUSUAL = 3.0
"""Times the usual time of a frame that one may count for: a stall is no shortage."""
_LEAST_TIME = 1e-4
"""Seconds that a frame takes at least."""
_PAUSE = 0.25
"""Seconds between two decisions: what was decided before must show first."""
_RISE, _CREEP = 8, 1
"""Parts that the share of frames may rise by at once, and little by little."""
_RISE_QUALITY = 4
"""Steps that the quality's limit may rise by at once."""


@dataclass(frozen=True, slots=True)
class Work:
    """Frames that went through an encoder or a decoder."""

    seconds: float
    """That one frame kept it busy, on average."""
    wait: float
    """Seconds that the last of them waited for it."""
    frames: int = 1


def work_between(before: Report | None, report: Report) -> Work | None:
    """What the decoder did between two reports; None where nothing is known of it."""
    if before is None:
        return None
    frames = wrapped(report.decoded - before.decoded)
    busy = wrapped(report.busy_us - before.busy_us)
    if frames <= 0 or busy < 0:
        return None  # nothing new, or overtaken by a newer one
    return Work(busy / 1e6 / frames, report.wait_ms / 1e3, frames)


class Load:
    """One sender's limits; pure, the clock passed in."""

    def __init__(self, highest: int) -> None:
        """`highest` is the greatest quality there is."""
        self.limit = highest
        """The highest quality to code at."""
        self.parts = PARTS
        """Of `PARTS` frames, those that are to be coded."""
        self._highest = highest
        self._encoder, self._decoder = _Half(), _Half()
        self._qualities: deque[tuple[float, int]] = deque()
        self._reported: Report | None = None
        """The report that told of the decoder last."""
        self._decided = -math.inf

    @property
    def share(self) -> float:
        """Share of the frames that is to be coded, above 0 and up to 1."""
        return self.parts / PARTS

    def place(self, number: int) -> int | None:
        """Which one frame `number` is among those to be coded; None for the others.

        The others are spread evenly: with 48 of 60 parts every fifth is left out.
        """
        before, after = number * self.parts // PARTS, (number + 1) * self.parts // PARTS
        return before if after > before else None

    def encoded(self, work: Work, quality: int, now: float) -> None:
        """A frame went through the encoder.

        Args:
            work: what it took.
            quality: it was coded at.
            now: seconds on this machine's monotonic clock.
        """
        self._encoder.add(work, now)
        self._qualities.append((now, quality))
        _forget(self._qualities, now - _WINDOW)

    def reported(self, report: Report, now: float) -> None:
        """The other side says, among other things, what went through its decoder."""
        if work := work_between(self._reported, report):
            self.decoded(work, now)
        if work or self._reported is None:
            self._reported = report

    def decoded(self, work: Work, now: float) -> None:
        """Frames went through the other side's decoder."""
        self._decoder.add(work, now)

    def decide(self, fps: float, now: float) -> None:
        """Set `limit` and `parts` for the frames to come.

        Args:
            fps: frames a second that there are to send, were the machines quick enough.
            now: seconds on this machine's monotonic clock.
        """
        if now - self._decided < _PAUSE:
            return
        self._decided = now
        interval = 1 / (fps * self.share)
        costs = [
            cost
            for half in (self._encoder, self._decoder)
            if (cost := half.cost(interval, now)) is not None
        ]
        if not costs or not self._qualities:
            return
        quality = sum(q for _, q in self._qualities) / len(self._qualities)
        planned = min(round(quality), self.limit)
        # What was measured before the limit fell tells of a higher quality than is to come.
        demand = fps * max(*costs, _LEAST_TIME) * math.exp(_WORK * (planned - quality))
        self._share_out(demand, planned)

    def _share_out(self, demand: float, quality: int) -> None:
        """Decide.

        Args:
            demand: share of its time that the slower half would need for every frame, at
                `quality`; above 1 where it cannot.
            quality: that frames are to have now.
        """
        room = quality - LEAST
        enough = demand > _NEAR and _steps(demand / _FULL) <= room
        short = demand * self.share > _FULL
        if short and not enough:
            self.parts = max(LEAST_PARTS, math.floor(_FULL / demand * PARTS))
        elif enough and (short or self.parts < PARTS):
            self.limit = quality - min(room, _steps(demand / _NEAR))
            self._send_more(_NEAR)
        elif self.parts < PARTS:
            self._send_more(demand)
        elif demand < _SPARE and self.limit < self._highest:
            fits = quality - _steps(demand / _SPARE)
            higher = max(self.limit, min(fits, self.limit + _RISE_QUALITY))
            self.limit = min(self._highest, higher)

    def _send_more(self, demand: float) -> None:
        at_once = min(PARTS, math.floor(_SPARE / demand * PARTS))
        near = min(PARTS, math.floor(_NEAR / demand * PARTS))
        if self.parts < at_once:
            self.parts = min(at_once, self.parts + _RISE)
        elif self.parts < near:
            self.parts += _CREEP


def _steps(ratio: float) -> int:
    """By how much quality must fall for so many times less work; negative: may rise."""
    return math.ceil(math.log(ratio) / _WORK)


class _Half:
    """The times of an encoder or a decoder in the last second."""

    def __init__(self) -> None:
        self._work: deque[tuple[float, Work]] = deque()

    def add(self, work: Work, now: float) -> None:
        # Here, too: where quality is fixed nobody asks for the cost.
        _forget(self._work, now - _WINDOW)
        self._work.append((now, work))

    def cost(self, interval: float, now: float) -> float | None:
        """Seconds that a frame keeps it busy; None while too little is known.

        Args:
            interval: seconds from one frame to the next.
            now: seconds on this machine's monotonic clock.
        """
        _forget(self._work, now - _WINDOW)
        recent = [work for _, work in self._work]
        frames = sum(work.frames for work in recent)
        if frames < _ENOUGH:
            return None
        usual = sorted(work.seconds for work in recent)[len(recent) // 2]
        total = sum(w.frames * min(w.seconds, _UNUSUAL * usual) for w in recent)
        standing = min(work.wait for work in recent) > interval
        # A queue that never empties: the times do not tell all that a frame takes.
        return max(total / frames, 1.05 * interval if standing else 0.0)


def _forget(timed: deque[tuple[float, T]], before: float) -> None:
    """Leave out what is older, as long as enough is left."""
    while len(timed) > _ENOUGH and timed[0][0] < before:
        timed.popleft()
