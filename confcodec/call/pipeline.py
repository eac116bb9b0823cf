"""A frame's way: capture -> encode -> packetize => channel => reassemble -> decode -> show.

Every queue holds a few frames at most and the newest wins; every frame that goes
no further is counted with its reason. The codecs run in threads of their own;
everything else here runs on the event loop.
"""

import asyncio
import contextlib
import logging
import math
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from confcodec.call.channel import Channel
from confcodec.call.coder import Coded, Coder, Decoded, Encoder
from confcodec.call.newest import NewestQueue
from confcodec.call.outbox import Outbox
from confcodec.call.send_settings import FREE_RATE, SendSettings
from confcodec.call.stats import ReceiveStats, SendStats, SentFrame
from confcodec.codec.bitstream import whole_bitstream
from confcodec.codec.codec import QUALITIES
from confcodec.codec.frame import Frame
from confcodec.errors import BitstreamError, ConfcodecError, PacketError
from confcodec.wire.budget import Budget, Loss
from confcodec.wire.feedback import ClockSync
from confcodec.wire.load import Load
from confcodec.wire.packets import unpack, unwrap_time
from confcodec.wire.rate import START, RateController
from confcodec.wire.reassembly import ArrivedFrame, Reassembler
from confcodec.wire.receipts import NO_FRAME, ReceiptLog, Report

logger = logging.getLogger(__name__)

MAX_QUEUE_AGE = 0.1
"""Seconds of media in the send queue at which frames are skipped instead of encoded."""
MAX_UNSETTLED = 3
"""Frames that a receiver may owe an answer for, besides those on the wire."""
ENCODE_QUEUE = 3
"""Captured frames that wait for the encoder: enough to bridge a stall of 100 ms."""
DECODE_QUEUE = 8
"""Coded frames that wait for the decoder; the sender skips before it overflows."""
PSNR_INTERVALS = (0.25, 2.0)
"""Seconds between two measurements of the PSNR, at least and at most."""
PSNR_SHARE = 0.01
"""Share of the encoder's time that they should take; each costs a synthesis."""
FIRST_QUALITY = 12
"""Of the first frame where quality is chosen: what a picture will cost is not known yet."""


class Sender:
    """Encodes frames and sends them to one peer, from the moment the peer is ready."""

    def __init__(
        self, channel: Channel, encoder: Encoder, settings: SendSettings
    ) -> None:
        self.stats = SendStats()
        self.clock = ClockSync()
        self.ready = asyncio.Event()
        self.on_sent: Callable[[Frame, str, bytes], None] = lambda *_sent: None
        """Told each frame sent, the codec and the bitstream."""
        self._channel = channel
        self._encoder = encoder
        self._settings = settings
        self._queue: NewestQueue[Frame] = NewestQueue(ENCODE_QUEUE)
        start = START if settings.mode in ("auto", "bitrate") else FREE_RATE
        self.controller = RateController(settings.most, start)
        channel.rate = lambda: self.controller.rate
        self._outbox = Outbox(channel, self.controller, plain=settings.mode == "stock")
        self._budget = Budget(FIRST_QUALITY, QUALITIES - 1)
        self._load = Load(QUALITIES - 1)
        self._unsettled: deque[tuple[int, float]] = deque()
        self._measure_next = -math.inf
        self._busy = False
        self._stopped = False
        self._settled = asyncio.Event()
        self._settled.set()

    def offer(self, frame: Frame) -> None:
        """Take a captured frame; before the peer is ready it is none of ours."""
        if self._stopped or not self.ready.is_set():
            return
        now, stats = time.monotonic(), self.stats
        if stats.drops.started is None:
            stats.drops.started = now
        stats.captured += 1
        stats.stale += frame.stale
        dropped = self._queue.put(frame)
        self._settled.clear()
        if dropped:
            stats.drops.add("encoder-busy", now, dropped)
            self._load.late(now)

    def report(self, report: Report) -> None:
        """Take the peer's receiver report: losses, delays, and which frames are settled."""
        self._outbox.loss.push(report)
        self.controller.report(report, self.clock.shortest, time.monotonic())
        self.stats.loss = self._outbox.loss.loss
        self.stats.target = self.controller.rate
        self.stats.queue_delay = self.controller.queue_delay
        self.stats.note(time.monotonic())
        if report.last_frame == NO_FRAME:
            return
        while self._unsettled and self._unsettled[0][0] <= report.last_frame:
            self._unsettled.popleft()
        self._check_settled()

    async def finish(self) -> None:
        """Take no more frames; wait until the others are settled, at most half a second."""
        self._stopped = True
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._settled.wait(), 0.5)

    async def run(self) -> None:
        """Encode and send until cancelled."""
        while True:
            frame = await self._queue.get()
            self._busy = True
            now = time.monotonic()
            quality = self._choose_quality(now)
            reason = self._obstacle(frame, now)
            if reason:
                self.stats.drops.add(reason, now)
            else:
                await self._send(frame, quality)
            self._busy = False
            self._check_settled()

    async def release(self) -> None:
        """Let packets leave at their pace until cancelled."""
        await self._outbox.run()

    def _check_settled(self) -> None:
        if not (self._busy or self._queue or self._unsettled):
            self._settled.set()

    def _choose_quality(self, now: float) -> int:
        """What the next frame is coded at, and how many frames are sent at all."""
        settings, controller, budget = self._settings, self.controller, self._budget
        controller.highest = settings.most
        controller.rate = min(controller.rate, settings.most)
        budget.pay(controller.rate, now)
        quality, lost = settings.quality, self._outbox.loss
        if settings.mode in ("auto", "bitrate"):
            rate = settings.most if settings.mode == "bitrate" else controller.rate
            loss = Loss(lost.loss, lost.burst)
            quality = budget.quality(rate, settings.fps, loss)
            if settings.mode == "auto":
                quality = min(quality, self._load.limit)
        else:
            budget.stride = 1
        controller.interval = budget.stride / settings.fps
        return quality

    def _obstacle(self, frame: Frame, now: float) -> str | None:
        """Why a frame had better not be encoded now."""
        if frame.number % self._budget.stride:
            return "frame-rate"
        if self._settings.mode != "stock" and self._budget.owes(self.controller.rate):
            return "link-slow"
        if self._channel.queue_age() > MAX_QUEUE_AGE:
            return "link-busy"
        while self._unsettled and now - self._unsettled[0][1] > 1:
            self._unsettled.popleft()  # lost, or its report was
        # The shortest round trip: a longer one may be the very queue to be avoided.
        on_the_way = self._settings.fps * self.clock.shortest
        if len(self._unsettled) >= MAX_UNSETTLED + math.ceil(on_the_way):
            self._load.late(now)
            return "receiver-busy"
        return None

    async def _send(self, frame: Frame, quality: int) -> None:
        codec = self._settings.codec
        coded = await self._encoder.encode(codec, frame.pixels, quality)
        now, stats = time.monotonic(), self.stats
        stats.encoded += 1
        self._budget.coded(coded.quality, [len(part) for part in coded.parts])
        interval = self._budget.stride / self._settings.fps
        self._load.coded(coded.seconds, interval, coded.quality, now)
        posted = self._outbox.put(frame, coded.parts, interval, now)
        self._budget.spend(posted.line_bytes)
        stats.post(posted.packets, posted.parity, posted.bytes, now)
        height, width = frame.pixels.shape[:2]
        size, bpp = len(coded.bitstream), 8 * len(coded.bitstream) / (height * width)
        stats.coded(
            SentFrame(frame.number, size, bpp, coded.quality, coded.seconds), now
        )
        self._unsettled.append((frame.number, now))
        self.on_sent(frame, codec, coded.bitstream)
        if now >= self._measure_next:
            await self._measure(codec, frame, coded)

    async def _measure(self, codec: str, frame: Frame, coded: Coded) -> None:
        began = time.monotonic()
        value = await self._encoder.measure(codec, frame.pixels, coded.bitstream)
        now = time.monotonic()
        self.stats.measured(frame.number, value, now)
        shortest, longest = PSNR_INTERVALS
        wait = max(shortest, min(longest, (now - began) / PSNR_SHARE))
        self._measure_next = now + wait


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
        self._queue: NewestQueue[ArrivedFrame] = NewestQueue(DECODE_QUEUE)
        self._last_frame: int | None = None

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

    def report(self) -> Report:
        """The receiver report to send now."""
        now = time.monotonic()
        self.settled.clear()
        self._take(self._reassembler.expire(now), now)
        return self._receipts.report(self._last_frame)

    async def run(self) -> None:
        """Decode until cancelled."""
        while True:
            frame = await self._queue.get()
            try:
                decoded = await self._decoder.decode(frame.parts)
            except BitstreamError as error:
                self.stats.drops.add("damaged", time.monotonic())
                logger.debug("frame %d dropped: %s", frame.number, error)
            except ConfcodecError as error:
                self.stats.drops.add("no-codec", time.monotonic())
                logger.debug("frame %d dropped: %s", frame.number, error)
            else:
                self._show(frame, decoded)
            self._last_frame = frame.number
            self.settled.set()

    def _take(self, arrived: Sequence[ArrivedFrame], now: float) -> None:
        stats = self.stats
        for frame in arrived:
            stats.wire.add(frame.size_on_wire, now)
            dropped = self._queue.put(frame)
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
