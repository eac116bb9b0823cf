import json
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from confcodec import __version__
from confcodec.cli import VERBS, main
from confcodec.codec.metrics import psnr
from confcodec.media.picture import read_picture
from tests.conftest import picture


def run(*arguments: str) -> tuple[int, str, str]:
    """Exit code, output and errors of a real process."""
    command = [sys.executable, "-m", "confcodec", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout, done.stderr


def fails(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    """Exit code and the one line on standard error."""
    try:
        code = main(arguments)
    except SystemExit as exit_:
        code = int(str(exit_.code))
    captured = capsys.readouterr()
    assert captured.out == ""
    (line,) = captured.err.splitlines()
    return code, line


def test_help_names_every_verb_and_the_version(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as done:
        main(["--help"])
    assert done.value.code == 0
    text = capsys.readouterr().out
    assert all(verb in text for verb in VERBS)
    with pytest.raises(SystemExit):
        main(["--version"])
    assert __version__ in capsys.readouterr().out


@pytest.mark.parametrize(
    "verb", ["serve", "call", "bench", "encode", "decode", "info", "train", "eval"]
)
def test_every_verb_explains_itself(
    verb: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as done:
        main([verb, "--help"])
    assert done.value.code == 0
    assert "--debug" in capsys.readouterr().out


def test_help_imports_neither_torch_nor_the_network() -> None:
    program = (
        "import sys; from confcodec.cli import main\n"
        "try: main(['serve', '--help'])\n"
        "except SystemExit: print(sorted({'torch', 'aiortc', 'cv2'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True
    )
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "VERB"),
        (["dance"], "dance"),
        (["serve", "--codec", "h264"], "h264"),
        (["serve", "--quality", "99"], "0..63"),
        (["bench", "--quality", "-1"], "--quality"),
        (["serve", "--size", "8x8"], "8x8 is outside"),
        (["serve", "--size", "big"], "640x480"),
        (["serve", "--fps", "0"], "--fps"),
        (["serve", "--fps", "nan"], "--fps"),
        (["serve", "--port", "70000"], "--port"),
        (["serve", "--threads", "0"], "--threads"),
        (["bench", "--seconds", "-3"], "--seconds"),
        (["call"], "URL"),
    ],
)
def test_a_wrong_argument_is_one_line_and_exit_2(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code, line = fails(arguments, capsys)
    assert code == 2
    assert said in line
    assert "--help" in line


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["call", "http://127.0.0.1:9/"], "no token"),
        (["call", "nowhere#t"], "no link"),
        (["encode", "missing.png"], "missing.png does not exist"),
        (["encode", "pyproject.toml"], "has no video in it"),
        (["decode", "missing.ccb"], "missing.ccb does not exist"),
        (["decode", "pyproject.toml"], "no bitstream"),
        (["bench", "--codec", "jpeg", "--source", "missing.mp4"], "missing.mp4"),
    ],
)
def test_a_failure_is_one_line_and_exit_1(arguments: list[str], said: str) -> None:
    code, _, errors = run(*arguments)
    assert code == 1
    assert errors.startswith("confcodec: error: ")
    assert said in errors
    assert len(errors.splitlines()) == 1


def test_debug_shows_the_traceback() -> None:
    code, _, errors = run("decode", "missing.ccb", "--debug")
    assert code == 1
    assert "Traceback" in errors


def test_a_port_in_use_is_one_line_and_exit_1() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, _, errors = run(
            "serve", "--port", str(port), "--codec", "jpeg", "--no-open"
        )
    assert code == 1
    assert errors == (
        f"confcodec: error: port {port} is in use; "
        "choose another with --port, or 0 for any free one\n"
    )


@pytest.mark.parametrize("codec", ["jpeg", "webp"])
def test_a_picture_survives_encode_and_decode(
    codec: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    original, coded, back = (tmp_path / name for name in ("a.png", "a.ccb", "b.png"))
    report = tmp_path / "report.json"
    Image.fromarray(picture(101, 77)).save(original)
    encode = [
        "encode",
        str(original),
        "--codec",
        codec,
        "--quality",
        "50",
        "--json",
        str(report),
    ]
    assert main(encode) == 0
    assert main(["decode", str(coded), str(back)]) == 0
    figures = json.loads(report.read_text())
    assert figures["file_bytes"] == coded.stat().st_size
    assert figures["bpp"] == pytest.approx(8 * figures["bytes"] / (101 * 77), abs=1e-3)
    found = psnr(read_picture(original), read_picture(back))
    assert figures["psnr_db"] == pytest.approx(found, abs=0.01)
    assert str(coded) in capsys.readouterr().out


def test_json_goes_to_standard_output_when_asked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "a.png"
    Image.fromarray(picture(32, 32)).save(path)
    assert main(["encode", str(path), "--codec", "jpeg", "--json", "-"]) == 0
    assert json.loads(capsys.readouterr().out)["codec"] == "jpeg"


def test_an_unwritable_report_is_an_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "a.png"
    Image.fromarray(picture(32, 32)).save(path)
    report = str(tmp_path / "no" / "folder.json")
    assert main(["encode", str(path), "--codec", "jpeg", "--json", report]) == 1
    assert "folder.json" in capsys.readouterr().err
