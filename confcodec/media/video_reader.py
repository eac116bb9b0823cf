"""A video file, or an animated picture, as a row of pictures with rising media times."""

import logging
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Literal, TypeVar

import av
import av.container
import av.error
import av.video.stream
import cv2
import numpy as np

from confcodec.codec.frame import Pixels
from confcodec.codec.size import FILE_SIDE
from confcodec.errors import CaptureError
from confcodec.machine.cores import usable_cores
from confcodec.media.animation import ANIMATED, Animation, is_animated
from confcodec.media.colour import to_srgb
from confcodec.media.container import open_media
from confcodec.media.picture import PICTURES

logger = logging.getLogger(__name__)

T = TypeVar("T")

_ENDINGS = (
    "3gp avi flv m2ts m4v mjpeg mjpg mkv mov mp4 mpeg mpg mts ogv ts webm wmv y4m"
)
VIDEOS = frozenset(f".{ending}" for ending in _ENDINGS.split())
"""How names of videos end; others are tried, too, where a file is named."""

LONGEST_GAP = 6 * 3600.0
"""Seconds between two frames of a file; MP4 cannot hold more than 9.9 hours."""
_LONGEST_WAIT = 10.0
"""The same where somebody watches; more, or less than none, is a fault in the time stamps."""
_USUAL_RATE = Fraction(30)
"""Frames a second of a file that does not say, or says what cannot be."""
_RATES = (Fraction(1, 1000), Fraction(1000))
_ASPECTS = (Fraction(1, 8), Fraction(8))
_SQUARE = Fraction(1)


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture of a video; only `upright` makes pixels of it."""

    frame: av.VideoFrame | Pixels
    """As decoded."""
    aspect: Fraction = _SQUARE
    """Width of a pixel over its height, as the picture lies in the file."""

    @property
    def is_corrupt(self) -> bool:
        """Whether parts of it are missing."""
        return isinstance(self.frame, av.VideoFrame) and self.frame.is_corrupt

    @property
    def turns(self) -> int:
        """Quarter turns, anticlockwise, that put it upright."""
        if isinstance(self.frame, av.VideoFrame):
            return round(self.frame.rotation / 90)
        return 0


Timed = tuple[float, Picture]
"""Seconds from the start, and the picture to show then."""


@dataclass(frozen=True, slots=True)
class VideoFacts:
    """What a video says of itself, as far as it can be believed."""

    fps: Fraction
    """Frames a second."""
    count: int | None
    """How many frames, if the file says so."""
    aspect: Fraction
    """Width of a pixel over its height, once it is upright."""
    sound: bool
    """Whether there is any."""


Kind = Literal["picture", "animation", "video"]


def kind_of(path: Path) -> Kind:
    """What a file is read as: by its name, and by its content where the name leaves it open."""
    ending = path.suffix.lower()
    if ending in VIDEOS:
        return "video"
    moves = is_animated(path)
    if moves is None:
        return "picture" if ending in PICTURES | ANIMATED else "video"
    return "animation" if moves else "picture"


def looped(path: str) -> Generator[Timed]:
    """Decode the video at `path` over and over, each round following on the last.

    No picture is shown for longer than 10 s.

    Raises:
        CaptureError: no video, or a round without a single picture.
    """
    time = step = 0.0
    while True:
        before = None
        for stamp, duration, picture in _round(path):
            if before is not None:
                step = _step(stamp - before, duration, _LONGEST_WAIT)
            time += step
            yield time, picture
            before, step = stamp, min(duration, _LONGEST_WAIT)
        if before is None:
            raise CaptureError(f"{path} holds no picture; choose another file")


def played_once(path: str) -> Generator[Timed]:
    """Decode the video at `path` from its start to its end; times never fall.

    Raises:
        CaptureError: no video.
    """
    yield from steady(_round(path))


def steady(rows: Iterable[tuple[float, float, T]]) -> Generator[tuple[float, T]]:
    """Times that a file can hold, of rows with a time stamp, a duration and something.

    A gap that is negative, or above 6 hours, becomes the duration.
    """
    time, before = 0.0, None
    for stamp, duration, thing in rows:
        if before is None:
            time = stamp if abs(stamp) <= LONGEST_GAP else 0.0
        else:
            time += _step(stamp - before, duration, LONGEST_GAP)
        yield time, thing
        before = stamp


def sane_rate(rate: Fraction | None) -> Fraction:
    """The rate that a file claims, or 30 where that is none: 0, negative, or above 1000."""
    if rate is not None and _RATES[0] <= rate <= _RATES[1]:
        return Fraction(rate)
    return _USUAL_RATE


def video_facts(path: str) -> VideoFacts:
    """What the video at `path` says of itself.

    Raises:
        CaptureError: no video.
    """
    try:
        if kind_of(Path(path)) == "animation":
            with Animation(Path(path)) as animation:
                rate = sane_rate(Fraction(1 / animation.duration))
                return VideoFacts(rate, animation.count, _SQUARE, False)
        with _opened(path) as container:
            stream = _stream(container, path)
            aspect = _aspect(stream)
            first = next(iter(_round(path)), None)
            if first is not None and first[2].turns % 2:
                aspect = 1 / aspect
            count = stream.frames if 0 < stream.frames < 1 << 31 else None
            sound = bool(container.streams.audio)
            return VideoFacts(sane_rate(stream.average_rate), count, aspect, sound)
    except Exception as error:
        raise _unreadable(path, error) from error


def upright(picture: Picture, enough: tuple[int, int] | None = None) -> Pixels:
    """sRGB pixels as they are in the file, turned as the file says it was filmed.

    Args:
        enough: width and height; where pixels are dear, there are no more than cover it.

    Raises:
        CaptureError: a kind of picture that cannot be made into RGB.
    """
    if not isinstance(picture.frame, av.VideoFrame):
        return picture.frame
    try:
        turns = picture.turns
        turned = enough[::-1] if enough and turns % 2 else enough
        pixels = to_srgb(picture.frame, turned)
    except Exception as error:
        raise CaptureError(
            f"a picture of the video cannot be read: {error}; convert the video first"
        ) from error
    return np.ascontiguousarray(np.rot90(pixels, turns)) if turns else pixels


def square(picture: Picture, enough: tuple[int, int] | None = None) -> Pixels:
    """As `upright`, scaled up in one direction where pixels are not square."""
    pixels, aspect = upright(picture, enough), picture.aspect
    if aspect == 1:
        return pixels
    aspect = 1 / aspect if picture.turns % 2 else aspect
    height, width = pixels.shape[:2]
    size = (max(width, round(width * aspect)), max(height, round(height / aspect)))
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_CUBIC), np.uint8)


def _step(step: float, duration: float, longest: float) -> float:
    return step if 0 <= step <= longest else min(duration, longest)


def _round(path: str) -> Iterator[tuple[float, float, Picture]]:
    """Each picture once, with its time stamp and how long it is shown.

    Raises:
        CaptureError: no video. Whatever a library raises on a file becomes this.
    """
    try:
        # Opened anew each round: not every format can be wound back.
        if kind_of(Path(path)) == "animation":
            with Animation(Path(path)) as animation:
                for stamp, duration, pixels in animation:
                    yield stamp, duration, Picture(pixels)
            return
        with _opened(path) as container:
            yield from _pictures(container, path)
    except Exception as error:
        raise _unreadable(path, error) from error


def _pictures(
    container: av.container.InputContainer, path: str
) -> Iterator[tuple[float, float, Picture]]:
    stream = _stream(container, path)
    stream.thread_type = "AUTO"
    # FFmpeg itself heeds the scheduler, not the quota of a container.
    stream.codec_context.thread_count = min(16, usable_cores())
    # A few bytes can claim a picture of gigabytes: refused before it is allocated.
    stream.codec_context.options = {"max_pixels": str(FILE_SIDE * FILE_SIDE)}
    usual, aspect = 1 / float(sane_rate(stream.average_rate)), _aspect(stream)
    stamp = 0.0
    for packet in container.demux(stream):
        for frame in _decoded(packet):
            _check(frame.width, frame.height, path)
            duration = usual
            if frame.duration > 0 and frame.time_base:
                duration = float(frame.duration * frame.time_base)
            stamp = stamp + usual if frame.time is None else frame.time
            yield stamp, duration, Picture(frame, aspect)


def _opened(path: str) -> av.container.InputContainer:
    # Playlists could name files elsewhere.
    return open_media(path, options={"protocol_whitelist": "file"})


def _stream(
    container: av.container.InputContainer, path: str
) -> av.video.stream.VideoStream:
    if not container.streams.video:
        raise CaptureError(f"{path} has no video in it; choose another file")
    stream = container.streams.video[0]
    if stream.codec_context is None:
        raise CaptureError(f"{path} is coded in a way that is unknown here")
    _check(stream.codec_context.width, stream.codec_context.height, path)
    return stream


def _check(width: int, height: int, path: str) -> None:
    if max(width, height) > FILE_SIDE:
        raise CaptureError(
            f"{path} has pictures of {width}x{height}; scale it to {FILE_SIDE} a side at most"
        )


def _aspect(stream: av.video.stream.VideoStream) -> Fraction:
    """Of the pixels; square where the file claims what cannot be."""
    aspect = stream.sample_aspect_ratio
    if aspect is None or not _ASPECTS[0] <= aspect <= _ASPECTS[1]:
        return _SQUARE
    return Fraction(aspect).limit_denominator(1000)


def _decoded(packet: "av.Packet[av.VideoStream]") -> list[av.VideoFrame]:
    """The pictures of one packet; none of a damaged one, the next may be whole."""
    try:
        return packet.decode()
    except av.error.FFmpegError as error:
        logger.debug("damaged packet skipped: %s", error)
        return []


def _unreadable(path: str, error: Exception) -> CaptureError:
    if isinstance(error, CaptureError):
        return error
    return CaptureError(f"{path} is no video this program can read: {error}")
