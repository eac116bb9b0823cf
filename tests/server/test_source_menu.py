"""The list of sources that pages choose from: names, never paths."""

from pathlib import Path

import pytest

from confcodec.errors import CaptureError
from confcodec.server import source_menu as menu_module
from confcodec.server.source_menu import MAX_FILES, Menu, check_folder


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(menu_module, "cameras", lambda: ["0"])
    lent = tmp_path / "lent"
    lent.mkdir()
    for name in ("b.mp4", "a.PNG", ".hidden.png", "notes.txt"):
        (lent / name).touch()
    (tmp_path / "private.png").touch()
    (lent / "way-out.png").symlink_to(tmp_path / "private.png")
    (lent / "sub.png").mkdir()
    return lent


def test_the_list_has_demo_cameras_the_given_source_and_lent_files(
    folder: Path,
) -> None:
    menu = Menu(str(folder.parent / "private.png"), [folder])
    assert menu.names() == ["demo", "0", "private.png", "a.PNG", "b.mp4"]
    assert menu.spec("b.mp4") == str(folder / "b.mp4")
    assert menu.spec("private.png") == str(folder.parent / "private.png")
    assert menu.name(str(folder / "b.mp4")) == "b.mp4"


@pytest.mark.parametrize(
    "name",
    [
        "/etc/passwd",
        "../private.png",
        "private.png",
        "way-out.png",
        ".hidden.png",
        "notes.txt",
        "sub.png",
        "lent/b.mp4",
        "auto",
        "browser",
        "1",
        "/dev/video0",
        "",
    ],
)
def test_nothing_else_can_be_chosen_by_whatever_name(folder: Path, name: str) -> None:
    for menu in (Menu("auto", [folder]), Menu("demo", [folder]), Menu(None)):
        with pytest.raises(ValueError, match="--media lends"):
            menu.spec(name)


def test_without_media_no_file_is_lent_not_even_of_the_servers_own_folder(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    assert Menu("demo").names() == ["demo", "0"]


def test_files_of_one_name_are_told_apart(folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "b.mp4").touch()
    menu = Menu(None, [folder, other])
    assert menu.names() == ["demo", "0", "a.PNG", "b.mp4", "b.mp4 (2)"]
    assert menu.spec("b.mp4 (2)") == str(other / "b.mp4")


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("/dev/video0", "0"),
        ("/dev/video7", "7"),
        ("/home/somebody/secret place/x.mp4", "x.mp4"),
    ],
)
def test_what_source_named_is_listed_without_its_path(
    folder: Path, given: str, name: str
) -> None:
    menu = Menu(given)
    assert name in menu.names()
    assert menu.name(given) == name
    assert not any("/" in each for each in menu.names())


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("there is no file /home/me/secret place/x.mp4; check", "there is no file x.mp4; check"),
        ("cannot record to /srv/calls/today: disk full", "cannot record to today: disk full"),
        ("/dev/video0 is busy", "/dev/video0 is busy"),
        ("640x480 at 1/2 the rate of http://host/a/b", "640x480 at 1/2 the rate of http://host/a/b"),
    ],
)  # fmt: skip
def test_no_sentence_tells_a_folder(said: str, told: str) -> None:
    assert Menu("/home/me/secret place/x.mp4").without_paths(said) == told


def test_a_folder_that_was_taken_away_lends_nothing(
    folder: Path, tmp_path: Path
) -> None:
    assert Menu(None, [tmp_path / "gone", folder]).names()[2:] == ["a.PNG", "b.mp4"]


def test_a_folder_without_end_is_listed_in_part(folder: Path, tmp_path: Path) -> None:
    many = tmp_path / "many"
    many.mkdir()
    for i in range(MAX_FILES + 5):
        (many / f"{i:04}.png").touch()
    assert len(Menu(None, [many]).names()) == 2 + MAX_FILES


def test_only_a_folder_can_be_lent(folder: Path) -> None:
    assert check_folder(str(folder)) == folder.resolve()
    for path in (folder / "b.mp4", folder / "absent"):
        with pytest.raises(CaptureError, match="name a folder"):
            check_folder(str(path))
