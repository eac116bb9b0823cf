"""Where decoded frames go: a window, a video file, or nowhere."""

import logging
import os
import subprocess
import sys
from pathlib import Path
from typing import Protocol

import cv2

from confcodec.codec.frame import Pixels
from confcodec.errors import CaptureError
from confcodec.media.video_writer import FileSink, check_name

logger = logging.getLogger(__name__)

_TITLE = "confcodec"
_CLOSE_KEYS = {27, ord("q"), ord("Q")}
_PROBE = "import cv2; cv2.namedWindow('probe'); cv2.destroyAllWindows()"
_PROBE_TIME = 20.0
"""Seconds a first window may take, on a machine that is busy starting."""


class Sink(Protocol):
    """Takes decoded pictures. All calls come from one thread, the one that opened it."""

    @property
    def closed(self) -> bool:
        """True once a person has closed it and wants the call to end."""
        ...

    def show(self, pixels: Pixels, time: float) -> None:
        """Take one picture, (H, W, 3) uint8 RGB, of the moment `time` in seconds."""
        ...

    def close(self) -> None:
        """Finish and release; twice does no harm."""
        ...


class NullSink:
    """Lets every picture pass."""

    closed = False

    def show(self, pixels: Pixels, time: float) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""


class WindowSink:
    """A window of OpenCV's; closing it, q or Esc sets `closed`."""

    def __init__(self, size: tuple[int, int]) -> None:
        """Open it, (width, height) `size` at first.

        Raises:
            CaptureError: there is no display, or this OpenCV has no windows.
        """
        if problem := _no_display() or _no_window():
            raise CaptureError(f"{problem}; use --sink null or a file name")
        self.closed = False
        cv2.namedWindow(_TITLE, cv2.WINDOW_NORMAL | cv2.WINDOW_KEEPRATIO)
        cv2.resizeWindow(_TITLE, *size)

    def show(self, pixels: Pixels, time: float) -> None:
        """Show a picture and look whether the window was closed."""
        if self.closed:
            return
        cv2.imshow(_TITLE, cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR))
        key = cv2.waitKey(1) & 0xFF
        visible = cv2.getWindowProperty(_TITLE, cv2.WND_PROP_VISIBLE) >= 1
        if key in _CLOSE_KEYS or not visible:
            self.close()

    def close(self) -> None:
        """Take the window away."""
        if not self.closed:
            self.closed = True
            cv2.destroyAllWindows()


def open_sink(spec: str, size: tuple[int, int], fps: float) -> Sink:
    """Open what a person calls `spec`.

    Args:
        spec: `window`; `null`; `auto`, a window where there is a display, else null;
            or the path of a video file to write.
        size: width and height to expect; other pictures are taken, too.
        fps: the rate to expect; a file keeps each picture's own time.

    Raises:
        CaptureError: no display, or a file that cannot be written.
    """
    if spec == "null":
        return NullSink()
    if spec == "window":
        return WindowSink(size)
    if spec == "auto":
        if problem := _no_display() or _no_window():
            logger.info("%s; decoded pictures are not shown", problem)
            return NullSink()
        return WindowSink(size)
    return FileSink(spec, fps)


def check_file(spec: str) -> None:
    """Check, as far as possible, that a video file of that name can be written.

    Raises:
        CaptureError: its name has no known ending, or its folder is missing or not writable.
    """
    check_name(spec)
    path = Path(spec)
    if not path.parent.is_dir():
        raise CaptureError(f"there is no folder for --sink {spec}; make it first")
    if path.is_dir() or not os.access(path if path.exists() else path.parent, os.W_OK):
        raise CaptureError(f"--sink {spec} cannot be written; choose another file")


def _no_display() -> str:
    """Why no window can be opened; empty if one may be."""
    if not sys.platform.startswith("linux"):
        return ""
    if os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"):
        return ""
    return (
        "there is no display for a window (neither DISPLAY nor WAYLAND_DISPLAY is set)"
    )


def _no_window() -> str:
    """Why OpenCV cannot open a window here; empty if it can.

    Tried in another process: with a display that does not answer, Qt ends the program.
    """
    try:
        done = subprocess.run(
            [sys.executable, "-c", _PROBE],
            capture_output=True,
            timeout=_PROBE_TIME,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"a window could not be tried out: {error}"
    if done.returncode == 0:
        return ""
    return "OpenCV cannot open a window here (the display does not answer, or it has no GUI)"
