"""Recordings: what was shown and sent is in the files."""

import time
from pathlib import Path

import av
import numpy as np
import pytest

from confcodec.call.codec_thread import Decoded
from confcodec.call.loopback.page_shots import jpeg_of
from confcodec.call.receiver import ReceivedFrame
from confcodec.codec.frame import Frame
from confcodec.codec.interface import Codec
from confcodec.errors import CaptureError, ConfcodecError
from confcodec.files.bitstream_file import BitstreamReader
from confcodec.server.recorder import MAX_WAITING, Recorder
from tests.conftest import picture
from tests.waiting import eventually

PIXELS = picture()
BITSTREAM = Codec.load("jpeg").encode(PIXELS, 30)
JPEG = jpeg_of(PIXELS)

ENDS = (".mp4", ".ccb")


async def drained(recorder: Recorder) -> None:
    await eventually(lambda: recorder._waiting == 0)


async def test_a_call_with_itself_leaves_a_video_and_the_bitstreams(
    tmp_path: Path,
) -> None:
    recorder = Recorder(tmp_path / "deep" / "folder")
    recorder.start(30)
    for number in range(10):
        recorder.sent(Frame(PIXELS, number, 5 + number / 30), BITSTREAM)
        recorder.coded(JPEG, 5 + number / 30)
    await drained(recorder)
    await recorder.stop()
    assert not recorder.on
    assert sorted(path.suffix for path in recorder.files) == [".ccb", ".mp4"]
    stream = next(path for path in recorder.files if path.suffix == ".ccb")
    with BitstreamReader(stream) as reader:
        frames = list(reader)
        assert (reader.header.codec, reader.header.width) == ("jpeg", 320)
    assert [frame.bitstream for frame in frames] == [BITSTREAM] * 10
    assert frames[9].time == pytest.approx(9 / 30, abs=1e-5)
    video = next(path for path in recorder.files if path.suffix == ".mp4")
    with av.open(str(video)) as container:
        pictures = [f.to_ndarray(format="rgb24") for f in container.decode(video=0)]
    assert len(pictures) == 10
    assert np.abs(pictures[0].astype(int) - PIXELS).mean() < 6
    await recorder.close()


async def test_a_remote_call_leaves_both_directions_and_skips_what_was_lost(
    tmp_path: Path,
) -> None:
    recorder = Recorder(tmp_path)
    recorder.start(30)
    decoded = Decoded(PIXELS, "jpeg", 0.001, time.monotonic())
    recorder.sent(Frame(PIXELS, 0, 1.0), BITSTREAM)
    for number, bitstream in enumerate([BITSTREAM, None, BITSTREAM]):
        recorder.received(ReceivedFrame(decoded, number, 2 + number / 30, bitstream))
    await drained(recorder)
    await recorder.stop()
    names = sorted(path.name.rsplit("-", 1)[-1] for path in recorder.files)
    assert names[1:] == ["received.ccb", "sent.ccb"]
    with BitstreamReader(
        next(p for p in recorder.files if "received" in p.name)
    ) as got:
        assert len(list(got)) == 2
    await recorder.close()


async def test_what_the_other_side_says_is_in_the_video(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path)
    recorder.start(30)
    decoded = Decoded(PIXELS, "jpeg", 0.001, time.monotonic())
    tone = (8000 * np.sin(np.arange(960) * 2 * np.pi * 440 / 48_000)).astype(np.int16)
    for chunk in range(50):
        recorder.received(ReceivedFrame(decoded, chunk, 2 + chunk / 50, None))
        recorder.heard(tone, 2 + chunk / 50)
        await drained(recorder)
    await recorder.stop()
    with av.open(str(recorder.files[0])) as container:
        sound = container.streams.audio[0]
        heard = [frame.to_ndarray() for frame in container.decode(sound)]
    assert sum(frame.shape[-1] for frame in heard) == pytest.approx(48_000, rel=0.05)
    assert np.abs(np.concatenate(heard, -1)).mean() > 0.05
    await recorder.close()


async def test_nothing_is_written_before_and_after(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path)
    recorder.coded(JPEG, 0.0)
    recorder.start(30)
    await recorder.stop()
    recorder.coded(JPEG, 1.0)
    await recorder.close()
    assert recorder.files == []
    assert not any(tmp_path.iterdir())  # noqa: ASYNC240 - a folder of the test's own


async def test_a_disk_that_is_too_slow_costs_frames_and_they_are_counted(
    tmp_path: Path,
) -> None:
    recorder = Recorder(tmp_path)
    recorder.start(30)
    for number in range(MAX_WAITING + 5):
        recorder.sent(Frame(PIXELS, number, number / 30), BITSTREAM)
    assert recorder.left_out == 5
    await recorder.close()


async def test_a_folder_that_cannot_be_made_is_told_in_words(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    recorder = Recorder(tmp_path / "file" / "below")
    with pytest.raises(ConfcodecError, match="cannot record to"):
        recorder.start(30)
    await recorder.close()


async def test_only_recordings_can_be_fetched(tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("")
    recorder = Recorder(tmp_path)
    assert recorder.file("secret.txt") is None
    assert recorder.file("../secret.txt") is None
    await recorder.close()


async def test_a_full_disk_ends_the_recording_and_the_reason_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorder, told = Recorder(tmp_path), list[str | None]()
    recorder.on_changed = lambda: told.append(recorder.trouble)
    recorder.start(30)
    for number in range(40):
        recorder.sent(Frame(PIXELS, number, number / 30), BITSTREAM)
        recorder.coded(JPEG, number / 30)
        await drained(recorder)
    monkeypatch.setattr("confcodec.machine.disk.free_bytes", lambda _path: 1000)
    recorder.sent(Frame(PIXELS, 40, 40 / 30), BITSTREAM)
    await eventually(lambda: told)
    assert not recorder.on
    (words,) = told
    assert words is not None
    assert "The recording stopped: the disk of" in words
    assert "is nearly full, 0.0 MB are free; make room" in words
    video, stream = (next(p for p in recorder.files if p.suffix == end) for end in ENDS)
    assert f"{video.name} (about 1 s, 0." in words
    assert f"{stream.name} (" in words
    with av.open(str(video)) as container:
        assert len(list(container.decode(video=0))) == 40
    with BitstreamReader(stream) as reader:
        assert len(list(reader)) == 40
    with pytest.raises(ConfcodecError, match="nearly full"):
        recorder.start(30)
    monkeypatch.undo()
    recorder.start(30)
    assert recorder.trouble is None
    await recorder.close()


async def test_a_video_that_cannot_be_written_ends_the_recording(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    recorder = Recorder(tmp_path)
    recorder.start(30)
    recorder.sent(Frame(PIXELS, 0, 0.0), BITSTREAM)
    await drained(recorder)
    monkeypatch.setattr("confcodec.media.video_writer._even", full)
    recorder.coded(JPEG, 0.0)
    await eventually(lambda: recorder.trouble)
    assert not recorder.on
    assert "No space left on device" in str(recorder.trouble)
    assert [path.suffix for path in recorder.files] == [".ccb"]
    assert recorder.files[0].name in str(recorder.trouble)
    await recorder.close()


async def test_a_video_whose_end_cannot_be_written_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorder = Recorder(tmp_path)
    recorder.start(30)
    for number in range(40):
        recorder.coded(JPEG, number / 30)
        await drained(recorder)

    def full(*_: object) -> None:
        raise CaptureError("no room for the index")

    monkeypatch.setattr("confcodec.media.video_writer.FileSink.close", full)
    await recorder.stop()
    assert "no room for the index" in str(recorder.trouble)
    assert "about 1 s" in str(recorder.trouble)
    await recorder.close()


async def test_two_recordings_of_one_second_are_two_files(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path)
    for _ in range(3):
        recorder.start(30)
        recorder.sent(Frame(PIXELS, 0, 0.0), BITSTREAM)
        await recorder.stop()
    assert len({path.name for path in recorder.files}) == 3
    await recorder.close()
