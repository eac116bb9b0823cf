"""Recording a call: decoded pictures as a video, and the bitstreams themselves.

NAME.mp4 holds the decoded pictures and the sound: the remote's, or in a call with itself the own ones
as they came back (from the pictures the page gets, JPEG of quality 95). NAME-sent.ccb and
NAME-received.ccb hold the bitstreams as they are: `confcodec decode` plays them.
"""

import asyncio
import logging
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
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
from confcodec.media.bitstream_file import BitstreamWriter, FileHeader
from confcodec.media.record import FileSink

logger = logging.getLogger(__name__)

FOLDER_VARIABLE = "CONFCODEC_RECORDINGS"
"""Names the folder of recordings; without it they go to `recordings` where serve was started."""
SOUND_RATE = 48_000
MAX_WAITING = 60
"""Pictures and bitstreams that may wait for the disk before some are left out."""


class Recorder:
    """Writes what a call shows, from `start` to `stop`, in a thread of its own."""

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or Path(os.environ.get(FOLDER_VARIABLE, "recordings"))
        self.files: list[Path] = []
        """Those written so far, the newest last."""
        self.left_out = 0
        """Pictures and bitstreams that the disk was too slow for."""
        self.trouble: str | None = None
        """Why the last recording ended early, if it did."""
        self._take: _Take | None = None
        self._waiting = 0
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="recorder")

    @property
    def on(self) -> bool:
        """Whether a recording is under way."""
        return self._take is not None

    def start(self, fps: float) -> None:
        """Begin new files.

        Raises:
            ConfcodecError: the folder cannot be made.
        """
        if self.on:
            return
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConfcodecError(
                f"cannot record to {self.folder}: {error.strerror}"
            ) from error
        self.trouble = None
        self._take = _Take(self.folder / strftime("call-%Y%m%d-%H%M%S"), fps)

    async def stop(self) -> None:
        """Finish the files; returns once they are whole."""
        take, self._take = self._take, None
        if take is None:
            return
        loop = asyncio.get_running_loop()
        self.files += await loop.run_in_executor(self._pool, take.close)

    async def close(self) -> None:
        """Finish what is under way and end the thread."""
        await self.stop()
        self._pool.shutdown(wait=False)

    def sent(self, frame: Frame, bitstream: bytes) -> None:
        """Take a frame that this side has sent."""
        height, width = frame.pixels.shape[:2]
        piece = _Piece(bitstream, (width, height), frame.capture_time)
        self._add(lambda take: take.bitstream("sent", piece))

    def received(self, frame: ReceivedFrame) -> None:
        """Take a frame of the remote, decoded in this process."""
        time, pixels = frame.capture_time, frame.decoded.pixels
        self._add(lambda take: take.picture(pixels, time))
        if frame.bitstream is not None:
            piece = _Piece(frame.bitstream, (pixels.shape[1], pixels.shape[0]), time)
            self._add(lambda take: take.bitstream("received", piece))

    def coded(self, jpeg: bytes, time: float) -> None:
        """Take a decoded picture of the loopback child, as the pages get it."""
        self._add(lambda take: take.picture(_pixels(jpeg), time))

    def heard(self, samples: npt.NDArray[np.int16], time: float) -> None:
        """Take mono sound of the remote, 48,000 samples a second."""
        self._add(lambda take: take.sound(samples, time))

    def file(self, name: str) -> Path | None:
        """The recording of that name, untrusted; None if this server made none such."""
        return next((path for path in self.files if path.name == name), None)

    def _add(self, job: "Callable[[_Take], None]") -> None:
        take = self._take
        if take is None:
            return
        if self._waiting >= MAX_WAITING:
            self.left_out += 1
            return
        self._waiting += 1
        loop = asyncio.get_running_loop()
        self._pool.submit(self._do, job, take).add_done_callback(
            lambda _done: loop.call_soon_threadsafe(self._done)
        )

    def _done(self) -> None:
        self._waiting -= 1

    def _do(self, job: "Callable[[_Take], None]", take: "_Take") -> None:
        try:
            job(take)
        except ConfcodecError as error:
            if self.trouble is None:
                logger.warning("recording: %s", error)
            self.trouble = str(error)


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

    def picture(self, pixels: Pixels, time: float) -> None:
        """Add a picture to the video."""
        if self._video is None:
            self._video = FileSink(self._new(".mp4"), self._fps, SOUND_RATE)
        self._video.show(pixels, time)

    def sound(self, samples: npt.NDArray[np.int16], time: float) -> None:
        """Add sound to the video."""
        if self._video:
            self._video.hear(samples, time)

    def bitstream(self, whose: str, piece: _Piece) -> None:
        """Add a bitstream to the file of its direction."""
        if whose not in self._streams:
            fps = Fraction(self._fps).limit_denominator(1001)
            header = FileHeader(codec_of(piece.bitstream), *piece.size, fps)
            path = Path(self._new(f"-{whose}.ccb"))
            self._streams[whose] = BitstreamWriter(path, header)
            self._starts[whose] = piece.time
        since = max(0.0, piece.time - self._starts[whose])
        self._streams[whose].write(piece.bitstream, since)

    def close(self) -> list[Path]:
        """Finish all files; returns those with something in them."""
        if self._video:
            try:
                self._video.close()
            except ConfcodecError as error:
                logger.warning("recording: %s", error)
        for stream in self._streams.values():
            stream.close()
        return [path for path in self._paths if path.exists()]

    def _new(self, end: str) -> str:
        path = self._stem.with_name(self._stem.name + end)
        self._paths.append(path)
        return str(path)


def _pixels(jpeg: bytes) -> Pixels:
    picture = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR_RGB)
    return np.asarray(picture, np.uint8)
