"""Where frames come from: a camera, a file, or the demo."""

import logging
from typing import Protocol

from confcodec.codec.frame import Frame
from confcodec.codec.size import check_size
from confcodec.errors import CaptureError
from confcodec.media.cameras.camera import Camera
from confcodec.media.cameras.devices import cameras
from confcodec.media.demo.source import open_demo
from confcodec.media.file_source import open_file

logger = logging.getLogger(__name__)


class Source(Protocol):
    """Frames at their own pace, one `read` at a time."""

    name: str
    """`demo`, the camera's device, or the file's name."""
    size: tuple[int, int]
    """Width and height of every frame."""
    fps: float
    """The rate asked for; a slower camera or video gives fewer."""

    def read(self) -> Frame:
        """Wait until the next frame is due; CaptureError once closed or unreadable."""
        ...

    def close(self) -> None:
        """End a `read` that is under way and release what was opened; twice does no harm."""
        ...


def open_source(spec: str, size: tuple[int, int], fps: float) -> Source:
    """Open what a person calls `spec`, with frames of (width, height) `size`.

    Args:
        spec: `demo`; `auto`, the first camera that works, else the demo; a camera's
            number or device path; or the path of a video or picture file.
        size: 16x16 to 1920x1920; other pictures are scaled to fill it, or between
            bars where that would cut off too much.
        fps: the most frames a second.

    Raises:
        CaptureError: it cannot be opened.
        ValueError: a size no codec can code, or a rate that is not positive.
    """
    check_size(*size)
    if fps <= 0:
        raise ValueError(f"{fps} frames a second is no rate")
    if spec == "demo":
        return open_demo(size, fps)
    if spec == "auto":
        return _first_camera(size, fps)
    if spec.isdecimal() or spec.startswith("/dev/"):
        return Camera(spec, size, fps)
    return open_file(spec, size, fps)


def _first_camera(size: tuple[int, int], fps: float) -> Source:
    reason = ""
    for device in cameras():
        try:
            return Camera(device, size, fps)
        except CaptureError as error:
            reason = reason or str(error)
    logger.warning("%s; showing the demo", reason or "no camera found")
    return open_demo(size, fps)
