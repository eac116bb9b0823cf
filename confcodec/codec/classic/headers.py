"""What a JPEG 2000 or AVIF picture may look like before a library is let near it.

Their decoders trust the sizes in the bytes: a few hundred bytes can ask for gigabytes.
So only the plain shape that our own encoders write passes: one tile, one item, no
second header anywhere that could say something else.
"""

import struct
from typing import NoReturn

from confcodec.codec.size import MAX_SIDE, check_size
from confcodec.errors import BitstreamError

# Markers and segments: ISO/IEC 15444-1, annex A.
_SIZ = struct.Struct("!4sHH8IH9s")
_SEGMENT = struct.Struct("!HH")
_SOT = struct.Struct("!HHHIBB")
_MAIN_HEADER = {0xFF52, 0xFF5C, 0xFF64}  # coding style, quantisation, comment

# Boxes: ISO/IEC 14496-12 and 23008-12; data units: the AV1 specification, 5.3.
_BOX = struct.Struct("!I4s")
_ILOC = struct.Struct("!B3s BB H HHH II")
_OBU_DELIMITER, _OBU_SEQUENCE, _OBU_FRAME = 2, 1, 6


def check_jpeg2000(bitstream: bytes, max_side: int = MAX_SIDE) -> tuple[int, int]:
    """Width and height, at most `max_side`, of a codestream of one tile and one layer.

    Raises:
        BitstreamError: anything else.
    """
    try:
        width, height, at = _jpeg2000_size(bitstream, max_side)
        marker, length = _SEGMENT.unpack_from(bitstream, at)
        while marker in _MAIN_HEADER:
            if marker == 0xFF52:
                _check_coding_style(bitstream[at + 4 : at + 2 + length])
            at += 2 + length
            marker, length = _SEGMENT.unpack_from(bitstream, at)
        _, _, tile, size, part, parts = _SOT.unpack_from(bitstream, at)
        (data,) = struct.unpack_from("!H", bitstream, at + _SOT.size)
    except struct.error as error:
        raise BitstreamError("the JPEG 2000 picture was cut off") from error
    whole = at + size + 2 == len(bitstream) and bitstream.endswith(b"\xff\xd9")
    if (marker, length, tile, part, parts, data) != (0xFF90, 10, 0, 0, 1, 0xFF93):
        _refuse("JPEG 2000", "more than one tile, or other headers than ours")
    if not whole:
        _refuse("JPEG 2000", "it was cut off, or something follows")
    return width, height


def check_avif(bitstream: bytes, max_side: int = MAX_SIDE) -> tuple[int, int]:
    """Width and height, at most `max_side`, of a file with one 4:4:4 picture.

    Raises:
        BitstreamError: anything else.
    """
    try:
        meta, data_at = _avif_boxes(bitstream)
        spatial = meta.index(b"ispe")
        width, height = struct.unpack_from("!4xII", meta, spatial + 4)
        place = meta.index(b"iloc")
        *head, offset, length = _ILOC.unpack_from(meta, place + 4)
    except (struct.error, ValueError) as error:
        raise BitstreamError("the AVIF picture was cut off") from error
    if meta.count(b"ispe") != 1 or meta.count(b"iloc") != 1 or b"grid" in meta:
        _refuse("AVIF", "more than one picture")
    # Version 0, offsets of 4 bytes, one item of one extent: the whole of the data.
    if head != [0, b"\0\0\0", 0x44, 0, 1, 1, 0, 1] or (offset, length) != (
        data_at,
        len(bitstream) - data_at,
    ):
        _refuse("AVIF", "its picture is not where its data is")
    _check(width, height, "AVIF", max_side)
    _check_obus(bitstream, data_at, max_side)
    return width, height


def _jpeg2000_size(bitstream: bytes, max_side: int) -> tuple[int, int, int]:
    """Width, height, and where the next segment begins."""
    magic, *fields = _SIZ.unpack_from(bitstream)
    length, _, width, height = fields[:4]
    origin, tile, tile_origin = fields[4:6], fields[6:8], fields[8:10]
    plain = (
        magic == b"\xff\x4f\xff\x51"
        and length == _SIZ.size - 4
        and (*origin, *tile_origin) == (0, 0, 0, 0)
        and tile == [width, height]
        and fields[10] == 3
        and fields[11] == b"\x07\x01\x01" * 3
    )
    if not plain:
        _refuse("JPEG 2000", "several tiles, or no 8-bit RGB")
    _check(width, height, "JPEG 2000", max_side)
    return width, height, _SIZ.size


def _check_coding_style(body: bytes) -> None:
    """One layer, code blocks and precincts of ordinary sizes: their number costs memory."""
    _, _, layers, _, levels, block_width, block_height = struct.unpack_from(
        "!BBHBBBB", body
    )
    precincts = body[10:]
    if layers != 1 or levels > 6 or min(block_width, block_height) < 2:
        _refuse("JPEG 2000", "unusual coding style")
    if any(min(size >> 4, size & 15) < 6 for size in precincts):
        _refuse("JPEG 2000", "tiny precincts")


def _avif_boxes(bitstream: bytes) -> tuple[bytes, int]:
    """The `meta` box, and where the data of the `mdat` box begins: the rest of the file."""
    at, boxes = 0, []
    for _ in range(3):
        size, kind = _BOX.unpack_from(bitstream, at)
        boxes.append((kind, at, at + size))
        at += size
    kinds = [kind for kind, _, _ in boxes]
    if kinds != [b"ftyp", b"meta", b"mdat"] or at != len(bitstream):
        _refuse("AVIF", "it was cut off, or holds other boxes than a picture's")
    (_, start, end), (_, data, _) = boxes[1:]
    if end - start > 512:
        _refuse("AVIF", "a larger header than a plain picture has")
    return bitstream[start:end], data + _BOX.size


def _check_obus(bitstream: bytes, at: int, max_side: int) -> None:
    """Delimiter, one sequence header with no bits for larger sides, one frame."""
    kinds: list[int] = []
    while at < len(bitstream) and len(kinds) < 4:
        head = bitstream[at]
        if head & 0x87 != 0x02:  # no extension, with a size
            _refuse("AVIF", "an unknown kind of data")
        size, at = _leb128(bitstream, at + 1)
        kinds.append(head >> 3)
        if kinds[-1] == _OBU_SEQUENCE:
            _check_sequence(bitstream[at : at + size], max_side)
        at += size
    if kinds != [_OBU_DELIMITER, _OBU_SEQUENCE, _OBU_FRAME] or at != len(bitstream):
        _refuse("AVIF", "other data than one frame")


def _check_sequence(header: bytes, max_side: int) -> None:
    """AV1 specification, section 5.5.1: a reduced still picture header."""
    bits = int.from_bytes(header[:3].ljust(3, b"\0"), "big")
    reduced = bits >> 19 & 1
    width_bits, height_bits = (bits >> 10 & 15) + 1, (bits >> 6 & 15) + 1
    # Whatever a frame header says later, it has no more bits to say it in.
    if not reduced or max(width_bits, height_bits) > (max_side - 1).bit_length():
        _refuse("AVIF", "frames larger than the header says")


def _leb128(content: bytes, at: int) -> tuple[int, int]:
    value = 0
    for i, byte in enumerate(content[at : at + 4]):
        value |= (byte & 127) << 7 * i
        if byte < 128:
            return value, at + i + 1
    _refuse("AVIF", "a length without an end")


def _check(width: int, height: int, what: str, max_side: int) -> None:
    try:
        check_size(width, height, max_side)
    except ValueError as error:
        raise BitstreamError(f"damaged {what} picture: {error}") from error


def _refuse(what: str, reason: str) -> NoReturn:
    raise BitstreamError(f"no {what} picture of confcodec: {reason}")
