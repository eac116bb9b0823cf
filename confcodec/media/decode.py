"""A video file as an endless row of pictures with rising media times."""

import logging
from collections.abc import Generator
from fractions import Fraction

import av
import av.error
import numpy as np

from confcodec.codec.frame import Pixels
from confcodec.cores import usable_cores
from confcodec.errors import CaptureError
from confcodec.media.container import open_media

logger = logging.getLogger(__name__)

Timed = tuple[float, av.VideoFrame]
"""Seconds from the start, and the picture to show then."""

VIDEOS = frozenset({".avi", ".m4v", ".mkv", ".mov", ".mp4", ".webm"})

_LONGEST_GAP = 10.0
"""Seconds between two frames; more, or less than none, is a fault in the time stamps."""
_USUAL_RATE = 30.0
"""Frames a second of a file that does not say."""


def looped(path: str) -> Generator[Timed]:
    """Decode the video at `path` over and over, each round following on the last.

    Raises:
        CaptureError: no video, or a round without a single picture.
    """
    time = step = 0.0
    while True:
        before = None
        for stamp, duration, picture in _round(path):
            if before is not None:
                step = stamp - before
                step = step if 0 <= step <= _LONGEST_GAP else duration
            time += step
            yield time, picture
            before, step = stamp, duration
        if before is None:
            raise CaptureError(f"{path} holds no picture; choose another file")


def played_once(path: str) -> Generator[Timed]:
    """Decode the video at `path` from its start to its end.

    Raises:
        CaptureError: no video.
    """
    for stamp, _, picture in _round(path):
        yield stamp, picture


def video_facts(path: str) -> tuple[Fraction, int | None]:
    """Frames a second and, where the file says so, the number of frames.

    Raises:
        CaptureError: no video.
    """
    try:
        with open_media(path) as container:
            if not container.streams.video:
                raise CaptureError(f"{path} has no video in it; choose another file")
            stream = container.streams.video[0]
            return Fraction(stream.average_rate or _USUAL_RATE), stream.frames or None
    except (av.error.FFmpegError, OSError) as error:
        raise CaptureError(
            f"{path} is no video this program can read: {error}"
        ) from error


def upright(picture: av.VideoFrame) -> Pixels:
    """RGB pixels, turned as the file says it was filmed."""
    pixels = np.asarray(picture.to_ndarray(format="rgb24"), np.uint8)
    turns = round(picture.rotation / 90)
    return np.ascontiguousarray(np.rot90(pixels, turns)) if turns else pixels


def _round(path: str) -> Generator[tuple[float, float, av.VideoFrame]]:
    """Each picture once, with its time stamp and how long it is shown."""
    try:
        # Opened anew each round: not every format can be wound back.
        with open_media(path) as container:
            if not container.streams.video:
                raise CaptureError(f"{path} has no video in it; choose another file")
            stream = container.streams.video[0]
            stream.thread_type = "AUTO"
            # FFmpeg itself heeds the scheduler, not the quota of a container.
            stream.codec_context.thread_count = min(16, usable_cores())
            usual = 1 / float(stream.average_rate or _USUAL_RATE)
            stamp = 0.0
            for packet in container.demux(stream):
                for picture in _decoded(packet):
                    duration = usual
                    if picture.duration and picture.time_base:
                        duration = float(picture.duration * picture.time_base)
                    stamp = stamp + usual if picture.time is None else picture.time
                    yield stamp, duration, picture
    except (av.error.FFmpegError, OSError) as error:
        raise CaptureError(
            f"{path} is no video this program can read: {error}"
        ) from error


def _decoded(packet: "av.Packet[av.VideoStream]") -> list[av.VideoFrame]:
    """The pictures of one packet; none of a damaged one, the next may be whole."""
    try:
        return packet.decode()
    except av.error.InvalidDataError as error:
        logger.debug("damaged packet skipped: %s", error)
        return []
