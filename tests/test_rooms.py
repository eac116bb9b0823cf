import pytest

from confcodec.call.rooms import LOOPBACK, REMOTE, RefusedError, Room


def test_each_token_tells_who_comes() -> None:
    room = Room("secret")
    assert room.who("secret") == REMOTE
    assert room.who(room.loopback_token) == LOOPBACK


@pytest.mark.parametrize("token", ["", "Secret", "secret ", "geheim", "\udcff", "日本"])
def test_any_other_token_is_refused(token: str) -> None:
    with pytest.raises(RefusedError) as refused:
        Room("secret").who(token)
    assert refused.value.code == "bad-token"


def test_rooms_have_tokens_of_their_own() -> None:
    assert len({Room().token for _ in range(100)}) == 100


def test_a_third_is_refused_until_somebody_leaves() -> None:
    room = Room()
    room.enter(REMOTE)
    with pytest.raises(RefusedError) as refused:
        room.enter(REMOTE)
    assert refused.value.code == "room-full"
    room.leave(REMOTE)
    room.enter(REMOTE)


def test_the_loopback_child_takes_no_seat() -> None:
    room = Room()
    room.enter(LOOPBACK)
    room.enter(REMOTE)
    room.leave(LOOPBACK)
    with pytest.raises(RefusedError):
        room.enter(REMOTE)
