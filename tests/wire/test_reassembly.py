import random
from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from confcodec.errors import PacketError
from confcodec.wire.fec import protect
from confcodec.wire.packets import (
    HEADER_SIZE,
    MAX_FRAME,
    MAX_PAYLOAD,
    Packet,
    packetize,
)
from confcodec.wire.reassembly import (
    DEADLINE,
    MAX_PENDING,
    MAX_PENDING_BYTES,
    ArrivedFrame,
    Reassembler,
)


def packets_of(number: int, size: int = 3 * MAX_PAYLOAD) -> list[Packet]:
    content = random.Random(number).randbytes(size)
    return packetize([content], number, number * 8, number / 30, 0)


def push_all(
    reassembler: Reassembler, packets: list[Packet], now: float = 0
) -> list[ArrivedFrame]:
    return [frame for p in packets for frame in reassembler.push(p, now)]


@given(
    order=st.randoms(use_true_random=False),
    lost=st.sets(st.integers(0, 29)),
    repeated=st.sets(st.integers(0, 29)),
)
def test_any_order_loss_or_repeat_gives_whole_frames_or_none(
    order: random.Random, lost: set[int], repeated: set[int]
) -> None:
    sent = [packet for number in range(10) for packet in packets_of(number)]
    arriving = [p for i, p in enumerate(sent) if i not in lost]
    arriving += [p for i, p in enumerate(sent) if i in repeated]
    order.shuffle(arriving)
    frames = push_all(Reassembler(), arriving)
    for frame in frames:
        expected = random.Random(frame.number).randbytes(3 * MAX_PAYLOAD)
        assert frame.parts == (expected,)
    numbers = [frame.number for frame in frames]
    assert numbers == sorted(set(numbers))


def test_frames_that_come_in_order_all_come_out() -> None:
    sent = [packet for number in range(20) for packet in packets_of(number)]
    frames = push_all(Reassembler(), sent)
    assert [frame.number for frame in frames] == list(range(20))
    assert frames[0].size_on_wire == 3 * (MAX_PAYLOAD + HEADER_SIZE)


def test_a_newer_whole_frame_ends_an_older_incomplete_one() -> None:
    reassembler, (first, *rest) = Reassembler(), packets_of(1)
    reassembler.push(first, 0)
    assert len(push_all(reassembler, packets_of(2))) == 1
    assert push_all(reassembler, rest) == []
    assert reassembler.stats.overtaken == 1
    assert reassembler.stats.late_packets == len(rest)


def test_an_incomplete_frame_is_given_up_at_its_deadline_for_good() -> None:
    reassembler, (first, *rest) = Reassembler(), packets_of(1)
    reassembler.push(first, 0)
    reassembler.expire(DEADLINE + 0.001)
    assert reassembler.stats.expired == 1
    assert push_all(reassembler, [first, *rest], DEADLINE + 0.002) == []
    assert reassembler.stats.late_packets == len(rest) + 1


def test_a_frame_that_keeps_coming_slowly_is_whole_in_the_end() -> None:
    reassembler, packets = Reassembler(), packets_of(1)
    times = [i * 0.9 * DEADLINE for i in range(len(packets))]
    found = [reassembler.push(p, now) for p, now in zip(packets, times, strict=True)]
    assert len(found[-1]) == 1


def test_a_repeated_packet_counts_once() -> None:
    reassembler, (first, *rest) = Reassembler(), packets_of(1)
    assert push_all(reassembler, [first, first, first]) == []
    assert len(push_all(reassembler, rest)) == 1
    assert reassembler.stats.duplicate_packets == 2


def test_packets_that_contradict_each_other_are_refused() -> None:
    reassembler = Reassembler()
    reassembler.push(packets_of(1)[0], 0)
    with pytest.raises(PacketError, match="contradict"):
        reassembler.push(packets_of(1, 4 * MAX_PAYLOAD)[1], 0)


def sliced(number: int) -> tuple[list[bytes], list[Packet]]:
    draw = random.Random(number)
    parts = [draw.randbytes(size) for size in (30, 2 * MAX_PAYLOAD, 700, 1500)]
    return parts, packetize(parts, number, number * 16, number / 30, 0)


@given(lost=st.sets(st.integers(0, 5)))
def test_a_lost_packet_costs_its_slice_only(lost: set[int]) -> None:
    reassembler, (parts, packets) = Reassembler(), sliced(1)
    arriving = [packet for packet in packets if packet.index not in lost]
    gone = {packet.slice for packet in packets if packet.index in lost}
    frames = push_all(reassembler, arriving)
    frames += reassembler.expire(DEADLINE + 0.001)
    expected = tuple(None if i in gone else part for i, part in enumerate(parts))
    assert [frame.parts for frame in frames] == ([expected] if any(expected) else [])


def test_slices_that_came_go_out_before_a_newer_complete_frame() -> None:
    reassembler, (parts, packets) = Reassembler(), sliced(1)
    frames = push_all(reassembler, packets[:1] + sliced(2)[1])
    assert [frame.number for frame in frames] == [1, 2]
    assert frames[0].parts == (parts[0], None, None, None)
    assert frames[1].lost == 0


@given(data=st.data())
def test_parity_restores_as_many_packets_as_there_are_of_it(
    data: st.DataObject,
) -> None:
    reassembler, (parts, packets) = Reassembler(), sliced(3)
    protected = protect(packets, 3)
    lost = data.draw(st.sets(st.integers(0, len(protected) - 1), max_size=3))
    arriving = [packet for packet in protected if packet.index not in lost]
    data.draw(st.randoms(use_true_random=False)).shuffle(arriving)
    (frame,) = push_all(reassembler, arriving)
    assert frame.parts == tuple(parts)


@given(st.binary(min_size=1, max_size=60), st.integers(0, 5))
def test_parity_made_up_by_a_peer_restores_nothing_or_raises(
    payload: bytes, index: int
) -> None:
    reassembler = Reassembler()
    packets = [p for p in protect(sliced(4)[1], 1) if p.index != index]
    forged = replace(packets[-1], payload=payload)
    frames = push_all(reassembler, packets[:-1])
    with suppress(PacketError):
        frames += reassembler.push(forged, 0)
    assert len(frames) <= 1
    assert not reassembler._pending


def test_memory_is_bounded_whatever_a_peer_claims() -> None:
    reassembler = Reassembler()
    for number in range(3 * MAX_PENDING):
        for packet in packets_of(number, 2 * MAX_PAYLOAD)[:1]:
            reassembler.push(packet, 0)
    assert reassembler.stats.expired >= 2 * MAX_PENDING
    pieces = [packets_of(100 + i, MAX_FRAME)[:-1] for i in range(4)]
    for frame in pieces:
        push_all(reassembler, frame)
    assert sum(p.size for p in reassembler._pending.values()) <= MAX_PENDING_BYTES
