"""What a frame may cost, and the quality at which it costs about that.

Coded size grows with quality almost exponentially, for every codec here, and a frame is much
like the one before; so the last sizes tell the next one. Where even the lowest quality costs
too much, pictures are halved in width and height, and at last only every second, third or
fifth is sent. (`rt` at quality 0 and 640x480 is as good as a halved picture of the same bytes.)
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

from confcodec.wire.control.rate import PACKET_OVERHEAD
from confcodec.wire.fec import redundancy
from confcodec.wire.packets import (
    HEADER_SIZE,
    MAX_PAYLOAD,
    MAX_PROTECTED,
    ROW_HEADER_SIZE,
)

MAX_DEBT = 0.1
"""Seconds that what was sent may be ahead of the rate; then frames are skipped."""


class Step(NamedTuple):
    """What is given up when bits are scarce."""

    halved: bool
    """Width and height."""
    stride: int
    """One of so many frames is sent."""


WHOLE = Step(halved=False, stride=1)
STEPS = (WHOLE, *(Step(halved=True, stride=n) for n in (1, 2, 3, 5)))
"""From nothing to all of it."""
WHOLE_STEPS = tuple(Step(halved=False, stride=n) for n in (1, 2, 3, 5))
"""The same for pictures that cannot be halved."""

_STEEPNESS = 0.055
"""Growth of the logarithm of the size with one step of quality; rt's on its range."""
_HALVED = math.log(2.6)
"""By how much the logarithm of the size falls when a picture is halved, at equal quality."""
_SOFT_DEBT = 4
"""Frames over which a debt is paid back by lower quality."""
_MAX_RISE = 4
"""Steps of quality from one frame to the next, upwards."""
_LEAVE, _RETURN = -2, 2
"""Quality that a step must allow to be kept, and to be taken up again."""


@dataclass(frozen=True, slots=True)
class Loss:
    """What the line loses, see `LossMeter`."""

    share: float = 0.0
    burst: float = 1.0


def video_bytes(budget: float, slices: int, loss: Loss) -> float:
    """Bytes of bitstream that leave room for headers and parity in `budget` bytes of line.

    Args:
        budget: bytes on the line for one frame.
        slices: of the frame; each has packets of its own.
        loss: what parity must make up for.
    """
    per_packet = HEADER_SIZE + PACKET_OVERHEAD
    for k in range(slices, MAX_PROTECTED):
        r = redundancy(k, loss.share, loss.burst)
        fixed = (k + r) * per_packet + r * ROW_HEADER_SIZE
        video = (budget - fixed) / (1 + r / k)
        if video <= k * MAX_PAYLOAD:
            return max(1.0, video)
    return max(1.0, budget * MAX_PAYLOAD / (MAX_PAYLOAD + per_packet))


class Budget:
    """One sender's account: the rate comes in, frames go out; pure, the clock passed in."""

    def __init__(self, quality: int, highest: int) -> None:
        """`quality` is the first frame's, `highest` the greatest there is."""
        self.step = WHOLE
        """What is given up for the next frame."""
        self._highest = highest
        self._quality = quality
        self._level: float | None = None
        """Logarithm of the bytes that quality 0 costs, not halved."""
        self._slices = 1
        self._halved = False
        """Both of the last frame."""
        self._debt = 0.0
        self._paid: float | None = None

    def pay(self, rate: float, now: float) -> None:
        """Let the time since the last call pay for what was sent, at `rate` bits a second."""
        if self._paid is not None:
            self._debt = max(0.0, self._debt - (now - self._paid) * rate / 8)
        self._paid = now

    def owes(self, rate: float) -> bool:
        """Whether so much was sent that the next frame must wait."""
        return self._debt > MAX_DEBT * rate / 8

    def spend(self, line_bytes: int) -> None:
        """So many bytes go on the line, headers and parity included."""
        self._debt += line_bytes

    def coded(self, quality: int, sizes: list[int], *, halved: bool = False) -> None:
        """A frame of slices of these sizes came out of the encoder."""
        level = math.log(max(1, sum(sizes))) - _STEEPNESS * quality
        level += _HALVED if halved else 0.0
        # Halfway: one unusual frame must not turn the next ones upside down.
        self._level = level if self._level is None else (self._level + level) / 2
        self._slices, self._halved = len(sizes), halved
        self._quality = quality

    def quality(
        self, rate: float, fps: float, loss: Loss, *, can_halve: bool = True
    ) -> int:
        """The quality at which the next frame meets the rate; sets `step`, too.

        Args:
            rate: bits a second.
            fps: frames a second that there are.
            loss: of the line.
            can_halve: whether the frames may be halved.
        """
        steps = STEPS if can_halve else WHOLE_STEPS
        if self._level is None:
            return self._quality
        fits = [self._fit(step, rate / 8 / fps, loss) for step in steps]
        at = steps.index(self.step) if self.step in steps else 0
        while at + 1 < len(steps) and fits[at] < _LEAVE:
            at += 1
        while at and fits[at - 1] >= _RETURN:
            at -= 1
        self.step = steps[at]
        wanted = min(math.floor(fits[at]), self._quality + _MAX_RISE)
        return max(0, min(self._highest, wanted))

    def _fit(self, step: Step, frame_bytes: float, loss: Loss) -> float:
        """The quality, perhaps below 0, at which a step costs so many bytes a frame on the line."""
        assert self._level is not None
        budget = step.stride * frame_bytes
        affordable = max(budget / 4, budget - self._debt / _SOFT_DEBT)
        slices, level = self._slices, self._level
        if step.halved:
            level -= _HALVED
            slices = slices if self._halved else -(-slices // 2)
        elif self._halved:
            slices *= 2
        return (math.log(video_bytes(affordable, slices, loss)) - level) / _STEEPNESS
