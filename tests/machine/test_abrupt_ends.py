"""Video files that were cut off: by a kill, a full disk, a limit; and what else endangers them."""

import contextlib
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import pytest

from confcodec.codec.frame import Pixels
from confcodec.errors import CaptureError
from confcodec.machine import disk
from confcodec.media.video_reader import played_once, upright
from confcodec.media.video_writer import _HYBRID_SINCE, FileSink

CUT_OFF = """
import os, resource, sys
import numpy as np
from confcodec.errors import ConfcodecError
from confcodec.media.video_writer import FileSink

path, end = sys.argv[1:]
sink = FileSink(path, 30, 48_000)
noise = np.random.default_rng(0).integers(0, 255, (120, 160, 3), np.uint8)
try:
    for number in range(600):
        if end == "limit" and number == 150:
            resource.setrlimit(resource.RLIMIT_FSIZE, (size := os.stat(path).st_size, size))
        if end == "kill" and number == 150:
            os.kill(os.getpid(), 9)
        if end == "index" and number == 150:
            break
        sink.show(np.roll(noise, number, 1), number / 30)
    if end == "index":  # the pictures fit, what `close` adds does not
        resource.setrlimit(resource.RLIMIT_FSIZE, (size := os.stat(path).st_size, size))
    sink.close()
except ConfcodecError as error:
    sys.exit(str(error))
"""
HYBRID = av.library_versions["libavformat"] >= _HYBRID_SINCE
FORMATS = pytest.mark.parametrize("name", ["call.mp4", "call.mkv"])


def cut_off(path: Path, end: str) -> subprocess.CompletedProcess[str]:
    """Record in a process that is stopped after five seconds of film."""
    command = [sys.executable, "-c", CUT_OFF, str(path), end]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def times(path: Path) -> list[float]:
    with av.open(path) as container:
        return [picture.time or 0.0 for picture in container.decode(video=0)]


@FORMATS
def test_a_killed_recording_plays_up_to_its_last_second(
    tmp_path: Path, name: str
) -> None:
    path = tmp_path / name
    assert cut_off(path, "kill").returncode == -9
    assert 120 <= len(times(path)) <= 150
    assert 4 < times(path)[-1] < 5


@FORMATS
@pytest.mark.parametrize("end", ["limit", "index"])
def test_a_file_that_takes_no_more_keeps_what_it_has(
    tmp_path: Path, name: str, end: str
) -> None:
    path = tmp_path / name
    done = cut_off(path, end)
    assert "cannot be written: File too large" in done.stderr
    assert "Traceback" not in done.stderr
    assert 120 <= len(times(path)) <= 155
    with av.open(path) as container:  # and can be wound
        container.seek(3_000_000)
        assert 1 < (next(container.decode(video=0)).time or 0.0) <= 3


@contextlib.contextmanager
def small_disk(folder: Path) -> Iterator[None]:
    """A file system of 3 MB in that folder."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(folder)]
    try:
        done = subprocess.run(mount, capture_output=True, text=True)
    except OSError as error:
        pytest.skip(f"no file system can be mounted here: {error}")
    if done.returncode:
        pytest.skip(f"no file system can be mounted here: {done.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)


NOISE = np.random.default_rng(0).integers(0, 255, (120, 160, 3), np.uint8)


def noise(number: int) -> Pixels:
    return np.roll(NOISE, number, 1)


def show_until_refused(sink: FileSink) -> int:
    """How many pictures a sink took."""
    for number in range(3000):
        try:
            sink.show(noise(number), number / 30)
        except CaptureError as error:
            if not re.search("nearly full|No space left", str(error)):
                raise
            return number
    raise AssertionError("the disk has no end")


@FORMATS
@pytest.mark.parametrize("reserve", [disk.RESERVE, -1])
def test_a_full_disk_ends_a_recording_that_plays(
    tmp_path: Path, name: str, reserve: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Without a reserve the disk fills up to its last byte under the encoder.
    monkeypatch.setattr("confcodec.media.video_writer.RESERVE", reserve)
    monkeypatch.setattr("confcodec.media.video_writer._INDEX", 32 if reserve > 0 else 0)
    with small_disk(tmp_path / "disk"):
        path = tmp_path / "disk" / name
        sink = FileSink(str(path), 30)
        shown = show_until_refused(sink)
        sink.close()
        assert shown > 60
        assert shown - 30 <= len(times(path)) <= shown + 1
        if HYBRID and reserve > 0 and name != "call.mkv":
            with av.open(path) as container:
                assert container.streams.video[0].frames == len(times(path))


def free(monkeypatch: pytest.MonkeyPatch, *amounts: int) -> None:
    """Let the disk have that much room, one amount for each time it is asked."""
    left = [*amounts]
    monkeypatch.setattr(
        disk, "free_bytes", lambda _path: left.pop(0) if len(left) > 1 else left[0]
    )


def test_no_recording_begins_on_a_disk_that_is_nearly_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    free(monkeypatch, disk.ROOM_TO_START - 1)
    with pytest.raises(CaptureError, match=r"nearly full, 2.1 MB are free; make room"):
        FileSink(str(tmp_path / "call.mp4"), 30)
    assert not any(tmp_path.iterdir())


def test_a_recording_ends_whole_before_the_disk_is_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    enough = disk.ROOM_TO_START
    free(monkeypatch, enough, enough, enough, 1000)
    sink = FileSink(str(tmp_path / "call.mp4"), 30)
    sink.show(noise(0), 0.0)
    sink.show(noise(1), 0.1)
    with pytest.raises(CaptureError, match="nearly full"):
        sink.show(noise(2), 0.2)
    sink.show(noise(3), 0.3)  # too late, and no harm
    sink.close()
    assert len(times(tmp_path / "call.mp4")) == 3


def test_a_disk_that_does_not_say_its_room_is_written_to(tmp_path: Path) -> None:
    assert disk.free_bytes(tmp_path / "none" / "call.mp4") is None
    disk.check_room(tmp_path / "none" / "call.mp4")


@FORMATS
def test_nothing_is_left_of_a_recording_without_a_whole_picture(
    tmp_path: Path, name: str
) -> None:
    program = CUT_OFF.replace("number == 150", "number == 1")
    command = [sys.executable, "-c", program, str(tmp_path / name), "limit"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.stderr.startswith(str(tmp_path / name))
    assert len(done.stderr.splitlines()) == 1
    if (tmp_path / name).exists():
        assert len(times(tmp_path / name)) >= 1


def test_a_finished_recording_is_a_plain_mp4_with_an_index(tmp_path: Path) -> None:
    path = tmp_path / "call.mp4"
    sink = FileSink(str(path), 30, 48_000)
    for number in range(120):
        loud = number in range(60, 63)
        sink.show(np.full((48, 64, 3), 255 if loud else 16, np.uint8), 5 + number / 30)
        wave = 12_000 * np.sin(np.arange(1600) / 5) if loud else np.zeros(1600)
        sink.hear(wave.astype(np.int16), 5 + number / 30)
    sink.close()
    with av.open(path) as container:
        assert container.streams.video[0].frames == (120 if HYBRID else 0)
        bright = [
            p.time for p in container.decode(video=0) if p.to_ndarray()[0, 0] > 99
        ]
    with av.open(path) as container:
        sounds = [(s.time, s.to_ndarray()[0]) for s in container.decode(audio=0)]
    first = next(at for at, wave in sounds if np.abs(wave).max() > 0.1)
    assert bright[0] == pytest.approx(2.0, abs=1e-3)
    assert first == pytest.approx(2.0, abs=0.03)
    assert times(path)[:3] == pytest.approx([0, 1 / 30, 2 / 30], abs=1e-3)


@pytest.mark.parametrize("name", ["call.mp4", "call.mkv"])
@pytest.mark.parametrize("size", [(320, 240), (640, 480), (1280, 720)])
def test_a_colour_is_the_same_in_every_size_and_the_file_says_how_it_is_written(
    tmp_path: Path, size: tuple[int, int], name: str
) -> None:
    path = tmp_path / name
    red = np.full((size[1], size[0], 3), (200, 40, 40), np.uint8)
    sink = FileSink(str(path), 30)
    for number in range(3):
        sink.show(red, number / 30)
    sink.close()
    with av.open(path) as container:
        context = container.streams.video[0].codec_context
        tags = context.colorspace, context.color_primaries, context.color_trc
        assert (*tags, context.color_range) == (1, 1, 1, 1)  # BT.709, limited
        picture = next(container.decode(video=0))
        # By hand: BT.709's luma of this colour in limited range.
        luma = 16 + 219 / 255 * (0.2126 * 200 + 0.7152 * 40 + 0.0722 * 40)
        assert abs(int(picture.to_ndarray()[9, 9]) - luma) <= 1
        there = picture.to_ndarray(format="rgb24")
    own = [upright(picture) for _, picture in played_once(str(path))]
    for pixels in (there, *own):
        assert np.abs(pixels.astype(int) - red).max() <= 2


@pytest.mark.parametrize("name", ["call.mp4", "call.mkv"])
def test_gaps_of_hours_are_kept_and_longer_ones_are_made_nine_hours(
    tmp_path: Path, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    path, hour = tmp_path / name, 3600.0
    sink = FileSink(str(path), 30, 48_000)
    for number, time in enumerate((0.0, 8.9 * hour, 17 * hour, 30 * hour, 1e13)):
        sink.show(noise(number), time)
        sink.hear(np.zeros(4800, np.int16), time)
    sink.close()
    expected = [0.0, 8.9 * hour, 17 * hour, 26 * hour, 35 * hour]
    assert times(path) == pytest.approx(expected, abs=0.01)
    assert caplog.text.count("is written as 9 hours") == 2


def test_sound_after_a_day_without_any_can_be_written(tmp_path: Path) -> None:
    path = tmp_path / "call.mp4"
    sink = FileSink(str(path), 30, 48_000)
    for number in range(6):
        sink.show(noise(number), number * 5 * 3600.0)
        if number in (0, 5):
            sink.hear(np.zeros(4800, np.int16), number * 5 * 3600.0)
    sink.close()
    assert len(times(path)) == 6


def test_the_cutting_of_a_torn_file_keeps_its_whole_boxes(tmp_path: Path) -> None:
    path = tmp_path / "call.mp4"
    box = (12).to_bytes(4, "big") + b"free" + bytes(4)
    long_box = (1).to_bytes(4, "big") + b"free" + (20).to_bytes(8, "big") + bytes(4)
    for torn in (b"", b"\0", box[:9], bytes(8), long_box[:18], b"\xff" * 40):
        path.write_bytes(box + long_box + box + torn)
        disk.keep_whole(path)
        assert path.read_bytes() == box + long_box + box
    assert os.path.getsize(path) == 44
