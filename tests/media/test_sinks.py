"""Sinks: files read back with PyAV; windows only as far as a machine without a display goes."""

import sys
from pathlib import Path

import av
import numpy as np
import pytest

from confcodec.codec.frame import Pixels
from confcodec.errors import CaptureError
from confcodec.media.sinks import NullSink, open_sink

linux = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="displays are Linux's"
)


def colour(red: int, green: int, blue: int, size: tuple[int, int] = (64, 48)) -> Pixels:
    return np.full((size[1], size[0], 3), (red, green, blue), np.uint8)


def read_back(path: Path) -> tuple[list[float], list[Pixels]]:
    with av.open(path) as container:
        pictures = list(container.decode(video=0))
    return [p.time or 0.0 for p in pictures], [
        np.asarray(p.to_ndarray(format="rgb24"), np.uint8) for p in pictures
    ]


@pytest.mark.parametrize("name", ["call.mp4", "call.mkv"])
def test_a_recording_keeps_the_pictures_and_their_times(
    tmp_path: Path, name: str
) -> None:
    times = [50.0, 50.033, 50.1, 50.5, 51.25]
    sink = open_sink(str(tmp_path / name), (64, 48), 30)
    for number, time in enumerate(times):
        sink.show(colour(40 * number, 100, 60), time)
    assert not sink.closed
    sink.close()
    sink.close()
    shown, pictures = read_back(tmp_path / name)
    assert shown == pytest.approx([time - 50 for time in times], abs=0.001)
    for number, picture in enumerate(pictures):
        assert abs(picture.astype(int) - (40 * number, 100, 60)).max() <= 6


def test_a_recording_works_without_an_h264_encoder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(av, "codecs_available", {"mpeg4"})
    sink = open_sink(str(tmp_path / "call.mp4"), (64, 48), 30)
    for number in range(3):
        sink.show(colour(80 * number, 100, 60), number / 30)
    sink.close()
    with av.open(tmp_path / "call.mp4") as container:
        assert container.streams.video[0].codec_context.name == "mpeg4"
    shown, _ = read_back(tmp_path / "call.mp4")
    assert shown == pytest.approx([0, 1 / 30, 2 / 30], abs=0.001)


def test_without_any_encoder_the_recording_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(av, "codecs_available", set[str]())
    sink = open_sink(str(tmp_path / "call.mp4"), (64, 48), 30)
    with pytest.raises(CaptureError, match="encode neither"):
        sink.show(colour(0, 0, 0), 0)
    sink.close()


def test_pictures_that_share_a_time_or_go_back_are_all_kept(tmp_path: Path) -> None:
    path = tmp_path / "call.mkv"
    sink = open_sink(str(path), (64, 48), 30)
    for time in (1.0, 1.0, 0.9, 1.1):
        sink.show(colour(9, 9, 9), time)
    sink.close()
    shown, _ = read_back(path)
    assert len(shown) == 4
    assert shown == sorted(shown)


def test_odd_sizes_and_a_change_of_size_can_be_recorded(tmp_path: Path) -> None:
    path = tmp_path / "call.mp4"
    sink = open_sink(str(path), (64, 48), 30)
    sink.show(colour(200, 30, 30, (33, 17)), 0)
    sink.show(colour(30, 200, 30, (128, 96)), 0.1)
    sink.close()
    _, pictures = read_back(path)
    assert [picture.shape for picture in pictures] == [(18, 34, 3)] * 2
    assert pictures[1][5, 5, 1] > 150


def test_a_recording_replaces_an_older_one(tmp_path: Path) -> None:
    path = tmp_path / "call.mkv"
    path.write_bytes(bytes(100_000))
    sink = open_sink(str(path), (64, 48), 30)
    sink.show(colour(9, 9, 9), 0)
    sink.close()
    assert len(read_back(path)[0]) == 1


def test_a_recording_without_pictures_leaves_no_file(tmp_path: Path) -> None:
    path = tmp_path / "call.mp4"
    open_sink(str(path), (64, 48), 30).close()
    assert not path.exists()


def test_a_file_that_cannot_be_written_is_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(CaptureError, match="cannot be written"):
        open_sink(str(tmp_path / "none" / "call.mp4"), (64, 48), 30)
    (tmp_path / "folder.mp4").mkdir()
    with pytest.raises(CaptureError, match="cannot be written"):
        open_sink(str(tmp_path / "folder.mp4"), (64, 48), 30)


@pytest.mark.parametrize("spec", ["windows", "call.txt", "call"])
def test_a_sink_nobody_knows_is_refused(spec: str) -> None:
    with pytest.raises(
        CaptureError, match=r"neither window, null, auto nor a video file"
    ):
        open_sink(spec, (64, 48), 30)


def test_the_null_sink_takes_everything() -> None:
    sink = open_sink("null", (64, 48), 30)
    sink.show(colour(1, 2, 3), 0)
    sink.close()
    assert not sink.closed


@linux
def test_without_a_display_there_is_no_window(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    with pytest.raises(CaptureError, match="there is no display"):
        open_sink("window", (64, 48), 30)
    assert isinstance(open_sink("auto", (64, 48), 30), NullSink)


@linux
def test_a_display_that_does_not_answer_ends_in_an_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DISPLAY", ":987")
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    with pytest.raises(CaptureError, match="cannot open a window"):
        open_sink("window", (64, 48), 30)
