"""The packet: one message of the media channel, at most 1,160 bytes.

All numbers in network byte order.

    offset  bytes  field
    0       1      version (high 4 bits, 1), type (low 4 bits, 0: a piece of a frame)
    1       1      flags, written 0, ignored when read
    2       1      slice, which part of the frame this is, from 0
    3       1      slices, number of parts of the frame
    4       4      frame number
    8       2      sequence, counts the packets of this sender, wraps
    10      2      index of this packet within its slice
    12      2      k, packets that carry the slice; the first k
    14      2      n, k and the packets of parity after them
    16      4      capture time, microseconds of the sender's clock, low 32 bits
    20      4      send time, likewise
    24      4      length of the slice in bytes
    28             payload, a run of the slice's bytes

The first `length mod k` payloads have one byte more than the others, so all
packets of a frame are of nearly one size. Version 1 sends a frame as one slice,
without parity (n = k); `length` and `k` tell the size of every payload.
"""

import struct
from dataclasses import dataclass

from confcodec.errors import PacketError

VERSION = 1
MAX_PACKET = 1160
"""Bytes that fit one SCTP chunk; a longer message costs extra round trips."""
MAX_FRAME = 8 << 20
"""Bytes of the longest bitstream accepted from a peer."""

_HEADER = struct.Struct("!BBBBIHHHHIII")
HEADER_SIZE = _HEADER.size
MAX_PAYLOAD = MAX_PACKET - HEADER_SIZE
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
    payload: bytes


def pack(packet: Packet) -> bytes:
    """The message that carries `packet`."""
    p = packet
    return (
        _HEADER.pack(
            *(VERSION << 4 | _TYPE_FRAME, 0, p.slice, p.slices, p.frame, p.sequence),
            *(p.index, p.k, p.n, p.capture_us, p.send_us, p.length),
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
    kind, _flags, *fields = _HEADER.unpack_from(message)
    if kind != VERSION << 4 | _TYPE_FRAME:
        raise PacketError(
            f"packet version {kind >> 4}, type {kind & 15}: not known here"
        )
    fields.append(message[HEADER_SIZE:])
    packet = Packet(*fields)
    if not (
        packet.slice < packet.slices
        and packet.index < packet.n
        and packet.k <= packet.n
    ):
        raise PacketError("packet numbered outside its frame")
    if not 0 < packet.k <= packet.length <= MAX_FRAME:
        raise PacketError(f"a frame of {packet.length} bytes in {packet.k} packets")
    if len(packet.payload) != payload_size(packet.length, packet.k, packet.index):
        raise PacketError("packet payload shorter or longer than its header says")
    return packet


def payload_size(length: int, k: int, index: int) -> int:
    """Bytes in packet `index` of a slice of `length` bytes; parity is as long as the longest."""
    return length // k + ((index >= k and length % k > 0) or index < length % k)


def packetize(
    bitstream: bytes, frame: int, sequence: int, capture_time: float, send_time: float
) -> list[bytes]:
    """Cut one frame into as few messages as possible, evenly.

    Args:
        bitstream: 1 byte to `MAX_FRAME`.
        frame: its number, below 2**32.
        sequence: of the first packet; the following ones count up.
        capture_time: seconds on this machine's monotonic clock.
        send_time: likewise.
    """
    length = len(bitstream)
    if not 0 < length <= MAX_FRAME:
        raise ValueError(f"a frame of {length} bytes is outside 1..{MAX_FRAME}")
    k = -(-length // MAX_PAYLOAD)
    capture_us, send_us = wrap_time(capture_time), wrap_time(send_time)
    messages, start = [], 0
    for index in range(k):
        end = start + payload_size(length, k, index)
        number = (sequence + index) & 0xFFFF
        fields = (0, 1, frame, number, index, k, k, capture_us, send_us, length)
        messages.append(pack(Packet(*fields, bitstream[start:end])))
        start = end
    return messages


def wrap_time(time: float) -> int:
    """The low 32 bits of a time's microseconds, as they travel."""
    return round(time * 1e6) & 0xFFFFFFFF


def unwrap_time(wrapped: int, near: float) -> float:
    """Seconds of the time nearest to `near` with these low 32 bits; inverse of `wrap_time`."""
    near_us = round(near * 1e6)
    offset = (wrapped - near_us + (1 << 31)) % (1 << 32) - (1 << 31)
    return (near_us + offset) / 1e6
