"""Recordings: what was shown and sent is in the files."""

import time
from pathlib import Path

import av
import numpy as np
import pytest

from confcodec.call.coder import Decoded
from confcodec.call.receiver import ReceivedFrame
from confcodec.call.recorder import MAX_WAITING, Recorder
from confcodec.call.views import jpeg_of
from confcodec.codec.frame import Frame
from confcodec.codec.interface import Codec
from confcodec.errors import ConfcodecError
from confcodec.media.bitstream_file import BitstreamReader
from tests.conftest import picture
from tests.waiting import eventually

PIXELS = picture()
BITSTREAM = Codec.load("jpeg").encode(PIXELS, 30)
JPEG = jpeg_of(PIXELS)


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
