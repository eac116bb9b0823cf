"""Damage in a file of bitstreams costs the frames it hit, whatever the bytes are."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from confcodec.codec.bitstream import Header, pack
from confcodec.codec.interface import Codec
from confcodec.files import resync
from confcodec.files.bitstream_file import (
    BitstreamReader,
    FileHeader,
    pack_frame,
    pack_header,
)
from confcodec.files.resync import is_whole
from tests.conftest import picture

CODECS = ["rt", "jpeg", "webp", "jpeg2000", "avif"]
COUNT = 6
HEADER = pack_header(FileHeader("rt", 64, 48, Fraction(30)))


def bitstreams(codec: str) -> list[bytes]:
    """Small frames of a codec that differ; a learned codec's payloads are noise."""
    if codec != "rt":
        loaded = Codec.load(codec)
        return [loaded.encode(picture(48, 64, i), 30) for i in range(COUNT)]
    rng = np.random.default_rng(0)
    header = Header(b"abcd", 64, 48, 30)
    return [pack(header, [rng.bytes(200 + 40 * i)]) for i in range(COUNT)]


def file_of(frames: list[bytes]) -> tuple[bytes, list[int]]:
    """A file, and where each frame of it begins."""
    content, starts = HEADER, []
    for i, frame in enumerate(frames):
        starts.append(len(content))
        content += pack_frame(frame, i / 30)
    return content, starts


def read(path: Path, content: bytes) -> tuple[list[bytes], BitstreamReader]:
    path.write_bytes(content)
    with BitstreamReader(path) as reader:
        return [frame.bitstream for frame in reader], reader


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("place", [0, 1, 2, 3, 4, 5, 11, 12, 14, 30])
def test_a_flipped_byte_costs_one_frame(codec: str, place: int, tmp_path: Path) -> None:
    frames = bitstreams(codec)
    whole, starts = file_of(frames)
    damaged = bytearray(whole)
    damaged[starts[2] + place] ^= 0xFF
    found, reader = read(tmp_path / "a.ccb", bytes(damaged))
    kept = [frame for frame in frames if frame in found]
    assert kept[:2] == frames[:2]
    assert kept[-3:] == frames[-3:]
    assert not reader.truncated
    assert reader.gaps == (place < 12 and len(found) < COUNT)


@pytest.mark.parametrize("codec", CODECS)
def test_a_missing_and_an_added_piece_cost_the_frames_they_hit(
    codec: str, tmp_path: Path
) -> None:
    frames = bitstreams(codec)
    whole, starts = file_of(frames)
    missing = whole[: starts[1] + 40] + whole[starts[3] - 7 :]
    added = whole[: starts[1]] + b"\xcc\x10\xff\xd8\xffRIFF" * 50 + whole[starts[1] :]
    assert read(tmp_path / "a.ccb", missing)[0] == [frames[0], *frames[3:]]
    found, reader = read(tmp_path / "b.ccb", added)
    assert found == frames
    assert (reader.gaps, reader.skipped) == (1, 450)


@pytest.mark.parametrize("codec", CODECS)
def test_every_codec_says_of_its_end(codec: str) -> None:
    for frame in bitstreams(codec):
        assert is_whole(frame)
        assert not is_whole(frame[:-1])


def test_undamaged_files_are_not_searched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr(resync.Finder, "next_whole", refuse)
    frames = [frame for codec in CODECS for frame in bitstreams(codec)]
    found, reader = read(tmp_path / "a.ccb", file_of(frames)[0])
    assert found == frames
    assert (reader.gaps, reader.truncated) == (0, False)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=200), st.integers(0, 5), st.integers(0, 60))
def test_any_bytes_in_place_of_others_leave_the_frames_before(
    tmp_path: Path, noise: bytes, which: int, place: int
) -> None:
    frames = bitstreams("rt")
    whole, starts = file_of(frames)
    at = starts[which] + place
    content = whole[:at] + noise + whole[at + len(noise) :]
    found, reader = read(tmp_path / "a.ccb", content)
    assert found[:which] == frames[:which]
    assert len(found) <= COUNT + 1
    assert reader.skipped <= len(content)


def crafted_candidates() -> bytes:
    """Heads as far as the eye sees, each of a frame that is nearly the whole file."""
    count = 40_000
    piece = bytes(4) + bytes(8) + b"\xff\xd8\xff\x00"
    body = bytearray(piece * count)
    for i in range(count):
        length = (count - i) * len(piece) - 12
        body[i * len(piece) : i * len(piece) + 4] = length.to_bytes(4, "big")
    return HEADER + b"\xff" * 12 + bytes(body)


def crafted_starts() -> bytes:
    return HEADER + b"\xff" * 12 + b"\xcc\x10" * 300_000


@pytest.mark.parametrize("crafted", [crafted_candidates, crafted_starts])
def test_a_hostile_file_costs_no_more_reading_than_some_times_its_length(
    crafted: Callable[[], bytes], tmp_path: Path
) -> None:
    content, spent = crafted(), 0
    path = tmp_path / "a.ccb"
    path.write_bytes(content)
    with BitstreamReader(path) as reader:
        inner = reader._file

        class Counted:
            def seek(self, *where: int) -> int:
                return inner.seek(*where)

            def read(self, size: int) -> bytes:
                nonlocal spent
                result = inner.read(size)
                spent += len(result)
                return result

            def close(self) -> None:
                inner.close()

        reader._file = Counted()  # type: ignore[assignment]
        frames = list(reader)
    assert len(frames) <= 1
    # The heads looked at come on top: 12 bytes for each start there may be.
    assert spent <= 12 * len(content) + (2 << 20)
