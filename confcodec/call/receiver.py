"""The second half of a frame's way: channel => reassemble -> decode -> show.

What does not arrive in time, or cannot be decoded, is counted with its reason; a slice
that is lost is concealed by the decoder. The first half is `sender`.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from confcodec.call.codec_thread import Coder, Decoded
from confcodec.call.figures.stats import ReceiveStats
from confcodec.call.newest_queue import NewestQueue
from confcodec.codec.bitstream import whole_bitstream
from confcodec.errors import BitstreamError, ConfcodecError, PacketError
from confcodec.wire.messages import ClockSync
from confcodec.wire.packets import unpack, unwrap_time
from confcodec.wire.reassembly import ArrivedFrame, Reassembler
from confcodec.wire.receiver_report import ReceiptLog, Report

logger = logging.getLogger(__name__)

DECODE_QUEUE = 8
"""Coded frames that wait for the decoder; the sender skips before it overflows."""


@dataclass(frozen=True, slots=True)
class ReceivedFrame:
    """A decoded frame and which one it is."""

    decoded: Decoded
    number: int
    capture_time: float
    """Seconds on this machine's monotonic clock, as well as it is known."""
    bitstream: bytes | None = None
    """As it came; None where a part of it was lost."""


class Receiver:
    """Turns one peer's packets into pictures."""

    def __init__(self, decoder: Coder) -> None:
        self.stats = ReceiveStats()
        self.clock = ClockSync()
        self.codec: str | None = None
        """The codec of the last decoded frame."""
        self.on_decoded: Callable[[ReceivedFrame], None] = lambda _frame: None
        self.settled = asyncio.Event()
        """Set after each frame, decoded or not; whoever reports it clears it."""
        self._decoder = decoder
        self._reassembler = Reassembler()
        self._receipts = ReceiptLog()
        self._queue: NewestQueue[tuple[ArrivedFrame, float]] = NewestQueue(DECODE_QUEUE)
        self._last_frame: int | None = None
        self._trouble = ""

    def message(self, message: bytes) -> None:
        """Take a message of the media channel, untrusted."""
        now, stats = time.monotonic(), self.stats
        try:
            packet = unpack(message)
            arrived = self._reassembler.push(packet, now)
        except PacketError as error:
            stats.malformed += 1
            logger.debug("media message dropped: %s", error)
            return
        if stats.drops.started is None:
            stats.drops.started = now
        self._receipts.note(packet, len(message), now)
        self._take(arrived, now)

    def report(self, lag: float) -> Report:
        """The receiver report to send now; packets may have waited here for `lag` seconds."""
        now = time.monotonic()
        self.settled.clear()
        self._take(self._reassembler.expire(now), now)
        return self._receipts.report(self._last_frame, lag)

    async def run(self) -> None:
        """Decode until cancelled."""
        while True:
            frame, arrived = await self._queue.get()
            began = time.monotonic()
            try:
                decoded = await self._decoder.decode(frame.parts, halved=frame.halved)
            except BitstreamError as error:
                self.stats.drops.add("damaged", time.monotonic())
                logger.debug("frame %d dropped: %s", frame.number, error)
            except ConfcodecError as error:
                self.stats.drops.add("no-codec", time.monotonic())
                if str(error) != self._trouble:  # once, not for each frame
                    logger.warning("frames are dropped: %s", error)
                    self._trouble = str(error)
            else:
                self._show(frame, decoded)
            self._receipts.decoded(time.monotonic() - began, began - arrived)
            self._last_frame = frame.number
            self.settled.set()

    def _take(self, arrived: Sequence[ArrivedFrame], now: float) -> None:
        stats = self.stats
        for frame in arrived:
            stats.wire.add(frame.size_on_wire, now)
            dropped = self._queue.put((frame, now))
            if dropped:
                stats.drops.add("decoder-busy", now, dropped)
        stats.restored = self._reassembler.stats.restored_packets
        self._count_incomplete(now)

    def _show(self, frame: ArrivedFrame, decoded: Decoded) -> None:
        stats, offset = self.stats, self.clock.offset or 0.0
        captured = unwrap_time(frame.capture_us, decoded.time + offset) - offset
        stats.decoded += 1
        stats.slices += len(frame.parts)
        stats.concealed.add(frame.lost, decoded.time)
        stats.decode.add(decoded.seconds, decoded.time)
        if self.clock.offset is not None:
            stats.latency.add(decoded.time - captured, decoded.time)
        self.codec = decoded.codec
        whole = None if frame.lost else whole_bitstream(frame.parts)
        self.on_decoded(ReceivedFrame(decoded, frame.number, captured, whole))

    def _count_incomplete(self, now: float) -> None:
        drops = self.stats.drops
        new = self._reassembler.stats.incomplete - drops.by_reason["incomplete"]
        if new:
            drops.add("incomplete", now, new)
