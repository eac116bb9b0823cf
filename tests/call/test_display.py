"""Where a call's frames go: a sink that fails ends nothing but itself."""

import asyncio
import json
import os
import subprocess
from pathlib import Path

import av
import pytest

from confcodec.call.codec_thread import Decoded
from confcodec.call.display import Screen
from confcodec.call.receiver import ReceivedFrame
from confcodec.errors import ConfcodecError
from tests.conftest import picture
from tests.running import SMALL, confcodec
from tests.waiting import eventually

PIXELS = picture()


def frame(number: int) -> ReceivedFrame:
    decoded = Decoded(PIXELS, "jpeg", 0.001, 0.0)
    return ReceivedFrame(decoded, number, number / 30, None)


def pictures(path: Path) -> int:
    with av.open(str(path)) as container:
        return len(list(container.decode(video=0)))


def test_a_later_calls_file_takes_no_name_that_is_taken(tmp_path: Path) -> None:
    (tmp_path / "call-2.mp4").write_bytes(b"of another day")
    screen = Screen(str(tmp_path / "call.mp4"), (320, 240), 30)
    assert screen.spec_of(1) == str(tmp_path / "call.mp4")
    assert screen.spec_of(2) == str(tmp_path / "call-3.mp4")
    assert Screen("null", (320, 240), 30).spec_of(2) == "null"


async def test_a_full_disk_ends_the_file_and_not_the_call(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    screen = Screen(str(tmp_path / "call.mp4"), (320, 240), 30)
    await screen.open()
    running = asyncio.create_task(screen.run())
    first, room = screen.new_call(), [10**9]
    monkeypatch.setattr("confcodec.machine.disk.free_bytes", lambda _path: room[0])
    screen.show(first, frame(0))
    await eventually((tmp_path / "call.mp4").exists)
    room[0] = 1000
    for number in range(1, 6):
        screen.show(first, frame(number))
        await asyncio.sleep(0)
    await eventually(lambda: screen.trouble)
    assert "nearly full" in str(screen.trouble)
    await eventually(lambda: not len(screen._queue))
    assert caplog.text.count("the call goes on without") == 1
    room[0] = 10**9
    screen.show(screen.new_call(), frame(0))  # the next one is recorded again
    await eventually((tmp_path / "call-2.mp4").exists)
    assert not running.done()
    await screen.close()
    running.cancel()
    assert pictures(tmp_path / "call.mp4") >= 1
    assert pictures(tmp_path / "call-2.mp4") == 1


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("call.txt", "neither window, null, auto nor a video file"),
        ("none/call.mp4", "no folder for --sink"),
        ("folder.mp4", "cannot be written"),
    ],
)
async def test_what_can_never_be_written_is_refused_before_the_call(
    tmp_path: Path, name: str, said: str
) -> None:
    (tmp_path / "folder.mp4").mkdir()
    screen = Screen(str(tmp_path / name), (320, 240), 30)
    with pytest.raises(ConfcodecError, match=said):
        await screen.open()
    await screen.close()


async def test_a_bench_on_a_full_disk_goes_on_and_its_report_says_so(
    tmp_path: Path,
) -> None:
    full = tmp_path / "full"
    full.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=100k", "tmpfs", str(full)]
    if os.geteuid() or subprocess.run(mount, capture_output=True).returncode:  # noqa: ASYNC221
        pytest.skip("no file system can be mounted here")
    try:
        options = ["--seconds", "1", "--json", "-", "--sink", str(full / "call.mp4")]
        async with confcodec("bench", *SMALL, *options) as bench:
            ended = await bench.ended()
    finally:
        subprocess.run(["umount", str(full)], check=True)  # noqa: ASYNC221
    assert ended.code == 0
    assert ended.errors.count("nearly full") == 1
    report = json.loads(ended.output)
    assert "nearly full" in report["sink_trouble"]
    assert report["decoded"] > 10
