"""The laboratory's pictures: the frame just sent, beside other codecs at the same bytes.

WebSocket /laboratory, open while a page shows its laboratory:

    server -> page  {"type": "codecs", "codecs": [...], "codecs_wanted": [...]} at first
                    comparison messages, see wire/comparison_message; {"type": "note", "message": ...}
    page -> server  {"type": "codecs", "codecs": [...]}: what to compare with
                    {"type": "next"}: the page has shown what it got

Everything is coded in one thread of low priority, and not more than half the time:
looking must not change what is looked at.
"""

import asyncio
import contextlib
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from aiohttp import web

from confcodec.call.codec_thread import Coded, Coder
from confcodec.call.loopback.page_shots import jpeg_of
from confcodec.codec.equal_bytes import IDENTICAL_PSNR, formats, render
from confcodec.codec.frame import Frame, Pixels
from confcodec.codec.metrics import psnr
from confcodec.errors import ConfcodecError, PacketError, RoleError
from confcodec.machine.thread_priority import give_way
from confcodec.rooms.roles import Role, check
from confcodec.rooms.signalling import read_message
from confcodec.wire.comparison_message import Exhibit, pack_comparison

INTERVAL = 0.6
"""Seconds between two comparisons, at least."""
SHARE = 1 / 2
"""Of the time that the comparisons may take."""
WANTED = ("jpeg", "webp")
"""What a page compares with until a person chooses."""

_SHOWN_AS_THEY_ARE = {
    "jpeg": "image/jpeg",
    "webp": "image/webp",
    "avif": "image/avif",
}


@dataclass(frozen=True, slots=True)
class Sample:
    """A frame as it was sent."""

    frame: Frame
    codec: str
    bitstream: bytes
    halved: bool = False
    """It was coded at half of its width and height."""


class Laboratory:
    """Compares the newest frame sent, for whichever pages ask."""

    def __init__(self, device: str) -> None:
        self._sample: Sample | None = None
        self._arrived = asyncio.Event()
        self._decoder = Coder("laboratory", device, 1)
        self._pool = ThreadPoolExecutor(
            1, thread_name_prefix="laboratory", initializer=give_way, initargs=(10,)
        )
        self._hints: dict[str, float] = {}

    def offer(self, frame: Frame, codec: str, coded: Coded) -> None:
        """Take a frame that was sent; the newest is compared."""
        self._sample = Sample(frame, codec, coded.bitstream, coded.halved)
        self._arrived.set()

    async def serve(self, socket: web.WebSocketResponse, role: Role) -> None:
        """Send comparisons to a page, one after each `next`, until it goes away."""
        page = _Page()
        talk = asyncio.create_task(self._talk(socket, page))
        try:
            await socket.send_json(
                {
                    "type": "codecs",
                    "codecs": list(formats()),
                    "codecs_wanted": list(WANTED),
                }
            )
            async for message in socket:
                with contextlib.suppress(PacketError, RoleError, ValueError):
                    wish = read_message(message.data)
                    check(role, f"/laboratory {wish['type']}")
                    page.read(wish)
        except ConnectionError:
            pass  # the page has gone
        finally:
            talk.cancel()
            await asyncio.gather(talk, return_exceptions=True)

    async def close(self) -> None:
        """End the threads."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        await self._decoder.close()

    async def compare(self, sample: Sample, codecs: Sequence[str]) -> bytes:
        """The comparison message of a sample with `codecs` at its bytes.

        Raises:
            ConfcodecError: the bitstream cannot be decoded here.
        """
        loop = asyncio.get_running_loop()
        decoded = await self._decoder.decode_bitstream(
            sample.bitstream, halved=sample.halved
        )
        return await loop.run_in_executor(
            self._pool, lambda: self._render(sample, decoded.pixels, codecs)
        )

    async def _talk(self, socket: web.WebSocketResponse, page: "_Page") -> None:
        with contextlib.suppress(ConnectionError):
            while True:
                await page.ready.wait()
                self._arrived.clear()
                await self._arrived.wait()
                sample, began = self._sample, time.monotonic()
                assert sample is not None
                try:
                    message = await self.compare(sample, page.codecs)
                except ConfcodecError as error:
                    await socket.send_json({"type": "note", "message": str(error)})
                else:
                    page.ready.clear()
                    await socket.send_bytes(message)
                took = time.monotonic() - began
                await asyncio.sleep(max(INTERVAL, took / SHARE) - took)

    def _render(self, sample: Sample, decoded: Pixels, codecs: Sequence[str]) -> bytes:
        original, size = sample.frame.pixels, len(sample.bitstream)
        live = min(psnr(original, decoded), IDENTICAL_PSNR)
        exhibits = [
            Exhibit("original", "image/jpeg", jpeg_of(original)),
            Exhibit(sample.codec, "image/jpeg", jpeg_of(decoded), size, live, True),
        ]
        for codec in codecs:
            if codec == sample.codec:
                continue
            made = render(original, codec, size, self._hints.get(codec))
            self._hints[codec] = made.setting
            media = _SHOWN_AS_THEY_ARE.get(codec)
            file = made.file if media else jpeg_of(made.pixels)
            exhibits.append(
                Exhibit(codec, media or "image/jpeg", file, len(made.file), made.psnr)
            )
        height, width = original.shape[:2]
        return pack_comparison(sample.frame.number, (width, height), exhibits)


class _Page:
    """What one page wants."""

    def __init__(self) -> None:
        self.codecs: tuple[str, ...] = WANTED
        self.ready = asyncio.Event()

    def read(self, message: Mapping[str, object]) -> None:
        """Take a message, untrusted; what makes no sense is let pass."""
        codecs = message.get("codecs")
        if message["type"] == "next":
            self.ready.set()
        elif message["type"] == "codecs" and isinstance(codecs, list):
            self.codecs = tuple(name for name in formats() if name in codecs)
