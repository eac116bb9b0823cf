"""Opening a camera: by OpenCV, and where it cannot, on Linux by FFmpeg."""

import errno
import logging
import os
import sys
import threading
import time
from collections.abc import Iterator
from typing import Protocol

import av
import cv2
import numpy as np
from av.container import InputContainer

from confcodec.codec.frame import Pixels
from confcodec.errors import CaptureError
from confcodec.media.cameras.devices import is_node, not_allowed
from confcodec.media.container import open_device

logger = logging.getLogger(__name__)

_RAW_PIXELS = 640 * 480
"""Above this size USB cameras reach full rate only as motion JPEG."""
ANSWER = 20.0
"""Seconds that a Mac's user has to answer whether the camera may be used."""
_ASK_AGAIN = 0.5
_answer_due = 0.0
"""The time until which a refusal may mean that the answer has not been given."""


class Capture(Protocol):
    """A camera that is open."""

    def read(self) -> Pixels | None:
        """Wait for a picture, (H, W, 3) RGB of any size; None where it failed."""
        ...

    def release(self) -> None:
        """Give the camera back."""
        ...


def open_capture(device: str, size: tuple[int, int], fps: float) -> Capture:
    """Open a camera's device file or number, asking it for a size and rate near these.

    Raises:
        CaptureError: it cannot be opened; the message says why as far as the system does.
    """
    _silence_opencv()
    while True:
        capture = _open_with_opencv(device, size, fps)
        if capture.isOpened():
            return _OpenCvCapture(capture)
        capture.release()
        if is_node(device):
            # OpenCV asks for 640x480 before any size can be named, which strict drivers
            # refuse, and it says of nothing why it failed.
            return _open_with_ffmpeg(device)
        if time.monotonic() > _answer_due:
            raise CaptureError(_refusal(device))
        time.sleep(_ASK_AGAIN)


def ask_for_camera(source: str) -> None:
    """On a Mac, let the system ask its user whether this program may use the camera.

    Only the main thread can ask, and cameras are opened in others, so the command line calls
    this first where `source` may be a camera. OpenCV asks as it opens one and fails at once if
    there is no answer yet; it is then told to ask no more, which in other threads it would do
    in vain, and `open_capture` tries until the answer is there.
    """
    global _answer_due
    mac = sys.platform == "darwin"
    can_ask = threading.current_thread() is threading.main_thread()
    if not (mac and can_ask and (source == "auto" or source.isdecimal())):
        return
    capture = cv2.VideoCapture(0 if source == "auto" else int(source))
    if not capture.isOpened():
        _answer_due = time.monotonic() + ANSWER
    capture.release()
    os.environ["OPENCV_AVFOUNDATION_SKIP_AUTH"] = "1"


class _OpenCvCapture:
    def __init__(self, capture: cv2.VideoCapture) -> None:
        self._capture = capture

    def read(self) -> Pixels | None:
        try:
            arrived, picture = self._capture.read()
            if not arrived or picture is None:
                return None
            return _rgb(np.asarray(picture, np.uint8))
        except cv2.error as error:
            logger.debug("%s", error)
            return None

    def release(self) -> None:
        self._capture.release()


class _FfmpegCapture:
    def __init__(self, container: InputContainer) -> None:
        self._container = container
        self._pictures: Iterator[av.VideoFrame] = container.decode(video=0)

    def read(self) -> Pixels | None:
        try:
            picture = next(self._pictures, None)
        except (OSError, ValueError) as error:
            logger.debug("%s", error)
            self._pictures = self._container.decode(video=0)
            return None
        if picture is None:
            return None
        return np.asarray(picture.to_ndarray(format="rgb24"), np.uint8)

    def release(self) -> None:
        self._container.close()


def _silence_opencv() -> None:
    """Errors are told here, once, in words; OpenCV's own lines only where they are asked for."""
    if "OPENCV_LOG_LEVEL" not in os.environ:
        cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)


def _open_with_opencv(
    device: str, size: tuple[int, int], fps: float
) -> cv2.VideoCapture:
    # On Linux OpenCV would try half a dozen other ways, each with its own complaint.
    linux = sys.platform.startswith("linux")
    how = cv2.CAP_V4L2 if linux else cv2.CAP_ANY
    which = int(device) if device.isdecimal() else device
    capture = cv2.VideoCapture(which, how)
    if capture.isOpened():
        if size[0] * size[1] > _RAW_PIXELS:
            capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"MJPG"))
        capture.set(cv2.CAP_PROP_FRAME_WIDTH, size[0])
        capture.set(cv2.CAP_PROP_FRAME_HEIGHT, size[1])
        capture.set(cv2.CAP_PROP_FPS, fps)
        # The newest picture is wanted, not one that waited in the driver.
        capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)
    return capture


def _open_with_ffmpeg(node: str) -> Capture:
    try:
        # In the size that it has: asked for another, FFmpeg shows a driver's own size skewed.
        container = open_device(node, "v4l2")
    except (OSError, ValueError) as error:
        number = getattr(error, "errno", None)
        raise CaptureError(_reason(node, number, str(error))) from error
    logger.info("%s opens in its own size and rate alone", node)
    return _FfmpegCapture(container)


def _reason(node: str, number: int | None, words: str) -> str:
    """What a system error number means for a person who wants to use a camera."""
    if number == errno.EBUSY:
        return (
            f"{node} is busy in another program; close that program, "
            "or choose another source"
        )
    if number in (errno.EACCES, errno.EPERM):
        return not_allowed(node)
    if number in (errno.ENODEV, errno.ENXIO, errno.ENOTTY):
        return f"{node} is no camera, it takes no pictures; choose another source"
    if number in (errno.EINVAL, errno.ENOSYS):
        return (
            f"{node} gives its pictures in no format that is known here; "
            "choose another source"
        )
    return f"{node} would not open ({words}); plug it in again, or choose another"


def _refusal(device: str) -> str:
    """What may be wrong where the system does not tell."""
    allowed = (
        ", or not allowed in System Settings, Privacy & Security, Camera "
        "(start with --source 0 to be asked)"
        if sys.platform == "darwin"
        else ""
    )
    return (
        f"camera {device} would not open; it is busy in another program, not there"
        f"{allowed}: close that program, or choose another source"
    )


def _rgb(picture: Pixels) -> Pixels:
    """RGB of what OpenCV gives: BGR, or grey from an infrared camera."""
    grey = picture.ndim == 2 or picture.shape[2] == 1
    code = cv2.COLOR_GRAY2RGB if grey else cv2.COLOR_BGR2RGB
    return np.asarray(cv2.cvtColor(picture, code), np.uint8)
