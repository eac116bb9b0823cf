"""The bytes before what somebody's own codec wrote: whose it is, and how large the picture.

All numbers in network byte order.

    offset  bytes  field
    0       1      magic, 0xCB
    1       1      version (high 4 bits, 1), kind (low 4 bits)
    2       2      width, pixels
    4       2      height, pixels
    6       1      n, length of the name, 1..12
    7       n      name of the codec, ASCII, of a-z 0-9 . _ -

Then, by kind:

    0  a frame in one piece: the bytes of the codec
    1  a part of a frame: its number from 0 (1 byte), how many there are (1), the part
    2  all parts of a frame, in a file: how many (1), the length of each (4), the parts
"""

import re
import struct
from collections.abc import Sequence
from dataclasses import dataclass

from confcodec.codec.size import check_size
from confcodec.errors import BitstreamError

MAGIC = b"\xcb"
VERSION = 1
NAME = re.compile(r"[a-z0-9._-]{1,12}")
"""What a codec may be called: it fits the header of a bitstream file."""
MAX_PARTS = 255
"""As many as a frame on the wire may have."""

WHOLE, PART, TOGETHER = range(3)

_HEADER = struct.Struct("!cBHHB")
_PLACE = struct.Struct("!BB")
_LENGTH = struct.Struct("!I")


@dataclass(frozen=True, slots=True)
class Label:
    """Whose bytes follow, and of what picture."""

    name: str
    width: int
    """Pixels, 16..1920."""
    height: int
    """Pixels, 16..1920."""


def pack(label: Label, kind: int, content: bytes) -> bytes:
    """`content` behind its label."""
    name = label.name.encode("ascii")
    fields = (VERSION << 4 | kind, label.width, label.height, len(name))
    return _HEADER.pack(MAGIC, *fields) + name + content


def unpack(data: bytes) -> tuple[Label, int, bytes]:
    """Label, kind and content of bytes, untrusted; the inverse of `pack`.

    Raises:
        BitstreamError: no such label, or a picture of a size that no frame has.
    """
    if len(data) < _HEADER.size or data[:1] != MAGIC:
        raise BitstreamError("these bytes carry no name of a codec; were they cut off?")
    _, version, width, height, length = _HEADER.unpack_from(data)
    if version >> 4 != VERSION or version & 15 > TOGETHER:
        raise BitstreamError(
            f"label version {version >> 4}.{version & 15}, this program reads {VERSION}.0 to "
            f"{VERSION}.{TOGETHER}; use the same release on both sides"
        )
    end = _HEADER.size + length
    name = data[_HEADER.size : end].decode("latin-1")
    if len(name) != length or not NAME.fullmatch(name):
        raise BitstreamError("damaged bitstream: no name of a codec")
    try:
        check_size(width, height)
    except ValueError as error:
        raise BitstreamError(f"damaged bitstream: {error}") from error
    return Label(name, width, height), version & 15, data[end:]


def name_in(data: bytes) -> str:
    """The codec that a label names, untrusted.

    Raises:
        BitstreamError: no label.
    """
    return unpack(data)[0].name


def pack_parts(label: Label, contents: Sequence[bytes]) -> list[bytes]:
    """The parts of a frame, each behind a label of its own."""
    assert 0 < len(contents) <= MAX_PARTS
    return [
        pack(label, PART, _PLACE.pack(number, len(contents)) + content)
        for number, content in enumerate(contents)
    ]


def unpack_parts(parts: Sequence[bytes | None]) -> tuple[Label, list[bytes | None]]:
    """Label and contents of the parts of one frame, untrusted; None stands for a lost one.

    Raises:
        BitstreamError: no part is there, or they belong to different frames.
    """
    found: Label | None = None
    contents: list[bytes | None] = []
    for number, part in enumerate(parts):
        if part is None:
            contents.append(None)
            continue
        label, kind, content = unpack(part)
        place = (number, len(parts))
        if kind != PART or content[: _PLACE.size] != bytes(place):
            raise BitstreamError("damaged frame: a part of it is in the wrong place")
        if found not in (None, label):
            raise BitstreamError("the parts belong to different frames")
        found = label
        contents.append(content[_PLACE.size :])
    if found is None:
        raise BitstreamError("all parts of the frame are lost")
    return found, contents


def pack_together(parts: Sequence[bytes | None]) -> bytes:
    """The parts of a frame, all of them there, as one piece that `unpack_together` reads."""
    if len(parts) == 1 and parts[0] and unpack(parts[0])[1] == WHOLE:
        return parts[0]
    label, contents = unpack_parts(parts)
    there = [content or b"" for content in contents]
    lengths = b"".join(_LENGTH.pack(len(content)) for content in there)
    return pack(label, TOGETHER, bytes([len(there)]) + lengths + b"".join(there))


def unpack_together(content: bytes) -> list[bytes]:
    """The parts in a content of kind `TOGETHER`, untrusted.

    Raises:
        BitstreamError: its lengths do not add up.
    """
    count = content[0] if content else 0
    start = 1 + count * _LENGTH.size
    if not count or len(content) < start:
        raise BitstreamError("damaged frame: it ends inside its table of parts")
    lengths = [length for (length,) in _LENGTH.iter_unpack(content[1:start])]
    if start + sum(lengths) != len(content):
        raise BitstreamError("damaged frame: its parts do not add up")
    parts = []
    for length in lengths:
        parts.append(content[start : start + length])
        start += length
    return parts
