"""A server that calls itself: the receiving half, in a child process.

In a process of its own its decoder does not steal the sender's interpreter. The child is
`confcodec call - --receive-only`, see child. Beside the call it keeps a WebSocket:

    child -> server   picture messages of decoded frames (binary, see wire/picture_message)
                      {"type": "stats", "received": {...}} four times a second
                      {"type": "so far", "received": {...}}, what the summary would be, every second
                      {"type": "summary", "received": {...}} when asked to stop
    server -> child   {"type": "view", "on": true or false}: whether any page wants pictures
                      {"type": "stop"}
"""

import asyncio
import contextlib
import json
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from itertools import count

import aiohttp

from confcodec.call.loopback.child import end_child
from confcodec.call.loopback.page_shots import code_shot, decoded_shot
from confcodec.call.newest_queue import NewestQueue
from confcodec.call.peer import Peer
from confcodec.call.receiver import ReceivedFrame
from confcodec.errors import PacketError

STATS_INTERVAL = 0.25
_SUMMARY_PATIENCE = 3.0
"""Seconds that a busy child may take for its summary."""


@asynccontextmanager
async def child(
    process: subprocess.Popen[bytes], link: str
) -> AsyncIterator[asyncio.Future[int]]:
    """Let that process call `link` while the context lasts; gives when it ends by itself."""
    assert process.stdin is not None
    with contextlib.suppress(BrokenPipeError):  # it has ended already
        process.stdin.write(f"{link}\n".encode())
        process.stdin.flush()
    exited = asyncio.ensure_future(asyncio.to_thread(process.wait))
    try:
        yield exited
    finally:
        await asyncio.to_thread(end_child, process)
        await exited


class Publisher:
    """The child's side of the WebSocket beside the call."""

    def __init__(
        self, stop: asyncio.Event, sink_trouble: Callable[[], str | None]
    ) -> None:
        self._stop = stop
        self._sink_trouble = sink_trouble
        self._viewed = False
        self._pictures: NewestQueue[ReceivedFrame] = NewestQueue(2)

    async def run(
        self, session: aiohttp.ClientSession, base: str, token: str, peer: Peer
    ) -> None:
        """Publish until the server goes away, asks to stop, or this is cancelled."""
        show = peer.receiver.on_decoded

        def show_and_publish(frame: ReceivedFrame) -> None:
            show(frame)
            if self._viewed:
                self._pictures.put(frame)

        peer.receiver.on_decoded = show_and_publish
        query = {"token": token}
        try:
            async with session.ws_connect(f"{base}/publish", params=query) as socket:
                await self._publish(socket, peer)
        except (aiohttp.ClientError, ConnectionError):
            pass  # the server has gone
        finally:
            self._stop.set()

    async def _publish(
        self, socket: aiohttp.ClientWebSocketResponse, peer: Peer
    ) -> None:
        tasks = [
            asyncio.create_task(self._send_pictures(socket)),
            asyncio.create_task(self._send_stats(socket, peer)),
        ]
        try:
            async for message in socket:
                wish = json.loads(message.data)
                if wish["type"] == "stop":
                    break
                self._viewed = wish["on"]
            await socket.send_json({"type": "summary", "received": self._summary(peer)})
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _summary(self, peer: Peer) -> dict[str, object]:
        trouble = {"sink_trouble": self._sink_trouble()}
        return peer.receiver.stats.summary() | trouble

    async def _send_pictures(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        while True:
            frame = await self._pictures.get()
            await socket.send_bytes(
                await asyncio.to_thread(code_shot, decoded_shot(frame))
            )

    async def _send_stats(
        self, socket: aiohttp.ClientWebSocketResponse, peer: Peer
    ) -> None:
        for number in count():
            received = received_figures(peer)
            await socket.send_json({"type": "stats", "received": received})
            if number % 4 == 3:
                so_far = {"type": "so far", "received": self._summary(peer)}
                await socket.send_json(so_far)
            await asyncio.sleep(STATS_INTERVAL)


def received_figures(peer: Peer) -> dict[str, object]:
    """The `received` object of the page's `stats` message."""
    stats, sound = peer.receiver.stats, peer.sound
    offset = sound.sync.offset if sound else None
    return stats.snapshot(time.monotonic()) | {
        "codec": peer.receiver.codec,
        "sound_chunks": sound.chunks if sound else 0,
        "sound_offset_ms": None if offset is None else round(1e3 * offset, 1),
    }


class ChildFigures:
    """The server's side: what the child says of itself."""

    def __init__(self) -> None:
        self.received: Mapping[str, object] = {}
        self.summary: Mapping[str, object] | None = None
        """Of all it has decoded; a second old while it runs, and if it ended by itself."""
        self.summed = asyncio.Event()
        self.tell: Callable[[Mapping[str, object]], Awaitable[None]] = _nobody

    def message(self, text: str) -> None:
        """Take a text message of the child.

        Raises:
            PacketError: the child did not write this.
        """
        try:
            fields = json.loads(text)
            kind, received = fields["type"], dict(fields["received"])
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            raise PacketError("not a message of the loopback child") from error
        if kind == "stats":
            self.received = received
            return
        self.summary = received
        if kind == "summary":
            self.summed.set()

    async def view(self, *, on: bool) -> None:
        """Say whether any page wants pictures."""
        with contextlib.suppress(ConnectionError):
            await self.tell({"type": "view", "on": on})

    async def stop(self) -> None:
        """Ask for the summary and the end; waits a few seconds at most."""
        with contextlib.suppress(TimeoutError, ConnectionError):
            await self.tell({"type": "stop"})
            await asyncio.wait_for(self.summed.wait(), _SUMMARY_PATIENCE)


async def _nobody(_message: Mapping[str, object]) -> None:
    """Where messages to a child go that is not connected."""


async def stdin_closed(stop: asyncio.Event) -> None:
    """Set `stop` once the parent has closed this process's standard input, or died."""
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), sys.stdin
    )
    while await reader.read(1024):
        pass
    stop.set()
