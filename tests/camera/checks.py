"""What `make camera-test` tries in the emulated machine, on a real V4L2 device.

Each check is a claim, printed in one line; the last line says whether all hold.
"""

import logging
import os
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import cv2

from confcodec.codec.frame import Frame, Pixels
from confcodec.errors import CaptureError
from confcodec.media.cameras import opening as camera_capture
from confcodec.media.cameras.camera import Camera
from confcodec.media.cameras.devices import cameras
from tests.camera import vivid
from tests.camera.boot import PASSED

VGA = (640, 480)
HDMI, TELEVISION = "input_types=0x3", "input_types=0x1"
ONE_SIZE = ("num_inputs=1", "ccs_cap_mode=0")
"""Options of the driver by which the input's own size is the only one."""
PATIENCE = 10.0
NOBODY = 65534


class Unmet(Exception):
    """A check's claim does not hold."""


def claim(holds: bool, otherwise: object) -> None:
    """Raise Unmet unless it holds."""
    if not holds:
        raise Unmet(otherwise)


class Messages(logging.Handler):
    """What the project logs."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())

    def take(self) -> list[str]:
        lines, self.lines = self.lines, []
        return lines


messages = Messages()


@contextmanager
def opened(device: str, size: tuple[int, int], fps: float = 15) -> Iterator[Camera]:
    camera = Camera(device, size, fps)
    try:
        yield camera
    finally:
        camera.close()


@contextmanager
def standard_error() -> Iterator[Callable[[], str]]:
    """What anybody writes there meanwhile, libraries included."""
    with tempfile.TemporaryFile() as file:
        kept = os.dup(2)
        os.dup2(file.fileno(), 2)
        try:
            yield lambda: os.pread(file.fileno(), 100_000, 0).decode()
        finally:
            os.dup2(kept, 2)
            os.close(kept)


def refusal(device: str) -> str:
    """Why a camera does not open."""
    with standard_error() as written:
        try:
            Camera(device, VGA, 15).close()
        except CaptureError as error:
            claim(not written(), f"a library wrote: {written()}")
            return str(error)
    raise Unmet("it opened")


def until(camera: Camera, wanted: Callable[[Frame], bool]) -> list[Frame]:
    """The frames up to the first that is wanted."""
    frames, deadline = [camera.read()], time.monotonic() + PATIENCE
    while not wanted(frames[-1]):
        claim(time.monotonic() < deadline, f"not within {PATIENCE:g} s")
        frames.append(camera.read())
    return frames


def is_test_pattern(pixels: Pixels) -> bool:
    """Whether these are the driver's upright bars, not skewed and not black."""
    rows = pixels[pixels.shape[0] * 3 // 4 : -8].astype(float)
    upright, barred = rows.std(axis=0).mean(), rows.std(axis=1).mean()
    return bool(upright < 12 and barred > 40)


def each_size_streams() -> str:
    """640x480 and 1280x720 open and stream; closing logs nothing."""
    rates = []
    for size in (VGA, (1280, 720)):
        with opened("0", size) as camera:
            began = time.monotonic()
            frames = [camera.read() for _ in range(15)]
            rates.append(15 / (time.monotonic() - began))
        claim(not any(frame.stale for frame in frames), "stale frames")
        shapes = {frame.pixels.shape for frame in frames}
        claim(shapes == {(size[1], size[0], 3)}, shapes)
        claim(is_test_pattern(frames[-1].pixels), f"{size}: not the test pattern")
        claim(not messages.lines, messages.lines)
    return " and ".join(f"{rate:.0f} fps" for rate in rates)


def the_camera_is_listed() -> str:
    """cameras() names the camera."""
    claim(cameras() == ["0"], cameras())
    return "0"


def a_wrong_number_is_named() -> str:
    """A wrong number is told as such."""
    said = refusal("7")
    claim("there is no camera /dev/video7" in said, said)
    return said


def a_busy_camera_is_told() -> str:
    """A camera that another has is told to be busy."""
    with opened("0", VGA) as camera:
        said = refusal("0")
        claim(not camera.read().stale, "the first stream suffered")
    claim("busy in another program" in said, said)
    return said


def a_forbidden_camera_is_told() -> str:
    """A camera that may not be used is told as that."""
    os.chmod("/dev/video0", 0o600)
    os.setresuid(NOBODY, NOBODY, 0)
    try:
        said = refusal("0")
    finally:
        os.setresuid(0, 0, 0)
    claim("no permission to use /dev/video0" in said, said)
    return said


def an_output_is_no_camera() -> str:
    """A video device that takes no pictures is told, and not listed."""
    vivid.load("node_types=0x100")
    said = refusal("0")
    claim("is no camera" in said, said)
    claim(cameras() == [], cameras())
    return said


def unplugging_is_survived() -> str:
    """Taken away in mid-stream, the last picture stays; given back, it streams on."""
    vivid.load()
    with standard_error() as written, opened("0", VGA) as camera:
        until(camera, lambda frame: frame.number == 5)
        vivid.unplug()
        away = until(camera, lambda frame: frame.stale)
        deadline = time.monotonic() + 3
        away += until(camera, lambda _frame: time.monotonic() > deadline)
        claim(not os.path.exists("/dev/video0"), "it is still there")
        vivid.plug()
        back = until(camera, lambda frame: not frame.stale)
        after = [camera.read() for _ in range(15)]
        claim(not any(frame.stale for frame in after), "stale after its return")
        claim(not written(), f"a library wrote: {written()}")
    lines = messages.take()
    lost = "/dev/video0 was lost; waiting for it to come back"
    claim(lines == [lost, "/dev/video0 is back"], lines)
    return f"{len(away) + len(back)} frames meanwhile"


def another_number_is_found() -> str:
    """Come back as another number, it is found; who has its number now is not taken for it."""
    vivid.load(cameras=2)
    with opened("0", VGA) as camera:
        until(camera, lambda frame: frame.number == 5)
        vivid.unplug()
        until(camera, lambda frame: frame.stale)
        vivid.load("vid_cap_nr=1,0", cameras=2)
        claim(cameras() == ["0", "1"], cameras())
        until(camera, lambda frame: not frame.stale)
        claim(camera.name == "/dev/video1", camera.name)
    lines = messages.take()
    claim(lines[1:2] == ["/dev/video0 is now /dev/video1"], lines)
    return lines[1]


def one_size_is_enough() -> str:
    """A camera that has its own size alone is shown, scaled to the call's."""
    for kind in (TELEVISION, HDMI):
        vivid.load(kind, *ONE_SIZE)
        with opened("0", VGA) as camera:
            frame = until(camera, lambda frame: frame.number == 5)[-1]
        claim(frame.pixels.shape == (480, 640, 3), frame.pixels.shape)
        claim(is_test_pattern(frame.pixels), f"{kind}: not the test pattern")
    claim(not messages.lines, messages.lines)
    return "720x576 and 1280x720"


def ffmpeg_steps_in() -> str:
    """Where OpenCV refuses a camera, FFmpeg opens it, and sees it leave and return."""
    kept = camera_capture._open_with_opencv
    camera_capture._open_with_opencv = lambda *_: cv2.VideoCapture()
    try:
        for kind in (TELEVISION, HDMI):
            vivid.load(kind, *ONE_SIZE)
            with standard_error() as written, opened("0", VGA) as camera:
                frame = until(camera, lambda frame: frame.number == 5)[-1]
                claim(is_test_pattern(frame.pixels), f"{kind}: not the test pattern")
                vivid.unplug()
                until(camera, lambda frame: frame.stale)
                vivid.plug()
                until(camera, lambda frame: not frame.stale)
                claim(not written(), f"a library wrote: {written()}")
    finally:
        camera_capture._open_with_opencv = kept
    return f"{len(messages.take())} lines in the log"


def the_bench_loses_no_frame() -> str:
    """bench --source 0 captures, sends and decodes every frame."""
    vivid.load()
    # An emulated processor may be too slow for ten frames a second, where the host is busy.
    told: list[str] = []
    for size, fps in (("320x240", 10), ("160x120", 5), ("160x120", 2)):
        done = _bench(size, fps)
        told.append(done.stdout)
        claim(done.returncode == 0, done.stderr)
        claim("lost" not in done.stderr, done.stderr)
        all_of_them = 6 * fps
        words = f"{all_of_them} captured, {all_of_them} sent, {all_of_them} decoded"
        if words in done.stdout:
            latency = next(n for n in done.stdout.splitlines() if "latency" in n)
            return f"{size}: {words}; {' '.join(latency.split())}"
    raise Unmet(f"three times not: {told}")


def _bench(size: str, fps: int) -> "subprocess.CompletedProcess[str]":
    command = f"bench --source 0 --codec jpeg --size {size} --fps {fps} --seconds 6"
    return subprocess.run(
        [sys.executable, "-m", "confcodec", *command.split()],
        capture_output=True,
        text=True,
        timeout=120,
    )


CHECKS = (
    each_size_streams,
    the_camera_is_listed,
    a_wrong_number_is_named,
    a_busy_camera_is_told,
    a_forbidden_camera_is_told,
    unplugging_is_survived,
    another_number_is_found,
    one_size_is_enough,
    ffmpeg_steps_in,
    an_output_is_no_camera,
    the_bench_loses_no_frame,
)


def main(names: list[str]) -> int:
    """Run every check, or those named; 0 where all hold."""
    log = logging.getLogger("confcodec")
    log.setLevel(logging.INFO)
    log.addHandler(messages)
    log.propagate = False
    failed = 0
    vivid.load()
    for check in [c for c in CHECKS if not names or c.__name__ in names]:
        began, name = time.monotonic(), str(check.__doc__)
        messages.take()
        try:
            said, verdict = check(), "ok"
        except Exception as error:  # the others are run all the same
            unmet = isinstance(error, Unmet | CaptureError)
            said = str(error) if unmet else traceback.format_exc()
            verdict, failed = "FAILED", failed + 1
        seconds = time.monotonic() - began
        print(f"{verdict:6} {name} [{said}; {seconds:.0f} s]", flush=True)
    print(f"camera-test: {failed} failed" if failed else PASSED, flush=True)
    return min(failed, 1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
