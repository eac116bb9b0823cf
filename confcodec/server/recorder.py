"""Recording a call: decoded pictures as a video, and the bitstreams themselves.

NAME.mp4 holds the decoded pictures and the sound: the remote's, or in a call with itself the own ones
as they came back (from the pictures the page gets, JPEG of quality 95). NAME-sent.ccb and
NAME-received.ccb hold the bitstreams as they are: `confcodec decode` plays them.
A recording that cannot go on ends by itself, keeps what it has, and says why.
"""

import asyncio
import logging
import os
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from fractions import Fraction
from itertools import chain, count
from pathlib import Path
from time import strftime
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from confcodec.call.receiver import ReceivedFrame
from confcodec.codec.frame import Frame, Pixels
from confcodec.codec.registry import codec_of
from confcodec.errors import ConfcodecError
from confcodec.files.bitstream_file import BitstreamWriter, FileHeader
from confcodec.machine.disk import ROOM_TO_START, check_room
from confcodec.media.video_writer import FileSink

logger = logging.getLogger(__name__)

FOLDER_VARIABLE = "CONFCODEC_RECORDINGS"
"""Names the folder of recordings; without it they go to `recordings` where serve was started."""
SOUND_RATE = 48_000
MAX_WAITING = 60
"""Pictures and bitstreams that may wait for the disk before some are left out."""

_VIDEO, _SENT, _RECEIVED = _ENDS = (".mp4", "-sent.ccb", "-received.ccb")


class Recorder:
    """Writes what a call shows, from `start` to `stop`, in a thread of its own."""

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or Path(os.environ.get(FOLDER_VARIABLE, "recordings"))
        self.files: list[Path] = []
        """Those written so far, the newest last."""
        self.left_out = 0
        """Pictures and bitstreams that the disk was too slow for."""
        self.trouble: str | None = None
        """Why the last recording ended early, if it did, and what was kept of it."""
        self.on_changed: Callable[[], None] = lambda: None
        """Called when a recording has ended by itself."""
        self._take: _Take | None = None
        self._ending: asyncio.Task[None] | None = None
        self._waiting = 0
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="recorder")

    @property
    def on(self) -> bool:
        """Whether a recording is under way."""
        return self._take is not None

    def start(self, fps: float) -> None:
        """Begin new files.

        Raises:
            ConfcodecError: the folder cannot be made, or its disk is nearly full.
        """
        if self.on:
            return
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConfcodecError(
                f"cannot record to {self.folder}: {error.strerror}"
            ) from error
        check_room(self.folder / "call", ROOM_TO_START)
        self.trouble = None
        self._take = _Take(self._stem(), fps)

    async def stop(self) -> None:
        """Finish the files; returns once they are whole."""
        take, self._take = self._take, None
        if take is None:
            return
        await self._finish(take)

    async def close(self) -> None:
        """Finish what is under way and end the thread."""
        await self.stop()
        if self._ending:
            await self._ending
        self._pool.shutdown(wait=False)

    def sent(self, frame: Frame, bitstream: bytes) -> None:
        """Take a frame that this side has sent."""
        height, width = frame.pixels.shape[:2]
        piece = _Piece(bitstream, (width, height), frame.capture_time)
        self._add(lambda take: take.bitstream(_SENT, piece))

    def received(self, frame: ReceivedFrame) -> None:
        """Take a frame of the remote, decoded in this process."""
        time, pixels = frame.capture_time, frame.decoded.pixels
        self._add(lambda take: take.picture(pixels, time))
        if frame.bitstream is not None:
            piece = _Piece(frame.bitstream, (pixels.shape[1], pixels.shape[0]), time)
            self._add(lambda take: take.bitstream(_RECEIVED, piece))

    def coded(self, jpeg: bytes, time: float) -> None:
        """Take a decoded picture of the loopback child, as the pages get it."""
        self._add(lambda take: take.picture(_pixels(jpeg), time))

    def heard(self, samples: npt.NDArray[np.int16], time: float) -> None:
        """Take mono sound of the remote, 48,000 samples a second."""
        self._add(lambda take: take.sound(samples, time))

    def file(self, name: str) -> Path | None:
        """The recording of that name, untrusted; None if this server made none such."""
        return next((path for path in self.files if path.name == name), None)

    def _stem(self) -> Path:
        """What the names of a recording begin with: of none that is there."""
        name = strftime("call-%Y%m%d-%H%M%S")
        stems = chain([name], (f"{name}-{number}" for number in count(2)))
        return next(
            self.folder / stem
            for stem in stems
            if not any((self.folder / (stem + end)).exists() for end in _ENDS)
        )

    def _add(self, job: "Callable[[_Take], None]") -> None:
        take = self._take
        if take is None:
            return
        if self._waiting >= MAX_WAITING:
            self.left_out += 1
            return
        self._waiting += 1
        loop = asyncio.get_running_loop()
        self._pool.submit(job, take).add_done_callback(
            lambda done: loop.call_soon_threadsafe(self._done, take, done)
        )

    def _done(self, take: "_Take", done: Future[None]) -> None:
        self._waiting -= 1
        error = done.exception()
        if error is None:
            return
        if not isinstance(error, ConfcodecError):
            logger.error("recording: %r", error)
        elif take is self._take:
            self._take = None
            self._ending = asyncio.create_task(self._break_off(take, error))

    async def _break_off(self, take: "_Take", error: ConfcodecError) -> None:
        await self._finish(take, error)
        self.on_changed()

    async def _finish(self, take: "_Take", error: ConfcodecError | None = None) -> None:
        """Close the files of a recording; tell what went wrong and what is left."""
        loop = asyncio.get_running_loop()
        kept = await loop.run_in_executor(self._pool, take.close)
        self.files += kept
        if error := error or take.error:
            self.trouble = f"The recording stopped: {error}. {take.described(kept)}"
            logger.warning("%s", self.trouble)


class _Piece(NamedTuple):
    """A bitstream, the size of its picture, and when that was captured."""

    bitstream: bytes
    size: tuple[int, int]
    time: float


class _Take:
    """The files of one recording; every call in the recorder's thread."""

    def __init__(self, stem: Path, fps: float) -> None:
        self._stem = stem
        self._fps = fps
        self._video: FileSink | None = None
        self._streams: dict[str, BitstreamWriter] = {}
        self._starts: dict[str, float] = {}
        self._paths: list[Path] = []
        self._film: tuple[float, float] | None = None
        self.error: ConfcodecError | None = None
        """Why `close` could not write the end of a file."""

    def picture(self, pixels: Pixels, time: float) -> None:
        """Add a picture to the video."""
        if self._video is None:
            self._video = FileSink(self._new(_VIDEO), self._fps, SOUND_RATE)
        self._video.show(pixels, time)
        self._film = (self._film or (time, time))[0], time

    def sound(self, samples: npt.NDArray[np.int16], time: float) -> None:
        """Add sound to the video."""
        if self._video:
            self._video.hear(samples, time)

    def bitstream(self, end: str, piece: _Piece) -> None:
        """Add a bitstream to the file of its direction."""
        if end not in self._streams:
            fps = Fraction(self._fps).limit_denominator(1001)
            header = FileHeader(codec_of(piece.bitstream), *piece.size, fps)
            path = Path(self._new(end))
            self._streams[end] = BitstreamWriter(path, header)
            self._starts[end] = piece.time
        check_room(self._stem)
        since = max(0.0, piece.time - self._starts[end])
        self._streams[end].write(piece.bitstream, since)

    def close(self) -> list[Path]:
        """Finish all files; returns those with something in them."""
        if self._video:
            try:
                self._video.close()
            except ConfcodecError as error:
                self.error = error
        for stream in self._streams.values():
            stream.close()
        return [path for path in self._paths if path.exists()]

    def described(self, kept: list[Path]) -> str:
        """What was kept, in words."""
        if not kept:
            return "Nothing was kept."
        words = []
        for path in kept:
            size = f"{path.stat().st_size / 1e6:.1f} MB"
            if self._film and path.suffix == _VIDEO:
                size = f"about {self._film[1] - self._film[0]:.0f} s, {size}"
            words.append(f"{path.name} ({size})")
        return f"Kept: {', '.join(words)}."

    def _new(self, end: str) -> str:
        path = self._stem.with_name(self._stem.name + end)
        self._paths.append(path)
        return str(path)


def _pixels(jpeg: bytes) -> Pixels:
    picture = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR_RGB)
    return np.asarray(picture, np.uint8)
