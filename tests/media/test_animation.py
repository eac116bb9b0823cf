"""Animated pictures are videos: every frame, each for its time, on white."""

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from confcodec.cli import main
from confcodec.files.bitstream_file import BitstreamReader
from confcodec.media.file_source import VideoFile, open_file
from confcodec.media.picture import read_picture
from confcodec.media.video_reader import (
    kind_of,
    looped,
    played_once,
    upright,
    video_facts,
)
from tests.media.test_sources import MadeUpTimer

GREYS = (40, 120, 200)
DURATIONS = (100, 300, 200)
"""Milliseconds."""


def animation(path: Path, **given: Any) -> Path:
    """Three grey pictures, each shown for its time."""
    frames = [Image.new("RGB", (64, 48), (grey,) * 3) for grey in GREYS]
    options: dict[str, Any] = {"duration": list(DURATIONS), "lossless": True} | given
    frames[0].save(path, save_all=True, append_images=frames[1:], **options)
    return path


ANIMATED = ["a.gif", "a.webp", "a.png", "a.apng"]


@pytest.mark.parametrize("name", ANIMATED)
def test_an_animated_picture_is_played_with_its_times(
    name: str, tmp_path: Path
) -> None:
    path = animation(tmp_path / name)
    assert kind_of(path) == "animation"
    played = list(played_once(str(path)))
    assert [time for time, _ in played] == pytest.approx([0, 0.1, 0.4])
    assert [int(upright(p).mean()) for _, p in played] == list(GREYS)
    facts = video_facts(str(path))
    assert (facts.count, facts.fps, facts.sound) == (3, Fraction(10), False)
    rounds = looped(str(path))
    times = [next(rounds)[0] for _ in range(5)]
    assert times == pytest.approx([0, 0.1, 0.4, 0.6, 0.7]), "the last one has its time"


def test_a_source_plays_an_animated_picture(tmp_path: Path) -> None:
    source = open_file(str(animation(tmp_path / "a.gif")), (64, 48), 30, MadeUpTimer())
    frames = [source.read() for _ in range(4)]
    assert [int(f.pixels.mean()) for f in frames] == [40, 120, 200, 40]
    assert frames[2].capture_time - frames[1].capture_time == pytest.approx(0.3)
    source.close()


@pytest.mark.parametrize("name", ANIMATED)
def test_encode_takes_every_frame_of_an_animated_picture(
    name: str, tmp_path: Path
) -> None:
    path, coded = animation(tmp_path / name), tmp_path / "a.ccb"
    assert main(["encode", str(path), str(coded), "--codec", "jpeg"]) == 0
    with BitstreamReader(coded) as reader:
        assert [time for time, _ in reader] == pytest.approx([0, 0.1, 0.4])
    assert main(["decode", str(coded), str(tmp_path / "back.mp4")]) == 0
    assert len(list(played_once(str(tmp_path / "back.mp4")))) == 3


def test_a_gif_or_webp_of_one_frame_is_a_picture(tmp_path: Path) -> None:
    for name in ("a.gif", "a.webp", "a.png"):
        Image.new("RGB", (64, 48), (9, 9, 9)).save(tmp_path / name)
        assert kind_of(tmp_path / name) == "picture"
        source = open_file(str(tmp_path / name), (64, 48), 30, MadeUpTimer())
        assert not isinstance(source, VideoFile)
        assert read_picture(tmp_path / name).shape == (48, 64, 3)


def test_frames_without_a_time_are_shown_as_browsers_show_them(tmp_path: Path) -> None:
    path = animation(tmp_path / "a.gif", duration=0)
    times = [time for time, _ in played_once(str(path))]
    assert times == pytest.approx([0, 0.1, 0.2])


@pytest.mark.parametrize("name", ["a.gif", "a.png"])
def test_clear_parts_of_an_animation_show_white(name: str, tmp_path: Path) -> None:
    pixels = np.zeros((48, 64, 4), np.uint8)
    frames = []
    for edge in (10, 20):
        pixels[:edge, :, 3] = 255
        frames.append(Image.fromarray(pixels.copy()))
    path = tmp_path / name
    frames[0].save(path, save_all=True, append_images=frames[1:])
    first, second = (upright(picture) for _, picture in played_once(str(path)))
    assert (first[10:] == 255).all()
    assert not first[:10].any()
    assert not second[:20].any()


def test_the_still_before_an_apng_is_not_part_of_it(tmp_path: Path) -> None:
    path = animation(tmp_path / "a.png", default_image=True, duration=[100, 100])
    greys = [int(upright(picture).mean()) for _, picture in played_once(str(path))]
    assert greys == [120, 200]


def test_what_a_source_takes_encode_takes(tmp_path: Path) -> None:
    """The name's ending is no reason to refuse a file that is named."""
    Image.new("RGB", (64, 48), (90, 90, 90)).save(tmp_path / "photo", "PNG")
    animation(tmp_path / "moving.gif").rename(tmp_path / "moving.x")
    for name, count in (("photo", 1), ("moving.x", 3)):
        open_file(str(tmp_path / name), (64, 48), 30, MadeUpTimer()).close()
        out, report = tmp_path / f"{name}.ccb", tmp_path / "report.json"
        words = ["encode", str(tmp_path / name), "-o", str(out), "--codec", "jpeg"]
        assert main([*words, "--json", str(report), "--force"]) == 0
        assert json.loads(report.read_text())["frames"] == count
