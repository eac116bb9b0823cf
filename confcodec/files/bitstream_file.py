"""Bitstreams in a file (.ccb): a coded picture, a coded video, or a recorded call.

All numbers in network byte order. First the header:

    offset  bytes  field
    0       4      magic, "CCBF"
    4       1      version, 1
    5       1      flags: 1 if pixels are not square, else 0
    6       2      width of the first frame, pixels
    8       2      height of the first frame, pixels
    10      4      frames a second, numerator; 0 for a single picture
    14      4      frames a second, denominator
    18      12     codec of the first frame, ASCII, filled up with zeros
    30      2      with flag 1 alone: width of a pixel, a whole number
    32      2      with flag 1 alone: height of a pixel in the same unit

Then, for each frame:

    0       4      n, length of the bitstream
    4       8      time of the frame since the first one, microseconds
    12      n      bitstream

Every bitstream says its codec and its size itself, and decodes without any other:
a frame may have another codec or size than the first. A file that was cut off, or
is still being written, is good up to its last whole frame; what is damaged is
passed over (see `resync`).
"""

import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, NamedTuple, Self

from confcodec.codec.size import FILE_SIDE, check_size
from confcodec.errors import BitstreamError, CaptureError
from confcodec.files.resync import HEAD, LENGTH_LIMIT, Finder, is_whole

SUFFIX = ".ccb"
MAGIC = b"CCBF"
VERSION = 1

_HEADER = struct.Struct("!4sBBHHII12s")
_ASPECT = struct.Struct("!HH")
_NOT_SQUARE = 1


@dataclass(frozen=True, slots=True)
class FileHeader:
    """What the file says of itself before its first frame."""

    codec: str
    """Codec of the first frame, as `registry.codec_of` names it."""
    width: int
    """Of the first frame, pixels."""
    height: int
    """Of the first frame, pixels."""
    fps: Fraction = Fraction(0)
    """Frames a second, nominally; 0 for a single picture."""
    aspect: Fraction = Fraction(1)
    """Width of a pixel over its height, in whole numbers up to 65,535."""


class TimedBitstream(NamedTuple):
    """One frame of a file."""

    time: float
    """Seconds since the first frame."""
    bitstream: bytes
    """Untrusted, as everything from a file."""


def pack_header(header: FileHeader) -> bytes:
    """The first bytes of a file."""
    fps = header.fps.limit_denominator(100_000)
    fields = (header.width, header.height, fps.numerator, fps.denominator)
    flags, aspect = 0, b""
    if header.aspect != 1:
        flags, aspect = _NOT_SQUARE, _ASPECT.pack(*header.aspect.as_integer_ratio())
    name = header.codec.encode("ascii")
    return _HEADER.pack(MAGIC, VERSION, flags, *fields, name) + aspect


def unpack_header(content: bytes) -> FileHeader:
    """Check the first 34 bytes of a file, untrusted; the inverse of `pack_header`.

    Raises:
        BitstreamError: not the start of a file of this version.
    """
    if len(content) < _HEADER.size or content[:4] != MAGIC:
        raise BitstreamError(
            "no bitstream file of confcodec: it does not begin with CCBF"
        )
    _, version, flags, width, height, over, under, name = _HEADER.unpack_from(content)
    if version != VERSION or flags & ~_NOT_SQUARE:
        raise BitstreamError(
            f"file version {version}.{flags}, this program reads {VERSION}.0; use a newer release"
        )
    try:
        check_size(width, height, FILE_SIDE)
        codec = name.rstrip(b"\0").decode("ascii")
    except ValueError as error:
        raise BitstreamError(f"damaged file header: {error}") from error
    if not under or not codec.isprintable():
        raise BitstreamError("damaged file header: no frame rate, or no codec's name")
    aspect = _unpack_aspect(content) if flags else Fraction(1)
    return FileHeader(codec, width, height, Fraction(over, under), aspect)


def _unpack_aspect(content: bytes) -> Fraction:
    if len(content) < _HEADER.size + _ASPECT.size:
        raise BitstreamError("the file ends inside its header")
    across, down = _ASPECT.unpack_from(content, _HEADER.size)
    if not across or not down or math.gcd(across, down) > 1 or across == down:
        raise BitstreamError(f"damaged file header: pixels of {across}:{down}")
    return Fraction(across, down)


def pack_frame(bitstream: bytes, time: float) -> bytes:
    """The bytes of one frame of a file; `time` is seconds since the first frame."""
    assert len(bitstream) <= LENGTH_LIMIT
    return HEAD.pack(len(bitstream), max(0, round(1e6 * time))) + bitstream


class BitstreamWriter:
    """Writes a file frame by frame; after each frame the file is good as it is."""

    def __init__(self, path: Path, header: FileHeader) -> None:
        """Create the file, over an older one of that name.

        Raises:
            CaptureError: it cannot be written.
        """
        self._path = path
        self.bytes = 0
        """Length of the file so far."""
        try:
            self._file: BinaryIO = path.open("wb")
        except OSError as error:
            raise self._failed(error) from error
        self._broken = False
        try:
            self._write(pack_header(header))
        except CaptureError:
            self.close()
            raise

    def write(self, bitstream: bytes, time: float) -> None:
        """Add a frame shown `time` seconds after the first.

        Raises:
            CaptureError: the file can no longer be written.
        """
        self._write(pack_frame(bitstream, time))

    def close(self) -> None:
        """Close the file.

        Raises:
            CaptureError: what was written did not arrive, as on a disk far away.
        """
        try:
            self._file.close()
        except OSError as error:
            if not self._broken:  # else it was said before
                raise self._failed(error) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _write(self, content: bytes) -> None:
        try:
            self._file.write(content)
            self._file.flush()
        except (OSError, ValueError) as error:
            self._broken = True
            raise self._failed(error) from error
        self.bytes += len(content)

    def _failed(self, error: Exception) -> CaptureError:
        reason = error.strerror if isinstance(error, OSError) else error
        return CaptureError(f"cannot write {self._path}: {reason}; choose another file")


class BitstreamReader:
    """Reads a file frame by frame, in constant memory."""

    def __init__(self, path: Path) -> None:
        """Open a file and read its header.

        Raises:
            CaptureError: the file cannot be read.
            BitstreamError: it is no file of coded pictures.
        """
        self.path = path
        self.truncated = False
        """True once the frames were read and the last one was not whole."""
        self.gaps = 0
        """Places where frames could not be told apart, once the frames were read."""
        self.skipped = 0
        """Bytes of these places."""
        try:
            self._file: BinaryIO = path.open("rb")
            start = self._file.read(_HEADER.size + _ASPECT.size)
        except OSError as error:
            raise CaptureError(f"cannot read {path}: {error.strerror}") from error
        try:
            self.header = unpack_header(start)
        except BitstreamError as error:
            self._file.close()
            raise BitstreamError(f"{path}: {error}") from error

    def __iter__(self) -> Iterator[TimedBitstream]:
        """The frames that are there, from the first; damaged heads are passed over.

        A frame whose bitstream is damaged but ends where it should comes as it is.
        """
        self.truncated, self.gaps, self.skipped = False, 0, 0
        finder = Finder(self._file)
        at, time = len(pack_header(self.header)), 0
        while at < finder.size:
            head = finder.head(at)
            # A frame is believed if another follows it, or if nothing whole begins inside it.
            fits = head is not None and finder.fits(head, time)
            following, end = None, finder.size
            if head is None or not fits or not finder.leads_on(head):
                following = finder.next_whole(at + 1, time)
                end = following.at if following else end
            if head and fits and head.end <= end:
                bitstream = finder.bitstream(head)
                if following is None or is_whole(bitstream):
                    yield TimedBitstream(head.time / 1e6, bitstream)
                    at, time = head.end, head.time
                    continue
            if following is None and (head is None or finder.reaches_beyond(head)):
                self.truncated = True
                return
            self.gaps, self.skipped, at = self.gaps + 1, self.skipped + end - at, end

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
