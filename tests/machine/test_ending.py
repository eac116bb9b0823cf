"""Programs that are ended from outside: signals, closed terminals, readers that have gone."""

import asyncio
import json
import os
import pty
import select
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from confcodec.machine.ending import Interrupted, handle, interruptible, stop_signals
from confcodec.media.video_writer import FileSink
from tests.running import SMALL, Running, confcodec, serving
from tests.waiting import PATIENCE, eventually

STOPS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]
BENCH = ["bench", *SMALL, "--seconds", "60"]


def shell(line: str) -> subprocess.CompletedProcess[str]:
    """Run a line of the shell's, where `confcodec` is this one."""
    start = f'confcodec() {{ "{sys.executable}" -m confcodec "$@"; }}; '
    command = ["bash", "-c", start + line]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


async def grows(path: Path) -> None:
    """Wait until pictures are being written there."""
    await eventually(lambda: path.exists() and path.stat().st_size > 2000)


def pictures(path: Path) -> int:
    with av.open(str(path)) as container:
        return len(list(container.decode(video=0)))


async def measuring(bench: Running, sink: Path) -> list[int]:
    """Wait until a bench decodes frames; its child."""
    await grows(sink)
    return bench.children()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
async def test_an_interrupted_bench_reports_what_was_decoded(
    number: signal.Signals, tmp_path: Path
) -> None:
    report, sink = tmp_path / "bench.json", tmp_path / "call.mp4"
    files = ["--json", str(report), "--sink", str(sink)]
    async with confcodec(*BENCH, *files) as bench:
        children = await measuring(bench, sink)
        # As whoever stops a whole group of processes does.
        for pid in (*children, bench.process.pid):
            os.kill(pid, number)
        ended = await bench.ended()
    assert ended.code == 0, ended.errors
    assert "Traceback" not in ended.errors
    figures = json.loads(report.read_text())
    assert 0 < figures["decoded"] <= figures["captured"]
    assert figures["decoded"] >= figures["sent"] - 2
    assert "frames a second decoded" in ended.output
    assert pictures(sink) >= figures["decoded"] - 9


async def test_what_a_killed_child_had_decoded_is_in_the_report(tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    async with serving("--json", str(report)) as server:
        await server.reaches("loopback")
        (child,) = server.children()
        await asyncio.sleep(1.5)  # it tells every second
        os.kill(child, signal.SIGKILL)
        await server.reaches("waiting")
        server.process.send_signal(signal.SIGHUP)
        assert (await server.ended()).code == 0
    assert json.loads(report.read_text())["calls"][0]["decoded"] > 0


async def test_a_hangup_ends_a_call_in_good_order_even_twice(tmp_path: Path) -> None:
    report, sink = tmp_path / "call.json", tmp_path / "call.mp4"
    files = ["--json", str(report), "--sink", str(sink)]
    async with serving() as server:
        await server.reaches("loopback")
        async with confcodec("call", server.link, *SMALL, *files) as caller:
            await grows(sink)
            caller.process.send_signal(signal.SIGHUP)
            caller.process.send_signal(signal.SIGHUP)
            ended = await caller.ended()
    assert (ended.code, ended.errors.count("Traceback")) == (0, 0)
    assert json.loads(report.read_text())["decoded"] > 0
    assert pictures(sink) > 0


def test_a_closed_terminal_loses_no_report(tmp_path: Path) -> None:
    report, sink = tmp_path / "bench.json", tmp_path / "call.mp4"
    files = ["--json", str(report), "--sink", str(sink)]
    pid, terminal = pty.fork()
    if not pid:
        os.execv(sys.executable, [sys.executable, "-m", "confcodec", *BENCH, *files])
    deadline = time.monotonic() + PATIENCE
    while not (sink.exists() and sink.stat().st_size > 2000):
        assert time.monotonic() < deadline
        if select.select([terminal], [], [], 0.05)[0]:
            os.read(terminal, 65_536)
    os.close(terminal)
    _, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    assert json.loads(report.read_text())["decoded"] > 0


@pytest.mark.parametrize(
    ("end", "code"),
    [
        ("| head -n 1 > /dev/null; exit ${PIPESTATUS[0]}", 0),
        ("<&-", 0),
        ("<&- >&- 2>&-", 0),
        ("> /dev/full", 1),
    ],
)
def test_streams_that_are_closed_lose_no_report(
    end: str, code: int, tmp_path: Path
) -> None:
    report = tmp_path / "bench.json"
    small = " ".join(SMALL)
    done = shell(f"confcodec bench {small} --seconds 0.3 --json {report} {end}")
    assert done.returncode == code
    assert "Traceback" not in done.stderr
    assert "Exception" not in done.stderr
    assert ("output was lost: No space left" in done.stderr) == (code == 1)
    assert json.loads(report.read_text())["decoded"] > 0


async def test_a_call_and_a_server_need_no_standard_streams(tmp_path: Path) -> None:
    report = tmp_path / "call.json"
    async with serving() as server:
        await server.reaches("loopback")
        options = f"{' '.join(SMALL)} --sink null --seconds 1 --json {report}"
        line = f"confcodec call '{server.link}' {options} <&- >&- 2>&-"
        done = await asyncio.to_thread(shell, line)
    assert done.returncode == 0
    assert json.loads(report.read_text())["decoded"] > 0
    served = tmp_path / "serve.json"
    options = f"--port 0 --no-open {' '.join(SMALL)} --seconds 1 --json {served}"
    done = await asyncio.to_thread(shell, f"confcodec serve {options} | true")
    assert done.returncode == 0
    assert "Traceback" not in done.stderr
    assert json.loads(served.read_text())["decoded"] > 0


@pytest.mark.parametrize("number", STOPS)
async def test_a_file_under_way_is_closed_when_a_signal_comes(
    number: signal.Signals, tmp_path: Path
) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (240, 320, 3), np.uint8)
    sink = FileSink(str(tmp_path / "long.mp4"), 30)
    for frame in range(300):
        sink.show(np.roll(noise, frame, 1), frame / 30)
    sink.close()
    source, target = str(tmp_path / "long.mp4"), tmp_path / "long.ccb"
    encode = ["encode", source, str(target), "--codec", "jpeg2000"]
    async with confcodec(*encode) as encoder:
        await eventually(lambda: written(tmp_path) > 100_000)
        encoder.process.send_signal(number)
        ended = await encoder.ended()
    assert ended.code == 128 + number
    assert ended.errors == ""


def written(folder: Path) -> int:
    """Bytes of all that is there besides the source."""
    found = [path for path in folder.rglob("*") if path.name != "long.mp4"]
    return sum(path.stat().st_size for path in found)


@pytest.mark.parametrize("number", STOPS)
def test_training_saves_when_a_signal_comes(
    number: signal.Signals, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch
    from PIL import Image

    from confcodec.lab.training import models, trainer
    from confcodec.lab.training.checkpoint import read_checkpoint
    from confcodec.lab.training.settings import TrainSettings
    from tests.conftest import TINY, picture

    (tmp_path / "data").mkdir()
    Image.fromarray(picture(160, 200, 0)).save(tmp_path / "data" / "0.png")
    monkeypatch.setitem(models.MODELS, "rt", TINY)
    step = trainer.train_step

    def interrupted(*arguments: Any) -> Any:
        if arguments[1].step == 2:
            os.kill(os.getpid(), number)
        return step(*arguments)

    monkeypatch.setattr(trainer, "train_step", interrupted)
    settings = TrainSettings(batch=1, patch=128, steps=50, validate_minutes=0.0)
    with interruptible():  # which puts the handlers back
        trainer.train(settings, tmp_path / "data", None, tmp_path / "out", None)
    saved = read_checkpoint(tmp_path / "out" / "last.pt", torch.device("cpu"))
    assert 3 <= saved["step"] <= 4


def test_a_hangup_that_nohup_wards_off_is_none() -> None:
    before = signal.getsignal(signal.SIGHUP)
    try:
        handle(signal.SIGHUP, signal.SIG_IGN)
        assert signal.SIGHUP not in stop_signals()
        with interruptible():
            os.kill(os.getpid(), signal.SIGHUP)
    finally:
        handle(signal.SIGHUP, before)
    assert signal.SIGHUP in stop_signals()


def test_the_second_hangup_does_not_interrupt_the_closing_of_files() -> None:
    before = [signal.getsignal(number) for number in STOPS]
    closed = False
    with interruptible():
        with pytest.raises(Interrupted) as interrupted:
            os.kill(os.getpid(), signal.SIGHUP)
        os.kill(os.getpid(), signal.SIGHUP)
        closed = True
    assert closed
    assert interrupted.value.code == 129
    assert [signal.getsignal(number) for number in STOPS] == before
