"""Forward error correction: parity packets that make up for lost ones.

A systematic Reed-Solomon code over the packets of one frame (RFC 5510's kind, by
zfec): any k of the n packets restore the frame. Each packet counts as a row:

    offset  bytes  field
    0       2      bytes of the payload
    2       1      slice
    3       4      length of the slice
    7       4      offset of the payload within it
    11             payload

filled up with zeros to the longest row of the frame. A packet of parity carries a row.
"""

import math
import struct
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache

import zfec

from confcodec.errors import PacketError
from confcodec.wire.packets import MAX_PROTECTED, ROW_HEADER_SIZE, Packet, check_run

FAILURES = 0.005
"""Share of frames that may stay incomplete."""
CLEAN = 0.003
"""Share of lost packets below which nothing is protected."""

_ROW = struct.Struct("!HBII")
assert _ROW.size == ROW_HEADER_SIZE


def redundancy(k: int, loss: float, burst: float = 1.0) -> int:
    """The fewest packets of parity that leave less than `FAILURES` of frames incomplete.

    Args:
        k: packets that carry the frame.
        loss: share of packets lost, 0..1.
        burst: packets lost in a row, on average. Bursts are counted as losses of
            that many packets in a frame of so many times fewer.
    """
    if loss < CLEAN or k >= MAX_PROTECTED:
        return 0
    return _redundancy(k, round(min(loss, 0.5), 3), round(max(1.0, burst), 1))


@lru_cache(4096)
def _redundancy(k: int, loss: float, burst: float) -> int:
    most = min(MAX_PROTECTED - k, max(1, k))
    for r in range(1, most):
        trials = math.ceil((k + r) / burst)
        if _more_than(trials, loss, int(r / burst)) < FAILURES:
            return r
    return most


def protect(packets: Sequence[Packet], r: int) -> list[Packet]:
    """The packets of a whole frame and `r` packets of parity after them."""
    k = len(packets)
    if not r:
        return list(packets)
    rows = [_row(packet) for packet in packets]
    size = max(map(len, rows))
    rows = [row.ljust(size, b"\0") for row in rows]
    coded = zfec.Encoder(k, k + r).encode(rows)[k:]
    first = packets[0]
    blank = replace(first, slice=0, length=0, offset=0, n=k + r)
    parity = [
        replace(
            blank,
            sequence=(first.sequence + k + i) & 0xFFFF,
            index=k + i,
            payload=bytes(row),
        )
        for i, row in enumerate(coded)
    ]
    return [*(replace(packet, n=k + r) for packet in packets), *parity]


def restore(packets: Mapping[int, Packet]) -> dict[int, Packet]:
    """The missing ones of the first k packets, given any k of a frame by their index.

    Raises:
        PacketError: the packets do not belong together.
    """
    some = next(iter(packets.values()))
    k, n = some.k, some.n
    size = max(len(p.payload) for p in packets.values() if p.is_parity)
    # Packets that are there stand at their own index; parity fills the gaps.
    chosen = {i: p for i, p in packets.items() if not p.is_parity}
    parity = sorted(i for i, p in packets.items() if p.is_parity)
    missing = [i for i in range(k) if i not in chosen]
    chosen |= {i: packets[i] for i in parity[: len(missing)]}
    rows = [_row(p).ljust(size, b"\0") for p in chosen.values()]
    if len(rows) != k or any(len(row) != size for row in rows):
        raise PacketError("parity does not fit the packets of its frame")
    restored = zfec.Decoder(k, n).decode(rows, list(chosen))
    return {i: _packet(restored[i], i, some) for i in missing}


def _row(packet: Packet) -> bytes:
    if packet.is_parity:
        return packet.payload
    head = _ROW.pack(len(packet.payload), packet.slice, packet.length, packet.offset)
    return head + packet.payload


def _packet(row: bytes, index: int, of: Packet) -> Packet:
    if len(row) < ROW_HEADER_SIZE:
        raise PacketError("a row of parity shorter than its header")
    size, number, length, offset = _ROW.unpack_from(row)
    payload = bytes(row[ROW_HEADER_SIZE : ROW_HEADER_SIZE + size])
    check_run(length, offset, size)
    if len(payload) != size or number >= of.slices:
        raise PacketError("parity that restores no packet of its frame")
    return replace(
        of, slice=number, index=index, length=length, offset=offset, payload=payload
    )


def _more_than(trials: int, probability: float, limit: int) -> float:
    """P(more than `limit` of `trials` happen), each with `probability`."""
    return 1 - sum(
        math.comb(trials, i) * probability**i * (1 - probability) ** (trials - i)
        for i in range(min(limit, trials) + 1)
    )
