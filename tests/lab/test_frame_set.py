"""Training pictures from videos: the right frames, each person in one split."""

import csv
import random
import shutil
from fractions import Fraction
from pathlib import Path

import av
import pytest
from hypothesis import given
from hypothesis import strategies as st

from confcodec.cli import main
from confcodec.errors import ConfcodecError
from confcodec.lab.dataset.frame_set import Clip, choose_clips, find_clips
from confcodec.media.picture import read_picture
from confcodec.media.video_reader import played_once
from tests.conftest import picture

RATE = 2


def write_video(path: Path, seconds: int, seed: int = 0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=Fraction(RATE))
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        frame = av.VideoFrame.from_ndarray(picture(64, 96, seed), format="rgb24")
        for _ in range(RATE * seconds):
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


@pytest.fixture(scope="module")
def short(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("short") / "clip.mp4"
    write_video(path, 3)
    return path


def put(video: Path, folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(video, folder / name)
    return folder


def manifest(out: Path) -> list[dict[str, str]]:
    with (out / "manifest.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_the_first_frame_and_one_every_ten_seconds(tmp_path: Path) -> None:
    write_video(tmp_path / "in" / "long.mp4", 25)
    out = tmp_path / "out"
    assert main(["data", str(tmp_path / "in"), str(out), "--val-share", "0"]) == 0
    rows = manifest(out)
    assert [float(row["time"]) for row in rows] == [0, 10, 20]
    assert all(read_picture(out / row["file"]).shape == (64, 96, 3) for row in rows)
    assert {row["split"] for row in rows} == {"train"}


def test_a_second_run_does_only_what_is_new(short: Path, tmp_path: Path) -> None:
    folder, out = put(short, tmp_path / "in", "a.mp4", "b.mp4"), tmp_path / "out"
    assert main(["data", str(folder), str(out)]) == 0
    before = {p: p.stat().st_mtime_ns for p in out.rglob("*.jpg")}
    assert len(before) == 2
    put(short, folder, "c.mp4")
    assert main(["data", str(folder), str(out), "--downscale", "1.5"]) == 0
    assert len(manifest(out)) == 3
    assert all(p.stat().st_mtime_ns == time for p, time in before.items())
    (new,) = set(out.rglob("*.jpg")) - set(before)
    assert read_picture(new).shape == (43, 64, 3)


def test_a_damaged_video_is_listed_and_not_fatal(short: Path, tmp_path: Path) -> None:
    folder, out = put(short, tmp_path / "in", "good.mp4"), tmp_path / "out"
    (folder / "bad.mp4").write_bytes(b"no video at all")
    assert main(["data", str(folder), str(out), "--workers", "1"]) == 0
    assert [row["source"] for row in manifest(out)] == ["good.mp4"]
    assert "bad.mp4" in (out / "failed.csv").read_text()
    assert main(["data", str(folder), str(out)]) == 0
    assert len((out / "failed.csv").read_text().splitlines()) == 2


def test_damaged_frames_are_no_training_pictures(tmp_path: Path) -> None:
    folder, out = tmp_path / "in", tmp_path / "out"
    write_video(folder / "a.mp4", 40)
    content = bytearray((folder / "a.mp4").read_bytes())
    draw, middle = random.Random(1), len(content) // 2
    for _ in range(200):  # behind the first frame, before the index at the end
        content[draw.randrange(middle // 2, middle)] = draw.randrange(256)
    (folder / "a.mp4").write_bytes(content)
    frames = [frame for _, frame in played_once(str(folder / "a.mp4"))]
    assert any(frame.is_corrupt for frame in frames), "else this shows nothing"
    assert main(["data", str(folder), str(out), "--every", "0.5"]) == 0
    rows = manifest(out)
    assert len(rows) == sum(not frame.is_corrupt for frame in frames)
    assert all(row["identity"] == "a" for row in rows)


def test_the_layout_of_voxceleb_is_understood(short: Path, tmp_path: Path) -> None:
    names = [f"dev/mp4/id{i:05d}/vid{i}/0000{i % 3}.mp4" for i in range(40)]
    folder = put(short, tmp_path, *names, "test/mp4/id90000/v/00001.mp4")
    clips = find_clips(folder, 0.2)
    assert {c.split for c in clips if c.identity == "id90000"} == {"test"}
    parts = {c.split for c in clips if c.identity != "id90000"}
    assert parts == {"train", "val"}
    assert {c.identity for c in clips} >= {f"id{i:05d}" for i in range(40)}
    assert clips[0].video == "vid0"


def test_a_person_in_two_folders_is_in_one_split(short: Path, tmp_path: Path) -> None:
    put(short, tmp_path, "train/ann/1.mp4", "test/ann/2.mp4", "train/bob/3.mp4")
    clips = find_clips(tmp_path, 0.0)
    assert {c.split for c in clips if c.identity == "ann"} == {"test"}
    assert {c.split for c in clips if c.identity == "bob"} == {"train"}


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), max_size=20))
def test_few_clips_of_a_person_come_from_many_videos(
    places: list[tuple[int, int]],
) -> None:
    clips = [
        Clip(f"{i}.mp4", "train", str(identity), str(video))
        for i, (identity, video) in enumerate(places)
    ]
    chosen = choose_clips(clips, 2)
    assert set(choose_clips(clips, 0)) == set(clips)
    for identity in {clip.identity for clip in clips}:
        there = [clip for clip in clips if clip.identity == identity]
        own = [clip for clip in chosen if clip.identity == identity]
        assert len(own) == min(2, len(there))
        videos = len({clip.video for clip in there})
        assert len({clip.video for clip in own}) == min(2, videos)


def test_a_folder_without_videos_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfcodecError, match="holds no video"):
        find_clips(tmp_path, 0.1)
    with pytest.raises(ConfcodecError, match="is no folder"):
        find_clips(tmp_path / "missing", 0.1)
    assert main(["data", str(tmp_path), str(tmp_path), "--every", "0"]) == 1
