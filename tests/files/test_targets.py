"""What is written: never over an input, over others only by force, whole or not at all."""

import json
import os
from fractions import Fraction
from pathlib import Path

import pytest
from PIL import Image

from confcodec.cli import main
from confcodec.codec.interface import Codec
from confcodec.errors import CaptureError
from confcodec.files.bitstream_file import BitstreamWriter, FileHeader
from confcodec.machine.file_targets import Targets
from tests.conftest import picture


@pytest.fixture
def original(tmp_path: Path) -> Path:
    path = tmp_path / "x.png"
    Image.fromarray(picture(40, 60)).save(path)
    return path


def clip(path: Path, frames: int = 3) -> Path:
    """A coded video of frames that are alike."""
    with BitstreamWriter(path, FileHeader("jpeg", 60, 40, Fraction(10))) as writer:
        bitstream = Codec.load("jpeg").encode(picture(40, 60), 40)
        for i in range(frames):
            writer.write(bitstream, i / 10)
    return path


def run(*words: object) -> int:
    return main([str(word) for word in words])


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_decoding_beside_the_original_leaves_it_alone(original: Path) -> None:
    before = original.read_bytes()
    assert run("encode", original, "--codec", "jpeg") == 0
    assert run("decode", original.with_suffix(".ccb")) == 0
    assert original.read_bytes() == before
    assert names(original.parent) == ["x.ccb", "x.decoded.png", "x.png"]


def test_decoding_a_video_beside_its_original_leaves_it_alone(tmp_path: Path) -> None:
    (tmp_path / "x.mp4").write_bytes(b"of the user")
    assert run("decode", clip(tmp_path / "x.ccb")) == 0
    assert (tmp_path / "x.mp4").read_bytes() == b"of the user"
    assert (tmp_path / "x.decoded.mp4").stat().st_size > 500


@pytest.mark.parametrize("verb", ["encode", "decode"])
def test_what_exists_is_replaced_only_by_force(
    verb: str, original: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    coded, output = original.with_suffix(".ccb"), original.with_name("out.png")
    output.write_bytes(b"of the user")
    words: list[object] = ["encode", original, "-o", output, "--codec", "jpeg"]
    if verb == "decode":
        assert run("encode", original, coded, "--codec", "jpeg") == 0
        words = ["decode", coded, "-o", output]
    assert run(*words) == 1
    assert "out.png exists; --force replaces it" in capsys.readouterr().err
    assert output.read_bytes() == b"of the user"
    assert run(*words, "--force") == 0
    assert output.read_bytes() != b"of the user"
    assert not any(name.startswith(".confcodec") for name in names(original.parent))


@pytest.mark.parametrize("way", ["itself", "symlink", "hard link", "detour"])
def test_an_input_is_not_written_under_any_name(
    way: str, original: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = original.read_bytes()
    other = original.with_name("other.ccb")
    match way:
        case "itself":
            other = original
        case "symlink":
            other.symlink_to(original)
        case "hard link":
            other.hardlink_to(original)
        case "detour":
            (original.parent / "deep").mkdir()
            other = original.parent / "deep" / ".." / original.name
    words = ["encode", original, "-o", other, "--codec", "jpeg", "--force"]
    assert run(*words) == 1
    assert "is an input" in capsys.readouterr().err
    assert original.read_bytes() == before


def test_a_report_is_not_written_over_an_input_or_an_output(
    original: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = original.read_bytes()
    coded = original.with_suffix(".ccb")
    words = ["encode", original, "-o", coded, "--codec", "jpeg", "--force", "--json"]
    assert run(*words, original) == 1
    assert run(*words, coded) == 1
    assert "named twice" in capsys.readouterr().err
    assert not coded.exists(), "the report is looked at before the work"
    assert original.read_bytes() == before


def test_a_report_that_exists_is_refused_before_the_work(
    original: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = original.with_name("report.json")
    report.write_text("of the user")
    words = ["encode", original, "--codec", "jpeg", "--json", report]
    assert run(*words) == 1
    assert "report.json exists" in capsys.readouterr().err
    assert names(original.parent) == ["report.json", "x.png"]
    assert run(*words, "--force") == 0
    assert json.loads(report.read_text())["frames"] == 1


@pytest.mark.parametrize("option", ["--json", "--sink", "--speaker"])
def test_a_call_writes_neither_over_files_nor_over_its_source(
    option: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = tmp_path / "talk.mp4"
    source.write_bytes(b"of the user")
    words = ["bench", "--codec", "jpeg", "--source", source, option, source]
    assert run(*words) == 1
    assert run(*words, "--force") == 1
    assert "is an input" in capsys.readouterr().err
    words[4] = "demo"
    assert run(*words) == 1
    assert "--force replaces it" in capsys.readouterr().err
    assert source.read_bytes() == b"of the user"


def test_a_damaged_file_deletes_nothing_that_was_there(tmp_path: Path) -> None:
    coded, mine = tmp_path / "x.ccb", tmp_path / "x.mp4"
    coded.write_bytes(clip(coded).read_bytes()[:60])
    mine.write_bytes(b"of the user")
    for words in ([], ["-o", mine], ["-o", mine, "--force"], ["--png"]):
        assert run("decode", coded, *words) == 1
    assert mine.read_bytes() == b"of the user"
    assert names(tmp_path) == ["x.ccb", "x.mp4"]


def test_pictures_of_two_videos_do_not_mix(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["decode", "--png", "-o"]
    assert run(*words, tmp_path, clip(tmp_path / "x.ccb")) == 0
    assert names(tmp_path / "x") == ["000000.png", "000001.png", "000002.png"]
    assert run(*words, tmp_path, clip(tmp_path / "x.ccb", 2), "--force") == 1
    assert "x is not empty" in capsys.readouterr().err
    assert len(names(tmp_path / "x")) == 3
    (tmp_path / "new" / "x").mkdir(parents=True)
    assert run(*words, tmp_path / "new", tmp_path / "x.ccb") == 0
    assert names(tmp_path / "new" / "x") == ["000000.png", "000001.png"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, CaptureError, OSError])
@pytest.mark.parametrize("kind", ["file", "folder"])
def test_what_ends_early_leaves_nothing_under_the_name(
    error: type[BaseException], kind: str, tmp_path: Path
) -> None:
    targets = Targets()
    opened = targets.file if kind == "file" else targets.folder
    expected = CaptureError if error is OSError else error

    def write_half() -> None:
        with opened(tmp_path / "x.ccb") as part:
            file = part if kind == "file" else part / "000000.png"
            file.write_bytes(b"half")
            raise error

    with pytest.raises(expected):
        write_half()
    assert names(tmp_path) == []


def test_a_file_that_comes_meanwhile_is_kept(tmp_path: Path) -> None:
    target = tmp_path / "x.ccb"

    def write() -> None:
        with Targets().file(target) as part:
            part.write_bytes(b"mine")
            target.write_bytes(b"of the user")

    with pytest.raises(CaptureError, match="meanwhile"):
        write()
    assert target.read_bytes() == b"of the user"
    assert names(tmp_path) == ["x.ccb"]


def test_one_run_does_not_replace_its_own_work(tmp_path: Path) -> None:
    targets = Targets(force=True)
    with targets.file(tmp_path / "a.ccb") as part:
        part.write_bytes(b"first")
    with pytest.raises(CaptureError, match="this run"):
        targets.check(tmp_path / "." / "a.ccb")


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    link, real = tmp_path / "link", tmp_path / "deep" / "real"
    real.parent.mkdir()
    link.symlink_to(real)
    with pytest.raises(CaptureError, match="exists"):
        Targets().check(link)
    with Targets(force=True).file(link) as part:
        part.write_bytes(b"new")
    assert link.is_symlink()
    assert real.read_bytes() == b"new"


def test_names_that_cannot_be_are_refused_before_the_work(tmp_path: Path) -> None:
    for name in ("n" * 300, "x.png/y"):
        (tmp_path / "x.png").touch()
        with pytest.raises(CaptureError, match="cannot write"):
            Targets().check(tmp_path / name)
    with pytest.raises(CaptureError, match="no ordinary file"):
        Targets(force=True).check(Path(os.devnull))


def test_new_files_have_the_usual_permissions(tmp_path: Path) -> None:
    with Targets().file(tmp_path / "a") as part:
        part.write_bytes(b"")
    (tmp_path / "b").touch()
    assert (tmp_path / "a").stat().st_mode == (tmp_path / "b").stat().st_mode


@pytest.mark.parametrize("verb", ["encode", "decode"])
def test_the_help_begins_with_where_the_output_goes(
    verb: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main([verb, "--help"])
    first = capsys.readouterr().out.splitlines()[0]
    assert "beside it" in first
    assert "nothing that exists is overwritten without --force" in first
