"""Sources: files written by PyAV, and the demo."""

import hashlib
import queue
import subprocess
import sys
import threading
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from confcodec.codec.frame import Frame, Pixels
from confcodec.errors import CaptureError
from confcodec.media.demo.pose import Pose, pose_at
from confcodec.media.demo.scene import Scene
from confcodec.media.demo.source import open_demo
from confcodec.media.file_source import open_file
from confcodec.media.pace import PacedSource, Thinning, Timer
from confcodec.media.scale import cover
from confcodec.media.sources import open_source

STEP = 12
"""Grey levels between one numbered picture and the next."""


class MadeUpTimer(Timer):
    """Time that passes only while somebody sleeps."""

    def __init__(self) -> None:
        super().__init__()
        self.time = 100.0

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.time += max(seconds, 0)


def grey(number: int, width: int = 64, height: int = 48) -> Pixels:
    """A picture that says its number by its brightness."""
    return np.full((height, width, 3), 20 + STEP * number, np.uint8)


def number_of(frame: Frame) -> int:
    return round((float(frame.pixels.mean()) - 20) / STEP)


def write_video(
    path: Path, times: list[float], size: tuple[int, int] = (64, 48), rate: int = 30
) -> Path:
    """A lossless video whose picture k is `grey(k)`, shown at `times[k]`."""
    with av.open(path, "w") as container:
        stream = container.add_stream("ffv1", rate=rate)
        stream.width, stream.height = size
        stream.pix_fmt = "bgr0"
        stream.codec_context.time_base = Fraction(1, 1000)
        for number, time in enumerate(times):
            picture = av.VideoFrame.from_ndarray(grey(number, *size), format="rgb24")
            picture = picture.reformat(format="bgr0")
            picture.pts, picture.time_base = round(time * 1000), Fraction(1, 1000)
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
    return path


# ---------------------------------------------------------------- scaling


def test_cover_keeps_the_middle_and_the_proportions() -> None:
    wide = np.zeros((100, 300, 3), np.uint8)
    wide[:, 100:200] = 255
    assert cover(wide, (50, 50)).min() == 255
    tall = np.swapaxes(wide, 0, 1)
    assert cover(tall, (50, 50)).min() == 255


def test_scaling_down_averages_instead_of_aliasing() -> None:
    checks = np.indices((96, 128)).sum(0) % 2 * 255
    pixels = np.repeat(checks[..., None], 3, 2).astype(np.uint8)
    small = cover(pixels, (32, 24))
    assert abs(small.astype(int) - 127).max() <= 1


@pytest.mark.parametrize("size", [(16, 16), (33, 17), (1920, 1080), (64, 48)])
def test_cover_gives_exactly_the_size_asked_for(size: tuple[int, int]) -> None:
    scaled = cover(grey(3), size)
    assert scaled.shape == (size[1], size[0], 3)
    assert scaled.flags.c_contiguous
    assert (scaled == grey(3)[0, 0]).all()


def test_an_upright_picture_is_whole_in_a_wide_call(tmp_path: Path) -> None:
    path = tmp_path / "upright.png"
    Image.fromarray(grey(4, 480, 640)).save(path)
    for source in (
        open_source(str(path), (64, 48), 30),
        open_source(
            str(write_video(tmp_path / "upright.mkv", [0, 0.1], (48, 64))), (64, 48), 30
        ),
    ):
        pixels = source.read().pixels
        assert pixels[:, 14:50].min() > 15
        assert not pixels[:, :14].any()
        source.close()


# ---------------------------------------------------------------- pace


def test_a_paced_source_keeps_time_without_drift() -> None:
    timer = MadeUpTimer()
    source = PacedSource("still", 30, lambda _number: grey(0), timer)
    frames = [source.read() for _ in range(301)]
    assert frames[300].capture_time == pytest.approx(110)
    assert [frame.number for frame in frames] == list(range(301))


def test_a_slow_reader_of_a_paced_source_gets_no_burst() -> None:
    timer = MadeUpTimer()
    source = PacedSource("still", 10, lambda _number: grey(0), timer)
    source.read()
    timer.time += 5.03
    late = [source.read().capture_time for _ in range(3)]
    assert late == pytest.approx([105.03, 105.1, 105.2])


def test_closing_ends_a_read_that_waits() -> None:
    source = PacedSource("still", 0.01, lambda _number: grey(0))
    source.read()
    failures: queue.Queue[Exception] = queue.Queue()

    def read() -> None:
        try:
            source.read()
        except CaptureError as error:
            failures.put(error)

    reader = threading.Thread(target=read)
    reader.start()
    source.close()
    source.close()
    assert "closed" in str(failures.get(timeout=10))
    reader.join()


# ---------------------------------------------------------------- files


def test_a_video_loops_by_its_time_stamps_without_drift(tmp_path: Path) -> None:
    path = write_video(tmp_path / "clip.mkv", [k / 25 for k in range(10)], rate=25)
    source = open_file(str(path), (64, 48), 30, MadeUpTimer())
    frames = [source.read() for _ in range(255)]
    assert [number_of(frame) for frame in frames] == [k % 10 for k in range(255)]
    assert [frame.number for frame in frames] == list(range(255))
    due = [100 + k / 25 for k in range(255)]
    assert [frame.capture_time for frame in frames] == pytest.approx(due, abs=0.002)
    source.close()


def test_a_video_of_uneven_time_stamps_is_shown_as_uneven(tmp_path: Path) -> None:
    times = [0.0, 0.1, 0.15, 0.4, 0.5]
    path = write_video(tmp_path / "clip.mkv", times)
    source = open_file(str(path), (64, 48), 30, MadeUpTimer())
    shown = [source.read().capture_time - 100 for _ in range(5)]
    assert shown == pytest.approx(times, abs=0.002)


def test_frames_of_a_faster_video_are_left_out(tmp_path: Path) -> None:
    path = write_video(tmp_path / "clip.mkv", [k / 60 for k in range(18)])
    source = open_file(str(path), (64, 48), 30, MadeUpTimer())
    frames = [source.read() for _ in range(9)]
    assert [number_of(frame) for frame in frames] == list(range(0, 18, 2))
    assert [frame.number for frame in frames] == list(range(9))


def test_rounded_time_stamps_of_the_same_rate_lose_no_frame(tmp_path: Path) -> None:
    path = write_video(tmp_path / "clip.mkv", [round(k / 30, 2) for k in range(18)])
    source = open_file(str(path), (64, 48), 30, MadeUpTimer())
    assert [number_of(source.read()) for _ in range(18)] == list(range(18))


@pytest.mark.parametrize("phase", [0.0, 0.25, 0.5, 0.7, 0.75, 0.8, 0.999])
def test_a_stream_of_the_rate_asked_for_passes_whole_at_any_phase(phase: float) -> None:
    thinning = Thinning(30)
    times = [round((k + phase) / 30 + 0.004 * (-1) ** k, 3) for k in range(300)]
    assert all(thinning.take(time) for time in times)


@pytest.mark.parametrize("rate", [31, 40, 50, 59.94, 144, 1000])
def test_a_faster_stream_is_thinned_to_the_rate_asked_for(rate: float) -> None:
    thinning = Thinning(30)
    taken = sum(thinning.take(k / rate) for k in range(round(10 * rate)))
    assert 298 <= taken <= 302


def test_after_a_gap_nothing_is_made_up_for() -> None:
    thinning = Thinning(30)
    assert thinning.take(0)
    assert sum(thinning.take(5 + k / 1000) for k in range(1000)) <= 32


def test_a_slow_reader_of_a_video_is_given_the_current_frame(tmp_path: Path) -> None:
    path = write_video(tmp_path / "clip.mkv", [k / 20 for k in range(19)])
    timer = MadeUpTimer()
    source = open_file(str(path), (64, 48), 20, timer)
    source.read()
    timer.time += 0.6
    frames = [source.read() for _ in range(3)]
    assert [number_of(frame) for frame in frames] == [12, 13, 14]
    assert [frame.number for frame in frames] == [1, 2, 3]
    assert frames[2].capture_time == pytest.approx(100.7)


def test_a_video_too_slow_to_decode_still_gives_frames(tmp_path: Path) -> None:
    class SlowTimer(MadeUpTimer):
        """Every look at the clock costs what decoding a huge frame would."""

        def now(self) -> float:
            self.time += 0.1
            return self.time

    path = write_video(tmp_path / "clip.mkv", [k / 30 for k in range(10)])
    source = open_file(str(path), (64, 48), 30, SlowTimer())
    assert [source.read().number for _ in range(20)] == list(range(20))


def test_any_size_of_video_is_scaled_to_the_size_of_the_call(tmp_path: Path) -> None:
    path = write_video(tmp_path / "clip.mkv", [0, 0.1], size=(320, 180))
    source = open_source(str(path), (64, 48), 30)
    assert source.read().pixels.shape == (48, 64, 3)
    assert (source.name, source.size, source.fps) == ("clip.mkv", (64, 48), 30)
    source.close()


def test_a_video_filmed_upright_is_shown_upright(tmp_path: Path) -> None:
    scene = np.zeros((48, 64, 3), np.uint8)
    scene[:, 40:] = (255, 0, 0)  # on the right, as the sensor lay
    path = tmp_path / "phone.mp4"
    with av.open(path, "w") as container:
        stream = container.add_stream("mpeg4", rate=30)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        container.mux(stream.encode(av.VideoFrame.from_ndarray(scene, format="rgb24")))
        container.mux(stream.encode(None))
    data = bytearray(path.read_bytes())
    one, clockwise = 1 << 16, data.index(b"tkhd") + 4 + 40
    matrix = [0, one, 0, -one, 0, 0, 0, 0, 1 << 30]  # ISO/IEC 14496-12, 8.3.2
    data[clockwise : clockwise + 36] = b"".join(
        v.to_bytes(4, "big", signed=True) for v in matrix
    )
    path.write_bytes(data)
    source = open_source(str(path), (48, 64), 30)
    pixels = source.read().pixels.astype(int)
    assert pixels[50:, :, 0].min() > 200  # turned clockwise, the right is below
    assert pixels[:30, :, 0].max() < 50
    source.close()


def test_a_cut_off_video_plays_what_there_is(tmp_path: Path) -> None:
    path = write_video(tmp_path / "clip.mkv", [k / 30 for k in range(18)])
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 2 // 3])
    source = open_file(str(path), (64, 48), 30, MadeUpTimer())
    numbers = [number_of(source.read()) for _ in range(40)]
    assert numbers[:8] == list(range(8))
    assert numbers.count(0) > 1


def test_a_video_that_vanishes_says_so(tmp_path: Path) -> None:
    path = write_video(tmp_path / "clip.mkv", [0, 0.1])
    source = open_file(str(path), (64, 48), 30, MadeUpTimer())
    path.unlink()
    with pytest.raises(CaptureError, match=r"clip\.mkv"):
        [source.read() for _ in range(3)]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("empty.mp4", b""),
        ("noise.mp4", bytes(range(256)) * 40),
        ("empty.jpg", b""),
        ("noise.png", bytes(range(256)) * 40),
    ],
)
def test_an_unreadable_file_is_refused_when_opened(
    tmp_path: Path, name: str, content: bytes
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(CaptureError, match=name):
        open_source(str(tmp_path / name), (64, 48), 30)


def test_a_file_without_video_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "sound.wav"
    with av.open(path, "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000)
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), layout="mono")
        sound.sample_rate = 8000
        container.mux(stream.encode(sound))
    with pytest.raises(CaptureError, match="no video in it"):
        open_source(str(path), (64, 48), 30)


def test_a_missing_file_and_a_folder_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(CaptureError, match="there is no file"):
        open_source(str(tmp_path / "none.mp4"), (64, 48), 30)
    with pytest.raises(CaptureError, match="is it a file"):
        open_source(str(tmp_path), (64, 48), 30)


def test_a_picture_is_a_still_source(tmp_path: Path) -> None:
    path = tmp_path / "still.png"
    Image.fromarray(grey(4)).save(path)
    source = open_file(str(path), (64, 48), 30, MadeUpTimer())
    frames = [source.read() for _ in range(3)]
    assert [number_of(frame) for frame in frames] == [4, 4, 4]
    assert [frame.number for frame in frames] == [0, 1, 2]
    assert not any(frame.stale for frame in frames)


def test_a_closed_video_cannot_be_read(tmp_path: Path) -> None:
    path = write_video(tmp_path / "clip.mkv", [0, 0.1])
    source = open_source(str(path), (64, 48), 30)
    source.close()
    source.close()
    with pytest.raises(CaptureError, match="closed"):
        source.read()


# ---------------------------------------------------------------- demo


def digest(pixels: Pixels) -> str:
    return hashlib.sha256(pixels.tobytes()).hexdigest()


def test_the_demo_is_the_same_in_every_process() -> None:
    code = (
        "import hashlib; from confcodec.media.demo.scene import Scene; "
        "from confcodec.media.demo.pose import pose_at; "
        "print(hashlib.sha256(Scene((320, 240)).picture(pose_at(2.4), 72).tobytes()).hexdigest())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == digest(Scene((320, 240)).picture(pose_at(2.4), 72))


def test_a_demo_frame_does_not_depend_on_the_frames_before_it() -> None:
    scene = Scene((160, 120))
    forth = [digest(scene.picture(pose_at(k / 30), k)) for k in range(60)]
    back = [digest(scene.picture(pose_at(k / 30), k)) for k in reversed(range(60))]
    assert forth == back[::-1]
    assert len(set(forth)) == 60


def test_behind_the_demos_person_only_the_grain_moves() -> None:
    source = open_demo((640, 480), 30, MadeUpTimer())
    frames = np.stack([source.read().pixels[:, :, 1] for _ in range(40)]).astype(float)
    spread = frames.std(0)
    wall, shuttle, face = (
        spread[20:150, 390:430],
        spread[40:300, 500:580],
        spread[80:220, 230:330],
    )
    assert 0.5 < wall.mean() < 1.5
    assert 0.5 < shuttle.mean() < 1.5
    assert face.mean() > 3


def test_the_demos_person_blinks_and_speaks() -> None:
    poses = [pose_at(k / 30) for k in range(300)]
    assert max(pose.blink for pose in poses) == 1
    assert sum(pose.blink > 0 for pose in poses) < 60
    assert max(pose.mouth for pose in poses) > 2
    scene = Scene((640, 480))
    still = scene.picture(Pose(), 0).astype(int)
    for pose in (Pose(blink=1), Pose(mouth=3)):
        changed = abs(scene.picture(pose, 0).astype(int) - still).max(2) > 20
        rows, columns = np.nonzero(changed)
        assert 50 < changed.sum() < 4000
        assert rows.min() > 100
        assert columns.min() > 200
        assert rows.max() < 260
        assert columns.max() < 360


@pytest.mark.parametrize(
    "size", [(16, 16), (333, 217), (240, 320), (480, 480), (1920, 1080)]
)
def test_the_demo_fills_any_size(size: tuple[int, int]) -> None:
    pixels = open_source("demo", size, 30).read().pixels
    assert pixels.shape == (size[1], size[0], 3)
    assert pixels.dtype == np.uint8
    assert pixels.std() > 30


def test_a_size_no_codec_takes_is_refused() -> None:
    with pytest.raises(ValueError, match="8x8"):
        open_source("demo", (8, 8), 30)
    with pytest.raises(ValueError, match="no rate"):
        open_source("demo", (64, 48), 0)
