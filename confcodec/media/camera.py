"""A camera through OpenCV; one that is unplugged is waited for while the call goes on."""

import logging
import os
import re
import sys
import threading
import time
from pathlib import Path

import cv2
import numpy as np

from confcodec.codec.frame import Frame, Pixels
from confcodec.errors import CaptureError
from confcodec.media.pace import Thinning
from confcodec.media.scale import cover

logger = logging.getLogger(__name__)

FIRST_PICTURE = 5.0
"""Seconds a camera may take from being opened to its first picture."""
_SILENCE = 1.0
"""Seconds without a picture after which the last one is shown again, stale."""
RETRY_FIRST, RETRY_LAST = 0.5, 2.0
"""Seconds before the first attempt to open a lost camera again, and before later ones."""
_RAW_PIXELS = 640 * 480
"""Above this size USB cameras reach full rate only as motion JPEG."""


class Camera:
    """The newest picture of a camera, at most `fps` times a second."""

    def __init__(self, device: str, size: tuple[int, int], fps: float) -> None:
        """Open `device`, a number or a path, and wait for its first picture.

        Raises:
            CaptureError: not there, not allowed, busy or silent.
        """
        self.name = f"/dev/video{device}" if _numbered_node(device) else device
        self.size, self.fps = size, fps
        self._device = int(device) if device.isdecimal() else device
        self._check_node()
        self._changed = threading.Condition()
        """Guards everything below."""
        self._pixels: Pixels | None = None
        self._time = self._shown = 0.0
        self._thinning = Thinning(fps)
        self._pictures = self._given = self._number = 0
        self._refused = self._lost = self._closed = False
        self._thread = threading.Thread(target=self._run, name="camera", daemon=True)
        self._thread.start()
        self._await_first()

    def read(self) -> Frame:
        """Wait for the next picture; the last one again, stale, while the camera is lost.

        Raises:
            CaptureError: the source is closed.
        """
        with self._changed:
            if not self._changed.wait_for(self._news, _SILENCE):
                logger.warning("%s gives no pictures; showing the last one", self.name)
                self._lost = True
            if self._lost and not self._fresh():
                due = self._shown + 1 / self.fps
                self._changed.wait_for(self._fresh_or_closed, due - time.monotonic())
            if self._closed:
                raise CaptureError(f"{self.name} was closed")
            stale = not self._fresh()
            now = time.monotonic()
            self._given, self._shown = self._pictures, now
            assert self._pixels is not None
            number, self._number = self._number, self._number + 1
            return Frame(self._pixels, number, now if stale else self._time, stale)

    def close(self) -> None:
        """End a `read` that is under way and release the camera."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        # A driver that hangs keeps its thread; the program can end all the same.
        self._thread.join(RETRY_LAST)

    def _fresh(self) -> bool:
        return self._pictures > self._given

    def _fresh_or_closed(self) -> bool:
        return self._fresh() or self._closed

    def _news(self) -> bool:
        return self._fresh_or_closed() or self._lost

    def _check_node(self) -> None:
        if not self.name.startswith("/"):
            return
        if not Path(self.name).exists():
            raise CaptureError(
                f"there is no camera {self.name}; plug one in, or use --source demo"
            )
        if not os.access(self.name, os.R_OK | os.W_OK):
            raise CaptureError(
                f"no permission to use {self.name}; join its group "
                "(sudo usermod -aG video $USER) and log in again"
            )

    def _await_first(self) -> None:
        with self._changed:
            self._changed.wait_for(
                lambda: self._fresh() or self._refused, FIRST_PICTURE
            )
            if self._fresh():
                return
            refused = self._refused
        self.close()
        if refused:
            raise CaptureError(
                f"{self.name} would not open; it is busy in another program or no camera: "
                "close that program, or choose another source"
            )
        raise CaptureError(
            f"{self.name} opened but gave no picture within {FIRST_PICTURE:g} s; "
            "plug it in again, or choose another source"
        )

    def _run(self) -> None:
        """The camera's thread: open, take pictures until that fails, wait, again."""
        pause = RETRY_FIRST
        while not self._closed:
            capture = _open(self._device, self.size, self.fps)
            before = self._pictures
            if capture.isOpened():
                while not self._closed and self._take(capture):
                    pass
            elif not self._pictures:
                self._refused = True
            capture.release()
            if self._pictures > before:
                logger.warning("%s was lost; waiting for it to come back", self.name)
                pause = RETRY_FIRST
            with self._changed:
                self._lost = True
                self._changed.notify_all()
                self._changed.wait_for(lambda: self._closed, pause)
            pause = min(2 * pause, RETRY_LAST)

    def _take(self, capture: cv2.VideoCapture) -> bool:
        """Wait for one picture; False if none came."""
        try:
            arrived, picture = capture.read()
            now = time.monotonic()
            if not arrived or picture is None:
                return False
            if not self._thinning.take(now):
                return True
            pixels = cover(_rgb(np.asarray(picture, np.uint8)), self.size)
        except cv2.error as error:
            logger.debug("%s: %s", self.name, error)
            return False
        with self._changed:
            if self._lost and self._pictures:
                logger.info("%s is back", self.name)
            self._lost = False
            self._pixels, self._time = pixels, now
            self._pictures += 1
            self._changed.notify_all()
        return True


def cameras() -> list[str]:
    """The cameras that may be here, in order of their numbers."""
    if not sys.platform.startswith("linux"):
        return ["0"]
    nodes = (
        re.fullmatch(r"video(\d+)", node.name) for node in Path("/dev").glob("video*")
    )
    return [str(number) for number in sorted(int(node[1]) for node in nodes if node)]


def _numbered_node(device: str) -> bool:
    return device.isdecimal() and sys.platform.startswith("linux")


def _open(device: int | str, size: tuple[int, int], fps: float) -> cv2.VideoCapture:
    # On Linux OpenCV would try half a dozen other ways, each with its own complaint.
    linux = sys.platform.startswith("linux")
    capture = cv2.VideoCapture(device, cv2.CAP_V4L2 if linux else cv2.CAP_ANY)
    if capture.isOpened():
        if size[0] * size[1] > _RAW_PIXELS:
            capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"MJPG"))
        capture.set(cv2.CAP_PROP_FRAME_WIDTH, size[0])
        capture.set(cv2.CAP_PROP_FRAME_HEIGHT, size[1])
        capture.set(cv2.CAP_PROP_FPS, fps)
        # The newest picture is wanted, not one that waited in the driver.
        capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)
    return capture


def _rgb(picture: Pixels) -> Pixels:
    """RGB of what OpenCV gives: BGR, or grey from an infrared camera."""
    grey = picture.ndim == 2 or picture.shape[2] == 1
    code = cv2.COLOR_GRAY2RGB if grey else cv2.COLOR_BGR2RGB
    return np.asarray(cv2.cvtColor(picture, code), np.uint8)
