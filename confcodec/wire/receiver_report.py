"""The receiver report: which packets came, how long they took, which frame was the last.

It travels on the media channel after each frame or 50 ms, in network byte order. A lost
one is made up for by the next:

    offset  bytes  field
    0       1      version (high 4 bits, 2), type (low 4 bits, 2)
    1       1      lag: how long the receiver may have left packets waiting because it was
                   busy, in units of 4 ms; the delay may be too long by so much
    2       2      base: the sequence number that the first bit of the bitmap stands for
    4       4      frame number decoded or dropped last, 2**32 - 1 before any
    8       4      packets received since the start, low 32 bits
    12      4      bytes received since the start, packet headers included, low 32 bits
    16      4      arrival of the packet that came last, microseconds of the receiver's
                   clock, low 32 bits
    20      4      delay: the least difference of arrival and send time among the packets
                   since the report before, likewise; the two clocks differ
    24      4      frames decoded since the start, low 32 bits
    28      4      microseconds that they kept the decoder busy, low 32 bits
    32      2      how long the last of them waited for the decoder, milliseconds
    34      32     bitmap: the first bit stands for base, 1 means received
"""

import math
import struct
from dataclasses import dataclass

from confcodec.errors import PacketError
from confcodec.wire.packets import VERSION, Packet, wrap_time

NO_FRAME = 0xFFFFFFFF
REPORT_INTERVAL = 0.05
LAG_UNIT = 0.004
"""Seconds of lag for each step of its field: up to 1.02 s fit."""
WINDOW = 256
"""Packets that the bitmap tells of."""

_REPORT = struct.Struct(f"!BBHIIIIIIIH{WINDOW // 8}s")
_TYPE_REPORT = 2


@dataclass(frozen=True, slots=True)
class Report:
    """What a receiver says of the packets that reached it."""

    newest: int
    """The highest sequence number received; the bitmap's last bit."""
    last_frame: int
    """The frame decoded or dropped last; `NO_FRAME` before any."""
    packets: int
    bytes: int
    lag: float
    """Seconds, in steps of 0.004 up to 1.02; see above."""
    arrival_us: int
    """When the last packet came, on the receiver's clock."""
    delay_us: int
    """Of the fastest packet since the report before; differs from the truth by what the
    clocks differ, modulo 2**32."""
    received: int
    """Bit i, from the lowest, stands for sequence newest - i."""
    decoded: int = 0
    """Frames since the start."""
    busy_us: int = 0
    """That they kept the decoder busy, since the start."""
    wait_ms: int = 0
    """That the last of them waited for the decoder; at most 65,535."""


def is_report(message: bytes) -> bool:
    """Whether a message of the media channel is meant to be a report."""
    return message[:1] == bytes([VERSION << 4 | _TYPE_REPORT])


def pack_report(report: Report) -> bytes:
    """The message that carries `report`."""
    lag = min(255, math.ceil(report.lag / LAG_UNIT - 1e-9))
    base = (report.newest - WINDOW + 1) & 0xFFFF
    bitmap = report.received.to_bytes(WINDOW // 8, "big")
    numbers = report.last_frame, report.packets, report.bytes
    times = report.arrival_us, report.delay_us
    decoder = report.decoded, report.busy_us, min(report.wait_ms, 0xFFFF)
    return _REPORT.pack(
        *(VERSION << 4 | _TYPE_REPORT, lag, base),
        *(*numbers, *times, *decoder, bitmap),
    )


def unpack_report(message: bytes) -> Report:
    """Read a report, untrusted; the inverse of `pack_report`.

    Raises:
        PacketError: no report of this version.
    """
    if len(message) != _REPORT.size or not is_report(message):
        raise PacketError(
            f"a receiver report has {_REPORT.size} bytes and its own type"
        )
    _kind, lag, base, *numbers, bitmap = _REPORT.unpack(message)
    frame, packets, size, arrival, delay, decoded, busy, wait = numbers
    newest = (base + WINDOW - 1) & 0xFFFF
    received = int.from_bytes(bitmap, "big")
    return Report(
        *(newest, frame, packets, size, LAG_UNIT * lag, arrival, delay),
        *(received, decoded, busy, wait),
    )


class ReceiptLog:
    """Remembers which of the last 256 packets came, for the receiver report."""

    def __init__(self) -> None:
        self.packets = 0
        self.bytes = 0
        self._decoded = 0
        self._busy = self._wait = 0.0
        self._newest = WINDOW
        self._received = 0
        self._arrival_us = 0
        self._delays: list[int] = []
        self._delay_us = 0

    def note(self, packet: Packet, size: int, now: float) -> None:
        """This packet has come, in a message of so many bytes."""
        ahead = (packet.sequence - self._newest + 0x8000) % 0x10000 - 0x8000
        if self.packets == 0 or ahead > 0:
            shift = ahead if 0 < ahead < WINDOW else WINDOW
            self._received = (self._received << shift | 1) & ((1 << WINDOW) - 1)
            self._newest = packet.sequence
        elif -ahead < WINDOW:
            self._received |= 1 << -ahead
        self.packets += 1
        self.bytes += size
        self._arrival_us = wrap_time(now)
        self._delays.append((self._arrival_us - packet.send_us) & 0xFFFFFFFF)

    def decoded(self, seconds: float, wait: float) -> None:
        """A frame kept the decoder busy so long, and had waited for it before."""
        self._decoded += 1
        self._busy += seconds
        self._wait = wait

    def report(self, last_frame: int | None, lag: float = 0.0) -> Report:
        """The report to send now.

        Args:
            last_frame: decoded or dropped last.
            lag: seconds that packets may have waited here since the report before.
        """
        if self._delays:
            first = self._delays[0]
            self._delay_us = first + min(wrapped(d - first) for d in self._delays)
            self._delay_us &= 0xFFFFFFFF
            self._delays.clear()
        return Report(
            self._newest,
            NO_FRAME if last_frame is None else last_frame,
            self.packets & 0xFFFFFFFF,
            self.bytes & 0xFFFFFFFF,
            lag,
            self._arrival_us,
            self._delay_us,
            self._received,
            self._decoded & 0xFFFFFFFF,
            wrap_time(self._busy),
            min(round(1e3 * self._wait), 0xFFFF),
        )


def wrapped(difference: int) -> int:
    """The difference of two numbers of which only the low 32 bits are known, -2**31..2**31."""
    return (difference + (1 << 31)) % (1 << 32) - (1 << 31)
