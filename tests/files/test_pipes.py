"""Standard input and output in place of files: bytes in, bytes out, and nothing else."""

import io
import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from confcodec.cli import main
from confcodec.codec.metrics import psnr
from confcodec.files.bitstream_file import BitstreamReader
from confcodec.media.picture import read_picture
from confcodec.media.video_reader import played_once
from tests.conftest import picture
from tests.files.test_targets import clip, names


@dataclass(frozen=True)
class Done:
    """What a command has written, and its exit code."""

    returncode: int
    stdout: bytes
    stderr: bytes


Pipe = Callable[..., Done]


@pytest.fixture
def pipe(
    monkeypatch: pytest.MonkeyPatch, capsysbinary: pytest.CaptureFixture[bytes]
) -> Pipe:
    def run(*words: object, given: bytes = b"") -> Done:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(given)))
        code = main([str(word) for word in words])
        return Done(code, *capsysbinary.readouterr())

    return run


def test_two_processes_make_a_pipe(tmp_path: Path) -> None:
    """As typed into a shell: cat x.png | confcodec encode - - | confcodec decode - - > y.png."""
    given = picture_file("PNG")
    for verb, *how in (("encode", "--codec", "jpeg"), ("decode",)):
        command = [sys.executable, "-m", "confcodec", verb, "-", "-", *how]
        done = subprocess.run(command, input=given, capture_output=True, timeout=60)
        assert done.returncode == 0, done.stderr
        given = done.stdout
    (tmp_path / "y.png").write_bytes(given)
    assert psnr(read_picture(tmp_path / "y.png"), picture(40, 60)) > 25


def picture_file(kind: str) -> bytes:
    out = io.BytesIO()
    Image.fromarray(picture(40, 60)).save(out, kind)
    return out.getvalue()


def video(path: Path, frames: int, side: int = 64) -> Path:
    pictures = [picture(side, side, seed) for seed in range(4)]
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=Fraction(25))
        stream.width, stream.height, stream.pix_fmt = side, side, "yuv420p"
        for i in range(frames):
            pixels = pictures[i % len(pictures)]
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF"])
def test_a_picture_goes_through_two_pipes(
    kind: str, tmp_path: Path, pipe: Pipe
) -> None:
    coded = pipe("encode", "-", "-", "--codec", "jpeg", given=picture_file(kind))
    assert coded.returncode == 0, coded.stderr
    assert coded.stdout[:4] == b"CCBF"
    assert b"psnr_db" in coded.stderr, "figures go where they do no harm"
    back = pipe("decode", "-", "-", given=coded.stdout)
    assert back.returncode == 0, back.stderr
    (tmp_path / "y.png").write_bytes(back.stdout)
    assert psnr(read_picture(tmp_path / "y.png"), picture(40, 60)) > 25


@pytest.mark.parametrize("end", [".mp4", ".mkv"])
def test_a_video_goes_through_two_pipes(end: str, tmp_path: Path, pipe: Pipe) -> None:
    given = video(tmp_path / f"x{end}", 5).read_bytes()
    coded = pipe("encode", "-", "--codec", "jpeg", given=given)
    assert coded.returncode == 0, coded.stderr
    (tmp_path / "x.ccb").write_bytes(coded.stdout)
    with BitstreamReader(tmp_path / "x.ccb") as reader:
        assert reader.header.fps == 25
        assert len(list(reader)) == 5
    back = pipe("decode", "-", "--quiet", given=coded.stdout)
    (tmp_path / "y.mkv").write_bytes(back.stdout)
    assert len(list(played_once(str(tmp_path / "y.mkv")))) == 5


def test_one_side_may_be_a_file(tmp_path: Path, pipe: Pipe) -> None:
    (tmp_path / "x.png").write_bytes(picture_file("PNG"))
    coded = pipe("encode", tmp_path / "x.png", "-", "--codec", "jpeg")
    assert coded.stdout[:4] == b"CCBF"
    report = tmp_path / "r.json"
    done = pipe("decode", "-", tmp_path / "y.png", "--json", report, given=coded.stdout)
    assert done.returncode == 0, done.stderr
    facts = json.loads(report.read_text())
    assert (facts["input"], facts["output"]) == ("-", str(tmp_path / "y.png"))
    assert names(tmp_path) == ["r.json", "x.png", "y.png"]
    told = json.loads(pipe("info", "-", "--json", "-", given=coded.stdout).stdout)
    assert (told["file"], told["frames"]) == ("-", 1)


@pytest.mark.parametrize(
    ("words", "given", "said"),
    [
        (["encode", "-", "-", "--json", "-"], b"", "takes one thing"),
        (["encode", "-", "-"], b"", "standard input is empty"),
        (["encode", "-", "-"], b"no picture " * 99, "standard input is no video"),
        (["decode", "-", "-"], b"no bitstream", "standard input: no bitstream file"),
        (["decode", "-", "folder"], b"", "stands for one file"),
        (["encode", "-", "more.png", "-"], b"", "stands for one file|does not exist"),
    ],
)
def test_what_cannot_go_through_a_pipe_is_one_line(
    words: list[str], given: bytes, said: str, pipe: Pipe
) -> None:
    codec = ["--codec", "jpeg"] if words[0] == "encode" else []
    done = pipe(*words, *codec, given=given)
    assert done.returncode == 1
    assert done.stdout == b""
    (line,) = done.stderr.decode().splitlines()
    assert any(part in line for part in said.split("|"))
    assert "/tmp/" not in line


def test_a_folder_of_pictures_does_not_fit_into_a_pipe(
    tmp_path: Path, pipe: Pipe
) -> None:
    done = pipe("decode", clip(tmp_path / "x.ccb"), "-", "--png")
    assert done.returncode == 1
    assert done.stdout == b""
    assert b"--png needs a folder" in done.stderr


def test_a_reader_that_goes_away_is_one_line(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (400, 400, 3), np.uint8)
    Image.fromarray(noise).save(tmp_path / "x.png")
    source = str(tmp_path / "x.png")
    command = [sys.executable, "-m", "confcodec", "encode", source, "-"]
    command += ["--codec", "jpeg", "--quality", "63"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout
        assert process.stderr
        process.stdout.close()
        errors = process.stderr.read().decode()
        assert process.wait(60) == 1
    assert errors.splitlines() == [
        "confcodec: error: standard output cannot be written: Broken pipe"
    ]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_encoding_that_is_ended_leaves_nothing(number: int, tmp_path: Path) -> None:
    source = str(video(tmp_path / "x.mp4", 400, 320))
    command = [sys.executable, "-m", "confcodec", "encode", source, "--codec", "webp"]
    with subprocess.Popen(command, stderr=subprocess.PIPE) as process:
        end = time.monotonic() + 60
        while names(tmp_path) == ["x.mp4"] and time.monotonic() < end:
            time.sleep(0.01)  # until it has begun to write
        assert process.poll() is None
        process.send_signal(number)
        _, errors = process.communicate(timeout=60)
    assert process.returncode in (130, 128 + number), errors.decode()
    assert names(tmp_path) == ["x.mp4"]
