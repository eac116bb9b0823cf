import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from confcodec.errors import PacketError
from confcodec.wire.packets import MAX_FRAME, MAX_PAYLOAD, Packet, packetize, unpack
from confcodec.wire.reassembly import (
    DEADLINE,
    MAX_PENDING,
    MAX_PENDING_BYTES,
    Reassembler,
    WholeFrame,
)


def packets_of(number: int, size: int = 3 * MAX_PAYLOAD) -> list[Packet]:
    content = random.Random(number).randbytes(size)
    return [unpack(m) for m in packetize(content, number, number * 8, number / 30, 0)]


def push_all(
    reassembler: Reassembler, packets: list[Packet], now: float = 0
) -> list[WholeFrame]:
    return [whole for p in packets if (whole := reassembler.push(p, now))]


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
        assert frame.bitstream == random.Random(frame.number).randbytes(3 * MAX_PAYLOAD)
    numbers = [frame.number for frame in frames]
    assert numbers == sorted(set(numbers))


def test_frames_that_come_in_order_all_come_out() -> None:
    sent = [packet for number in range(20) for packet in packets_of(number)]
    frames = push_all(Reassembler(), sent)
    assert [frame.number for frame in frames] == list(range(20))
    assert frames[0].size_on_wire == 3 * (MAX_PAYLOAD + 28)


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
    assert found[-1] is not None


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


def test_a_frame_in_several_slices_is_refused() -> None:
    with pytest.raises(PacketError, match="release"):
        Reassembler().push(Packet(0, 2, 1, 0, 0, 1, 1, 0, 0, 1, b"x"), 0)


def test_parity_completes_nothing_but_does_no_harm() -> None:
    reassembler = Reassembler()
    parity = Packet(0, 1, 1, 0, 2, 2, 3, 0, 0, 4, b"pp")
    assert reassembler.push(parity, 0) is None
    halves = [
        Packet(0, 1, 1, 0, i, 2, 3, 0, 0, 4, half)
        for i, half in enumerate((b"ab", b"cd"))
    ]
    assert push_all(reassembler, halves)[0].bitstream == b"abcd"


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
