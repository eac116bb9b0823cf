"""Names and places of every kind: one clear line, or the right work; never a traceback or a wait."""

import json
import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from confcodec.cli import main
from confcodec.codec.rt.weights import read_named
from confcodec.errors import CaptureError, ConfcodecError, WeightsError
from confcodec.files.bitstream_file import BitstreamReader, BitstreamWriter, FileHeader
from confcodec.files.paths import decoding_plan, encoding_plan, expand
from confcodec.lab.evaluation.rows import read_rows
from confcodec.lab.pictures import readable_paths
from confcodec.lab.training.checkpoint import read_checkpoint
from confcodec.machine.printable import printable, printable_values
from confcodec.media.picture import PICTURES, find_pictures, read_picture
from confcodec.media.sound_devices import open_microphone
from tests.conftest import picture
from tests.files.test_targets import clip, names, run

STRANGE = [
    "Re: talk.png",
    "http:x.png",
    "take[1].png",
    "100%d.png",
    "-x.png",
    'it\'s "quoted".png',
    "new\nline.png",
    "[bold]markup[@click=x].png",
    os.fsdecode(b"caf\xe9.png"),
    "\N{GRINNING FACE}.png",
    "n" * 251 + ".png",
]


def save(path: Path) -> Path:
    Image.fromarray(picture(40, 60)).save(path, "PNG")
    return path


@contextmanager
def limited(size: int) -> Iterator[None]:
    """No file may grow beyond `size`: to a writer the same as a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("name", STRANGE)
def test_a_strange_name_is_coded_decoded_and_reported(
    name: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    save(tmp_path / name)
    coded = Path(name).with_suffix(".ccb").name
    first = "./" if name.startswith("-") else ""
    words = ["encode", first + name, "--codec", "jpeg", "--json", "report.json"]
    assert main(words) == 0
    assert main(["decode", first + coded, "-o", "back.png"]) == 0
    assert main(["info", first + coded]) == 0
    assert read_picture(tmp_path / "back.png").shape == (40, 60, 3)
    text = (tmp_path / "report.json").read_text()
    report = json.loads(text)
    report["input"].encode()  # no lone surrogates, which other readers refuse
    assert report["input"] == printable(name)
    assert printable(coded) in capsys.readouterr().out


def test_a_strange_name_is_printed_whatever_the_terminal_takes(tmp_path: Path) -> None:
    path = save(tmp_path / os.fsdecode(b"caf\xe9.png"))
    for encoding in ("utf-8", "ascii"):
        done = subprocess.run(
            [
                sys.executable,
                "-m",
                "confcodec",
                "encode",
                path,
                "--codec",
                "jpeg",
                "--force",
            ],
            capture_output=True,
            env=os.environ | {"PYTHONIOENCODING": encoding},
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
        assert b"caf\\xe9.ccb" in done.stdout


def test_bytes_that_are_no_text_are_shown() -> None:
    assert printable("caf\udce9 \N{SNOWMAN}") == "caf\\xe9 \N{SNOWMAN}"
    assert printable("\ud800") == "\\ud800"
    facts: dict[str, object] = {"files": [{"input": "\udcff", "frames": 1}], "bpp": 0.5}
    assert printable_values(facts) == {
        "files": [{"input": "\\xff", "frames": 1}],
        "bpp": 0.5,
    }


@pytest.mark.parametrize("kind", ["input", "output", "report"])
def test_a_name_that_is_too_long_is_one_line(
    kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, long = save(tmp_path / "x.png"), tmp_path / ("n" * 300 + ".png")
    words: dict[str, list[object]] = {
        "input": ["encode", long],
        "output": ["encode", source, "-o", long],
        "report": ["encode", source, "--json", long],
    }
    assert run(*words[kind], "--codec", "jpeg") == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "File name too long" in line
    assert names(tmp_path) == ["x.png"]


@pytest.mark.parametrize(
    "words",
    [
        ["eval", "LONG"],
        ["eval", "LONG/x"],
        ["data", "LONG", "out"],
        ["data", "IN", "LONG"],
        ["train", "LONG"],
        ["train", "IN", "--out", "LONG"],
        ["export", "LONG", "IN"],
        ["bench", "--codec", "jpeg", "--source", "LONG"],
        ["bench", "--codec", "jpeg", "--sink", "LONG.mp4"],
        ["info", "LONG"],
    ],
)
def test_every_verb_takes_a_name_that_is_too_long_for_what_it_is(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "in").mkdir()
    save(tmp_path / "in" / "x.png")
    clip(tmp_path / "in" / "y.ccb")
    places = {"LONG": tmp_path / ("n" * 300), "IN": tmp_path / "in"}
    for name, path in places.items():
        words = [word.replace(name, str(path)) for word in words]
    try:
        code = main(words)
    except SystemExit as exit_:
        code = int(str(exit_.code))
    assert code in (1, 2)
    assert "confcodec" in capsys.readouterr().err.splitlines()[-1]


def test_a_decoded_name_that_gets_too_long_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    coded = clip(tmp_path / ("n" * 250 + ".ccb"))
    assert run("decode", coded) == 1
    assert "File name too long" in capsys.readouterr().err
    assert run("decode", coded, "-o", tmp_path / "x.mp4") == 0


@pytest.mark.parametrize("name", ["out[1].ccb", "[ab].ccb", "out[1]"])
def test_a_new_output_with_brackets_is_no_pattern(name: str, tmp_path: Path) -> None:
    source = save(tmp_path / "x.png")
    assert run("encode", source, tmp_path / name, "--codec", "jpeg") == 0
    written = tmp_path / name if name.endswith(".ccb") else tmp_path / name / "x.ccb"
    with BitstreamReader(written) as reader:
        assert len(list(reader)) == 1


def test_patterns_are_still_patterns(tmp_path: Path) -> None:
    (tmp_path / "in[1]").mkdir()
    a, b = (save(tmp_path / "in[1]" / name) for name in ("a1.png", "b1.png"))
    c = save(tmp_path / "take[1].png")
    assert [p for p, _ in expand([a.parent / "*.png"], PICTURES)] == [a, b]
    assert [p for p, _ in expand([a.parent / "[ab]1.png"], PICTURES)] == [a, b]
    assert [p for p, _ in expand([c], PICTURES)] == [c]
    assert len(encoding_plan([c, a.parent / "[ab]1.p*"], None)) == 3
    with pytest.raises(CaptureError, match="does not exist"):
        encoding_plan([c, tmp_path / "*.jpeg2"], None)


@pytest.mark.parametrize("verb", ["encode", "decode", "info"])
def test_a_named_pipe_is_refused_not_waited_for(verb: str, tmp_path: Path) -> None:
    end = ".png" if verb == "encode" else ".ccb"
    pipe = tmp_path / f"pipe{end}"
    os.mkfifo(pipe)
    done = subprocess.run(
        [sys.executable, "-m", "confcodec", verb, pipe],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 1
    assert f"{verb} - OUTPUT < {pipe}" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    with pytest.raises(CaptureError, match="holds no file"):
        expand([tmp_path], frozenset({end}))


@pytest.mark.parametrize("option", ["--audio", "--source", "--sink", "--speaker"])
def test_a_call_does_not_wait_for_a_named_pipe(
    option: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pipe = tmp_path / "pipe.mp4"
    os.mkfifo(pipe)
    if option == "--audio":  # opened once there is a call
        with pytest.raises(CaptureError, match="no ordinary file"):
            open_microphone(str(pipe))
        return
    assert run("bench", "--codec", "jpeg", option, pipe, "--force") == 1
    assert "pipe.mp4" in capsys.readouterr().err


def test_a_report_may_go_to_a_pipe(tmp_path: Path) -> None:
    pipe, source = tmp_path / "report", save(tmp_path / "x.png")
    os.mkfifo(pipe)
    with subprocess.Popen(["cat", pipe], stdout=subprocess.PIPE) as reader:
        assert run("encode", source, "--codec", "jpeg", "--json", pipe) == 0
        out, _ = reader.communicate(timeout=60)
    assert json.loads(out)["frames"] == 1
    assert pipe.is_fifo()


def test_a_device_is_no_file(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("info", "/dev/zero") == 1
    assert "no ordinary file" in capsys.readouterr().err


UNPRIVILEGED = """
import ctypes, sys
head = (ctypes.c_uint32 * 2)(0x20080522, 0)  # capget(2): version 3, this process
sets = (ctypes.c_uint32 * 6)()
libc = ctypes.CDLL(None)
assert libc.capget(head, sets) == 0
sets[0] &= ~0b110  # effective: root, too, may only enter what it is let into
assert libc.capset(head, sets) == 0
from confcodec.cli import main
sys.exit(main(sys.argv[1:]))
"""


def run_unprivileged(*words: object) -> subprocess.CompletedProcess[str]:
    """The command of a user, whoever runs the tests."""
    command = [sys.executable, "-c", UNPRIVILEGED, *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


@pytest.mark.skipif(sys.platform != "linux", reason="takes rights away as Linux has it")
@pytest.mark.parametrize("verb", ["encode", "decode", "info"])
def test_a_folder_that_may_not_be_entered_is_named_and_the_rest_done(
    verb: str, tmp_path: Path
) -> None:
    work, closed = tmp_path / "in", tmp_path / "in" / "closed"
    closed.mkdir(parents=True)
    for folder in (work, closed):
        save(folder / "x.png")
        clip(folder / "y.ccb")
    more: dict[str, list[object]] = {
        "encode": ["--codec", "jpeg"],
        "decode": ["-o", tmp_path / "out"],
    }
    closed.chmod(0)
    try:
        done = run_unprivileged(verb, work, *more.get(verb, []))
        alone = run_unprivileged(verb, closed / "x.png")
        writing = run_unprivileged("encode", work / "x.png", "-o", closed / "z.ccb")
    finally:
        closed.chmod(0o700)
    assert done.returncode == 1
    assert "closed cannot be read: Permission denied" in done.stderr
    assert "frames 3" in done.stdout or "frames 1" in done.stdout
    for refused in (alone, writing):
        assert refused.returncode == 1
        assert "Permission denied" in refused.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr + alone.stderr + writing.stderr


def test_a_full_disk_ends_in_one_line_and_leaves_no_half_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rng = np.random.default_rng(0)
    source = tmp_path / "x.png"
    Image.fromarray(rng.integers(0, 255, (200, 200, 3)).astype(np.uint8)).save(source)
    words = ["encode", source, "--codec", "jpeg", "--quality", "63"]
    with limited(5_000):
        assert run(*words) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "cannot write" in line
    assert "x.ccb" in line
    assert ".confcodec" not in line
    assert names(tmp_path) == ["x.png"]
    assert run(*words) == 0
    for target in ("y.png", "y.mp4"):
        coded = tmp_path / "x.ccb" if target == "y.png" else clip(tmp_path / "y.ccb")
        with limited(800):
            assert run("decode", coded, "-o", tmp_path / target) == 1
        error = capsys.readouterr().err
        assert target in error
        assert "Traceback" not in error
        assert not (tmp_path / target).exists()
    assert not any(name.startswith(".confcodec") for name in names(tmp_path))


def test_a_writer_whose_disk_is_full_can_be_closed() -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("this system has no /dev/full")
    with pytest.raises(CaptureError, match="No space left"):
        BitstreamWriter(full, FileHeader("jpeg", 64, 48))


def test_a_report_for_which_there_is_no_room_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = save(tmp_path / "x.png")
    assert run("encode", source, "--codec", "jpeg") == 0
    with limited(50):
        assert run("info", tmp_path / "x.ccb", "--json", tmp_path / "s.json") == 1
    assert "s.json" in capsys.readouterr().err
    assert not (tmp_path / "s.json").exists()


def test_notes_of_a_mac_and_what_is_no_picture_are_left_out(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    good = save(tmp_path / "x.png")
    (tmp_path / "._x.png").write_bytes(b"Mac OS X")
    (tmp_path / "bad.png").write_bytes(b"no picture")
    (tmp_path / "folder.png").mkdir()
    assert find_pictures(tmp_path) == [tmp_path / "bad.png", good]
    assert readable_paths(tmp_path) == [good]
    assert "bad.png cannot be read as a picture" in caplog.text
    assert "left out" in caplog.text
    good.unlink()
    with pytest.raises(CaptureError, match="no picture that can be used"):
        readable_paths(tmp_path)


def test_one_bad_picture_does_not_stop_a_comparison(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    Image.fromarray(picture(170, 170)).save(folder / os.fsdecode(b"caf\xe9.png"))
    for name, content in (("._x.png", b"Mac"), ("bad.png", b"no picture")):
        (folder / name).write_bytes(content)
    Image.fromarray(picture(8, 8)).save(folder / "small.png")
    words = ["eval", folder, "--codecs", "jpeg", "--qualities", "5,20"]
    out = [tmp_path / f"a.{end}" for end in ("json", "csv", "jpg")]
    words += ["--json", out[0], "--csv", out[1], "--sheet", out[2]]
    assert run(*words, "--rows", tmp_path / "rows") == 0
    assert json.loads(out[0].read_text())["pictures"] == 1
    assert "caf\\xe9.png" in out[1].read_text()
    assert caplog.text.count("left out") == 2


def test_weights_and_checkpoints_are_no_pipes_and_rows_no_other_table(
    tmp_path: Path,
) -> None:
    pipe = tmp_path / "rt-12345678.safetensors"
    os.mkfifo(pipe)
    with pytest.raises(WeightsError, match="no ordinary file"):
        read_named(pipe)
    with pytest.raises(ConfcodecError, match="no ordinary file"):
        read_checkpoint(pipe, torch.device("cpu"))
    mine = tmp_path / "mine.csv"
    mine.write_bytes(b"name,figure\ncaf\xe9,1\n")
    with pytest.raises(ConfcodecError, match="holds no rows of eval"):
        read_rows(mine)


def test_a_decoding_plan_does_not_open_what_is_no_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "x.ccb")
    plan = decoding_plan([tmp_path / "x.ccb"], None, png=False)
    assert plan == [(tmp_path / "x.ccb", tmp_path / "x.decoded.mp4")]
