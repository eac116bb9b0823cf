"""Videos as files tell them, and as hostile files would have them: time, shape, size, sound."""

import random
import struct
from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from confcodec.cli import main
from confcodec.codec.interface import Codec
from confcodec.errors import CaptureError, ConfcodecError
from confcodec.files.bitstream_file import BitstreamReader, BitstreamWriter, FileHeader
from confcodec.files.info import describe
from confcodec.files.material import open_material
from confcodec.media.file_source import open_file
from confcodec.media.video_reader import (
    looped,
    played_once,
    sane_rate,
    square,
    steady,
    upright,
    video_facts,
)
from tests.conftest import picture
from tests.media.test_animation import animation
from tests.media.test_sources import MadeUpTimer, write_video


def coded_video(
    path: Path,
    times: list[float],
    codec: str = "mpeg4",
    size: tuple[int, int] = (64, 48),
    aspect: Fraction | None = None,
) -> Path:
    """A video with these time stamps."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=30)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height = size
        stream.pix_fmt = "yuv420p"
        stream.codec_context.time_base = Fraction(1, 1000)
        if aspect:
            stream.codec_context.sample_aspect_ratio = aspect
        for number, time in enumerate(times):
            pixels = picture(size[1], size[0], number)
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame.pts, frame.time_base = round(time * 1000), Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


# ---------------------------------------------------------------- time


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
def test_a_gap_of_1000_seconds_does_not_freeze_a_source(
    name: str, tmp_path: Path
) -> None:
    path = coded_video(tmp_path / name, [0, 0.1, 1000, 1000.1])
    timer = MadeUpTimer()
    source = open_file(str(path), (64, 48), 30, timer)
    times = [source.read().capture_time for _ in range(13)]
    assert max(b - a for a, b in pairwise(times)) <= 10
    source.close()


def test_a_last_frame_that_lasts_for_ever_does_not_hold_up_the_next_round(
    tmp_path: Path,
) -> None:
    Image.new("L", (64, 48)).save(
        tmp_path / "a.gif",
        save_all=True,
        append_images=[Image.new("L", (64, 48), 99)],
        duration=[100, 600_000],
    )
    rounds = looped(str(tmp_path / "a.gif"))
    times = [next(rounds)[0] for _ in range(3)]
    assert times == pytest.approx([0, 0.1, 10.1])


def test_times_of_a_file_never_fall_and_have_no_gap_a_file_cannot_hold() -> None:
    stamps = [5.0, 5.1, 1e15, 1e15 + 0.1, -1e15, 3600.0, 3600.1]
    times = [time for time, _ in steady((stamp, 0.04, None) for stamp in stamps)]
    expected = [5.0, 5.1, 5.14, 5.24, 5.28, 5.32, 5.42]
    assert times == pytest.approx(expected, abs=0.1)
    assert times == sorted(times)


def test_a_coded_video_with_an_endless_gap_becomes_an_mp4(tmp_path: Path) -> None:
    coded, codec = tmp_path / "a.ccb", Codec.load("jpeg")
    with BitstreamWriter(coded, FileHeader("jpeg", 64, 48, Fraction(10))) as writer:
        for time in (0, 0.1, 40_000, 80_000):
            writer.write(codec.encode(picture(48, 64), 30), time)
    assert main(["decode", str(coded), str(tmp_path / "b.mp4")]) == 0
    assert len(list(played_once(str(tmp_path / "b.mp4")))) == 4


@pytest.mark.parametrize(
    ("claimed", "taken"),
    [
        (None, 30),
        (Fraction(0), 30),
        (Fraction(-25), 30),
        (Fraction(10**9), 30),
        (Fraction(1, 10**9), 30),
        (Fraction(30000, 1001), Fraction(30000, 1001)),
        (Fraction(1, 60), Fraction(1, 60)),
    ],
)
def test_a_rate_that_cannot_be_is_not_believed(
    claimed: Fraction | None, taken: Fraction
) -> None:
    assert sane_rate(claimed) == taken


@pytest.mark.parametrize("rate", [0, 1, 0x7FFFFFFF, 0xFFFFFFFF])
def test_a_video_with_a_crafted_rate_is_coded(rate: int, tmp_path: Path) -> None:
    """An AVI says its rate as two numbers, microseconds a frame elsewhere."""
    path = coded_video(tmp_path / "a.avi", [0, 1 / 30, 2 / 30])
    content = bytearray(path.read_bytes())
    at = content.index(b"strh") + 8 + 20
    for scale in (0, 1, 0xFFFFFFFF):
        struct.pack_into("<II", content, at, scale, rate)
        path.write_bytes(content)
        try:
            material = open_material(path)
            assert 0 < material.fps <= 1000
            words = ["encode", str(path), str(tmp_path / "a.ccb"), "--codec", "jpeg"]
            words.append("--force")
            assert main(words) == 0
        except ConfcodecError:
            continue
        open_file(str(path), (64, 48), 30, MadeUpTimer()).read()


@pytest.mark.parametrize("rate", [Fraction(1), Fraction(4 * 10**9), Fraction(1, 10**9)])
def test_a_coded_video_with_a_crafted_rate_is_decoded(
    rate: Fraction, tmp_path: Path
) -> None:
    coded, codec = tmp_path / "a.ccb", Codec.load("jpeg")
    with BitstreamWriter(coded, FileHeader("jpeg", 64, 48, Fraction(1))) as writer:
        for number in range(3):
            writer.write(codec.encode(picture(48, 64), 30), number / 10)
    content = bytearray(coded.read_bytes())
    struct.pack_into("!II", content, 10, rate.numerator, rate.denominator)
    coded.write_bytes(content)
    assert main(["decode", str(coded), str(tmp_path / "a.mp4")]) == 0


# ---------------------------------------------------------------- shape


def test_a_source_gives_square_pixels(tmp_path: Path) -> None:
    """320x480 whose pixels are twice as wide as high is a picture of 640x480."""
    path = coded_video(tmp_path / "a.mkv", [0], size=(320, 480), aspect=Fraction(2))
    _, shown = next(played_once(str(path)))
    assert upright(shown).shape == (480, 320, 3)
    assert square(shown).shape == (480, 640, 3)
    source = open_file(str(path), (640, 480), 30, MadeUpTimer())
    whole = np.repeat(upright(shown), 2, 1).astype(int)
    assert abs(source.read().pixels - whole).mean() < 4, "nothing is cut off"
    source.close()
    path = coded_video(tmp_path / "b.mkv", [0], size=(64, 48), aspect=Fraction(1, 2))
    assert square(next(played_once(str(path)))[1]).shape == (96, 64, 3)


@pytest.mark.parametrize("ending", [".mp4", ".mkv"])
def test_the_shape_of_pixels_goes_through_a_bitstream_file(
    ending: str, tmp_path: Path
) -> None:
    source, coded = tmp_path / f"a{ending}", tmp_path / "a.ccb"
    coded_video(source, [0, 0.1], size=(64, 96), aspect=Fraction(64, 45))
    assert main(["encode", str(source), str(coded), "--codec", "jpeg"]) == 0
    with BitstreamReader(coded) as reader:
        assert reader.header.aspect == Fraction(64, 45)
        assert (reader.header.width, reader.header.height) == (64, 96)
        assert len(list(reader)) == 2
    assert describe(coded)["pixel_aspect"] == "64/45"
    back = tmp_path / f"b{ending}"
    assert main(["decode", str(coded), str(back)]) == 0
    assert video_facts(str(back)).aspect == Fraction(64, 45)
    assert main(["decode", str(coded), str(tmp_path / "png"), "--png"]) == 0
    with Image.open(tmp_path / "png" / "a" / "000000.png") as image:
        assert image.size == (64, 96)
        across, down = image.info["dpi"]
        assert down / across == pytest.approx(64 / 45, rel=1e-3)


def test_the_shape_of_pixels_turns_with_the_picture(tmp_path: Path) -> None:
    path = coded_video(tmp_path / "a.mp4", [0], size=(64, 48), aspect=Fraction(2))
    data = bytearray(path.read_bytes())
    one, at = 1 << 16, data.index(b"tkhd") + 4 + 40
    matrix = [0, one, 0, -one, 0, 0, 0, 0, 1 << 30]  # ISO/IEC 14496-12, 8.3.2
    data[at : at + 36] = b"".join(v.to_bytes(4, "big", signed=True) for v in matrix)
    path.write_bytes(data)
    _, shown = next(played_once(str(path)))
    assert upright(shown).shape == (64, 48, 3)
    assert square(shown).shape == (128, 48, 3)
    assert video_facts(str(path)).aspect == Fraction(1, 2)


def test_a_shape_that_cannot_be_is_not_believed(tmp_path: Path) -> None:
    path = coded_video(tmp_path / "a.mkv", [0], aspect=Fraction(1, 30_000))
    _, shown = next(played_once(str(path)))
    assert square(shown).shape == (48, 64, 3)


# ---------------------------------------------------------------- size and sound


def changing(path: Path, *sizes: tuple[int, int]) -> Path:
    """Raw Motion JPEG, each picture of a size of its own."""
    parts = []
    for number, (width, height) in enumerate(sizes):
        one = path.with_name(f"{number}.jpg")
        Image.fromarray(picture(height, width, number)).save(one)
        parts.append(one.read_bytes())
    path.write_bytes(b"".join(parts))
    return path


def test_a_size_that_changes_in_mid_stream_is_coded_and_shown(tmp_path: Path) -> None:
    path = changing(tmp_path / "a.mjpeg", (64, 48), (2000, 300), (96, 64))
    coded = tmp_path / "a.ccb"
    assert main(["encode", str(path), str(coded), "--codec", "jpeg"]) == 0
    assert main(["decode", str(coded), str(tmp_path / "a.mp4")]) == 0
    source = open_file(str(path), (64, 48), 30, MadeUpTimer())
    assert all(source.read().pixels.shape == (48, 64, 3) for _ in range(5))
    source.close()


def test_a_size_beyond_all_limits_in_mid_stream_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = changing(tmp_path / "a.mjpeg", (64, 48), (8, 8))
    words = ["encode", str(path), "-o", str(tmp_path / "a.ccb"), "--codec", "jpeg"]
    assert main(words) == 1
    assert "8x8 is outside" in capsys.readouterr().err


def test_a_video_wider_than_any_codec_takes_is_refused(tmp_path: Path) -> None:
    path = coded_video(tmp_path / "a.mkv", [0], "ffv1", (8256, 16))
    with pytest.raises(CaptureError, match="8256x16; scale it"):
        video_facts(str(path))
    with pytest.raises(CaptureError, match="8256x16; scale it"):
        open_file(str(path), (64, 48), 30, MadeUpTimer())


def test_sound_that_is_left_out_is_said_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "a.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=30)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        sound = container.add_stream("pcm_s16le", rate=8000)
        frame = av.VideoFrame.from_ndarray(picture(48, 64), format="rgb24")
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        heard = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), layout="mono")
        heard.sample_rate = 8000
        container.mux(sound.encode(heard))
    words = ["encode", str(path), "-o", str(tmp_path / "a.ccb"), "--codec", "jpeg"]
    assert main(words) == 0
    assert caplog.text.count("sound is left out") == 1
    caplog.clear()
    open_material(write_video(tmp_path / "silent.mkv", [0]))
    assert not caplog.text


def test_a_colon_in_a_name_is_no_protocol(tmp_path: Path) -> None:
    path = coded_video(tmp_path / "a.mp4", [0]).rename(tmp_path / "http:x.mp4")
    assert len(list(played_once(str(path)))) == 1


# ---------------------------------------------------------------- hostile files


def _still(ending: str) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        path = folder / f"still{ending}"
        Image.fromarray(picture(40, 50)).save(path)
        return path

    return make


MAKERS: dict[str, Callable[[Path], Path]] = {
    "png": _still(".png"),
    "jpeg": _still(".jpg"),
    "webp": _still(".webp"),
    "tiff": _still(".tiff"),
    "bmp": _still(".bmp"),
    "moving gif": lambda folder: animation(folder / "a.gif"),
    "moving webp": lambda folder: animation(folder / "a.webp"),
    "moving png": lambda folder: animation(folder / "a.apng"),
    "mp4": lambda folder: coded_video(folder / "a.mp4", [0, 0.1, 0.2]),
    "mkv": lambda folder: coded_video(folder / "a.mkv", [0, 0.1, 0.2]),
    "avi": lambda folder: coded_video(folder / "a.avi", [0, 0.1, 0.2]),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", MAKERS)
def test_damaged_files_are_pictures_or_the_documented_error(
    kind: str, tmp_path: Path
) -> None:
    path = MAKERS[kind](tmp_path)
    content, draw = path.read_bytes(), random.Random(kind)
    shown = refused = 0
    for _ in range(60):
        damaged = bytearray(content)
        for _ in range(draw.randrange(1, 9)):
            # Headers are at the start, and in MP4 at the end.
            at = int(len(damaged) * draw.random() ** draw.choice((1, 3)))
            damaged[at - draw.randrange(2) * 2 * at] = draw.randrange(256)
        path.write_bytes(damaged[: draw.choice((len(damaged), draw.randrange(9999)))])
        try:
            for _, pixels in open_material(path).frames:
                assert pixels.dtype == np.uint8
                assert pixels.shape[2] == 3
            source = open_file(str(path), (64, 48), 30, MadeUpTimer())
            source.read()
            source.close()
            shown += 1
        except CaptureError:
            refused += 1
    assert shown
    assert refused
