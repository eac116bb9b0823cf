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
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from confcodec.call.channel import Channel
from confcodec.call.coder import Coded, Coder, Decoded
from confcodec.call.stats import ReceiveStats, SendStats
from confcodec.codec.frame import Frame
from confcodec.errors import BitstreamError, ConfcodecError, PacketError
from confcodec.wire.feedback import NO_FRAME, ClockSync, ReceiptLog, Report
from confcodec.wire.packets import packetize, unpack, unwrap_time
from confcodec.wire.reassembly import Reassembler, WholeFrame

logger = logging.getLogger(__name__)

T = TypeVar("T")

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


class NewestQueue(Generic[T]):
    """A queue that a burst fits into; when it overflows only the newest item stays."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._items: deque[T] = deque()
        self._filled = asyncio.Event()

    def put(self, item: T) -> int:
        """Add an item; returns how many older ones had to go."""
        dropped = 0
        if len(self._items) == self._size:
            dropped = self._size
            self._items.clear()
        self._items.append(item)
        self._filled.set()
        return dropped

    def __len__(self) -> int:
        return len(self._items)

    async def get(self) -> T:
        """Wait for the oldest item."""
        while not self._items:
            self._filled.clear()
            await self._filled.wait()
        return self._items.popleft()


@dataclass(slots=True)
class SendSettings:
    """What the sender does from the next frame on; the page changes it during a call."""

    codec: str
    quality: int
    fps: float


class Sender:
    """Encodes frames and sends them to one peer, from the moment the peer is ready."""

    def __init__(
        self, channel: Channel, encoder: Coder, settings: SendSettings
    ) -> None:
        self.stats = SendStats()
        self.clock = ClockSync()
        self.ready = asyncio.Event()
        self.on_sent: Callable[[Frame], None] = lambda _frame: None
        self._channel = channel
        self._encoder = encoder
        self._settings = settings
        self._queue: NewestQueue[Frame] = NewestQueue(ENCODE_QUEUE)
        self._sequence = 0
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

    def report(self, report: Report) -> None:
        """Take the peer's receiver report: frames up to its last one are settled."""
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
            reason = self._obstacle(time.monotonic())
            if reason:
                self.stats.drops.add(reason, time.monotonic())
            else:
                await self._send(frame)
            self._busy = False
            self._check_settled()

    def _check_settled(self) -> None:
        if not (self._busy or self._queue or self._unsettled):
            self._settled.set()

    def _obstacle(self, now: float) -> str | None:
        """Why a frame had better not be encoded now."""
        if self._channel.queue_age() > MAX_QUEUE_AGE:
            return "link-busy"
        while self._unsettled and now - self._unsettled[0][1] > 1:
            self._unsettled.popleft()  # lost, or its report was
        # The shortest round trip: a longer one may be the very queue to be avoided.
        on_the_way = self._settings.fps * self.clock.shortest
        if len(self._unsettled) >= MAX_UNSETTLED + math.ceil(on_the_way):
            return "receiver-busy"
        return None

    async def _send(self, frame: Frame) -> None:
        codec, quality = self._settings.codec, self._settings.quality
        coded = await self._encoder.encode(codec, frame.pixels, quality)
        now, stats = time.monotonic(), self.stats
        stats.encoded += 1
        stats.encode.add(coded.seconds, now)
        messages = packetize(
            coded.bitstream, frame.number, self._sequence, frame.capture_time, now
        )
        self._sequence = (self._sequence + len(messages)) & 0xFFFF
        self._channel.send_media(messages)
        stats.sent += 1
        stats.packets += len(messages)
        stats.wire.add(sum(map(len, messages)), now)
        height, width = frame.pixels.shape[:2]
        stats.bpp.add(8 * len(coded.bitstream) / (height * width), now)
        self._unsettled.append((frame.number, now))
        self.on_sent(frame)
        if now >= self._measure_next:
            await self._measure(codec, frame, coded)

    async def _measure(self, codec: str, frame: Frame, coded: Coded) -> None:
        began = time.monotonic()
        value = await self._encoder.measure(codec, frame.pixels, coded.bitstream)
        now = time.monotonic()
        self.stats.psnr.add(value, now)
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
        self._queue: NewestQueue[WholeFrame] = NewestQueue(DECODE_QUEUE)
        self._last_frame: int | None = None

    def message(self, message: bytes) -> None:
        """Take a message of the media channel, untrusted."""
        now, stats = time.monotonic(), self.stats
        try:
            packet = unpack(message)
            whole = self._reassembler.push(packet, now)
        except PacketError as error:
            stats.malformed += 1
            logger.debug("media message dropped: %s", error)
            return
        if stats.drops.started is None:
            stats.drops.started = now
        self._receipts.note(packet.sequence, len(message))
        if whole:
            stats.wire.add(whole.size_on_wire, now)
            dropped = self._queue.put(whole)
            if dropped:
                stats.drops.add("decoder-busy", now, dropped)
        self._count_incomplete(now)

    def report(self) -> Report:
        """The receiver report to send now."""
        now = time.monotonic()
        self.settled.clear()
        self._reassembler.expire(now)
        self._count_incomplete(now)
        return self._receipts.report(self._last_frame)

    async def run(self) -> None:
        """Decode until cancelled."""
        while True:
            whole = await self._queue.get()
            try:
                decoded = await self._decoder.decode(whole.bitstream)
            except BitstreamError as error:
                self.stats.drops.add("damaged", time.monotonic())
                logger.debug("frame %d dropped: %s", whole.number, error)
            except ConfcodecError as error:
                self.stats.drops.add("no-codec", time.monotonic())
                logger.debug("frame %d dropped: %s", whole.number, error)
            else:
                self._show(whole, decoded)
            self._last_frame = whole.number
            self.settled.set()

    def _show(self, whole: WholeFrame, decoded: Decoded) -> None:
        stats, offset = self.stats, self.clock.offset or 0.0
        captured = unwrap_time(whole.capture_us, decoded.time + offset) - offset
        stats.decoded += 1
        stats.decode.add(decoded.seconds, decoded.time)
        if self.clock.offset is not None:
            stats.latency.add(decoded.time - captured, decoded.time)
        self.codec = decoded.codec
        self.on_decoded(ReceivedFrame(decoded, whole.number, captured))

    def _count_incomplete(self, now: float) -> None:
        drops = self.stats.drops
        new = self._reassembler.stats.incomplete - drops.by_reason["incomplete"]
        if new:
            drops.add("incomplete", now, new)
