"""From coded frames to packets on their way: parity, numbers, pacing; all counted."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from confcodec.codec.frame import Frame
from confcodec.transport.channel import Channel
from confcodec.wire.control.loss import LossMeter
from confcodec.wire.control.pacing import Pacer
from confcodec.wire.control.rate import PACKET_OVERHEAD, RateController
from confcodec.wire.fec import protect, redundancy
from confcodec.wire.packets import HEADER_SIZE, Packet, pack, packetize, wrap_time

LONGEST = 0.5
"""Share of the time to the next frame that the packets of one may take to leave."""


@dataclass(frozen=True, slots=True)
class Posted:
    """A frame on its way."""

    packets: int
    parity: int
    """How many of them."""
    bytes: int
    """Of all packets, their headers included."""

    @property
    def line_bytes(self) -> int:
        """The same with what the layers below add."""
        return self.bytes + PACKET_OVERHEAD * self.packets


class Outbox:
    """Sends one peer's frames at the pace that its `RateController` allows."""

    def __init__(
        self, channel: Channel, controller: RateController, *, plain: bool = False
    ) -> None:
        """`plain` leaves out parity and pacing, for comparison."""
        self.loss = LossMeter()
        """What parity must make up for."""
        self._channel = channel
        self._controller = controller
        self._plain = plain
        self._pacer: Pacer[Packet] = Pacer()
        self._filled = asyncio.Event()
        self._sequence = 0

    def put(
        self,
        frame: Frame,
        parts: Sequence[bytes],
        interval: float,
        now: float,
        *,
        halved: bool = False,
    ) -> Posted:
        """Queue a coded frame.

        Args:
            frame: whose it is.
            parts: its slices.
            interval: seconds to the next frame.
            now: seconds on this machine's monotonic clock.
            halved: see `Packet`.

        Returns:
            What it will be on the line.
        """
        packets = packetize(
            parts,
            frame.number,
            self._sequence,
            frame.capture_time,
            now,
            halved=halved,
        )
        r = redundancy(len(packets), self.loss.loss, self.loss.burst)
        r, interval = (0, 1e-9) if self._plain else (r, interval)
        packets = protect(packets, r)
        self._sequence = (self._sequence + len(packets)) & 0xFFFF
        sized = [(packet, HEADER_SIZE + len(packet.payload)) for packet in packets]
        self._pacer.put(sized, self._controller.rate, LONGEST * interval, now)
        self._filled.set()
        return Posted(len(packets), r, sum(size for _, size in sized))

    async def run(self) -> None:
        """Send what is queued until cancelled."""
        while True:
            if not self._pacer:
                self._filled.clear()
                await self._filled.wait()
            now = time.monotonic()
            leaving = self._pacer.take(now)
            messages = [pack(replace(p, send_us=wrap_time(now))) for p in leaving]
            for message in messages:
                self._controller.sent(len(message), now)
            if messages:
                self._channel.send_media(messages)
            await asyncio.sleep(self._pacer.wait(time.monotonic()))
