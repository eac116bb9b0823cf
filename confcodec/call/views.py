"""What the browsers see: pairs of pictures, figures and the state, to any number of pages.

A page acknowledges each picture it has drawn; of each kind it gets no more than four
ahead of that. The newest wins: what a page has no room for is skipped, and what no
page has room for is not even coded.

Why JPEG: for a picture of 640x480 the server spends 2.0 ms to make and send JPEG of
quality 95, 4:4:4 (124 kB), 0.45 ms for I420 (461 kB), 0.75 ms for RGBX (1,229 kB), and
the page 17, 13 and 36 ms to show it. Two views at 30 frames a second so cost 12 % of a
core. I420 has lost half the chroma, which the laboratory would show as the codec's doing,
and browsers read it on localhost and https alone.
"""

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import cv2
from aiohttp import web

from confcodec.call.newest import NewestQueue
from confcodec.call.receiver import ReceivedFrame
from confcodec.call.roles import Role
from confcodec.codec.frame import Frame, Pixels
from confcodec.media.scale import can_halve, halve
from confcodec.wire.pictures import DECODED, ORIGINAL, Picture, pack

MAX_AHEAD = 4
"""Pictures of a kind that a page may have before it acknowledges the first."""
ACK_PATIENCE = 1.0
"""Seconds after which a picture counts as drawn or lost, acknowledged or not."""
SENT_KEPT = 32
"""Originals that wait for their decoded picture."""

_JPEG = (
    *(cv2.IMWRITE_JPEG_QUALITY, 95),
    *(cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444),
)
_SMALL_JPEG = (
    *(cv2.IMWRITE_JPEG_QUALITY, 90),
    *(cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420),
)
"""For a corner of the page: 0.4 ms less for both sides, and half the bytes, of a 640x480 frame."""


@dataclass(frozen=True, slots=True)
class Shot:
    """A picture yet to be coded for the pages, or coded by the loopback child."""

    kind: int
    number: int
    capture_time: float
    pixels: Pixels | None
    message: bytes = b""
    """The whole picture message, where `pixels` is None."""


def code_shot(shot: Shot, *, halved: bool = False) -> bytes:
    """The picture message of a shot, where possible at half its width and height if `halved`."""
    pixels = shot.pixels
    if pixels is None:
        return shot.message
    halved = halved and can_halve(pixels)
    jpeg = _coded(halve(pixels), _SMALL_JPEG) if halved else jpeg_of(pixels)
    capture_us = max(0, round(shot.capture_time * 1e6))
    return pack(Picture(shot.kind, shot.number, capture_us, jpeg, halved))


def jpeg_of(pixels: Pixels) -> bytes:
    """JPEG at quality 95, 4:4:4: near enough to the original for the eye; 2 ms at 640x480."""
    return _coded(pixels, _JPEG)


def _coded(pixels: Pixels, how: tuple[int, ...]) -> bytes:
    _, jpeg = cv2.imencode(".jpg", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR), how)
    return jpeg.tobytes()


def decoded_shot(frame: ReceivedFrame) -> Shot:
    """The shot of a frame that this process has decoded."""
    return Shot(DECODED, frame.number, frame.capture_time, frame.decoded.pixels)


def original_shot(frame: Frame) -> Shot:
    """The shot of a captured frame."""
    return Shot(ORIGINAL, frame.number, frame.capture_time, frame.pixels)


class Page:
    """One connected browser."""

    def __init__(self, socket: web.WebSocketResponse, role: Role = Role.WATCH) -> None:
        self.role = role
        """What its link makes of whoever has opened it."""
        self.small = False
        """Originals are drawn so small that half their width and height will do."""
        self._socket = socket
        self._outbox: asyncio.Queue[str | bytes] = asyncio.Queue(64)
        self._ahead: dict[int, dict[int, float]] = {ORIGINAL: {}, DECODED: {}}

    def text(self, message: str) -> None:
        """Queue a text message; a page that reads nothing loses it."""
        with contextlib.suppress(asyncio.QueueFull):
            self._outbox.put_nowait(message)

    def picture(self, kind: int, number: int, message: bytes) -> None:
        """Queue a picture, if the page has room."""
        if self.has_room(kind):
            self._ahead[kind][number] = time.monotonic()
            with contextlib.suppress(asyncio.QueueFull):
                self._outbox.put_nowait(message)

    def has_room(self, kind: int) -> bool:
        """Whether the page has drawn enough of what it got to get more."""
        ahead, now = self._ahead[kind], time.monotonic()
        for number in [n for n, sent in ahead.items() if now - sent > ACK_PATIENCE]:
            del ahead[number]
        return len(ahead) < MAX_AHEAD

    def acknowledge(self, number: int, kind: int | None) -> None:
        """The page has drawn this frame; None means of either kind."""
        for each in (ORIGINAL, DECODED) if kind is None else (kind,):
            ahead = self._ahead.get(each, {})
            if number in ahead:
                sent = ahead[number]
                # What was sent before it will not be drawn any more.
                self._ahead[each] = {n: t for n, t in ahead.items() if t > sent}

    async def write(self) -> None:
        """Send what is queued, until cancelled or the browser goes away."""
        with contextlib.suppress(ConnectionError):
            while True:
                message = await self._outbox.get()
                if isinstance(message, bytes):
                    await self._socket.send_bytes(message)
                else:
                    await self._socket.send_str(message)


class Views:
    """All pages, and the thread that codes pictures for them."""

    def __init__(self) -> None:
        self.pages: set[Page] = set()
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="views")
        self._jobs: NewestQueue[tuple[Shot, ...]] = NewestQueue(3)
        self._sent: deque[Frame] = deque(maxlen=SENT_KEPT)

    def remember(self, frame: Frame) -> None:
        """Keep a frame that was sent until its decoded picture comes."""
        self._sent.append(frame)

    def show(self, shot: Shot) -> None:
        """Show a picture by itself."""
        if self._wanted(shot.kind):
            self._jobs.put((shot,))

    def show_pair(self, decoded: Shot) -> None:
        """Show a decoded picture beside the original of the same number."""
        if not self._wanted(DECODED):
            return
        originals = [original_shot(f) for f in self._sent if f.number == decoded.number]
        self._jobs.put((*originals, decoded))

    def text(self, message: str) -> None:
        """Send a text message to all pages."""
        for page in self.pages:
            page.text(message)

    def tell(self, message_for: Callable[[Role], str]) -> None:
        """Send each page the text message for its role."""
        messages = {role: message_for(role) for role in {p.role for p in self.pages}}
        for page in self.pages:
            page.text(messages[page.role])

    async def run(self) -> None:
        """Code and send pictures until cancelled."""
        loop = asyncio.get_running_loop()
        try:
            while True:
                shots = await self._jobs.get()
                small = all(page.small for page in self.pages)
                messages = [
                    await loop.run_in_executor(self._pool, _code, shot, small)
                    for shot in shots
                ]
                for page in self.pages:
                    # Half a pair would be compared with another frame's half.
                    if all(page.has_room(shot.kind) for shot in shots):
                        for shot, message in zip(shots, messages, strict=True):
                            page.picture(shot.kind, shot.number, message)
        finally:
            self._pool.shutdown(wait=False, cancel_futures=True)

    def _wanted(self, kind: int) -> bool:
        return any(page.has_room(kind) for page in self.pages)


def _code(shot: Shot, small: bool) -> bytes:
    return code_shot(shot, halved=small and shot.kind == ORIGINAL)


def read_ack(message: Mapping[str, object]) -> tuple[int, int | None]:
    """(frame number, kind or None) of a page's acknowledgement, untrusted.

    Raises:
        ValueError: it has no frame number.
    """
    frame, kind = message.get("frame"), message.get("kind")
    if not isinstance(frame, int) or not (kind is None or isinstance(kind, int)):
        raise ValueError("an ack needs a frame number")
    return frame, kind
