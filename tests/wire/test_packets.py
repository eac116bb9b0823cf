import json
import os
import struct
from dataclasses import asdict

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from confcodec.errors import PacketError
from confcodec.wire import picture_message as pictures
from confcodec.wire.fec import protect
from confcodec.wire.packets import (
    HEADER_SIZE,
    MAX_FRAME,
    MAX_PACKET,
    MAX_PAYLOAD,
    pack,
    packetize,
    unpack,
    unwrap_time,
    wrap_time,
)
from confcodec.wire.picture_message import DECODED, ORIGINAL, Picture
from tests.paths import ROOT

VECTORS = ROOT / "tests" / "vectors" / "packets.json"


def frozen_packets() -> list[bytes]:
    small = packetize([b"frame"], 7, 65535, 1.5, 1.516)
    parts = [bytes(range(256)) * 10, b"second", bytes(2000)]
    large = packetize(parts, 2**32 - 1, 65534, 5000.25, 5000.5)
    half = packetize([b"half", b"size"], 8, 3, 2.0, 2.25, halved=True)
    return [pack(packet) for packet in [*small, *protect(large, 2), *protect(half, 1)]]


def frozen_pictures() -> list[bytes]:
    return [
        pictures.pack(Picture(ORIGINAL, 42, 1_500_000, b"\xff\xd8\xff")),
        pictures.pack(Picture(DECODED, 2**32 - 1, 2**40, b"\xff")),
        pictures.pack(Picture(ORIGINAL, 43, 1_533_333, b"\xff\xd8", halved=True)),
    ]


def frozen_malformed() -> list[bytes]:
    """One for each check that a packet must pass."""
    good = frozen_packets()[0]
    changes = {0: 0x10, 2: 1, 3: 0, 11: 2, 13: 2, 15: 0, 27: 4, 31: 1}
    changed = [
        good[:at] + bytes([value]) + good[at + 1 :] for at, value in changes.items()
    ]
    return [b"", good[:HEADER_SIZE], good + b"x", *changed]


def vectors() -> dict[str, list[dict[str, object] | str]]:
    def fields(message: bytes) -> dict[str, object]:
        packet = asdict(unpack(message))
        return {**packet, "payload": packet["payload"].hex()}

    def picture(message: bytes) -> dict[str, object]:
        found = asdict(pictures.unpack(message))
        return {**found, "jpeg": found["jpeg"].hex()}

    return {
        "packets": [{"hex": m.hex(), "fields": fields(m)} for m in frozen_packets()],
        "malformed": [m.hex() for m in frozen_malformed()],
        "pictures": [{"hex": m.hex(), "fields": picture(m)} for m in frozen_pictures()],
    }


def test_the_bytes_are_those_that_other_releases_write() -> None:
    if os.environ.get("UPDATE_VECTORS"):  # after a change of the version byte
        VECTORS.write_text(json.dumps(vectors(), indent=1) + "\n")
    assert vectors() == json.loads(VECTORS.read_text())


@given(
    parts=st.lists(
        st.binary(min_size=1, max_size=3 * MAX_PAYLOAD), min_size=1, max_size=5
    ),
    frame=st.integers(0, 2**32 - 1),
    sequence=st.integers(0, 2**16 - 1),
    time=st.floats(0, 1e6),
    halved=st.booleans(),
)
@example(parts=[b"x" * MAX_PAYLOAD], frame=0, sequence=0, time=0.0, halved=True)
@example(
    parts=[b"x" * (MAX_PAYLOAD + 1)],
    frame=0,
    sequence=0xFFFF,
    time=4294.967296,
    halved=False,
)
def test_a_frame_comes_back_from_its_packets(
    parts: list[bytes], frame: int, sequence: int, time: float, halved: bool
) -> None:
    packets = packetize(parts, frame, sequence, time, time + 0.01, halved=halved)
    assert {packet.halved for packet in packets} == {halved}
    assert [unpack(pack(packet)) for packet in packets] == packets
    for number, part in enumerate(parts):
        own = [packet for packet in packets if packet.slice == number]
        assert b"".join(packet.payload for packet in own) == part
    assert {packet.frame for packet in packets} == {frame}
    assert [p.sequence for p in packets] == [
        (sequence + i) % 2**16 for i in range(len(packets))
    ]


@given(length=st.integers(1, 40 * MAX_PAYLOAD))
def test_a_slice_is_cut_into_as_few_packets_as_possible_and_evenly(length: int) -> None:
    packets = packetize([bytes(length)], 0, 0, 0, 0)
    sizes = [len(pack(packet)) for packet in packets]
    assert max(sizes) <= MAX_PACKET
    assert len(sizes) == -(-length // MAX_PAYLOAD)
    assert max(sizes) - min(sizes) <= 1


@pytest.mark.parametrize(
    "parts", [[], [b""], [b"x", b""], [bytes(MAX_FRAME), b"x"], [b"x"] * 256]
)
def test_an_empty_or_a_giant_frame_is_the_callers_mistake(parts: list[bytes]) -> None:
    with pytest.raises(ValueError, match="slices"):
        packetize(parts, 0, 0, 0, 0)


@given(st.binary(max_size=MAX_PACKET + 40))
@example(struct.pack("!BBBBIHHHHIIII", 0x20, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0) + b"x")
def test_any_bytes_are_a_packet_or_raise_packet_error(message: bytes) -> None:
    try:
        packet = unpack(message)
    except PacketError:
        return
    assert len(packet.payload) == len(message) - HEADER_SIZE


@given(st.binary(min_size=HEADER_SIZE, max_size=HEADER_SIZE + 3), st.integers(0, 255))
def test_any_header_is_a_packet_or_raises_packet_error(
    tail: bytes, payload: int
) -> None:
    message = b"\x20" + tail[1:] + bytes([payload])
    try:
        unpack(message)
    except PacketError:
        return


def test_malformed_packets_are_refused() -> None:
    for message in frozen_malformed():
        with pytest.raises(PacketError):
            unpack(message)


@given(time=st.floats(0, 1e7), drift=st.floats(-2000, 2000))
def test_a_wrapped_time_is_found_again_near_the_clock(
    time: float, drift: float
) -> None:
    assert unwrap_time(wrap_time(time), time + drift) == pytest.approx(time, abs=2e-6)


@given(st.binary(max_size=40))
def test_any_bytes_are_a_picture_or_raise_packet_error(message: bytes) -> None:
    try:
        picture = pictures.unpack(message)
    except PacketError:
        return
    assert picture.kind in (ORIGINAL, DECODED)


def test_a_picture_comes_back_from_its_message() -> None:
    picture = Picture(DECODED, 3, 2**63, b"jpeg")
    assert pictures.unpack(pictures.pack(picture)) == picture
