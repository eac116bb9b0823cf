"""What the browsers see: pairs of pictures, figures and the state, to any number of pages.

A page acknowledges each picture it has drawn; of each kind it gets no more than four
ahead of that. The newest wins: what a page has no room for is skipped, and what no
page has room for is not even coded.
"""

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor

from aiohttp import web

from confcodec.call.loopback.page_shots import Shot, code_shot, original_shot
from confcodec.call.newest_queue import NewestQueue
from confcodec.codec.frame import Frame
from confcodec.rooms.roles import Role
from confcodec.wire.picture_message import DECODED, ORIGINAL

MAX_AHEAD = 4
"""Pictures of a kind that a page may have before it acknowledges the first."""
ACK_PATIENCE = 1.0
"""Seconds after which a picture counts as drawn or lost, acknowledged or not."""
SENT_KEPT = 32
"""Originals that wait for their decoded picture."""


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
