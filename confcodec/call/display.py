"""Where decoded frames of this process go: a window, a file, or nowhere."""

import asyncio
import itertools
import logging
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from confcodec.call.newest_queue import NewestQueue
from confcodec.call.receiver import ReceivedFrame
from confcodec.errors import CaptureError
from confcodec.media.sinks import NullSink, Sink, check_file, open_sink

logger = logging.getLogger(__name__)

SINK_QUEUE = 8
"""Decoded frames that may wait for a slow sink."""


class Screen:
    """Shows the frames of one call after the other; a file for each where they are recorded."""

    def __init__(self, spec: str, size: tuple[int, int], fps: float) -> None:
        """Args:
        spec: as --sink has it.
        size: width and height to expect.
        fps: frames a second, of a recording.
        """
        self.closed = asyncio.Event()
        """Set when the user has closed the window."""
        self.trouble: str | None = None
        """Why the last recording ended early, if one did."""
        self._spec, self._size, self._fps = spec, size, fps
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="sink")
        self._sink: Sink | None = None
        self._sink_call = 0
        self._calls = 0
        self._queue: NewestQueue[tuple[int, ReceivedFrame]] = NewestQueue(SINK_QUEUE)

    async def open(self) -> None:
        """Open what can be opened before the first frame.

        Raises:
            ConfcodecError: the sink cannot be used.
        """
        if not self._records:
            self._sink = await self._open(0)
        else:
            check_file(self._spec)

    def new_call(self) -> int:
        """The number of one more call whose frames go here."""
        self._calls += 1
        return self._calls

    def spec_of(self, call: int) -> str:
        """The --sink of that call: a later recording is never written over another file."""
        if not self._records or call == 1:
            return self._spec
        first = Path(self._spec)
        names = (first.with_stem(f"{first.stem}-{n}") for n in itertools.count(call))
        return str(next(path for path in names if not path.exists()))

    def show(self, call: int, frame: ReceivedFrame) -> None:
        """Take a frame of that call; where the sink is slow the newest win."""
        self._queue.put((call, frame))

    async def run(self) -> None:
        """Show until cancelled; a file that cannot be written ends nothing but itself.

        Raises:
            ConfcodecError: the window cannot be used.
        """
        loop = asyncio.get_running_loop()
        while True:
            call, frame = await self._queue.get()
            try:
                if self._sink is None or (self._records and call != self._sink_call):
                    self._sink_call = call
                    self._sink = await self._open(call)
                sink, pixels = self._sink, frame.decoded.pixels
                await loop.run_in_executor(
                    self._pool, sink.show, pixels, frame.capture_time
                )
            except CaptureError as error:
                if not self._records:
                    raise
                self._sink = NullSink()
                self._warn(error)
                continue
            if sink.closed:
                self.closed.set()

    async def close(self) -> None:
        """Finish the recording or close the window."""
        if self._sink:
            loop = asyncio.get_running_loop()
            await loop.run_in_executor(self._pool, self._close, self._sink)
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _close(self, sink: Sink) -> None:
        try:
            sink.close()
        except CaptureError as error:
            self._warn(error)

    def _warn(self, error: CaptureError) -> None:
        self.trouble = str(error)
        logger.warning("--sink: %s; the call goes on without", error)

    @property
    def _records(self) -> bool:
        return self._spec not in ("window", "auto", "null")

    async def _open(self, call: int) -> Sink:
        old, spec = self._sink, self.spec_of(call)

        def reopen() -> Sink:
            if old:
                self._close(old)
            return open_sink(spec, self._size, self._fps)

        return await asyncio.get_running_loop().run_in_executor(self._pool, reopen)
