"""Files of bitstreams: what was written is read, and nothing else is believed."""

from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from confcodec.errors import BitstreamError, CaptureError
from confcodec.files.bitstream_file import (
    BitstreamReader,
    BitstreamWriter,
    FileHeader,
    pack_frame,
    pack_header,
    unpack_header,
)

HEADER = FileHeader("rt", 640, 480, Fraction(30000, 1001))
FRAMES = [(0.0, b"first"), (0.0334, b""), (0.0667, b"third" * 100)]


def written(path: Path) -> Path:
    with BitstreamWriter(path, HEADER) as writer:
        for time, bitstream in FRAMES:
            writer.write(bitstream, time)
        assert writer.bytes == path.stat().st_size
    return path


def test_frames_come_back_with_their_times(tmp_path: Path) -> None:
    with BitstreamReader(written(tmp_path / "a.ccb")) as reader:
        assert reader.header == HEADER
        assert [tuple(frame) for frame in reader] == FRAMES
        assert not reader.truncated
        assert len(list(reader)) == 3, "a file can be read again from its start"


def test_a_file_cut_anywhere_gives_its_whole_frames(tmp_path: Path) -> None:
    path = written(tmp_path / "a.ccb")
    content = path.read_bytes()
    ends = [len(pack_header(HEADER))]
    for time, bitstream in FRAMES:
        ends.append(ends[-1] + len(pack_frame(bitstream, time)))
    for cut in range(ends[0], len(content)):
        path.write_bytes(content[:cut])
        with BitstreamReader(path) as reader:
            assert len(list(reader)) == sum(end <= cut for end in ends) - 1
            assert reader.truncated == (cut not in ends)


def test_a_file_is_readable_while_it_is_written(tmp_path: Path) -> None:
    path = tmp_path / "a.ccb"
    with BitstreamWriter(path, HEADER) as writer:
        writer.write(b"one", 0.0)
        with BitstreamReader(path) as reader:
            assert [frame.bitstream for frame in reader] == [b"one"]


@given(
    st.integers(16, 8192),
    st.integers(16, 8192),
    st.fractions(0, 240, max_denominator=1001),
    st.sampled_from(["rt", "rt-s", "cae", "jpeg2000"]),
    st.fractions(Fraction(1, 8), 8, max_denominator=1000),
)
def test_every_header_comes_back(
    width: int, height: int, fps: Fraction, codec: str, aspect: Fraction
) -> None:
    header = FileHeader(codec, width, height, fps, aspect)
    assert unpack_header(pack_header(header)) == header


def test_a_file_of_square_pixels_begins_as_it_always_did() -> None:
    header = FileHeader("rt", 640, 480, Fraction(30000, 1001))
    old = "43434246010002800 1e0000075300000 03e97274".replace(" ", "")
    assert pack_header(header) == bytes.fromhex(old).ljust(30, b"\0")


@pytest.mark.parametrize(("across", "down"), [(0, 1), (1, 0), (1, 1), (2, 4)])
def test_a_shape_of_pixels_that_nobody_writes_is_damage(across: int, down: int) -> None:
    content = bytearray(pack_header(FileHeader("rt", 64, 48, Fraction(9), Fraction(2))))
    content[30:] = across.to_bytes(2, "big") + down.to_bytes(2, "big")
    with pytest.raises(BitstreamError, match="pixels of"):
        unpack_header(bytes(content))
    with pytest.raises(BitstreamError, match="inside its header"):
        unpack_header(bytes(content[:33]))


def test_frames_behind_a_longer_header_come_back(tmp_path: Path) -> None:
    path, header = tmp_path / "a.ccb", FileHeader("rt", 64, 48, aspect=Fraction(64, 45))
    with BitstreamWriter(path, header) as writer:
        for time, bitstream in FRAMES:
            writer.write(bitstream, time)
    with BitstreamReader(path) as reader:
        assert reader.header == header
        assert [tuple(frame) for frame in reader] == FRAMES


@given(st.binary(max_size=40) | st.binary(max_size=40).map(lambda b: b"CCBF\1\0" + b))
def test_any_bytes_are_a_header_or_the_documented_error(content: bytes) -> None:
    try:
        header = unpack_header(content)
    except BitstreamError:
        return
    assert pack_header(header)[:10] == content[:10]


def test_missing_and_unwritable_files_are_said_so(tmp_path: Path) -> None:
    with pytest.raises(CaptureError, match="cannot read"):
        BitstreamReader(tmp_path / "none.ccb")
    with pytest.raises(CaptureError, match="cannot write"):
        BitstreamWriter(tmp_path / "none" / "a.ccb", HEADER)
