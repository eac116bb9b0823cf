"""Where the next whole frame begins in a damaged file of bitstreams.

Frames are independent of each other, so a damaged one costs itself alone, once the next one is
found: by the first bytes of a bitstream, by a length and a time that can be, and by what every
format says of its own end. Files are untrusted: what is read in search of frames is limited to
some times the file's length, and no more than one frame is held.
"""

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from confcodec.codec.bitstream import MAGIC, checksum_holds

HEAD = struct.Struct("!IQ")
"""Length of a bitstream, and its time in microseconds."""
LENGTH_LIMIT = 256 << 20
"""Bytes of a bitstream: more than any codec makes of the largest frame."""

_STARTS = re.compile(
    rb"(?=\xcc\x10|\xff\xd8\xff|RIFF....WEBP|\xff\x4f\xff\x51|....ftypavif)", re.DOTALL
)
_START_BYTES = 12
_CHUNK = 1 << 16
_LARGEST_STEP = 86_400_000_000
"""Microseconds between two frames: 96 random bits hardly ever look like a head."""
_EFFORT = 4
"""How many times a file's length may be read while frames are looked for."""


@dataclass(slots=True)
class Head:
    """What stands before a bitstream."""

    at: int
    """Where in the file."""
    length: int
    time: int
    """Microseconds."""

    @property
    def end(self) -> int:
        """Where the next frame begins."""
        return self.at + HEAD.size + self.length


class Finder:
    """Finds heads in a file that may be damaged, cut off, or still be written."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.size = file.seek(0, 2)
        """Of the file, when reading began."""
        self._effort = _EFFORT * self.size + 16 * _CHUNK

    def head(self, at: int) -> Head | None:
        """What stands there, taken for a head; None at the end of the file."""
        self._file.seek(at)
        content = self._file.read(HEAD.size)
        return Head(at, *HEAD.unpack(content)) if len(content) == HEAD.size else None

    def bitstream(self, head: Head) -> bytes:
        """The bytes after a head that fits into the file."""
        self._file.seek(head.at + HEAD.size)
        return self._file.read(head.length)

    def fits(self, head: Head, before: int) -> bool:
        """Whether a head can be one: its length, and its time after one of time `before`."""
        return (
            head.length <= LENGTH_LIMIT
            and head.end <= self.size
            and abs(head.time - before) <= _LARGEST_STEP
        )

    def reaches_beyond(self, head: Head) -> bool:
        """Whether a head can be that of a frame whose end is missing."""
        return head.length <= LENGTH_LIMIT and head.end > self.size

    def leads_on(self, head: Head) -> bool:
        """Whether the file ends after a frame, or another seems to follow."""
        following = self.head(head.end)
        if following is None or self.fits(following, head.time):
            return True
        # The last one may have been cut off.
        step = abs(following.time - head.time)
        return self.reaches_beyond(following) and step <= _LARGEST_STEP

    def next_whole(self, at: int, before: int) -> Head | None:
        """The first whole frame from `at` on, after a frame of time `before`."""
        for place in self._starts(at + HEAD.size):
            head = self.head(place - HEAD.size)
            if head is None or not self.fits(head, before) or not head.length:
                continue
            self._effort -= head.length
            if self._effort < 0:
                return None
            if is_whole(self.bitstream(head)):
                return head
        return None

    def _starts(self, at: int) -> Iterator[int]:
        """Where bitstreams may begin, from `at` on."""
        while at < self.size and self._effort > 0:
            self._file.seek(at)
            chunk = self._file.read(_CHUNK + _START_BYTES - 1)
            self._effort -= len(chunk)
            for found in _STARTS.finditer(chunk):
                if found.start() < _CHUNK:
                    yield at + found.start()
            at += _CHUNK


def is_whole(bitstream: bytes) -> bool:
    """Whether a bitstream is as long as it says and, where it has a checksum, undamaged."""
    if bitstream[:1] == MAGIC:
        return checksum_holds(bitstream)
    if bitstream[:3] == b"\xff\xd8\xff" or bitstream[:4] == b"\xff\x4f\xff\x51":
        return bitstream[-2:] == b"\xff\xd9"
    if bitstream[:4] == b"RIFF":
        length = int.from_bytes(bitstream[4:8], "little") + 8
        return bitstream[8:12] == b"WEBP" and length == len(bitstream)
    return bitstream[4:12] == b"ftypavif" and _boxes_end_at(bitstream) == len(bitstream)


def _boxes_end_at(content: bytes) -> int:
    """Where the last of the boxes of an AVIF file ends."""
    at = 0
    for _ in range(16):
        if at + 8 > len(content):
            break
        at += max(8, int.from_bytes(content[at : at + 4], "big"))
    return at
