"""From packets back to frames: any order, loss or repeat, in bounded memory.

Lost packets are restored from parity where there is enough of it. A frame that stays
incomplete comes out with the slices that are whole, once a newer one is complete or its
deadline has passed. No older frame ever comes out after a newer one.
"""

from dataclasses import dataclass, field

from confcodec.errors import PacketError
from confcodec.wire.fec import restore
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
class ArrivedFrame:
    """A coded frame, as much of it as there will be."""

    number: int
    parts: tuple[bytes | None, ...]
    """Its slices; None for those lost."""
    capture_us: int
    """Microseconds of the sender's clock, low 32 bits."""
    size_on_wire: int
    """Bytes of the packets that carried it, headers included."""
    halved: bool = False
    """It was coded at half of its width and height."""

    @property
    def lost(self) -> int:
        """Slices that are not there."""
        return self.parts.count(None)


@dataclass(slots=True)
class FrameStats:
    """What became of packets and frames, counted since the start."""

    packets: int = 0
    """Well-formed packets."""
    frames: int = 0
    """Frames handed out, whole or in part."""
    late_packets: int = 0
    """Packets of a frame that is out, given up, or older than one that is out."""
    duplicate_packets: int = 0
    restored_packets: int = 0
    """Lost ones that parity made up for."""
    overtaken: int = 0
    """Frames dropped because a newer one was complete and no slice of theirs was."""
    expired: int = 0
    """Frames dropped likewise at their deadline, or for want of room."""

    @property
    def incomplete(self) -> int:
        """Frames that had at least one packet and never came out."""
        return self.overtaken + self.expired


@dataclass(slots=True)
class _Pending:
    first: Packet
    heard: float
    """When its latest packet came."""
    packets: dict[int, Packet] = field(default_factory=dict)
    size: int = 0
    """Bytes of the payloads that came."""
    size_on_wire: int = 0


class Reassembler:
    """Collects the packets of the newest few frames."""

    def __init__(self) -> None:
        self.stats = FrameStats()
        self._pending: dict[int, _Pending] = {}
        self._newest = -1
        self._given_up: set[int] = set()
        self._size = 0

    def push(self, packet: Packet, now: float) -> list[ArrivedFrame]:
        """Take one packet; returns the frames that need wait no longer, oldest first.

        Raises:
            PacketError: the packet contradicts an earlier one of its frame.
        """
        self.stats.packets += 1
        arrived = self.expire(now)
        if packet.frame <= self._newest or packet.frame in self._given_up:
            self.stats.late_packets += 1
            return arrived
        pending = self._pending_of(packet, now)
        if packet.index in pending.packets:
            self.stats.duplicate_packets += 1
            return arrived
        pending.packets[packet.index] = packet
        pending.size += len(packet.payload)
        pending.size_on_wire += HEADER_SIZE + len(packet.payload)
        self._size += len(packet.payload)
        if len(pending.packets) == packet.k:
            return arrived + self._complete(packet.frame)
        self._make_room()
        return arrived

    def expire(self, now: float) -> list[ArrivedFrame]:
        """The frames whose deadline has passed, those of them that can be shown."""
        late = [n for n, p in self._pending.items() if now - p.heard > DEADLINE]
        arrived = []
        for number in sorted(late):
            if number not in self._pending:
                continue
            frame = self._arrived(number)
            if frame:
                arrived += self._older(number)
                arrived.append(self._hand_out(frame))
            else:
                self._forget(number)
                self.stats.expired += 1
        return arrived

    def _pending_of(self, packet: Packet, now: float) -> _Pending:
        pending = self._pending.setdefault(packet.frame, _Pending(packet, now))
        if _common(packet) != _common(pending.first):
            raise PacketError("two packets of one frame contradict each other")
        pending.heard = now
        return pending

    def _complete(self, number: int) -> list[ArrivedFrame]:
        pending = self._pending[number]
        if any(packet.is_parity for packet in pending.packets.values()):
            try:
                restored = restore(pending.packets)
            except PacketError:
                self._forget(number)
                self.stats.expired += 1
                raise
            self.stats.restored_packets += len(restored)
            pending.packets |= restored
        older = self._older(number)
        frame = self._arrived(number)
        if frame is None:  # k packets that do not make up even one slice
            self._forget(number)
            self.stats.expired += 1
            return older
        return [*older, self._hand_out(frame)]

    def _older(self, number: int) -> list[ArrivedFrame]:
        """Hand out or drop what is pending before a frame that goes out now."""
        arrived = []
        for older in sorted(n for n in self._pending if n < number):
            frame = self._arrived(older)
            if frame:
                arrived.append(self._hand_out(frame))
            else:
                self._pop(older)
                self.stats.overtaken += 1
        return arrived

    def _arrived(self, number: int) -> ArrivedFrame | None:
        """A pending frame with its whole slices; None if it has none."""
        pending = self._pending[number]
        parts = tuple(_slices(pending))
        if not any(parts):
            return None
        first, size = pending.first, pending.size_on_wire
        return ArrivedFrame(number, parts, first.capture_us, size, first.halved)

    def _hand_out(self, frame: ArrivedFrame) -> ArrivedFrame:
        self._pop(frame.number)
        self._newest = frame.number
        self._given_up = {n for n in self._given_up if n > frame.number}
        self.stats.frames += 1
        return frame

    def _make_room(self) -> None:
        while len(self._pending) > MAX_PENDING or self._size > MAX_PENDING_BYTES:
            self._forget(min(self._pending))
            self.stats.expired += 1

    def _forget(self, number: int) -> None:
        self._pop(number)
        self._given_up.add(number)
        if len(self._given_up) > 4 * MAX_PENDING:
            self._given_up.remove(min(self._given_up))

    def _pop(self, number: int) -> None:
        self._size -= self._pending.pop(number).size


def _common(packet: Packet) -> tuple[int, ...]:
    return packet.k, packet.n, packet.slices, packet.capture_us, packet.halved


def _slices(pending: _Pending) -> list[bytes | None]:
    """Each slice of a frame if its packets cover it without gap or overlap."""
    runs: dict[int, list[Packet]] = {}
    for packet in pending.packets.values():
        if not packet.is_parity:
            runs.setdefault(packet.slice, []).append(packet)
    return [_whole(runs.get(number, [])) for number in range(pending.first.slices)]


def _whole(packets: list[Packet]) -> bytes | None:
    packets.sort(key=lambda packet: packet.offset)
    end = 0
    for packet in packets:
        if packet.offset != end or packet.length != packets[0].length:
            return None
        end += len(packet.payload)
    if not packets or end != packets[0].length:
        return None
    return b"".join(packet.payload for packet in packets)
