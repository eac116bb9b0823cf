"""Pictures for the pages, as picture messages: what a browser can show.

Why JPEG: for a picture of 640x480 the server spends 2.0 ms to make and send JPEG of
quality 95, 4:4:4 (124 kB), 0.45 ms for I420 (461 kB), 0.75 ms for RGBX (1,229 kB), and
the page 17, 13 and 36 ms to show it. Two views at 30 frames a second so cost 12 % of a
core. I420 has lost half the chroma, which the laboratory would show as the codec's doing,
and browsers read it on localhost and https alone.
"""

from dataclasses import dataclass

import cv2

from confcodec.call.receiver import ReceivedFrame
from confcodec.codec.frame import Frame, Pixels
from confcodec.media.scale import can_halve, halve
from confcodec.wire.picture_message import DECODED, ORIGINAL, Picture, pack

_JPEG = (
    *(cv2.IMWRITE_JPEG_QUALITY, 95),
    *(cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444),
)
_SMALL_JPEG = (
    *(cv2.IMWRITE_JPEG_QUALITY, 90),
    *(cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420),
)
"""For a corner of the page: 0.4 ms less for both sides, and half the bytes, of a 640x480 frame."""


@dataclass(frozen=True, slots=True)
class Shot:
    """A picture yet to be coded for the pages, or coded by the loopback child."""

    kind: int
    number: int
    capture_time: float
    pixels: Pixels | None
    message: bytes = b""
    """The whole picture message, where `pixels` is None."""


def code_shot(shot: Shot, *, halved: bool = False) -> bytes:
    """The picture message of a shot, where possible at half its width and height if `halved`."""
    pixels = shot.pixels
    if pixels is None:
        return shot.message
    halved = halved and can_halve(pixels)
    jpeg = _coded(halve(pixels), _SMALL_JPEG) if halved else jpeg_of(pixels)
    capture_us = max(0, round(shot.capture_time * 1e6))
    return pack(Picture(shot.kind, shot.number, capture_us, jpeg, halved))


def jpeg_of(pixels: Pixels) -> bytes:
    """JPEG at quality 95, 4:4:4: near enough to the original for the eye; 2 ms at 640x480."""
    return _coded(pixels, _JPEG)


def _coded(pixels: Pixels, how: tuple[int, ...]) -> bytes:
    _, jpeg = cv2.imencode(".jpg", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR), how)
    return jpeg.tobytes()


def decoded_shot(frame: ReceivedFrame) -> Shot:
    """The shot of a frame that this process has decoded."""
    return Shot(DECODED, frame.number, frame.capture_time, frame.decoded.pixels)


def original_shot(frame: Frame) -> Shot:
    """The shot of a captured frame."""
    return Shot(ORIGINAL, frame.number, frame.capture_time, frame.pixels)
