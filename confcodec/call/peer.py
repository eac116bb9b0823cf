"""One peer, from open channels to the end: who says what on the control channel."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable

from aiortc import MediaStreamTrack

from confcodec.call.codec_thread import Coder
from confcodec.call.loop_lag import LagMeter
from confcodec.call.receiver import ReceivedFrame, Receiver
from confcodec.call.sender import Sender
from confcodec.call.sound import SoundLink, SoundTrack
from confcodec.errors import ConfcodecError, PacketError, TransportError
from confcodec.transport.channel import Channel
from confcodec.wire.messages import (
    HEARTBEAT_INTERVAL,
    SILENCE_LIMIT,
    VERSION,
    Bye,
    ClockSync,
    Hello,
    MediaState,
    Message,
    Ping,
    Pong,
    Ready,
    SoundTime,
    pack,
    unpack,
)
from confcodec.wire.receiver_report import (
    REPORT_INTERVAL,
    is_report,
    pack_report,
    unpack_report,
)

logger = logging.getLogger(__name__)

PARTING_TIMEOUT = 0.7
"""Seconds to wait for the other side's goodbye after ours."""


class Peer:
    """The other side of a connection, and all tasks that serve it."""

    def __init__(
        self,
        channel: Channel,
        hello: Callable[[], Awaitable[Hello]],
        sender: Sender | None,
        receiver: Receiver,
        decoder: Coder,
    ) -> None:
        self.sender = sender
        self.receiver = receiver
        self.clock = ClockSync()
        self.malformed = 0
        """Control messages that were none."""
        self.trouble: str | None = None
        """Why this side cannot decode the peer's frames, if it cannot."""
        self.media: MediaState | None = None
        """What the other side sends at the moment, once it has said so."""
        self.on_media_state: Callable[[], None] = lambda: None
        self.sound: SoundLink | None = None
        """Of this peer, where the channel has any."""
        self.tells: Callable[[], MediaState] = lambda: MediaState(False, None)
        """What this side sends at the moment."""
        self.opened = asyncio.Event()
        """Set while messages can be exchanged."""
        self.lost = asyncio.Event()
        """Set once the other side is gone without a goodbye."""
        self.lag = LagMeter()
        """Of this event loop, which whoever made the peer runs."""
        self._channel = channel
        self._hello = hello
        self._decoder = decoder
        loop = asyncio.get_running_loop()
        self._greeting: asyncio.Future[Hello] = loop.create_future()
        self._ended: asyncio.Future[str] = loop.create_future()
        self._parted = asyncio.Event()
        self._heard = time.monotonic()
        receiver.clock = self.clock
        if sender:
            sender.clock = self.clock
        # From here on: the other side may speak as soon as its channels are open.
        channel.on_media = self._media
        channel.on_control = self._control

    async def run(self) -> str:
        """Serve the peer until it ends; closes the channel.

        Returns:
            Why it ended: `bye` (the other side's wish), `lost`, or `stopped` (ours).

        Raises:
            TransportError: the channels never opened.
        """
        opening = asyncio.ensure_future(self._channel.open())
        try:
            await asyncio.wait(
                (opening, self._ended), return_when=asyncio.FIRST_COMPLETED
            )
            if not opening.done():
                return self._ended.result()  # stopped before it began
            opening.result()
            self._heard = time.monotonic()
            self.opened.set()
            return await self._serve()
        finally:
            opening.cancel()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._channel.close(), 2)

    def stop(self) -> None:
        """End the call from this side."""
        self._end("stopped")

    def lose(self) -> None:
        """Take the other side for lost."""
        self._end("lost")

    async def _serve(self) -> str:
        jobs = [
            self._greet(),
            self._heartbeat(),
            self._reports(),
            self._watch(),
            self._prepare(),
            self.receiver.run(),
        ]
        if self.sender:
            jobs += [self.sender.run(), self.sender.release()]
        if self.sound and self._channel.rtp:
            jobs += [self._tell_sound(self.sound), self._hear(self.sound)]
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(job) for job in jobs]
            try:
                reason = await self._ended
                if reason != "lost":
                    await self._part(reason)
                return reason
            finally:
                for task in tasks:
                    task.cancel()

    async def _part(self, reason: str) -> None:
        """Both sides end their sending first, so that all that was sent is decoded."""
        if self.sender:
            await self.sender.finish()
        self._send(Bye("end of call"))
        if reason == "stopped":
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._parted.wait(), PARTING_TIMEOUT)

    async def _tell_sound(self, sound: SoundLink) -> None:
        pause = 0.2
        while True:
            if sound.position:
                self._send(SoundTime(*sound.position))
                pause = min(1.0, 1.2 * pause)
            await asyncio.sleep(pause)

    async def _hear(self, sound: SoundLink) -> None:
        assert self._channel.rtp
        receiver = self._channel.rtp.receiver
        if self._channel.sound and isinstance(self._channel.sound, SoundTrack):
            self._channel.sound.rtp = self._channel.rtp.sender
        show = self.receiver.on_decoded

        def in_step(frame: ReceivedFrame) -> None:
            sound.delayed(lambda: show(frame), frame.capture_time)

        self.receiver.on_decoded = in_step
        if isinstance(receiver.track, MediaStreamTrack):
            await sound.play(receiver.track, receiver)

    async def _heartbeat(self) -> None:
        told = None
        while True:
            self._send(Ping(time.monotonic()))
            if (state := self.tells()) != told:
                self._send(state)
                told = state
            await asyncio.sleep(HEARTBEAT_INTERVAL)
            if time.monotonic() - self._heard > SILENCE_LIMIT:
                logger.info("nothing heard for %.1f s", SILENCE_LIMIT)
                self._end("lost")

    async def _reports(self) -> None:
        """After each frame, so that the sender need not guess, or else at intervals."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(REPORT_INTERVAL):
                    await self.receiver.settled.wait()
            if self.receiver.stats.drops.started is not None:
                # Not on the reliable channel: one lost there would hold up the others.
                report = self.receiver.report(self.lag.recent())
                self._channel.send_media([pack_report(report)])

    async def _watch(self) -> None:
        await self._channel.closed.wait()
        self._parted.set()
        self._end("lost")

    def _media(self, message: bytes) -> None:
        self._heard = time.monotonic()
        if not is_report(message):
            self.receiver.message(message)
        elif self.sender:
            try:
                self.sender.report(unpack_report(message), self.lag.recent())
            except PacketError as error:
                self.malformed += 1
                logger.debug("report dropped: %s", error)

    def _control(self, message: bytes | str) -> None:
        self._heard = time.monotonic()
        try:
            self._handle(unpack(message))
        except PacketError as error:
            self.malformed += 1
            logger.debug("control message dropped: %s", error)

    def _handle(self, message: Message) -> None:
        match message:
            case Hello():
                if not self._greeting.done():
                    self._greeting.set_result(message)
            case Ready():
                if self.sender:
                    self.sender.ready.set()
            case Ping(sent):
                self._send(Pong(sent, time.monotonic()))
            case Pong():
                self.clock.pong(message, time.monotonic())
            case MediaState():
                self.media = message
                self.on_media_state()
            case SoundTime(stamp, heard):
                # Without the offset of the clocks nothing is known yet.
                if self.sound and self.clock.offset is not None:
                    self.sound.located(stamp, heard - self.clock.offset)
            case Bye():
                self._parted.set()
                self._end("bye")

    async def _greet(self) -> None:
        self._send(await self._hello())

    async def _prepare(self) -> None:
        """Load what the peer will send with; then say so."""
        hello = await self._greeting
        if hello.codec is None:
            return
        try:
            if hello.protocol != VERSION:
                raise TransportError(
                    f"the other side speaks protocol {hello.protocol}, this one {VERSION}; "
                    "use the same release on both sides"
                )
            await self._decoder.load_theirs(hello.codec, hello.reference, hello.size)
        except ConfcodecError as error:
            self.trouble = str(error)
            self.on_media_state()
            logger.warning("cannot decode what the other side sends: %s", error)
        else:
            self._send(Ready(hello.codec))

    def _send(self, message: Message) -> None:
        self._channel.send_control(pack(message))

    def _end(self, reason: str) -> None:
        if reason == "lost":
            self.lost.set()
        if not self._ended.done():
            self._ended.set_result(reason)


async def outcome(task: asyncio.Task[str]) -> str:
    """Why a peer ended; its errors are logged and end nothing else."""
    try:
        return await task
    except TransportError as error:
        logger.warning("%s", error)
    except Exception:
        logger.exception("a call was ended by a bug")
    return "failed"
