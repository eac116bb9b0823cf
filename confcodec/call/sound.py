"""The sound of a call: an Opus track beside the data channels, in step with the pictures."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction

import av
import numpy as np
from aiortc import MediaStreamTrack, RTCRtpReceiver, RTCRtpSender
from aiortc.mediastreams import MediaStreamError

from confcodec.errors import CaptureError
from confcodec.media.sound_devices import (
    CHUNK,
    RATE,
    Chunk,
    Microphone,
    Samples,
    Speaker,
    has_device,
    open_microphone,
    open_speaker,
)
from confcodec.wire.lip_sync import Sync

logger = logging.getLogger(__name__)

_TICKS = 2**32
_QUEUE = 10
"""Chunks that may wait to be sent; the oldest go first."""
_Piece = tuple[float, Samples, float | None]
"""When it is due, the sound, and when it was heard by the other side, on our clock."""
_BASE = Fraction(1, RATE)


class Sound:
    """This side's microphone and speaker, for whichever peers are there."""

    def __init__(self, audio: str, speaker: str, *, muted: bool = False) -> None:
        self.on = not muted
        """Whether the microphone is heard; silence is sent while it is not."""
        self.on_heard: Callable[[Samples, float], None] = lambda *_chunk: None
        """Told what peers say, and when that was on our clock, as well as it is known."""
        self._specs = (audio, speaker)
        self._there = audio not in ("null", "auto") or (
            audio == "auto" and has_device("input")
        )
        self._tracks: set[SoundTrack] = set()
        self._pump: asyncio.Task[None] | None = None
        self._speaker: Speaker | None = None
        self._pool = ThreadPoolExecutor(2, thread_name_prefix="sound")

    @property
    def microphone(self) -> bool | None:
        """Whether the microphone is heard; None where there is none."""
        return self.on if self._there else None

    def toggle(self) -> None:
        """Turn the microphone off or on."""
        self.on = not self.on
        logger.info("the microphone is %s", "on" if self.on else "off")

    def track(self) -> "SoundTrack | None":
        """What to send to one more peer; the microphone opens with the first."""
        if not self._there:
            return None
        track = SoundTrack(self._tracks.discard)
        self._tracks.add(track)
        if self._pump is None or self._pump.done():
            self._pump = asyncio.create_task(self._listen())
        return track

    async def play(self, samples: Samples) -> float:
        """Play a chunk; returns how long from now it takes to the ear."""
        loop = asyncio.get_running_loop()
        if self._speaker is None:
            self._speaker = await loop.run_in_executor(
                self._pool, open_speaker, self._specs[1]
            )
        speaker = self._speaker
        await loop.run_in_executor(self._pool, speaker.play, samples, time.monotonic())
        return speaker.latency

    async def close(self) -> None:
        """Release microphone and speaker."""
        if self._pump:
            self._pump.cancel()
            await asyncio.gather(self._pump, return_exceptions=True)
        if self._speaker:
            self._speaker.close()
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def _listen(self) -> None:
        """Read the microphone while anybody is sent to."""
        loop = asyncio.get_running_loop()
        microphone: Microphone | None = None
        try:
            microphone = await loop.run_in_executor(
                self._pool, open_microphone, self._specs[0]
            )
            while microphone and self._tracks:
                chunk = await loop.run_in_executor(self._pool, microphone.read)
                if not self.on:
                    chunk = Chunk(np.zeros_like(chunk.samples), chunk.time)
                for track in list(self._tracks):
                    track.offer(chunk)
        except CaptureError as error:
            self._there = False
            logger.warning("%s; the call goes on without it", error)
        finally:
            if microphone:
                microphone.close()


class SoundTrack(MediaStreamTrack):
    """The microphone, as one peer is sent it."""

    kind = "audio"

    def __init__(self, ended: "Callable[[SoundTrack], None]") -> None:
        super().__init__()
        self.rtp: RTCRtpSender | None = None
        """What sends it, once that is known."""
        self.sent: tuple[int, float] | None = None
        """An RTP time stamp, and when that sample was heard, on this machine's clock."""
        self._ended = ended
        self._queue: asyncio.Queue[Chunk] = asyncio.Queue(_QUEUE)
        self._pts = 0
        self._last: float | None = None

    def offer(self, chunk: Chunk) -> None:
        """Take a chunk of the microphone's."""
        if self._queue.full():
            self._queue.get_nowait()
        self._queue.put_nowait(chunk)

    async def recv(self) -> av.AudioFrame:
        """The next frame to send; called by aiortc."""
        if self.readyState != "live":
            raise MediaStreamError
        if self._last is not None:
            # The frame returned last has been sent by now. The time stamp it got is
            # aiortc's secret; without it, sound and pictures just come as they come.
            stamp = getattr(self.rtp, "_RTCRtpSender__rtp_timestamp", 0)
            if stamp:
                self.sent = (stamp, self._last)
        chunk = await self._queue.get()
        frame = av.AudioFrame.from_ndarray(
            chunk.samples.reshape(1, -1), format="s16", layout="mono"
        )
        frame.sample_rate, frame.time_base, frame.pts = RATE, _BASE, self._pts
        self._pts += CHUNK
        self._last = chunk.time
        return frame

    def stop(self) -> None:
        """No more is sent."""
        super().stop()
        self._ended(self)


class SoundLink:
    """The sound of one peer: when it was made, and when to play it."""

    def __init__(self, sound: Sound, outgoing: SoundTrack | None) -> None:
        self.sync = Sync()
        self.chunks = 0
        """Chunks played."""
        self._sound = sound
        self._outgoing = outgoing
        self._known: tuple[int, float] | None = None

    @property
    def position(self) -> tuple[int, float] | None:
        """(RTP time stamp, when it was heard on this clock) of what was sent last."""
        return self._outgoing.sent if self._outgoing else None

    def located(self, stamp: int, heard: float) -> None:
        """The other side heard the sample of this RTP time stamp then, on our clock."""
        self._known = (stamp, heard)

    async def play(self, track: MediaStreamTrack, receiver: RTCRtpReceiver) -> None:
        """Play what comes, until it ends."""
        waiting: asyncio.Queue[_Piece] = asyncio.Queue(_QUEUE * 5)
        player = asyncio.create_task(self._play(waiting))
        resampler = av.AudioResampler("s16", "mono", RATE)
        try:
            while True:
                frame = await track.recv()
                if not isinstance(frame, av.AudioFrame):
                    continue
                now, heard = time.monotonic(), self._heard(frame.pts or 0, receiver)
                if heard is not None:
                    self.sync.sound_ready(now - heard)
                for piece in resampler.resample(frame):
                    samples = piece.to_ndarray().reshape(-1).astype(np.int16)
                    self._sound.on_heard(samples, now if heard is None else heard)
                    with contextlib.suppress(asyncio.QueueFull):
                        waiting.put_nowait((now + self.sync.sound_wait, samples, heard))
        except MediaStreamError:
            pass
        finally:
            player.cancel()
            await asyncio.gather(player, return_exceptions=True)

    async def _play(self, waiting: "asyncio.Queue[_Piece]") -> None:
        while True:
            due, samples, heard = await waiting.get()
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            try:
                latency = await self._sound.play(samples)
            except CaptureError as error:
                logger.warning("%s; the call goes on without sound", error)
                return
            self.chunks += 1
            if heard is not None:
                self.sync.heard(time.monotonic() - heard + latency)

    def _heard(self, pts: int, receiver: RTCRtpReceiver) -> float | None:
        """When a received frame's first sample was heard, on our clock; None if unknown."""
        mapper = getattr(receiver, "_RTCRtpReceiver__timestamp_mapper", None)
        origin: int | None = getattr(mapper, "_origin", None)
        if self._known is None or origin is None:
            return None
        stamp, heard = self._known
        ahead = (pts + origin - stamp + _TICKS // 2) % _TICKS - _TICKS // 2
        return heard + ahead / RATE

    def delayed(self, show: Callable[[], None], captured: float) -> None:
        """Call `show` when a picture captured then (on our clock) is due."""
        self.sync.picture_ready(time.monotonic() - captured)
        wait = self.sync.picture_wait
        loop = asyncio.get_running_loop()

        def now() -> None:
            self.sync.seen(time.monotonic() - captured)
            show()

        if wait > 0:
            loop.call_at(loop.time() + wait, now)
        else:
            now()
