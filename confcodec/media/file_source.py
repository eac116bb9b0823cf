"""Video and picture files as sources, played over and over as fast as they were filmed."""

import os
import threading
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

from confcodec.codec.frame import Frame
from confcodec.errors import CaptureError
from confcodec.media.pace import PacedSource, Thinning, Timer
from confcodec.media.picture import read_picture
from confcodec.media.scale import fit
from confcodec.media.video_reader import Timed, kind_of, looped, square

_CATCH_UP = 0.25
"""Seconds to spend on frames nobody will see, before playing late instead."""


def open_file(
    path: str, size: tuple[int, int], fps: float, timer: Timer | None = None
) -> "PacedSource | VideoFile":
    """Play the video or animated picture `path`, or show it if it is a still one.

    Raises:
        CaptureError: missing, unreadable, or without any picture.
    """
    if not Path(path).exists():
        raise CaptureError(
            f"there is no file {path}; check its name, or use --source demo"
        )
    if not Path(path).is_file() or not os.access(path, os.R_OK):
        raise CaptureError(f"{path} cannot be read; is it a file, and may you read it?")
    if kind_of(Path(path)) == "picture":
        return _open_picture(path, size, fps, timer)
    return VideoFile(path, size, fps, timer)


def _open_picture(
    path: str, size: tuple[int, int], fps: float, timer: Timer | None
) -> PacedSource:
    still = fit(read_picture(Path(path)), size)
    return PacedSource(Path(path).name, fps, lambda _number: still, timer)


class VideoFile:
    """A video, looped, paced by its time stamps; frames beyond `fps` are left out."""

    def __init__(
        self, path: str, size: tuple[int, int], fps: float, timer: Timer | None = None
    ) -> None:
        self.name, self.size, self.fps = Path(path).name, size, fps
        self._path = path
        self._timer = timer or Timer()
        self._lock = threading.Lock()
        self._number = 0
        self._thinning = Thinning(fps)
        self._decoder = looped(path)
        # The first frame is decoded at once: a file without any must fail here.
        self._frames: Iterator[Timed] = chain([next(self._decoder)], self._decoder)
        self._start: float | None = None
        """Clock time of media time 0."""

    def read(self) -> Frame:
        """Wait until the next frame of the video is due.

        Raises:
            CaptureError: the source is closed, or the file can no longer be read.
        """
        with self._lock:
            self._timer.check(self.name)
            due, picture = self._next()
            pixels = fit(square(picture, self.size), self.size)
        self._timer.sleep(due - self._timer.now())
        self._timer.check(self.name)
        frame = Frame(pixels, self._number, self._timer.now())
        self._number += 1
        return frame

    def close(self) -> None:
        """End a `read` that is under way and close the file."""
        self._timer.stop()
        with self._lock:
            self._decoder.close()

    def _next(self) -> Timed:
        """The next frame to show, with the clock time at which it is due."""
        now = self._timer.now()
        if self._start is None:
            self._start = now
        thinning, current = self._thinning, now - self._start
        if thinning.due is not None and current > thinning.due + 1 / self.fps:
            thinning.due = current  # the reader was slow: what it missed is past
        for time, picture in self._frames:
            if self._start + time < now and self._timer.now() - now > _CATCH_UP:
                # Skipping takes longer than the video does: play on from here instead.
                self._start = self._timer.now() - time
                thinning.due = time
            if thinning.take(time):
                return self._start + time, picture
        raise AssertionError("the loop never ends")
