"""This side of a call: its source, its two codec threads, its sink, its settings.

It outlives its peers: a server keeps it through loopback and visitors.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

from confcodec.call.channel import Channel
from confcodec.call.coder import Coder
from confcodec.call.options import CallOptions
from confcodec.call.peer import Peer
from confcodec.call.pipeline import (
    NewestQueue,
    ReceivedFrame,
    Receiver,
    Sender,
    SendSettings,
)
from confcodec.codec.codec import CodecInfo
from confcodec.codec.frame import Frame
from confcodec.errors import ConfcodecError
from confcodec.media.capture import Source, open_source
from confcodec.media.render import Sink, open_sink
from confcodec.wire.feedback import VERSION, Hello

SINK_QUEUE = 8
"""Decoded frames that may wait for a slow sink."""


class Endpoint:
    """Captures, encodes and decodes for whichever peer is there."""

    def __init__(self, options: CallOptions) -> None:
        self.options = options
        self.settings = SendSettings(options.codec, options.quality, options.fps)
        self.info: CodecInfo | None = None
        """Of the codec that encodes, or of the one that decodes where nothing is sent."""
        self.source: Source | None = None
        self.sender: Sender | None = None
        """Where captured frames go; None lets them pass."""
        self.on_captured: Callable[[Frame], None] = lambda _frame: None
        self.sink_closed = asyncio.Event()
        """Set when the user has closed the window."""
        threads = options.codec_threads
        self.decoder = Coder("decode", options.device, threads)
        self._encoder = Coder("encode", options.device, threads)
        self._capture_pool = ThreadPoolExecutor(1, thread_name_prefix="capture")
        self._sink_pool = ThreadPoolExecutor(1, thread_name_prefix="sink")
        self._sink: Sink | None = None
        self._sink_call = 0
        self._calls = 0
        self._shown: NewestQueue[tuple[int, ReceivedFrame]] = NewestQueue(SINK_QUEUE)

    async def start(self) -> None:
        """Open source and sink, and load and warm the codec.

        Raises:
            CaptureError: the source cannot be opened.
            ConfcodecError: the codec cannot be used here.
        """
        loop, options = asyncio.get_running_loop(), self.options
        coder = self.decoder
        if options.source is not None:
            spec, size, fps = options.source, options.size, options.fps
            self.source = await loop.run_in_executor(
                self._capture_pool, lambda: open_source(spec, size, fps)
            )
            coder = self._encoder
        self.info = await coder.load(options.codec, options.size)
        if self._records and not Path(options.sink).parent.is_dir():
            raise ConfcodecError(
                f"there is no folder for --sink {options.sink}; make it first"
            )
        if not self._records:
            self._sink = await self._open_sink(0)

    def peer(self, channel: Channel, *, shows: bool = True) -> Peer:
        """Take up a call on a channel that is about to open.

        Args:
            channel: not open yet.
            shows: whether the peer's frames go to the sink of this process.
        """
        receiver, sender = Receiver(self.decoder), None
        if shows:
            self._calls += 1
            call = self._calls
            receiver.on_decoded = lambda frame: self._show(call, frame)
        if self.source:
            sender = Sender(channel, self._encoder, self.settings)
        codec = self.settings.codec if sender else None
        hello = Hello(VERSION, codec, self.options.size, self.options.fps)
        return Peer(channel, hello, sender, receiver, self.decoder)

    def delegate_sink(self) -> str:
        """The --sink for a call whose frames another process decodes."""
        self._calls += 1
        return self._sink_spec(self._calls)

    def options_in_use(self) -> CallOptions:
        """The options with what became of them: the source that opened, the quality now."""
        source = self.source.name if self.source else None
        return replace(self.options, source=source, quality=self.settings.quality)

    async def choose_codec(self, name: str) -> None:
        """Encode with another codec from now on; frames wait while it loads.

        Raises:
            ConfcodecError: it cannot be used here.
        """
        self.info = await self._encoder.load(name, self.options.size)
        self.settings.codec = name

    async def run(self) -> None:
        """Capture and show until cancelled.

        Raises:
            ConfcodecError: the source or the sink failed for good.
        """
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._show_all())
                if self.source:
                    group.create_task(self._capture(self.source))
        except* ConfcodecError as errors:
            raise errors.exceptions[0] from errors

    async def close(self) -> None:
        """Release camera, files and threads."""
        loop = asyncio.get_running_loop()
        if self.source:
            await loop.run_in_executor(self._capture_pool, self.source.close)
        if self._sink:
            await loop.run_in_executor(self._sink_pool, self._sink.close)
        for pool in (self._capture_pool, self._sink_pool):
            pool.shutdown(wait=False, cancel_futures=True)
        await self._encoder.close()
        await self.decoder.close()

    async def _capture(self, source: Source) -> None:
        loop = asyncio.get_running_loop()
        while True:
            frame = await loop.run_in_executor(self._capture_pool, source.read)
            self.on_captured(frame)
            if self.sender:
                self.sender.offer(frame)

    async def _show_all(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            call, frame = await self._shown.get()
            if self._sink is None or (self._records and call != self._sink_call):
                self._sink, self._sink_call = await self._open_sink(call), call
            sink, pixels = self._sink, frame.decoded.pixels
            await loop.run_in_executor(
                self._sink_pool, sink.show, pixels, frame.capture_time
            )
            if sink.closed:
                self.sink_closed.set()

    def _show(self, call: int, frame: ReceivedFrame) -> None:
        self._shown.put((call, frame))

    @property
    def _records(self) -> bool:
        return self.options.sink not in ("window", "auto", "null")

    def _sink_spec(self, call: int) -> str:
        """The sink of that call: the second recording must not overwrite the first."""
        path = Path(self.options.sink)
        later = self._records and call > 1
        return (
            str(path.with_stem(f"{path.stem}-{call}")) if later else self.options.sink
        )

    async def _open_sink(self, call: int) -> Sink:
        old, spec, options = self._sink, self._sink_spec(call), self.options

        def reopen() -> Sink:
            if old:
                old.close()
            return open_sink(spec, options.size, options.fps)

        return await asyncio.get_running_loop().run_in_executor(self._sink_pool, reopen)


async def first(*events: asyncio.Event | asyncio.Future[Any]) -> None:
    """Wait until one of them is set or done; leaves them as they are."""
    waits = [
        asyncio.ensure_future(event.wait())
        if isinstance(event, asyncio.Event)
        else event
        for event in events
    ]
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait, event in zip(waits, events, strict=True):
            if wait is not event:
                wait.cancel()
