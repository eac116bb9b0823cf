"""Decoded frames as a video file, each at its own time, readable whatever happens.

An MP4 is written in fragments of half a second, each with its own table, and gets the index of
a plain MP4 when it is closed (FFmpeg's hybrid_fragmented); Matroska needs no more than short
clusters. So a file that was cut off, by a full disk or a kill, is good up to its last second.
Pictures are BT.709 in limited range, and say so: without tags players guess by the size.
"""

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
from av.video.reformatter import ColorRange, Colorspace
from av.video.stream import VideoStream

from confcodec.codec.frame import Pixels
from confcodec.errors import CaptureError
from confcodec.machine.disk import RESERVE, ROOM_TO_START, check_room, keep_whole
from confcodec.media.container import create_media, open_media
from confcodec.media.scale import fit

logger = logging.getLogger(__name__)

_TICKS = 60_000
"""Time stamps a second: whole for the usual rates, and below the 65,536 of MPEG-4."""
_SEAM = 0.1
"""Seconds that sound may be off its time before silence is left or a chunk moved."""
_LONGEST_GAP = 9 * 3600
"""Seconds between two pictures; from 2**31 ticks on an MP4 cannot say them."""
_KEY_FRAMES = 2.0
"""Seconds from one picture that can be jumped to to the next."""
_INDEX = 32
"""Bytes, at most, that a picture with its sound takes in the index at the end."""
_BT709 = 1
"""Of matrix, primaries and transfer alike, ITU-T H.273."""
_LIMITED = 1
"""FFmpeg's AVCOL_RANGE_MPEG."""
_OPTIONS = {
    # Visually lossless, on one thread: the codecs of the call need the others. Without looking
    # ahead: a dozen pictures held back would be lost with the process, and pictures coded out
    # of order cannot be hours apart.
    "libx264": {
        "preset": "veryfast",
        "tune": "zerolatency",
        "crf": "16",
        "threads": "1",
    },
    "mpeg4": {"qmin": "2", "qmax": "3"},
}
_FRAGMENTS = {"frag_duration": "500000"}
_CLUSTERS = {"cluster_time_limit": "500"}
_AT_ONCE = {
    # To the disk with each packet, and no waiting for a sound that may never come.
    "flush_packets": "1",
    "max_interleave_delta": "100000",
}
_MOVFLAGS = "+empty_moov+default_base_moof"
_HYBRID_SINCE = (61, 7)
"""The libavformat (FFmpeg 7.1) that turns fragments into a plain MP4 at the end."""
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
        check_name(path)
        self._path = Path(path)
        check_room(self._path, ROOM_TO_START)
        try:
            self._path.write_bytes(b"")
            self._container: OutputContainer | None = create_media(
                path, options=_muxing(self._path)
            )
        except (OSError, av.error.FFmpegError) as error:
            raise self._failed(error) from error
        self._fps, self._aspect = fps, aspect
        self._stream: VideoStream | None = None
        self._size = (0, 0)
        self._start, self._last, self._count = 0.0, -1, 0
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
            pixels = fit(pixels, self._size)
        try:
            if self._stream is None:
                self._stream = self._add_stream(self._container)
            self._container.mux(self._stream.encode(self._picture(pixels, time)))
        except (OSError, av.error.FFmpegError) as error:
            raise self._broken(error) from error
        self._leave_room()

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
            longest = self._sound_end + self._sound_rate * _LONGEST_GAP
            self._sound_end = min(max(due, self._sound_end), longest)
        frame = av.AudioFrame.from_ndarray(
            samples.reshape(1, -1), format="s16", layout="mono"
        )
        frame.sample_rate, frame.pts = self._sound_rate, self._sound_end
        frame.time_base = Fraction(1, self._sound_rate)
        self._sound_end += samples.size
        try:
            # AAC begins with a packet of silence before time 0, which would move the pictures.
            coded = self._sound.encode(frame)
            self._container.mux([packet for packet in coded if (packet.pts or 0) >= 0])
        except (OSError, av.error.FFmpegError) as error:
            raise self._broken(error) from error

    def close(self) -> None:
        """Write what is left and close the file; one without pictures is taken away.

        Raises:
            CaptureError: the rest could not be written.
        """
        container = self._container
        if container is None:
            return
        if self._stream is None:
            self._container = None
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
            raise self._broken(error) from error
        self._container = None

    def _picture(self, pixels: Pixels, time: float) -> av.VideoFrame:
        """As it is coded, at its time; a gap that no MP4 can say is made shorter."""
        excess = time - self._start - max(self._last, 0) / _TICKS - _LONGEST_GAP
        if excess > 0:
            self._start += excess
            logger.warning(
                "%s: a gap of %.0f hours is written as 9 hours",
                *(self._path, (excess + _LONGEST_GAP) / 3600),
            )
        picture = av.VideoFrame.from_ndarray(_even(pixels), format="rgb24").reformat(
            format="yuv420p",
            dst_colorspace=Colorspace.ITU709,
            dst_color_range=ColorRange.MPEG,
        )
        # A muxer takes no time twice and none that goes back.
        self._last = max(round((time - self._start) * _TICKS), self._last + 1)
        picture.pts, picture.time_base = self._last, Fraction(1, _TICKS)
        self._count += 1
        return picture

    def _leave_room(self) -> None:
        """End the file in good order while there is room for its index.

        Raises:
            CaptureError: the disk is nearly full.
        """
        try:
            check_room(self._path, RESERVE + _INDEX * self._count)
        except CaptureError:
            self.close()
            raise

    def _add_stream(self, container: OutputContainer) -> VideoStream:
        codec = next((name for name in _OPTIONS if name in av.codecs_available), None)
        if codec is None:
            raise CaptureError(
                "this PyAV can encode neither H.264 nor MPEG-4; use --sink null"
            )
        rate = Fraction(self._fps).limit_denominator(1000)
        options = _OPTIONS[codec] | {"g": str(max(1, round(_KEY_FRAMES * self._fps)))}
        stream = container.add_stream(codec, rate=rate, options=options)
        assert isinstance(stream, VideoStream)
        stream.width, stream.height = (side + side % 2 for side in self._size)
        stream.pix_fmt = "yuv420p"
        context = stream.codec_context
        context.sample_aspect_ratio = self._aspect
        context.time_base = stream.time_base = Fraction(1, _TICKS)
        context.colorspace = context.color_primaries = context.color_trc = _BT709
        context.color_range = _LIMITED
        if self._sound_rate:
            sound = container.add_stream("aac", rate=self._sound_rate)
            assert isinstance(sound, AudioStream)
            sound.layout = "mono"
            self._sound = sound
        return stream

    def _broken(self, error: Exception) -> CaptureError:
        """Let go of a file that takes no more; what is in it stays readable."""
        container, self._container = self._container, None
        if container:
            with contextlib.suppress(OSError, av.error.FFmpegError):
                container.close()
        if self._path.suffix.lower() != ".mkv":
            keep_whole(self._path)
        if not _holds_a_picture(self._path):
            self._path.unlink(missing_ok=True)
        return self._failed(error)

    def _failed(self, error: Exception) -> CaptureError:
        reason = getattr(error, "strerror", None) or error
        return CaptureError(
            f"{self._path} cannot be written: {reason}; choose another file"
        )


def check_name(path: str) -> None:
    """Nothing, if a video file can be called so.

    Raises:
        CaptureError: it ends in no known way.
    """
    if Path(path).suffix.lower() not in _FORMATS:
        raise CaptureError(
            f"{path} is neither window, null, auto nor a video file; "
            f"end its name in {', '.join(sorted(_FORMATS))}"
        )


def _muxing(path: Path) -> dict[str, str]:
    """What makes a file of that name readable while it is written."""
    if path.suffix.lower() == ".mkv":
        return _CLUSTERS | _AT_ONCE
    hybrid = av.library_versions["libavformat"] >= _HYBRID_SINCE
    flags = _MOVFLAGS + ("+hybrid_fragmented" if hybrid else "")
    return {"movflags": flags} | _FRAGMENTS | _AT_ONCE


def _holds_a_picture(path: Path) -> bool:
    with (
        contextlib.suppress(OSError, av.error.FFmpegError),
        open_media(path) as container,
    ):
        videos = container.streams.video
        return any(packet.size for packet in container.demux(*videos[:1]) if videos)
    return False


def _even(pixels: Pixels) -> Pixels:
    """With one more row or column where 4:2:0 needs it."""
    bottom, right = pixels.shape[0] % 2, pixels.shape[1] % 2
    if not bottom and not right:
        return np.ascontiguousarray(pixels)
    return np.asarray(
        cv2.copyMakeBorder(pixels, 0, bottom, 0, right, cv2.BORDER_REPLICATE), np.uint8
    )
