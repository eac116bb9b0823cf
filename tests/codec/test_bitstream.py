"""The frame layout: every value round-trips, any bytes parse or raise BitstreamError."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from confcodec.codec.bitstream import Header, pack, slice_count, unpack
from confcodec.errors import BitstreamError

sides = st.integers(16, 1920)
headers = st.builds(
    Header, st.binary(min_size=4, max_size=4), sides, sides, st.integers(0, 63)
)


def sample(payloads: list[bytes] | None = None) -> bytes:
    return pack(
        Header(b"\x01\x02\x03\x04", 640, 300, 40), payloads or [b"one", b"", b"three"]
    )


@given(headers, st.data())
def test_every_header_and_payload_round_trips(
    header: Header, data: st.DataObject
) -> None:
    count = slice_count(header.height)
    payloads = data.draw(
        st.lists(st.binary(max_size=40), min_size=count, max_size=count)
    )
    assert unpack(pack(header, payloads)) == (header, payloads)


@given(st.binary(max_size=80))
@example(b"\xcc\x10" + b"\xff" * 60)
def test_any_bytes_parse_or_raise_the_documented_error(data: bytes) -> None:
    with pytest.raises(BitstreamError):
        unpack(data)


@pytest.mark.parametrize("length", range(len(sample())))
def test_a_truncated_bitstream_is_refused(length: int) -> None:
    with pytest.raises(BitstreamError):
        unpack(sample()[:length])


@pytest.mark.parametrize("bit", range(8 * len(sample())))
def test_any_flipped_bit_is_noticed(bit: int) -> None:
    damaged = bytearray(sample())
    damaged[bit // 8] ^= 1 << bit % 8
    with pytest.raises(BitstreamError):
        unpack(bytes(damaged))


def test_another_version_is_named_in_the_error() -> None:
    other = bytearray(sample())
    other[1] = 0x20
    with pytest.raises(BitstreamError, match="version 2"):
        unpack(bytes(other))


def test_a_size_no_frame_has_is_refused() -> None:
    claimed = bytearray(sample())
    claimed[6:10] = b"\xff\xff\xff\xff"
    with pytest.raises(BitstreamError, match="65535x65535"):
        unpack(bytes(claimed))


def test_overhead_of_a_vga_frame_is_28_bytes() -> None:
    assert len(pack(Header(b"abcd", 640, 480, 0), [b""] * 4)) == 28


def test_layout_is_frozen() -> None:
    expected = "cc10010203040280012c2803000003000000000005"
    assert sample()[:21].hex() == expected
    assert sample()[25:] == b"onethree"
