"""The first half of a frame's way: capture -> encode -> packetize => channel.

Every queue holds a few frames at most and the newest wins; every frame that is
dropped is counted with its reason. The encoder runs in a thread of its own,
everything else here on the event loop. The other half is `receiver`.
"""

import asyncio
import contextlib
import logging
import math
import time
from collections.abc import Callable

from confcodec.call.codec_thread import Coded, Encoder
from confcodec.call.figures.stats import SendStats, SentFrame
from confcodec.call.newest_queue import NewestQueue
from confcodec.call.packet_sender import Outbox
from confcodec.call.send_settings import FREE_RATE, SendSettings
from confcodec.codec.frame import Frame
from confcodec.codec.quality import QUALITIES
from confcodec.errors import ConfcodecError
from confcodec.media.scale import can_halve
from confcodec.transport.channel import Channel
from confcodec.wire.control.admission import MAX_QUEUE_AGE, Admission
from confcodec.wire.control.budget import WHOLE, Budget, Loss
from confcodec.wire.control.load import Load, Work
from confcodec.wire.control.rate import START, RateController
from confcodec.wire.messages import ClockSync
from confcodec.wire.receiver_report import Report

logger = logging.getLogger(__name__)

ENCODE_QUEUE = 3
"""Captured frames that wait for the encoder: enough to bridge a stall of 100 ms."""
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
        self.on_sent: Callable[[Frame, str, Coded], None] = lambda *_sent: None
        """Told each frame sent, the codec and what it made."""
        self._channel = channel
        self._encoder = encoder
        self._settings = settings
        self._queue: NewestQueue[tuple[Frame, float]] = NewestQueue(ENCODE_QUEUE)
        start = START if settings.mode in ("auto", "bitrate") else FREE_RATE
        self.controller = RateController(settings.most, start)
        channel.rate = lambda: self.controller.rate
        self._outbox = Outbox(channel, self.controller, plain=settings.mode == "stock")
        self._budget = Budget(FIRST_QUALITY, QUALITIES - 1)
        self._load = Load(QUALITIES - 1)
        self._admission = Admission()
        self._measure_next = -math.inf
        self._busy = False
        self._stopped = False
        self._trouble = ""
        self._settled = asyncio.Event()
        self._settled.set()

    def offer(self, frame: Frame) -> None:
        """Take a captured frame; before the peer is ready it is ignored and not counted."""
        if self._stopped or not self.ready.is_set():
            return
        now, stats = time.monotonic(), self.stats
        if stats.drops.started is None:
            stats.drops.started = now
        stats.captured += 1
        stats.stale += frame.stale
        dropped = self._queue.put((frame, now))
        self._settled.clear()
        if dropped:
            stats.drops.add("encoder-busy", now, dropped)

    def report(self, report: Report, lag: float) -> None:
        """Take the peer's receiver report: losses, delays, and which frames are settled.

        Args:
            report: of the peer.
            lag: seconds that packets may have waited on this machine lately.
        """
        now = time.monotonic()
        self.controller.report(report, self.clock.shortest, now, lag)
        self._load.reported(report, now)
        self._outbox.loss.push(report, congested=self.controller.congested)
        self.stats.loss = self._outbox.loss.loss
        self.stats.target = self.controller.rate
        self.stats.queue_delay = self.controller.queue_delay
        self.stats.note(now)
        self._admission.settled(report.last_frame)
        self._check_settled()

    async def finish(self) -> None:
        """Take no more frames; wait until the others are settled, at most half a second."""
        self._stopped = True
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._settled.wait(), 0.5)

    async def run(self) -> None:
        """Encode and send until cancelled."""
        while True:
            frame, offered = await self._queue.get()
            self._busy = True
            began = time.monotonic()
            quality = self._choose_quality(frame, began)
            reason = self._obstacle(frame, began)
            if reason:
                self.stats.drops.add(reason, began)
            else:
                try:
                    quality = await self._send(frame, quality)
                except ConfcodecError as error:
                    self._failed(error)
                now = time.monotonic()
                work = Work(now - began, began - offered)
                self._load.encoded(work, quality, now)
            self._busy = False
            self._check_settled()

    async def release(self) -> None:
        """Let packets leave at their pace until cancelled."""
        await self._outbox.run()

    def _failed(self, error: ConfcodecError) -> None:
        """Drop a frame that the codec could not code; said once, not for each frame."""
        self.stats.drops.add("encoder-failed", time.monotonic())
        if str(error) != self._trouble:
            logger.warning("frames are dropped: %s", error)
            self._trouble = str(error)

    def _check_settled(self) -> None:
        if not (self._busy or self._queue or self._admission):
            self._settled.set()

    def _choose_quality(self, frame: Frame, now: float) -> int:
        """What the next frame is coded at; sets the budget's step, too."""
        settings, controller, budget = self._settings, self.controller, self._budget
        controller.highest = settings.most
        controller.rate = min(controller.rate, settings.most)
        budget.pay(controller.rate, now)
        quality, lost = settings.quality, self._outbox.loss
        if settings.mode == "auto":
            self._load.decide(settings.fps / budget.step.stride, now)
        if settings.mode in ("auto", "bitrate"):
            rate = settings.most if settings.mode == "bitrate" else controller.rate
            loss = Loss(lost.loss, lost.burst)
            quality = budget.quality(
                rate,
                settings.fps * self._share,
                loss,
                can_halve=can_halve(frame.pixels),
            )
            if settings.mode == "auto":
                quality = min(quality, self._load.limit)
        else:
            budget.step = WHOLE
        controller.interval = self._interval
        return quality

    @property
    def _share(self) -> float:
        """Share of the frames that the machines can do."""
        return self._load.share if self._settings.mode == "auto" else 1.0

    @property
    def _interval(self) -> float:
        """Seconds from one frame that is sent to the next, on average."""
        return self._budget.step.stride / (self._settings.fps * self._share)

    def _obstacle(self, frame: Frame, now: float) -> str | None:
        """Why a frame had better not be encoded now."""
        auto = self._settings.mode == "auto"
        place = self._load.place(frame.number) if auto else frame.number
        if place is None or place % self._budget.step.stride:
            return "frame-rate"
        if self._settings.mode != "stock" and self._budget.owes(self.controller.rate):
            return "link-slow"
        if self._channel.queue_age() > MAX_QUEUE_AGE:
            return "link-busy"
        rtt, loss = self.clock.shortest, self._outbox.loss.loss
        if self._admission.crowded(1 / self._interval, rtt, loss, now):
            return "receiver-busy"
        return None

    async def _send(self, frame: Frame, quality: int) -> int:
        """Encode and post a frame; gives back the quality that it has."""
        codec = self._settings.codec
        step, interval = self._budget.step, self._interval
        coded = await self._encoder.encode(
            codec, frame.pixels, quality, halved=step.halved
        )
        now, stats = time.monotonic(), self.stats
        stats.encoded += 1
        sizes = [len(part) for part in coded.parts]
        self._budget.coded(coded.quality, sizes, halved=coded.halved)
        posted = self._outbox.put(
            frame, coded.parts, interval, now, halved=coded.halved
        )
        self._budget.spend(posted.line_bytes)
        stats.post(posted.packets, posted.parity, posted.bytes, now)
        height, width = frame.pixels.shape[:2]
        size, bpp = len(coded.bitstream), 8 * len(coded.bitstream) / (height * width)
        stats.coded(
            SentFrame(frame.number, size, bpp, coded.quality, coded.seconds), now
        )
        stats.halved = coded.halved
        self._admission.sent(frame.number, now)
        self.on_sent(frame, codec, coded)
        if now >= self._measure_next:
            await self._measure(codec, frame, coded)
        return coded.quality

    async def _measure(self, codec: str, frame: Frame, coded: Coded) -> None:
        began = time.monotonic()
        value = await self._encoder.measure(codec, frame.pixels, coded.bitstream)
        now = time.monotonic()
        self.stats.measured(frame.number, value, now)
        shortest, longest = PSNR_INTERVALS
        wait = max(shortest, min(longest, (now - began) / PSNR_SHARE))
        self._measure_next = now + wait
