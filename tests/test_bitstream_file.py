"""Files of bitstreams: what was written is read, and nothing else is believed."""

from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from confcodec.errors import BitstreamError, CaptureError
from confcodec.media.bitstream_file import (
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
    st.integers(16, 1920),
    st.integers(16, 1920),
    st.fractions(0, 240, max_denominator=1001),
    st.sampled_from(["rt", "rt-s", "cae", "jpeg2000"]),
)
def test_every_header_comes_back(
    width: int, height: int, fps: Fraction, codec: str
) -> None:
    header = FileHeader(codec, width, height, fps)
    assert unpack_header(pack_header(header)) == header


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
