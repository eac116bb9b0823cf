import pytest

from confcodec.rooms.room import (
    MAX_ROOMS,
    MAX_WATCHERS,
    Member,
    Note,
    RefusedError,
    Rooms,
    check_name,
    offers,
)


class Guest:
    """A member that remembers its messages."""

    def __init__(self, id_: str) -> None:
        self.notes: list[Note] = []
        self.member = Member(id_, self.notes.append)

    @property
    def types(self) -> list[object]:
        return [note["type"] for note in self.notes]


async def test_members_learn_of_each_other_and_reach_each_other() -> None:
    rooms, host, caller = Rooms(), Guest("a-1"), Guest("c-1")
    assert await rooms.enter("home", host.member) == []
    assert await rooms.enter("home", caller.member) == ["a-1"]
    assert await rooms.send("home", "a-1", {"type": "offer", "from": "c-1"})
    await rooms.leave("home", caller.member)
    assert host.types == ["came", "offer", "left"]
    assert not await rooms.send("home", "c-1", {"type": "answer"})


async def test_a_third_is_refused_until_somebody_leaves() -> None:
    rooms, first, second = Rooms(), Guest("c-1"), Guest("c-2")
    await rooms.enter("home", first.member)
    await rooms.enter("home", second.member)
    with pytest.raises(RefusedError) as refused:
        await rooms.enter("home", Guest("c-3").member)
    assert refused.value.code == "room-full"
    await rooms.leave("home", first.member)
    await rooms.enter("home", Guest("c-3").member)


async def test_whoever_comes_back_takes_its_own_place() -> None:
    rooms, host, before, after = Rooms(), Guest("a-1"), Guest("c-1"), Guest("c-1")
    for guest in (host, before, after):
        await rooms.enter("home", guest.member)
    assert before.types == ["replaced"]
    await rooms.leave("home", before.member)  # too late to matter
    assert await rooms.send("home", "c-1", {"type": "offer"})
    assert after.types == ["offer"]
    assert "left" not in host.types


async def test_watchers_take_no_seat_and_have_a_limit() -> None:
    rooms = Rooms()
    for i in range(MAX_WATCHERS):
        await rooms.enter("home", Guest(f"w-{i}").member)
    with pytest.raises(RefusedError, match="watching"):
        await rooms.enter("home", Guest("w-more").member)
    await rooms.enter("home", Guest("a-1").member)
    await rooms.enter("home", Guest("c-1").member)


async def test_rooms_are_apart_and_there_are_only_so_many() -> None:
    rooms = Rooms()
    guests = [Guest("c-1") for _ in range(MAX_ROOMS)]
    for i, guest in enumerate(guests):
        assert await rooms.enter(f"r{i}", guest.member) == []
    with pytest.raises(RefusedError) as refused:
        await rooms.enter("one-more", Guest("c-1").member)
    assert refused.value.code == "too-many"
    await rooms.leave("r0", guests[0].member)
    await rooms.enter("one-more", Guest("c-1").member)


def test_of_two_members_one_offers_and_never_to_a_watcher() -> None:
    for mine, other in [("c-1", "a-1"), ("w-1", "a-1"), ("c-2", "c-1"), ("w-1", "c-9")]:
        assert offers(mine, other)
        assert not offers(other, mine)


@pytest.mark.parametrize("name", ["", "a b", "ä", "x" * 41, "../etc", "a\n"])
def test_only_short_plain_names_are_rooms(name: str) -> None:
    assert check_name("My-room_7") == "My-room_7"
    with pytest.raises(RefusedError):
        check_name(name)
