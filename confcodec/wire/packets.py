"""The packet: one message of the media channel, at most 1,160 bytes.

All numbers in network byte order.

    offset  bytes  field
    0       1      version (high 4 bits, 2), type (low 4 bits, 0: a piece of a frame)
    1       1      flags: bit 0, coded at half of its width and height; others 0, ignored
    2       1      slice, which part of the frame this is, from 0; 0 in parity
    3       1      slices, number of parts of the frame
    4       4      frame number
    8       2      sequence, counts the packets of this sender, wraps
    10      2      index of this packet within its frame
    12      2      k, packets that carry the frame; the first k
    14      2      n, k and the packets of parity after them
    16      4      capture time, microseconds of the sender's clock, low 32 bits
    20      4      send time, likewise
    24      4      length of the slice in bytes; 0 in parity
    28      4      offset of the payload within the slice; 0 in parity
    32             payload: a run of the slice's bytes, or a row of parity (see `fec`)

A packet belongs to one slice, so that a lost one costs a slice and not a frame. The
packets of a slice are of nearly one size. Parity covers all slices of a frame at once.
"""

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from confcodec.errors import PacketError

VERSION = 2
MAX_PACKET = 1160
"""Bytes that fit one SCTP chunk; a longer message costs extra round trips."""
MAX_FRAME = 8 << 20
"""Bytes of the longest bitstream accepted from a peer."""

_HEADER = struct.Struct("!BBBBIHHHHIIII")
HEADER_SIZE = _HEADER.size
ROW_HEADER_SIZE = 11
"""Bytes that parity needs besides the payload it protects."""
MAX_PAYLOAD = MAX_PACKET - HEADER_SIZE - ROW_HEADER_SIZE
"""Bytes of a slice in one packet, so that its row of parity fits one, too."""
MAX_PROTECTED = 256
"""n of the largest frame with parity: it is worked out in a field of 256."""
_TYPE_FRAME = 0


@dataclass(frozen=True, slots=True)
class Packet:
    """One piece of a coded frame; the fields stand in the order of the header."""

    slice: int
    slices: int
    frame: int
    sequence: int
    index: int
    k: int
    n: int
    capture_us: int
    """Microseconds of the sender's clock, low 32 bits; see `unwrap_time`."""
    send_us: int
    length: int
    offset: int
    payload: bytes
    halved: bool = False
    """The picture was coded at half of its width and height."""

    @property
    def is_parity(self) -> bool:
        """It carries parity, not bytes of a slice."""
        return self.index >= self.k


def pack(packet: Packet) -> bytes:
    """The message that carries `packet`."""
    p = packet
    return (
        _HEADER.pack(
            *(VERSION << 4 | _TYPE_FRAME, p.halved, p.slice, p.slices, p.frame),
            *(p.sequence, p.index, p.k, p.n),
            *(p.capture_us, p.send_us, p.length, p.offset),
        )
        + p.payload
    )


def unpack(message: bytes) -> Packet:
    """Read a message of the media channel, untrusted; the inverse of `pack`.

    Raises:
        PacketError: no packet of this version, or its numbers contradict each other.
    """
    if not HEADER_SIZE < len(message) <= MAX_PACKET:
        raise PacketError(f"a packet has {HEADER_SIZE + 1} to {MAX_PACKET} bytes")
    kind, flags, *fields = _HEADER.unpack_from(message)
    if kind != VERSION << 4 | _TYPE_FRAME:
        raise PacketError(
            f"packet version {kind >> 4}, type {kind & 15}: use the same release on both sides"
        )
    fields += [message[HEADER_SIZE:], bool(flags & 1)]
    packet = Packet(*fields)
    if not (packet.slice < packet.slices <= packet.k <= packet.n):
        raise PacketError("packet numbered outside its frame")
    if packet.index >= packet.n or packet.n > max(packet.k, MAX_PROTECTED):
        raise PacketError("packet numbered outside its frame")
    if packet.is_parity:
        if packet.slice or packet.length or packet.offset:
            raise PacketError("a packet of parity that says it is of a slice")
    else:
        check_run(packet.length, packet.offset, len(packet.payload))
    return packet


def check_run(length: int, offset: int, size: int) -> None:
    """Refuse, with a PacketError, bytes that do not lie within a slice of `length` bytes."""
    if not (size > 0 and offset + size <= length <= MAX_FRAME):
        raise PacketError(f"{size} bytes at {offset} of a slice of {length} bytes")


def packetize(
    parts: Sequence[bytes],
    frame: int,
    sequence: int,
    capture_time: float,
    send_time: float,
    *,
    halved: bool = False,
) -> list[Packet]:
    """Cut each part of a frame into as few packets as possible, evenly; no parity.

    Args:
        parts: the slices, 1 to 255, at least 1 byte each, `MAX_FRAME` in all at most.
        frame: its number, below 2**32.
        sequence: of the first packet; the following ones count up.
        capture_time: seconds on this machine's monotonic clock.
        send_time: likewise.
        halved: see `Packet`.
    """
    length = sum(map(len, parts))
    if not (0 < len(parts) < 256 and all(parts) and length <= MAX_FRAME):
        raise ValueError(f"a frame of {length} bytes in {len(parts)} slices")
    runs = [(number, *run) for number, part in enumerate(parts) for run in _runs(part)]
    k = len(runs)
    times = wrap_time(capture_time), wrap_time(send_time)
    return [
        Packet(
            *(number, len(parts), frame, (sequence + index) & 0xFFFF, index, k, k),
            *(*times, len(parts[number]), offset, payload, halved),
        )
        for index, (number, offset, payload) in enumerate(runs)
    ]


def _runs(part: bytes) -> Iterator[tuple[int, bytes]]:
    count = -(-len(part) // MAX_PAYLOAD)
    edges = [len(part) * i // count for i in range(count + 1)]
    for start, end in pairwise(edges):
        yield start, part[start:end]


def wrap_time(time: float) -> int:
    """The low 32 bits of a time's microseconds, as they travel."""
    return round(time * 1e6) & 0xFFFFFFFF


def unwrap_time(wrapped: int, near: float) -> float:
    """Seconds of the time nearest to `near` with these low 32 bits; inverse of `wrap_time`."""
    near_us = round(near * 1e6)
    offset = (wrapped - near_us + (1 << 31)) % (1 << 32) - (1 << 31)
    return (near_us + offset) / 1e6
