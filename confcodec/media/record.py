"""Decoded frames as a video file, each at its own time."""

import contextlib
import logging
from fractions import Fraction
from pathlib import Path

import av
import av.error
import cv2
import numpy as np
import numpy.typing as npt
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.video.stream import VideoStream

from confcodec.codec.frame import Pixels
from confcodec.errors import CaptureError
from confcodec.media.scale import cover

logger = logging.getLogger(__name__)

_TICKS = 60_000
"""Time stamps a second: whole for the usual rates, and below the 65,536 of MPEG-4."""
_SEAM = 0.1
"""Seconds that sound may be off its time before silence is left or a chunk moved."""
_OPTIONS = {
    # Visually lossless, on one thread: the codecs of the call need the others.
    "libx264": {"preset": "veryfast", "crf": "14", "threads": "1"},
    "mpeg4": {"qmin": "2", "qmax": "3"},
}
_FORMATS = {".mkv", ".mov", ".mp4"}


class FileSink:
    """Writes H.264, or MPEG-4 where this PyAV has no H.264 encoder."""

    closed = False

    def __init__(
        self,
        path: str,
        fps: float,
        sound_rate: int | None = None,
        aspect: Fraction = Fraction(1),
    ) -> None:
        """Create the file, over an older one of that name.

        Args:
            path: ends in .mkv, .mov or .mp4.
            fps: of the pictures, nominally.
            sound_rate: samples a second of the sound that `hear` will bring; None: no sound.
            aspect: width of a pixel over its height.

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
        self._fps, self._aspect = fps, aspect
        self._stream: VideoStream | None = None
        self._size = (0, 0)
        self._start, self._last = 0.0, -1
        self._sound_rate = sound_rate
        self._sound: AudioStream | None = None
        self._sound_end = 0

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

    def hear(self, samples: npt.NDArray[np.int16], time: float) -> None:
        """Write mono sound that begins at `time`; what comes before the first picture is left out.

        Raises:
            CaptureError: the file can no longer be written.
        """
        if self._container is None or self._sound is None or time < self._start:
            return
        assert self._sound_rate is not None
        due = round((time - self._start) * self._sound_rate)
        # Chunks follow each other without a seam, until one is missing.
        if abs(due - self._sound_end) > self._sound_rate * _SEAM:
            self._sound_end = max(due, self._sound_end)
        frame = av.AudioFrame.from_ndarray(
            samples.reshape(1, -1), format="s16", layout="mono"
        )
        frame.sample_rate, frame.pts = self._sound_rate, self._sound_end
        frame.time_base = Fraction(1, self._sound_rate)
        self._sound_end += samples.size
        try:
            self._container.mux(self._sound.encode(frame))
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
            if self._sound and self._sound_end:
                container.mux(self._sound.encode(None))
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
        stream.codec_context.sample_aspect_ratio = self._aspect
        stream.codec_context.time_base = stream.time_base = Fraction(1, _TICKS)
        if self._sound_rate:
            sound = container.add_stream("aac", rate=self._sound_rate)
            assert isinstance(sound, AudioStream)
            sound.layout = "mono"
            self._sound = sound
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
