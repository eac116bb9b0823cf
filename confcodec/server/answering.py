"""The server as a member of its own room: it answers whoever offers."""

from __future__ import annotations

import asyncio
import logging
from typing import NamedTuple, Protocol

from confcodec.call.endpoint import Endpoint
from confcodec.call.peer import Peer
from confcodec.errors import PacketError, TransportError
from confcodec.rooms.reception import LOOPBACK_ROOM, Desk, HostRoom, host_id
from confcodec.rooms.room import (
    LOOPBACK,
    REMOTE,
    WATCHER,
    Member,
    Note,
    RefusedError,
    Rooms,
)
from confcodec.transport.channel import Channel
from confcodec.transport.ice import Ice

logger = logging.getLogger(__name__)

MAX_ANSWERS = 16
"""Offers that are being answered at once; one from each member."""


class Arrival(NamedTuple):
    """A member whose offer was answered, and its call."""

    peer: Peer
    member: str
    """The id of whoever came, which stays the same when it comes again."""
    number: int
    """Of its offer."""
    task: asyncio.Task[str]
    """Serves the peer, from the moment it arrived."""


class Callee(Protocol):
    """Whose calls are answered here: the host."""

    endpoint: Endpoint
    desk: Desk
    room: HostRoom

    def admit(self, kind: str, member: str) -> None:
        """Raise RefusedError where that member may not start a call now."""

    def take(self, channel: Channel, kind: str, member: str, number: int = 0) -> None:
        """Start the call on a channel whose descriptions have been exchanged."""


class Answerer:
    """The server's place in one room."""

    def __init__(
        self, host: Callee, room: str | None, *, relay_only: bool = False
    ) -> None:
        """Args:
        host: whose calls these are.
        room: its name; None stands for the one where the loopback child comes to.
        relay_only: connect through TURN alone.
        """
        self._host = host
        self._desk: Desk = host.desk
        self._rooms: Rooms = host.desk.rooms if room else host.desk.inner
        self._room = room or LOOPBACK_ROOM
        self._loopback = room is None
        self._relay_only = relay_only
        self._member = Member(host_id(self._room), self._deliver)
        self._answers: dict[str, asyncio.Task[None]] = {}

    async def enter(self) -> None:
        """Come in.

        Raises:
            RefusedError: the room is full.
        """
        await self._rooms.enter(self._room, self._member)

    async def leave(self) -> None:
        """Go out."""
        await self._rooms.leave(self._room, self._member)
        tasks = list(self._answers.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def ask_again(self, member: str, number: int) -> None:
        """Tell a lost member to offer anew, and what offer of its this is about."""
        await self._say(member, {"type": "again", "n": number})

    def _deliver(self, note: Note) -> None:
        if note["type"] != "offer":
            return
        member = str(note["from"])
        former = self._answers.get(member)
        if former:
            former.cancel()
        elif len(self._answers) >= MAX_ANSWERS:
            logger.warning("too many offers at once; one was dropped")
            return
        task = asyncio.create_task(self._answer(member, note))
        self._answers[member] = task
        task.add_done_callback(lambda done: self._done(member, done))

    def _done(self, member: str, task: asyncio.Task[None]) -> None:
        if self._answers.get(member) is task:
            del self._answers[member]
        if not task.cancelled() and task.exception():
            logger.error("an offer was lost by a bug", exc_info=task.exception())

    async def _answer(self, member: str, note: Note) -> None:
        """Answer an offer, untrusted, and start the call."""
        kind = REMOTE
        if self._loopback:
            kind = LOOPBACK
        elif member.startswith(WATCHER):
            kind = WATCHER
        try:
            self._host.admit(kind, member)
            await self._host.endpoint.started.wait()
            channel = self._host.endpoint.channel(
                self._ice(member), hears=not self._loopback
            )
            try:
                answer = await channel.answer(note.get("sdp"))
                # Before the answer is out, after which the other side may speak.
                self._host.take(channel, kind, member, int(str(note.get("n", 0))))
            except BaseException:
                await channel.close()
                raise
        except RefusedError as refused:
            error = {"code": refused.code, "message": str(refused)}
            await self._say(member, {"type": "error", **error})
        except PacketError as malformed:
            error = {"code": "bad-message", "message": str(malformed)}
            await self._say(member, {"type": "error", **error})
        else:
            answered = {"type": "answer", "n": note.get("n", 0), "sdp": answer}
            await self._say(member, answered)

    def _ice(self, member: str) -> Ice:
        if self._loopback:
            return Ice()
        return Ice(self._desk.servers(member), self._relay_only)

    async def _say(self, member: str, note: Note) -> None:
        await self._rooms.send(self._room, member, {**note, "from": self._member.id})


class Places:
    """Both places of a server: in its room, and where its loopback child comes to."""

    def __init__(self, host: Callee, relay_only: bool) -> None:
        self._host = host
        self._room = Answerer(host, host.room.name, relay_only=relay_only)
        self._inner = Answerer(host, None)

    async def enter(self) -> None:
        """Answer whoever offers, from now on.

        Raises:
            TransportError: there is no place in the room.
        """
        try:
            await self._inner.enter()
            await self._room.enter()
        except RefusedError as refused:
            raise TransportError(
                f"room {self._host.room.name}: {refused}; choose another with --room"
            ) from refused

    async def leave(self) -> None:
        """Answer nobody any more."""
        await self._room.leave()
        await self._inner.leave()

    async def ask_again(self, member: str, number: int) -> None:
        """Tell a lost member of the room to offer anew, see Answerer."""
        await self._room.ask_again(member, number)
