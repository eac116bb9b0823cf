"""Cameras: a made-up OpenCV device, and made-up places where it is plugged in."""

import errno
import os
import platform
import queue
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import av
import cv2
import numpy as np
import pytest

from confcodec import cli, verbs
from confcodec.codec.frame import Frame, Pixels
from confcodec.errors import CaptureError
from confcodec.media import sources as capture
from confcodec.media.cameras import camera as camera_module
from confcodec.media.cameras import devices as camera_devices
from confcodec.media.cameras import opening as camera_capture
from confcodec.media.cameras.camera import Camera
from confcodec.media.sources import open_source
from confcodec.server import page_wishes as wishes
from confcodec.server.browser_camera import BrowserCamera, BrowserSource
from tests.camera import boot
from tests.media.test_sources import grey, write_video


@dataclass
class Plug:
    """The far end of a made-up camera: what it delivers, and whether it is there."""

    node: str
    pictures: "queue.Queue[Pixels | str]" = field(default_factory=queue.Queue)
    """Put PULLED to pull the plug, FAILED for a read that fails."""
    plugged: threading.Event = field(default_factory=threading.Event)
    ready: threading.Event = field(default_factory=threading.Event)
    """Clear while opening it takes its time."""
    opened: list["FakeCapture"] = field(default_factory=list)
    reason: int = errno.EBUSY
    """Why it does not open."""

    def open(self, device: int | str, how: int = 0) -> "FakeCapture":
        self.ready.wait(60)
        capture = FakeCapture(self, device)
        self.opened.append(capture)
        return capture

    def open_with_ffmpeg(self, node: str, format: str) -> Any:
        raise OSError(self.reason, os.strerror(self.reason), node)

    def pull(self) -> None:
        self.plugged.clear()
        Path(self.node).unlink(missing_ok=True)

    def give_back(self) -> None:
        Path(self.node).touch()
        self.plugged.set()


PULLED, FAILED = "pulled", "failed"


class FakeCapture:
    """What cv2.VideoCapture would be with that camera."""

    def __init__(self, plug: Plug, device: int | str) -> None:
        self._plug, self.device = plug, device
        self.settings: dict[int, float] = {}
        self.released = False

    def isOpened(self) -> bool:
        return self._plug.plugged.is_set()

    def set(self, setting: int, value: float) -> bool:
        self.settings[setting] = value
        return True

    def read(self) -> tuple[bool, Pixels | None]:
        if not self._plug.plugged.is_set():
            return False, None
        picture = self._plug.pictures.get(timeout=60)
        if isinstance(picture, str):
            if picture == PULLED:
                self._plug.pull()
            return False, None
        return True, picture

    def release(self) -> None:
        self.released = True


@pytest.fixture
def plug(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Plug]:
    node = tmp_path / "video0"
    node.touch()
    plug = Plug(str(node))
    plug.plugged.set()
    plug.ready.set()
    monkeypatch.setattr(cv2, "VideoCapture", plug.open)
    monkeypatch.setattr(av, "open", plug.open_with_ffmpeg)
    monkeypatch.setattr(camera_module, "RETRY_FIRST", 0.005)
    monkeypatch.setattr(camera_module, "RETRY_LAST", 0.01)
    monkeypatch.setattr(camera_module, "_FAILED", 0.001)
    monkeypatch.setattr(camera_devices, "SYSFS", tmp_path / "sysfs")
    monkeypatch.setattr(camera_devices, "DEVICES", tmp_path)
    yield plug
    plug.ready.set()
    plug.pictures.put(PULLED)


def bgr(number: int) -> Pixels:
    picture = grey(number, 160, 120)
    picture[:, :, 0] = 7
    return picture


def test_a_camera_gives_its_pictures_as_rgb_of_the_size_asked_for(plug: Plug) -> None:
    plug.pictures.put(bgr(5))
    source = Camera(plug.node, (64, 48), 30)
    frame = source.read()
    assert frame.pixels.shape == (48, 64, 3)
    assert (frame.pixels == (80, 80, 7)).all()
    assert (frame.number, frame.stale) == (0, False)
    plug.pictures.put(PULLED)
    source.close()


@pytest.mark.parametrize(("size", "jpeg"), [((640, 480), False), ((1280, 720), True)])
def test_a_camera_is_asked_for_what_the_call_needs(
    plug: Plug, size: tuple[int, int], jpeg: bool
) -> None:
    plug.pictures.put(bgr(5))
    source = Camera(plug.node, size, 25)
    settings = plug.opened[0].settings
    assert settings[cv2.CAP_PROP_FRAME_WIDTH] == size[0]
    assert settings[cv2.CAP_PROP_FRAME_HEIGHT] == size[1]
    assert settings[cv2.CAP_PROP_FPS] == 25
    assert settings[cv2.CAP_PROP_BUFFERSIZE] == 1
    assert (cv2.CAP_PROP_FOURCC in settings) == jpeg
    plug.pictures.put(PULLED)
    source.close()
    assert plug.opened[0].released


def test_a_lost_camera_repeats_its_last_picture_until_it_is_back(plug: Plug) -> None:
    plug.pictures.put(bgr(3))
    source = Camera(plug.node, (64, 48), 200)
    frames = [source.read()]
    plug.pictures.put(PULLED)
    frames += [source.read() for _ in range(5)]
    assert [frame.stale for frame in frames] == [False] + [True] * 5
    assert all((frame.pixels == frames[0].pixels).all() for frame in frames)
    assert frames[5].capture_time > frames[1].capture_time
    plug.give_back()
    plug.pictures.put(bgr(9))
    while frames[-1].stale:
        frames.append(source.read())
    assert (frames[-1].pixels == (128, 128, 7)).all()
    assert [frame.number for frame in frames] == list(range(len(frames)))
    assert len(plug.opened) >= 2
    plug.pictures.put(PULLED)
    source.close()


def test_a_camera_that_falls_silent_counts_as_lost(
    plug: Plug, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(camera_module, "_SILENCE", 0.01)
    plug.pictures.put(bgr(3))
    source = Camera(plug.node, (64, 48), 200)
    assert [source.read().stale for _ in range(3)] == [False, True, True]
    plug.pictures.put(bgr(4))
    while (frame := source.read()).stale:
        pass
    assert (frame.pixels == (68, 68, 7)).all()
    plug.pictures.put(PULLED)
    source.close()


def test_pictures_faster_than_asked_for_are_left_out(
    plug: Plug, monkeypatch: pytest.MonkeyPatch
) -> None:
    plug.pictures.put(bgr(0))
    source = Camera(plug.node, (64, 48), 0.01)  # the next is due in 100 s
    source.read()
    for number in range(1, 5):
        plug.pictures.put(bgr(number))
    plug.pictures.put(PULLED)
    frames: queue.Queue[Frame] = queue.Queue()

    def read() -> None:
        with pytest.raises(CaptureError, match="closed"):
            frames.put(source.read())

    reader = threading.Thread(target=read)
    reader.start()
    source.close()
    reader.join(30)
    assert not reader.is_alive()
    assert frames.empty()


def test_closing_a_camera_ends_a_read_and_its_thread(plug: Plug) -> None:
    plug.pictures.put(bgr(3))
    source = Camera(plug.node, (64, 48), 30)
    source.read()
    failed = threading.Event()

    def read() -> None:
        try:
            while True:
                source.read()
        except CaptureError:
            failed.set()

    reader = threading.Thread(target=read)
    reader.start()
    closer = threading.Thread(target=source.close)
    closer.start()
    assert failed.wait(30)
    plug.pictures.put(PULLED)
    closer.join(30)
    reader.join(30)
    source.close()
    assert "camera" not in [thread.name for thread in threading.enumerate()]


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        (errno.EBUSY, "busy in another program; close that program"),
        (errno.EACCES, "no permission to use .*usermod -aG"),
        (errno.EPERM, "no permission to use"),
        (errno.ENODEV, "is no camera"),
        (errno.ENOTTY, "is no camera"),
        (errno.EINVAL, "in no format that is known"),
        (errno.EIO, "would not open .*Input/output error"),
    ],
)
def test_why_a_camera_does_not_open_is_told_apart(
    plug: Plug, reason: int, words: str
) -> None:
    plug.reason = reason
    plug.plugged.clear()
    with pytest.raises(CaptureError, match=words):
        Camera(plug.node, (64, 48), 30)
    assert plug.opened[0].released


def test_a_camera_that_opencv_refuses_is_opened_by_ffmpeg(
    plug: Plug, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(av, "open", av.container.open)
    video = write_video(tmp_path / "camera.mkv", [k / 30 for k in range(8)])
    container = av.open(video)
    monkeypatch.setattr(av, "open", lambda _node, format: container)
    plug.plugged.clear()
    source = Camera(plug.node, (32, 24), 1000)
    frame = source.read()
    assert frame.pixels.shape == (24, 32, 3)
    assert (frame.pixels == frame.pixels[0, 0, 0]).all()
    Path(plug.node).unlink()
    while not source.read().stale:
        pass
    source.close()


def test_opencv_and_ffmpeg_keep_quiet_about_what_is_no_camera(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    node = tmp_path / "video0"
    node.touch()
    with pytest.raises(CaptureError, match="is no camera"):
        Camera(str(node), (64, 48), 30)
    assert capfd.readouterr() == ("", "")


def test_a_camera_without_pictures_says_so(
    plug: Plug, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(camera_module, "FIRST_PICTURE", 0.01)
    plug.pictures.put(np.zeros((2, 2, 2), np.uint8))  # a format nobody knows
    with pytest.raises(CaptureError, match="gave no picture within"):
        Camera(plug.node, (64, 48), 30)


def test_a_camera_that_is_slow_to_wake_is_not_opened_again(plug: Plug) -> None:
    for _ in range(5):
        plug.pictures.put(FAILED)
    plug.pictures.put(bgr(3))
    source = Camera(plug.node, (64, 48), 30)
    assert not source.read().stale
    assert len(plug.opened) == 1
    plug.pictures.put(PULLED)
    source.close()


def test_one_broken_picture_is_no_loss(
    plug: Plug, caplog: pytest.LogCaptureFixture
) -> None:
    for picture in (bgr(3), FAILED, bgr(4)):
        plug.pictures.put(picture)
    source = Camera(plug.node, (64, 48), 1e6)
    while (source.read().pixels != (68, 68, 7)).any():
        pass
    assert len(plug.opened) == 1
    plug.pictures.put(FAILED)
    source.close()
    assert not caplog.records


def test_opening_may_take_longer_than_the_first_picture(
    plug: Plug, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(camera_module, "FIRST_PICTURE", 0.05)
    plug.ready.clear()
    plug.pictures.put(bgr(3))
    threading.Timer(0.2, plug.ready.set).start()
    source = Camera(plug.node, (64, 48), 30)
    assert not source.read().stale
    plug.pictures.put(PULLED)
    source.close()


def test_opening_does_not_take_for_ever(
    plug: Plug, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(camera_module, "OPENING", 0.01)
    plug.ready.clear()
    with pytest.raises(CaptureError, match="did not open within"):
        Camera(plug.node, (64, 48), 30)


def test_closing_a_camera_is_no_loss(
    plug: Plug, caplog: pytest.LogCaptureFixture
) -> None:
    plug.pictures.put(bgr(3))
    source = Camera(plug.node, (64, 48), 30)
    source.read()
    closer = threading.Thread(target=source.close)
    closer.start()
    plug.pictures.put(FAILED)
    closer.join(30)
    assert not caplog.records


def test_a_missing_camera_says_so(plug: Plug) -> None:
    with pytest.raises(CaptureError, match="there is no camera"):
        Camera(plug.node + "9", (64, 48), 30)
    assert not plug.opened


def test_a_forbidden_camera_says_so(
    plug: Plug, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda _path, _mode: False)
    with pytest.raises(CaptureError, match="no permission"):
        Camera(plug.node, (64, 48), 30)
    assert not plug.opened


@pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="device nodes are Linux's"
)
def test_a_camera_number_names_its_device() -> None:
    with pytest.raises(CaptureError, match="/dev/video987"):
        open_source("987", (64, 48), 30)


def test_auto_shows_the_demo_where_there_is_no_camera(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(capture, "cameras", list)
    assert open_source("auto", (64, 48), 30).name == "demo"
    assert [record.message for record in caplog.records] == [
        "no camera found; showing the demo"
    ]


def test_auto_takes_the_first_camera_that_works(
    plug: Plug, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(capture, "cameras", lambda: [plug.node + "9", plug.node])
    plug.pictures.put(bgr(3))
    source = open_source("auto", (64, 48), 30)
    assert source.name == plug.node
    plug.pictures.put(PULLED)
    source.close()


def test_an_upright_camera_is_whole_in_a_wide_call(plug: Plug) -> None:
    picture = np.full((640, 480, 3), 200, np.uint8)
    plug.pictures.put(picture)
    source = Camera(plug.node, (64, 48), 30)
    pixels = source.read().pixels
    assert (pixels[:, 14:50] == 200).all()
    assert not pixels[:, :14].any()
    assert not pixels[:, 50:].any()
    plug.pictures.put(PULLED)
    source.close()


def test_an_upright_browser_camera_is_whole_in_a_wide_call() -> None:
    browser = BrowserCamera()
    browser._pixels, browser._pictures = np.full((640, 480, 3), 200, np.uint8), 1
    pixels = BrowserSource(browser, (64, 48), 30).read().pixels
    assert (pixels[:, 14:50] == 200).all()
    assert not pixels[:, :14].any()


# ---------------------------------------------------------------- which camera it is


@dataclass
class Bus:
    """A made-up sysfs: cameras at places, each under the number that it got."""

    root: Path

    def plug(
        self, number: int, place: str, name: str = "Cam", serial: str = "1"
    ) -> str:
        device = self.root / "devices" / place
        entry = device / "interface" / "video4linux" / f"video{number}"
        entry.mkdir(parents=True)
        for key, value in (("idVendor", "046d"), ("idProduct", "0825")):
            (device / key).write_text(value + "\n")
        (device / "serial").write_text(serial + "\n")
        (entry / "name").write_text(name + "\n")
        (entry / "index").write_text("0\n")
        (self.root / "sysfs").mkdir(exist_ok=True)
        (self.root / "sysfs" / f"video{number}").symlink_to(entry)
        node = self.root / f"video{number}"
        node.touch()
        return str(node)

    def pull(self, number: int) -> None:
        (self.root / f"video{number}").unlink(missing_ok=True)
        (self.root / "sysfs" / f"video{number}").unlink()


@pytest.fixture
def bus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bus:
    monkeypatch.setattr(camera_devices, "SYSFS", tmp_path / "sysfs")
    monkeypatch.setattr(camera_devices, "DEVICES", tmp_path)
    return Bus(tmp_path)


def where(node: str, known: camera_devices.Identity | None, others: set[str]) -> str:
    found = camera_devices.find_again(node, known, frozenset(others))
    return Path(found).name if found else "away"


def test_a_camera_is_found_at_its_socket_under_any_number(bus: Bus) -> None:
    node = bus.plug(0, "usb1")
    known = camera_devices.identity(node)
    assert where(node, known, set()) == "video0"
    bus.pull(0)
    assert where(node, known, set()) == "away"
    bus.plug(2, "usb1/again")
    assert where(node, known, set()) == "video2"


def test_who_has_a_cameras_number_now_is_not_taken_for_it(bus: Bus) -> None:
    node = bus.plug(0, "usb1", name="Desk")
    known = camera_devices.identity(node)
    bus.pull(0)
    bus.plug(0, "usb2", name="Bedroom")
    assert where(node, known, set()) == "away"
    bus.plug(1, "usb3", name="Desk")
    assert where(node, known, set()) == "video1"


def test_another_camera_of_its_kind_is_not_taken_for_it(bus: Bus) -> None:
    node = bus.plug(0, "usb1")
    twin = bus.plug(1, "usb2")  # the same serial number, as cheap cameras have
    known = camera_devices.identity(node)
    assert known is not None
    others = camera_devices.places_of_kind(known)
    bus.pull(0)
    assert where(node, known, set(others)) == "away"
    bus.plug(3, "usb4")
    assert where(node, known, set(others)) == "video3"
    assert Path(twin).exists()


def test_a_camera_that_nothing_is_known_of_is_looked_for_where_it_was(bus: Bus) -> None:
    node = bus.root / "video0"
    assert camera_devices.identity(str(node)) is None
    assert where(str(node), None, set()) == "away"
    node.touch()
    assert where(str(node), None, set()) == "video0"


def test_a_camera_that_comes_back_as_another_number_is_shown_again(
    plug: Plug, bus: Bus, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    bus.plug(0, "usb1")
    plug.pictures.put(bgr(0))
    source = Camera(plug.node, (64, 48), 200)
    source.read()
    for number, place in ((1, "usb2"), (4, "usb3"), (0, "usb3/again"), (1, "usb1/b")):
        before = source.name
        plug.pictures.put(PULLED)
        while not source.read().stale:
            pass
        bus.pull(int(before[-1]))
        plug.node = bus.plug(number, place)
        plug.give_back()
        plug.pictures.put(FAILED)
        plug.pictures.put(bgr(9))
        while source.read().stale:
            pass
        assert source.name == plug.opened[-1].device == plug.node
        assert f"{before} is now {plug.node}" in caplog.messages
    plug.pictures.put(PULLED)
    source.close()


def test_a_change_of_size_opens_a_camera_where_it_is_now(plug: Plug) -> None:
    plug.pictures.put(bgr(3))
    source = Camera(plug.node, (64, 48), 30)
    source.name = "/dev/video1"
    endpoint = SimpleNamespace(source=source, options=SimpleNamespace(source="0"))
    host: Any = SimpleNamespace(endpoint=endpoint)
    assert wishes._spec(host) == "1"
    source.name = plug.node
    plug.pictures.put(PULLED)
    source.close()


# ---------------------------------------------------------------- the list of cameras


@pytest.mark.parametrize(
    ("able", "listed"),
    [
        (0x0420_0001, True),  # a webcam, as kernels before 3.4 told
        (0x0420_1000, True),  # its picture in several planes
        (0x04A0_0000, False),  # a webcam's second node, of metadata
        (0x0400_8001, False),  # a converter
    ],
)
@pytest.mark.skipif(sys.platform == "win32", reason="there are no device files")
def test_what_takes_no_pictures_is_not_listed(
    bus: Bus, monkeypatch: pytest.MonkeyPatch, able: int, listed: bool
) -> None:
    import fcntl

    monkeypatch.setattr(sys, "platform", "linux")
    bus.plug(10, "usb1")
    bus.plug(2, "usb2")
    whole = 0x8000_0000 | 0x04A0_0001
    for answer in ((able, 0), (whole, able)):
        camera_devices._captures.cache_clear()
        packed = camera_devices._CAPABILITY.pack(b"", b"", b"", 0, *answer)
        monkeypatch.setattr(fcntl, "ioctl", lambda *_, packed=packed: packed)
        assert camera_devices.cameras() == (["2", "10"] if listed else [])


@pytest.fixture
def mac(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(camera_capture, "_ASK_AGAIN", 0.001)
    monkeypatch.setattr(camera_capture, "_answer_due", 0.0)
    monkeypatch.setenv("OPENCV_AVFOUNDATION_SKIP_AUTH", "0")
    camera_devices._listed.cache_clear()
    camera_devices._tried.cache_clear()
    yield
    camera_devices._listed.cache_clear()
    camera_devices._tried.cache_clear()


class Opening:
    """An OpenCV that opens only what it is told to, and counts."""

    def __init__(self, opens: "list[bool]") -> None:
        self.opens, self.asked = opens, list[int]()

    def __call__(self, device: int, how: int = 0) -> SimpleNamespace:
        self.asked.append(device)
        opened = self.opens.pop(0)
        return SimpleNamespace(
            isOpened=lambda: opened, release=lambda: None, set=lambda *_: True
        )


def test_a_mac_lists_its_cameras_without_switching_them_on(
    mac: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = [
        av.DeviceInfo("0", "FaceTime HD", False, ["video"]),
        av.DeviceInfo("1", "USB Camera", False, ["video"]),
        av.DeviceInfo("2", "Capture screen 0", False, ["video"]),
        av.DeviceInfo("0", "Microphone", False, ["audio"]),
    ]
    monkeypatch.setattr(av, "enumerate_input_devices", lambda _how: found)
    monkeypatch.setattr(cv2, "VideoCapture", Opening([]))
    assert camera_devices.cameras() == ["0", "1"]


def test_where_no_list_is_to_be_had_the_first_numbers_are_tried_once(
    mac: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_how: str) -> list[av.DeviceInfo]:
        raise ValueError("no such input format")

    monkeypatch.setattr(av, "enumerate_input_devices", fail)
    opening = Opening([True, True, False])
    monkeypatch.setattr(cv2, "VideoCapture", opening)
    assert [camera_devices.cameras() for _ in range(3)] == [["0", "1", "2"]] * 3
    assert opening.asked == [1, 2, 3]


# ---------------------------------------------------------------- a Mac's permission


def test_on_a_mac_the_main_thread_asks_and_the_camera_waits_for_the_answer(
    mac: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    opening = Opening([False, False, False, True])
    monkeypatch.setattr(cv2, "VideoCapture", opening)
    camera_capture.ask_for_camera("auto")
    assert os.environ["OPENCV_AVFOUNDATION_SKIP_AUTH"] == "1"
    camera_capture.open_capture("0", (640, 480), 30)
    assert opening.asked == [0] * 4


def test_a_mac_that_has_answered_is_not_waited_for(
    mac: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    opening = Opening([True, False])
    monkeypatch.setattr(cv2, "VideoCapture", opening)
    camera_capture.ask_for_camera("1")
    with pytest.raises(CaptureError, match="Privacy & Security, Camera"):
        camera_capture.open_capture("1", (640, 480), 30)
    assert opening.asked == [1, 1]


@pytest.mark.parametrize("source", ["demo", "clip.mp4"])
def test_a_mac_is_not_asked_for_what_is_no_camera(
    mac: None, monkeypatch: pytest.MonkeyPatch, source: str
) -> None:
    monkeypatch.setattr(cv2, "VideoCapture", Opening([]))
    camera_capture.ask_for_camera(source)


def test_another_thread_asks_a_mac_nothing(
    mac: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cv2, "VideoCapture", opening := Opening([]))
    thread = threading.Thread(target=camera_capture.ask_for_camera, args=("0",))
    thread.start()
    thread.join(30)
    assert opening.asked == []


def test_the_command_line_asks_a_mac_before_it_begins(
    mac: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    monkeypatch.setattr(camera_capture, "ask_for_camera", asked.append)
    monkeypatch.setitem(verbs.VERB_FUNCTIONS, "serve", lambda _options: 0)
    assert cli.main(["serve", "--source", "1"]) == 0
    assert asked == ["1"]


# ---------------------------------------------------------------- make camera-test


def test_the_camera_test_fails_in_words_where_there_is_no_emulator(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    monkeypatch.setenv("PATH", "")
    assert boot.main([]) == 1
    assert "FAILED, the machine could not be started: qemu" in capsys.readouterr().out
