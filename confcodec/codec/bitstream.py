"""The byte layout of one frame coded by a learned codec, version 1.

All numbers in network byte order.

    offset  bytes  field
    0       1      magic, 0xCC
    1       1      version (high 4 bits), flags (low 4 bits, 0)
    2       4      model: first 4 bytes of the SHA-256 of the weights file
    6       2      width, pixels
    8       2      height, pixels
    10      1      quality, 0..63
    11      1      n, number of slices: one for each 128 rows of pixels, the last may be lower
    12      3 n    slice table: flags (high 4 bits, 0), payload length in bytes (low 20 bits)
    12+3n   4      CRC-32 of all bytes before it and of all payloads
    16+3n          payloads of the slices, from top to bottom

A slice decodes without any other slice. The flags leave room for slices that
need not be sent because nothing in them changed.

For a network that loses packets a frame travels as its parts, one for each
slice: the first 12 bytes above with flags = 1 and the number of the slice, from
0, in place of n, then the payload. Whoever carries them checks for damage.
"""

import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

from confcodec.codec.plugin import label as plugin_bitstream
from confcodec.codec.quality import QUALITIES
from confcodec.codec.size import MAX_SIDE, check_size
from confcodec.errors import BitstreamError

MAGIC = b"\xcc"
VERSION = 1
SLICE_HEIGHT = 128
"""Pixel rows a slice covers."""

_HEADER = struct.Struct("!cB4sHHBB")
_CRC = struct.Struct("!I")
_ENTRY = 3
_PART = 1
_LENGTH_LIMIT = 1 << 20


@dataclass(frozen=True, slots=True)
class Header:
    """What a decoder must know before it reads a slice."""

    model: bytes
    """First 4 bytes of the SHA-256 of the weights file."""
    width: int
    """Pixels, 16..1920, in files 16..8192."""
    height: int
    """Pixels, 16..1920, in files 16..8192."""
    quality: int
    """0..63."""


def slice_count(height: int) -> int:
    """Slices of a frame of that many pixel rows."""
    return -(-height // SLICE_HEIGHT)


def pack(header: Header, payloads: Sequence[bytes]) -> bytes:
    """The bitstream of one frame, its slices from top to bottom.

    Raises:
        ValueError: a slice of a megabyte or more.
    """
    assert len(payloads) == slice_count(header.height)
    if any(len(payload) >= _LENGTH_LIMIT for payload in payloads):
        # At 1920 columns no picture comes near it, at 8192 noise may.
        raise ValueError("a slice takes more than a megabyte; lower the quality")
    fields = (header.model, header.width, header.height, header.quality, len(payloads))
    head = _HEADER.pack(MAGIC, VERSION << 4, *fields)
    head += b"".join(len(payload).to_bytes(_ENTRY, "big") for payload in payloads)
    body = b"".join(payloads)
    return head + _CRC.pack(zlib.crc32(body, zlib.crc32(head))) + body


def split(bitstream: bytes) -> list[bytes]:
    """Cut a bitstream into its parts, each of use without the others.

    Raises:
        BitstreamError: not a whole, undamaged bitstream of this version.
    """
    header, payloads = unpack(bitstream)
    fields = (header.model, header.width, header.height, header.quality)
    return [
        _HEADER.pack(MAGIC, VERSION << 4 | _PART, *fields, index) + payload
        for index, payload in enumerate(payloads)
    ]


def join(parts: Sequence[bytes | None]) -> tuple[Header, list[bytes | None]]:
    """Take the parts of one frame apart, untrusted; None stands for a lost one.

    Raises:
        BitstreamError: no part is there, or they belong to different frames.
    """
    header: Header | None = None
    for index, part in enumerate(parts):
        if part is None:
            continue
        own, number = _unpack_header(part, _PART)
        if header not in (None, own) or number != index:
            raise BitstreamError("the slices belong to different frames")
        header = own
    if header is None:
        raise BitstreamError("all slices of the frame are lost")
    if len(parts) != slice_count(header.height):
        raise BitstreamError(f"{len(parts)} slices for {header.height} rows of pixels")
    return header, [part and part[_HEADER.size :] for part in parts]


def whole_bitstream(parts: Sequence[bytes | None]) -> bytes:
    """The bitstream that `split` cut into these parts, all of them there.

    A classical codec has one part, its bitstream; somebody's own has labelled ones.
    """
    first = parts[0] or b""
    if first[:1] == plugin_bitstream.MAGIC:
        return plugin_bitstream.pack_together(parts)
    if first[:1] != MAGIC:
        return first
    header, payloads = join(parts)
    return pack(header, [payload or b"" for payload in payloads])


def unpack(bitstream: bytes, max_side: int = MAX_SIDE) -> tuple[Header, list[bytes]]:
    """Check a bitstream, untrusted, and take it apart; the inverse of `pack`.

    Args:
        max_side: pixels a side that are believed; the default is that of a call.

    Raises:
        BitstreamError: not a whole, undamaged bitstream of this version, or too large.
    """
    header, count = _unpack_header(bitstream, 0, max_side)
    if count != slice_count(header.height):
        raise BitstreamError(f"damaged bitstream: {count} slices")
    return header, _payloads(bitstream, count)


def _unpack_header(
    data: bytes, flags: int, max_side: int = MAX_SIDE
) -> tuple[Header, int]:
    """The first 12 bytes: the header, and the number in its last byte."""
    if len(data) < _HEADER.size:
        raise BitstreamError(
            f"{len(data)} bytes are too few for a frame; was it cut off?"
        )
    magic, version, model, width, height, quality, number = _HEADER.unpack_from(data)
    if magic != MAGIC:
        raise BitstreamError(
            "not a bitstream of a learned codec: the first byte is not 0xCC"
        )
    if version != VERSION << 4 | flags:
        raise BitstreamError(
            f"bitstream version {version >> 4}.{version & 15}, this program reads "
            f"{VERSION}.{flags}; use the same release on both sides"
        )
    try:
        check_size(width, height, max_side)
    except ValueError as error:
        raise BitstreamError(f"damaged bitstream: {error}") from error
    if quality >= QUALITIES:
        raise BitstreamError(f"damaged bitstream: quality {quality}")
    return Header(model, width, height, quality), number


def _payloads(bitstream: bytes, count: int) -> list[bytes]:
    table_end = _HEADER.size + _ENTRY * count
    start = table_end + _CRC.size
    if len(bitstream) < start:
        raise BitstreamError(
            "the bitstream ends inside its slice table; was it cut off?"
        )
    lengths = [
        int.from_bytes(bitstream[at : at + _ENTRY], "big")
        for at in range(_HEADER.size, table_end, _ENTRY)
    ]
    if any(length >= _LENGTH_LIMIT for length in lengths):
        raise BitstreamError("damaged bitstream: unknown slice flags")
    if start + sum(lengths) != len(bitstream):
        raise BitstreamError(
            f"the bitstream has {len(bitstream)} bytes, its table says {start + sum(lengths)}"
        )
    (crc,) = _CRC.unpack_from(bitstream, table_end)
    body = memoryview(bitstream)[start:]
    if crc != zlib.crc32(body, zlib.crc32(memoryview(bitstream)[:table_end])):
        raise BitstreamError("damaged bitstream: the CRC-32 does not match")
    payloads = []
    for length in lengths:
        payloads.append(bitstream[start : start + length])
        start += length
    return payloads


def checksum_holds(bitstream: bytes) -> bool:
    """Whether untrusted bytes are a whole, undamaged bitstream, be it of a size we decode or not."""
    if len(bitstream) < _HEADER.size:
        return False
    table_end = _HEADER.size + _ENTRY * bitstream[_HEADER.size - 1]
    lengths = (
        int.from_bytes(bitstream[at : at + _ENTRY], "big") % _LENGTH_LIMIT
        for at in range(_HEADER.size, table_end, _ENTRY)
    )
    if table_end + _CRC.size + sum(lengths) != len(bitstream):
        return False
    (crc,) = _CRC.unpack_from(bitstream, table_end)
    view = memoryview(bitstream)
    head = zlib.crc32(view[:table_end])
    return bool(crc == zlib.crc32(view[table_end + _CRC.size :], head))
