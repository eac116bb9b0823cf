"""Decoded frames as a video file, each at its own time."""

import contextlib
import logging
from fractions import Fraction
from pathlib import Path

import av
import av.error
import cv2
import numpy as np
from av.container import OutputContainer
from av.video.stream import VideoStream

from confcodec.codec.frame import Pixels
from confcodec.errors import CaptureError
from confcodec.media.scale import cover

logger = logging.getLogger(__name__)

_TICKS = 60_000
"""Time stamps a second: whole for the usual rates, and below the 65,536 of MPEG-4."""
_OPTIONS = {
    # Visually lossless, on one thread: the codecs of the call need the others.
    "libx264": {"preset": "veryfast", "crf": "14", "threads": "1"},
    "mpeg4": {"qmin": "2", "qmax": "3"},
}
_FORMATS = {".mkv", ".mov", ".mp4"}


class FileSink:
    """Writes H.264, or MPEG-4 where this PyAV has no H.264 encoder."""

    closed = False

    def __init__(self, path: str, fps: float) -> None:
        """Create the file, over an older one of that name.

        Raises:
            CaptureError: it cannot be written.
        """
        self._path = Path(path)
        if self._path.suffix.lower() not in _FORMATS:
            raise CaptureError(
                f"{path} is neither window, null, auto nor a video file; "
                f"end its name in {', '.join(sorted(_FORMATS))}"
            )
        try:
            self._path.write_bytes(b"")
            self._container: OutputContainer | None = av.open(path, "w")
        except (OSError, av.error.FFmpegError) as error:
            raise self._failed(error) from error
        self._fps = fps
        self._stream: VideoStream | None = None
        self._size = (0, 0)
        self._start, self._last = 0.0, -1

    def show(self, pixels: Pixels, time: float) -> None:
        """Write one picture; the first decides the size, later ones are scaled to it.

        Raises:
            CaptureError: the file can no longer be written.
        """
        if self._container is None:
            return
        if self._stream is None:
            self._size = (pixels.shape[1], pixels.shape[0])
            self._start = time
        if (pixels.shape[1], pixels.shape[0]) != self._size:
            pixels = cover(pixels, self._size)
        try:
            if self._stream is None:
                self._stream = self._add_stream(self._container)
            picture = av.VideoFrame.from_ndarray(_even(pixels), format="rgb24")
            # A muxer takes no time twice and none that goes back.
            self._last = max(round((time - self._start) * _TICKS), self._last + 1)
            picture.pts, picture.time_base = self._last, Fraction(1, _TICKS)
            self._container.mux(self._stream.encode(picture))
        except (OSError, av.error.FFmpegError) as error:
            raise self._failed(error) from error

    def close(self) -> None:
        """Write what is left and close the file; one without pictures is taken away.

        Raises:
            CaptureError: the rest could not be written.
        """
        container, self._container = self._container, None
        if container is None:
            return
        if self._stream is None:
            with contextlib.suppress(OSError, av.error.FFmpegError):
                container.close()
            self._path.unlink(missing_ok=True)
            logger.warning("no picture came; %s was not written", self._path)
            return
        try:
            container.mux(self._stream.encode(None))
            container.close()
        except (OSError, av.error.FFmpegError) as error:
            raise self._failed(error) from error

    def _add_stream(self, container: OutputContainer) -> VideoStream:
        codec = next((name for name in _OPTIONS if name in av.codecs_available), None)
        if codec is None:
            raise CaptureError(
                "this PyAV can encode neither H.264 nor MPEG-4; use --sink null"
            )
        rate = Fraction(self._fps).limit_denominator(1000)
        stream = container.add_stream(codec, rate=rate, options=dict(_OPTIONS[codec]))
        assert isinstance(stream, VideoStream)
        stream.width, stream.height = (side + side % 2 for side in self._size)
        stream.pix_fmt = "yuv420p"
        stream.codec_context.time_base = stream.time_base = Fraction(1, _TICKS)
        return stream

    def _failed(self, error: Exception) -> CaptureError:
        return CaptureError(
            f"{self._path} cannot be written: {error}; choose another file"
        )


def _even(pixels: Pixels) -> Pixels:
    """With one more row or column where 4:2:0 needs it."""
    bottom, right = pixels.shape[0] % 2, pixels.shape[1] % 2
    if not bottom and not right:
        return np.ascontiguousarray(pixels)
    return np.asarray(
        cv2.copyMakeBorder(pixels, 0, bottom, 0, right, cv2.BORDER_REPLICATE), np.uint8
    )
