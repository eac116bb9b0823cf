"""What a frame may cost, and the quality at which it costs about that.

Coded size grows with quality almost exponentially, for every codec here, and a frame is much
like the one before; so the last sizes tell the next one. Where even the lowest quality costs
too much, only every second, third or fifth frame is sent.
"""

import math
from dataclasses import dataclass

from confcodec.wire.fec import redundancy
from confcodec.wire.packets import (
    HEADER_SIZE,
    MAX_PAYLOAD,
    MAX_PROTECTED,
    ROW_HEADER_SIZE,
)
from confcodec.wire.rate import PACKET_OVERHEAD

MAX_DEBT = 0.1
"""Seconds that what was sent may be ahead of the rate; then frames are skipped."""
STRIDES = (1, 2, 3, 5)
"""One of so many frames is sent."""

_STEEPNESS = 0.055
"""Growth of the logarithm of the size with one step of quality; rt's on its range."""
_SOFT_DEBT = 4
"""Frames over which a debt is paid back by lower quality."""
_MAX_RISE = 4
"""Steps of quality from one frame to the next, upwards."""
_LEAVE, _RETURN = -2, 2
"""Quality that a frame rate must allow to be kept, and to be taken up again."""


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
        self.stride = 1
        """One of so many frames is sent; of `STRIDES`."""
        self._highest = highest
        self._quality = quality
        self._level: float | None = None
        """Logarithm of the bytes that quality 0 costs."""
        self._slices = 1
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

    def coded(self, quality: int, sizes: list[int]) -> None:
        """A frame of slices of these sizes came out of the encoder."""
        level = math.log(max(1, sum(sizes))) - _STEEPNESS * quality
        # Halfway: one unusual frame must not turn the next ones upside down.
        self._level = level if self._level is None else (self._level + level) / 2
        self._slices = len(sizes)
        self._quality = quality

    def quality(self, rate: float, fps: float, loss: Loss) -> int:
        """The quality at which the next frame meets the rate; sets the stride, too."""
        if self._level is None:
            return self._quality
        fits = {n: self._fit(n * rate / 8 / fps, loss) for n in STRIDES}
        while self.stride < STRIDES[-1] and fits[self.stride] < _LEAVE:
            self.stride = STRIDES[STRIDES.index(self.stride) + 1]
        while self.stride > 1:
            faster = STRIDES[STRIDES.index(self.stride) - 1]
            if fits[faster] < _RETURN:
                break
            self.stride = faster
        wanted = min(math.floor(fits[self.stride]), self._quality + _MAX_RISE)
        return max(0, min(self._highest, wanted))

    def _fit(self, line_bytes: float, loss: Loss) -> float:
        """The quality, perhaps below 0, whose frame costs so many bytes on the line."""
        assert self._level is not None
        affordable = max(line_bytes / 4, line_bytes - self._debt / _SOFT_DEBT)
        video = video_bytes(affordable, self._slices, loss)
        return (math.log(video) - self._level) / _STEEPNESS
