import stat
from pathlib import Path

import pytest

from confcodec.rooms.roles import Role
from confcodec.rooms.room import CALLER, WATCHER, RefusedError
from confcodec.rooms.tokens import Keys, load_secret, state_folder


def test_a_token_says_what_its_holder_may_do() -> None:
    keys = Keys(b"secret")
    assert keys.role("home", keys.token("home", CALLER)) == CALLER
    assert keys.role("home", keys.token("home", WATCHER)) == WATCHER


def test_links_of_earlier_releases_still_open_as_guests_and_watchers() -> None:
    keys = Keys(b"secret")
    assert keys.role("home", "cz2kbVqV2hg2xovxf") is Role.GUEST
    assert keys.role("home", "wjwxd6NfsR56KL6qJ") is Role.WATCH
    assert keys.role("home", keys.token("home", Role.HOST)) is Role.HOST


def test_any_server_with_the_same_secret_accepts_a_token() -> None:
    assert Keys(b"secret").role("home", Keys(b"secret").token("home")) == CALLER


@pytest.mark.parametrize(
    "token", ["", "c", "w", "Secret", "\udcff", "日本", "c" * 5000]
)
def test_any_other_token_is_refused(token: str) -> None:
    with pytest.raises(RefusedError) as refused:
        Keys(b"secret").role("home", token)
    assert refused.value.code == "bad-token"


def test_a_token_opens_no_other_room_and_no_other_servers() -> None:
    keys = Keys(b"secret")
    for token in (
        keys.token("away"),
        Keys(b"other").token("home"),
        Keys().token("home"),
    ):
        with pytest.raises(RefusedError):
            keys.role("home", token)


def test_a_watchers_token_makes_no_caller() -> None:
    keys = Keys(b"secret")
    with pytest.raises(RefusedError):
        keys.role("home", CALLER + keys.token("home", WATCHER)[1:])


def test_the_secret_is_kept_for_this_user_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CONFCODEC_SECRET", raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    first = load_secret(None)
    assert load_secret(None) == first
    assert len(first) >= 32
    folder = state_folder()
    assert folder
    (kept,) = folder.iterdir()
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600


@pytest.mark.parametrize("home", [None, ""])
def test_without_a_home_no_folder_called_tilde_appears(
    home: str | None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """As in a container whose user is in no list."""

    def nobody(_number: int) -> None:
        raise KeyError

    for name in ("HOME", "XDG_STATE_HOME", "CONFCODEC_SECRET"):
        monkeypatch.delenv(name, raising=False)
    if home is not None:
        monkeypatch.setenv("HOME", home)
    monkeypatch.setattr("pwd.getpwuid", nobody)
    monkeypatch.chdir(tmp_path)
    assert load_secret(None) != load_secret(None)
    assert list(tmp_path.iterdir()) == []
    assert "no home folder" in caplog.text
    monkeypatch.setenv("XDG_STATE_HOME", "relative")
    assert state_folder() is None


def test_a_given_secret_comes_before_the_kept_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setenv("CONFCODEC_SECRET", "from the environment")
    assert load_secret("given") == b"given"
    assert load_secret(None) == b"from the environment"
    assert not list(tmp_path.iterdir())


def test_without_a_place_for_it_the_secret_is_new_and_said_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delenv("CONFCODEC_SECRET", raising=False)
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    assert load_secret(None) != load_secret(None)
    assert "--secret" in caplog.text
