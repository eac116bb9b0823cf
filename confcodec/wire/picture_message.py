"""The picture message: one still picture on its way from the server to the page.

All numbers in network byte order.

    offset  bytes  field
    0       1      kind: 1 original, 2 decoded
    1       1      format: 1 JPEG
    2       2      flags: bit 0, the picture has half the width and height of the frame
    4       4      frame number
    8       8      capture time, microseconds of the capturing machine's clock
    16             the picture file

An original and a decoded picture with one number show one captured frame
when the call is a loopback.
"""

import struct
from dataclasses import dataclass

from confcodec.errors import PacketError

ORIGINAL = 1
DECODED = 2
_JPEG = 1

_HEADER = struct.Struct("!BBHIQ")
MAX_PICTURE = 8 << 20
"""Bytes of the longest picture message accepted."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A JPEG file and which frame it shows."""

    kind: int
    """`ORIGINAL` or `DECODED`."""
    frame: int
    """Frame number."""
    capture_us: int
    """Microseconds of the capturing machine's clock."""
    jpeg: bytes
    halved: bool = False
    """It has half the width and height of the frame."""


def pack(picture: Picture) -> bytes:
    """The message that carries `picture`."""
    p = picture
    return _HEADER.pack(p.kind, _JPEG, p.halved, p.frame, p.capture_us) + p.jpeg


def unpack(message: bytes) -> Picture:
    """Read a picture message; the inverse of `pack`.

    Raises:
        PacketError: no picture of a known kind and format.
    """
    if not _HEADER.size < len(message) <= MAX_PICTURE:
        raise PacketError(
            f"a picture message has {_HEADER.size + 1} to {MAX_PICTURE} bytes"
        )
    kind, form, flags, frame, capture_us = _HEADER.unpack_from(message)
    if kind not in (ORIGINAL, DECODED) or form != _JPEG:
        raise PacketError(f"picture of unknown kind {kind} or format {form}")
    jpeg = message[_HEADER.size :]
    return Picture(kind, frame, capture_us, jpeg, bool(flags & 1))
