"""From packets back to whole frames: any order, loss or repeat, in bounded memory.

Frames come out whole or not at all, and never an older one after a newer one.
"""

from dataclasses import dataclass, field

from confcodec.errors import PacketError
from confcodec.wire.packets import HEADER_SIZE, Packet

DEADLINE = 0.08
"""Seconds after its latest packet at which an incomplete frame is given up.

Not after its first: on a slow link a large frame may take longer than that to come.
"""
MAX_PENDING = 8
"""Incomplete frames kept at once."""
MAX_PENDING_BYTES = 24 << 20
"""Payload bytes kept at once, over all incomplete frames."""


@dataclass(frozen=True, slots=True)
class WholeFrame:
    """A coded frame, all of its bytes there."""

    number: int
    bitstream: bytes
    capture_us: int
    """Microseconds of the sender's clock, low 32 bits."""
    size_on_wire: int
    """Bytes of its packets, headers included."""


@dataclass(slots=True)
class FrameStats:
    """What became of packets and frames, counted since the start."""

    packets: int = 0
    """Well-formed packets."""
    whole: int = 0
    """Frames handed out."""
    late_packets: int = 0
    """Packets of a frame that is out, given up, or older than one that is out."""
    duplicate_packets: int = 0
    overtaken: int = 0
    """Frames dropped incomplete because a newer one was whole."""
    expired: int = 0
    """Frames dropped incomplete at their deadline, or for want of room."""

    @property
    def incomplete(self) -> int:
        """Frames that had at least one packet and were never whole."""
        return self.overtaken + self.expired


@dataclass(slots=True)
class _Pending:
    first: Packet
    heard: float
    """When its latest packet came."""
    payloads: dict[int, bytes] = field(default_factory=dict)
    size: int = 0


class Reassembler:
    """Collects the packets of the newest few frames."""

    def __init__(self) -> None:
        self.stats = FrameStats()
        self._pending: dict[int, _Pending] = {}
        self._newest = -1
        self._given_up: set[int] = set()
        self._size = 0

    def push(self, packet: Packet, now: float) -> WholeFrame | None:
        """Take one packet; returns the frame it completes, if it does.

        Raises:
            PacketError: the packet contradicts an earlier one of its frame, or is
                of a layout that version 1 does not send.
        """
        if packet.slices != 1:
            raise PacketError(
                "a frame in several slices: use the same release on both sides"
            )
        self.stats.packets += 1
        self.expire(now)
        if packet.frame <= self._newest or packet.frame in self._given_up:
            self.stats.late_packets += 1
            return None
        pending = self._pending_of(packet, now)
        if packet.index in pending.payloads:
            self.stats.duplicate_packets += 1
            return None
        if packet.index < packet.k:
            pending.payloads[packet.index] = packet.payload
            pending.size += len(packet.payload)
            self._size += len(packet.payload)
        if len(pending.payloads) == packet.k:
            return self._complete(packet.frame)
        self._make_room()
        return None

    def expire(self, now: float) -> None:
        """Give up the frames whose deadline has passed."""
        for number in [n for n, p in self._pending.items() if now - p.heard > DEADLINE]:
            self._give_up(number)
            self.stats.expired += 1

    def _pending_of(self, packet: Packet, now: float) -> _Pending:
        pending = self._pending.setdefault(packet.frame, _Pending(packet, now))
        first = pending.first
        if (packet.k, packet.length, packet.capture_us) != (
            first.k,
            first.length,
            first.capture_us,
        ):
            raise PacketError("two packets of one frame contradict each other")
        pending.heard = now
        return pending

    def _complete(self, number: int) -> WholeFrame:
        pending = self._pop(number)
        for older in [n for n in self._pending if n < number]:
            self._pop(older)
            self.stats.overtaken += 1
        self._newest = number
        self._given_up = {n for n in self._given_up if n > number}
        self.stats.whole += 1
        first = pending.first
        bitstream = b"".join(pending.payloads[index] for index in range(first.k))
        return WholeFrame(
            number, bitstream, first.capture_us, len(bitstream) + first.k * HEADER_SIZE
        )

    def _make_room(self) -> None:
        while len(self._pending) > MAX_PENDING or self._size > MAX_PENDING_BYTES:
            self._give_up(min(self._pending))
            self.stats.expired += 1

    def _give_up(self, number: int) -> None:
        self._pop(number)
        self._given_up.add(number)
        if len(self._given_up) > 4 * MAX_PENDING:
            self._given_up.remove(min(self._given_up))

    def _pop(self, number: int) -> _Pending:
        pending = self._pending.pop(number)
        self._size -= pending.size
        return pending
