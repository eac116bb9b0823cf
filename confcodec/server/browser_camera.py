"""A browser's camera as the source, for a server that has none of its own.

The browser sends an ordinary WebRTC video track (VP8 or H.264) at a high bitrate. What is
coded here, and what the PSNR is against, is the picture that arrived.

One page at a time gives its camera. The state that all pages are told names it, so that
the page whose camera is not used any more turns it off, whatever the reason.
"""

import asyncio
import contextlib
import logging
import re
import threading
import time
from collections.abc import Callable

import numpy as np
from aiortc import (
    MediaStreamTrack,
    RTCConfiguration,
    RTCPeerConnection,
    RTCSessionDescription,
)
from aiortc.mediastreams import MediaStreamError
from av import VideoFrame

from confcodec.codec.frame import Frame, Pixels
from confcodec.errors import CaptureError, PacketError
from confcodec.media.pace import Thinning
from confcodec.media.scale import fit

logger = logging.getLogger(__name__)

MAX_SDP = 40_000
FIRST_PICTURE = 10.0
"""Seconds from the answer to the first picture."""
_SILENCE = 1.0
"""Seconds without a picture after which the last one is shown again, stale."""
_MAX_GIVER = 64
"""Characters of the name that a page gives its camera."""


class BrowserCamera:
    """The connection that a browser sends its camera over; opens as many sources as asked."""

    def __init__(self) -> None:
        self.on_changed: Callable[[], None] = lambda: None
        """Called when what `told` gives has changed."""
        self._giver: str | None = None
        """What the page calls the camera that it gives."""
        self._live = False
        """Pictures arrive."""
        self._connection: RTCPeerConnection | None = None
        self._reading: asyncio.Task[None] | None = None
        self._changed = threading.Condition()
        """Guards everything below."""
        self._pixels: Pixels | None = None
        self._time = 0.0
        self._pictures = 0
        self._gone = False

    def told(self) -> dict[str, object] | None:
        """What the pages are told: whose camera is taken, and whether pictures come from it."""
        return None if self._giver is None else {"id": self._giver, "live": self._live}

    async def answer(self, offer: object, giver: object = None) -> str:
        """Take a browser's offer of a video track, untrusted; returns the answer.

        Args:
            offer: the session description.
            giver: what the page calls this camera, untrusted.

        Raises:
            PacketError: it offers no video, or not that alone; then nothing has changed.
        """
        sdp = _check(offer)
        await self._disconnect()
        self._giver = giver[:_MAX_GIVER] if isinstance(giver, str) else ""
        self.on_changed()  # at once: the page of before turns its camera off
        with self._changed:
            self._pixels, self._pictures, self._gone = None, 0, False
        connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self._connection = connection
        connection.on("track", self._take)
        try:
            await connection.setRemoteDescription(RTCSessionDescription(sdp, "offer"))
            await connection.setLocalDescription(await connection.createAnswer())
        except Exception as error:  # aiortc raises almost anything on malformed text
            await self.close()
            raise PacketError(
                f"the browser's offer is malformed ({type(error).__name__})"
            ) from error
        return connection.localDescription.sdp

    def open(self, _spec: str, size: tuple[int, int], fps: float) -> "BrowserSource":
        """A source of that size; blocks until the first picture is there.

        Raises:
            CaptureError: no picture arrived, or none comes any more.
        """
        with self._changed:
            arrived = self._changed.wait_for(
                lambda: self._pictures > 0 or self._gone, FIRST_PICTURE
            )
            gone, self._gone = self._gone, self._gone or not arrived
        if gone:
            raise CaptureError(
                "the browser's camera has stopped; choose it again in its page"
            )
        if not arrived:
            raise CaptureError(
                "no picture of the browser's camera arrived; is UDP to it blocked?"
            )
        return BrowserSource(self, size, fps)

    async def drop(self, giver: object) -> None:
        """End the connection, if it is still that page's."""
        if self._giver is not None and self._giver == giver:
            await self.close()

    async def close(self) -> None:
        """End the connection; sources go on with the last picture."""
        await self._disconnect()
        if self._giver is not None:
            self._giver = None
            self.on_changed()

    async def _disconnect(self) -> None:
        if self._reading:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)
            self._reading = None
        connection, self._connection = self._connection, None
        if connection:
            await connection.close()
        self._end()

    def wait(self, after: int, seconds: float) -> tuple[int, Pixels | None, float]:
        """(count, picture, its time) once there is one after number `after`, or time is up."""
        with self._changed:
            self._changed.wait_for(
                lambda: self._pictures > after or self._gone, seconds
            )
            return self._pictures, self._pixels, self._time

    def _take(self, track: MediaStreamTrack) -> None:
        if track.kind == "video":
            self._reading = asyncio.ensure_future(self._read(track))

    async def _read(self, track: MediaStreamTrack) -> None:
        try:
            while True:
                frame = await self._next(track)
                if isinstance(frame, VideoFrame):
                    pixels = await asyncio.to_thread(_rgb, frame)
                    with self._changed:
                        self._pixels, self._time = pixels, time.monotonic()
                        self._pictures += 1
                        self._changed.notify_all()
                    self._tell(live=True)
        except MediaStreamError:
            logger.info("the browser's camera has ended")
        finally:
            self._end()

    async def _next(self, track: MediaStreamTrack) -> object:
        """What comes next, however long it takes; a silence is told."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_SILENCE):
                    return await track.recv()
            self._tell(live=False)

    def _tell(self, *, live: bool) -> None:
        if live != self._live:
            self._live = live
            self.on_changed()

    def _end(self) -> None:
        with self._changed:
            self._gone = True
            self._changed.notify_all()
        self._tell(live=False)


class BrowserSource:
    """Frames of a browser's camera in the size asked for."""

    name = "browser camera"

    def __init__(
        self, camera: BrowserCamera, size: tuple[int, int], fps: float
    ) -> None:
        self.size, self.fps = size, fps
        self._camera = camera
        self._thinning = Thinning(fps)
        self._seen = self._number = 0
        self._closed = threading.Event()

    def read(self) -> Frame:
        """Wait for the next picture; the last one again, stale, where none comes.

        Raises:
            CaptureError: the source is closed.
        """
        while True:
            seen, pixels, captured = self._camera.wait(self._seen, _SILENCE)
            if self._closed.is_set():
                raise CaptureError(f"{self.name} was closed")
            stale, now = seen == self._seen, time.monotonic()
            self._seen = seen
            if stale:
                self._closed.wait(
                    1 / self.fps
                )  # a camera that has gone returns at once
            if pixels is not None and (stale or self._thinning.take(captured)):
                break
        number, self._number = self._number, self._number + 1
        return Frame(fit(pixels, self.size), number, now if stale else captured, stale)

    def close(self) -> None:
        """End a `read` that is under way, within a second."""
        self._closed.set()


def _check(sdp: object) -> str:
    """Give back an untrusted session description that is worth parsing."""
    if not isinstance(sdp, str) or len(sdp) > MAX_SDP or not sdp.startswith("v=0"):
        raise PacketError("the browser's offer is malformed")
    if re.findall(r"^m=(\S+)", sdp, re.MULTILINE) != ["video"]:
        raise PacketError("the browser offers no video track, or more than one")
    return sdp


def _rgb(frame: VideoFrame) -> Pixels:
    return np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)
