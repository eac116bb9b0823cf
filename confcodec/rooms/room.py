"""Rooms: who is in which, and messages from one member to another.

A room has two seats, for whoever talks, and places for watchers. A member's id says what
it is: `a-` the server itself, which answers; `c-` a caller; `w-` a watcher, who only
receives; and it stays the same when a member comes back, so that it takes its own place
again. Of two members the one whose id is the greater offers, so never both at once.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

HOST, CALLER, WATCHER = "a", "c", "w"
LOOPBACK = "loopback"
REMOTE = "remote"

MAX_ROOMS = 256
SEATS = 2
MAX_WATCHERS = 8
DEFAULT_ROOM = "home"

_NAME = re.compile(r"[A-Za-z0-9_-]{1,40}")

Note = dict[str, object]
"""A message to a member; `from` is the id of whoever sent it."""


class RefusedError(Exception):
    """Why someone may not come in, as the signalling says it."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True, eq=False)
class Member:
    """Somebody in a room."""

    id: str
    deliver: Callable[[Note], None]
    """Takes a message; never waits, never raises."""


class Rooms:
    """The rooms of one process."""

    def __init__(self) -> None:
        self._rooms: dict[str, dict[str, Member]] = {}

    async def enter(self, room: str, member: Member) -> list[str]:
        """Come in; returns the ids of the others, who are told.

        A member of the same id, which must be this one's former connection, is put out.

        Raises:
            RefusedError: the room is full, or there are too many rooms.
        """
        others = [i for i in self._rooms.get(room, {}) if i != member.id]
        if room not in self._rooms and len(self._rooms) == MAX_ROOMS:
            raise too_many_rooms()
        check_places(member.id, others)
        self._seat(room, member)
        self._tell_all(room, member, "came")
        return others

    async def leave(self, room: str, member: Member) -> None:
        """Go out, unless somebody of the same id has taken the place; others are told."""
        if self._unseat(room, member):
            self._tell_all(room, member, "left")

    async def send(self, room: str, to: str, note: Mapping[str, object]) -> bool:
        """Give a message to the member `to`; False if there is none."""
        return self._give(room, to, note)

    async def close(self) -> None:
        """Nothing to end: all is in memory."""

    def _seat(self, room: str, member: Member) -> None:
        members = self._rooms.setdefault(room, {})
        old = members.get(member.id)
        members[member.id] = member
        if old:
            old.deliver({"type": "replaced"})

    def _unseat(self, room: str, member: Member) -> bool:
        members = self._rooms.get(room, {})
        if members.get(member.id) is not member:
            return False
        del members[member.id]
        if not members:
            del self._rooms[room]
        return True

    def _give(self, room: str, to: str, note: Mapping[str, object]) -> bool:
        member = self._rooms.get(room, {}).get(to)
        if member:
            member.deliver(dict(note))
        return member is not None

    def _tell_all(self, room: str, about: Member, kind: str) -> None:
        for id_ in list(self._rooms.get(room, {})):
            if id_ != about.id:
                self._give(room, id_, {"type": kind, "from": about.id})


def offers(mine: str, others: str) -> bool:
    """Whether the member `mine` offers to the member `others`, and not the reverse."""
    return mine > others


def check_places(member: str, others: list[str]) -> None:
    """Whether there is a place left for `member`.

    Raises:
        RefusedError: there is none.
    """
    watchers = sum(other.startswith(WATCHER) for other in others)
    if member.startswith(WATCHER):
        if watchers >= MAX_WATCHERS:
            raise RefusedError(
                "room-full", f"{MAX_WATCHERS} are watching already; try again later"
            )
    elif len(others) - watchers >= SEATS:
        raise room_full()


def room_full() -> RefusedError:
    """The refusal of a third."""
    return RefusedError("room-full", "two are in this call already; try again later")


def too_many_rooms() -> RefusedError:
    """The refusal of one more room."""
    return RefusedError(
        "too-many", f"there are {MAX_ROOMS} rooms already; try again later"
    )


def check_name(name: str) -> str:
    """Give back an untrusted room name.

    Raises:
        RefusedError: it is none.
    """
    if not _NAME.fullmatch(name):
        raise RefusedError(
            "bad-room", "a room's name has 1 to 40 letters, digits, - or _"
        )
    return name
