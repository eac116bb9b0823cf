"""The server's side of the signalling: who may come in, and passing on what members say."""

import asyncio
import contextlib
import logging
import re
import secrets
from collections.abc import Collection, Sequence
from typing import NamedTuple

from aiohttp import WSMsgType, web

from confcodec.errors import PacketError, RoleError
from confcodec.rooms.limits import MESSAGES, Bucket, Gate, check_origin
from confcodec.rooms.roles import LINKS, Role, check
from confcodec.rooms.room import (
    CALLER,
    DEFAULT_ROOM,
    HOST,
    WATCHER,
    Member,
    Note,
    RefusedError,
    Rooms,
    check_name,
)
from confcodec.rooms.signalling import HEARTBEAT, MAX_MESSAGE, read_message
from confcodec.rooms.tokens import Keys, same
from confcodec.transport.channel import MAX_SDP
from confcodec.transport.ice import IceServer, to_json, with_credentials

logger = logging.getLogger(__name__)

LOOPBACK_ROOM = "~loopback"
"""Where the server and its child meet; no outsider can name it."""
_ID = re.compile(r"[A-Za-z0-9-]{1,32}")
_RELAYED = ("offer", "answer", "again")


class HostRoom(NamedTuple):
    """The room that a server sits in."""

    name: str
    token: str
    """Lets its holder do everything."""
    guest_token: str
    """Lets somebody look and talk."""
    watch_token: str
    """Lets somebody look."""


class Desk:
    """What a server needs to receive people."""

    def __init__(
        self,
        keys: Keys | None = None,
        rooms: Rooms | None = None,
        servers: Sequence[IceServer] = (),
        turn_secret: str | None = None,
        origins: Collection[str] = (),
    ) -> None:
        self.keys = keys or Keys()
        self.rooms = rooms or Rooms()
        self.inner = Rooms()
        """For the loopback child, who is nobody else's business."""
        self.origins = origins
        self.gate = Gate()
        self.loopback_token = secrets.token_urlsafe(18)
        self._servers = servers
        self._turn_secret = turn_secret

    def servers(self, name: str) -> tuple[IceServer, ...]:
        """The STUN and TURN servers for that member, with credentials of its own."""
        return with_credentials(self._servers, self._turn_secret, name)

    def host_room(self, name: str) -> HostRoom:
        """The room of that name, with the tokens that open it."""
        return HostRoom(name, *(self.keys.token(name, role) for role in LINKS))

    def is_child(self, token: str) -> bool:
        """Whether an untrusted token is the loopback child's."""
        return same(token, self.loopback_token)


DESK = web.AppKey("desk", Desk)
CLOSING = web.AppKey("closing", asyncio.Event)


async def signal(request: web.Request) -> web.WebSocketResponse:
    """GET /signal: somebody wants to join, see signalling."""
    desk = request.app[DESK]
    check_origin(request, desk.origins)
    with desk.gate.passing(request):
        socket = web.WebSocketResponse(
            max_msg_size=MAX_MESSAGE, timeout=1, heartbeat=HEARTBEAT
        )
        await socket.prepare(request)
        try:
            await _Visit(desk, socket, request).run()
        except RefusedError as refused:
            await _say(socket, _error(refused.code, str(refused)))
        await socket.close()
        return socket


class _Visit:
    """One member's connection."""

    def __init__(
        self, desk: Desk, socket: web.WebSocketResponse, request: web.Request
    ) -> None:
        self._desk = desk
        self._socket = socket
        self._query = request.query
        self._closing = request.app[CLOSING]
        self._outbox: asyncio.Queue[Note | None] = asyncio.Queue(64)
        self._bucket = Bucket(*MESSAGES)

    async def run(self) -> None:
        """Be in the room until the connection ends.

        Raises:
            RefusedError: there is no place for this visitor.
        """
        rooms, room, id_, role = self._admit()
        member = Member(id_, self._deliver)
        others = await rooms.enter(room, member)
        welcome = {"type": "welcome", "id": id_, "others": others}
        ice = to_json(self._desk.servers(id_))
        tasks = [
            asyncio.create_task(self._write()),
            asyncio.create_task(self._closing.wait()),
            asyncio.create_task(self._read(rooms, room, id_, role)),
        ]
        try:
            await _say(self._socket, {**welcome, "ice": ice})
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await rooms.leave(room, member)

    def _admit(self) -> tuple[Rooms, str, str, Role]:
        """Where to, as whom, and as what."""
        token = self._query.get("token", "")
        room = self._query.get("room", DEFAULT_ROOM)
        name = self._query.get("id") or secrets.token_hex(8)
        if not _ID.fullmatch(name):
            raise RefusedError("bad-message", "an id has 1 to 32 letters, digits or -")
        if self._desk.is_child(token):
            return self._desk.inner, LOOPBACK_ROOM, f"{CALLER}-{name}", Role.CHILD
        role = self._desk.keys.role(check_name(room), token)
        # The seats of a room are alike: whoever has the host's link and calls is a caller.
        kind = WATCHER if role is Role.WATCH else CALLER
        return self._desk.rooms, room, f"{kind}-{name}", role

    def _deliver(self, note: Note) -> None:
        try:
            self._outbox.put_nowait(note)
            if note["type"] == "replaced":
                self._outbox.put_nowait(None)
        except asyncio.QueueFull:
            logger.debug("a member reads nothing: message dropped")

    async def _write(self) -> None:
        while (note := await self._outbox.get()) is not None:
            await _say(self._socket, note)

    async def _read(self, rooms: Rooms, room: str, id_: str, role: Role) -> None:
        async for message in self._socket:
            if not self._bucket.take():
                self._deliver(_error("too-many", "too many messages"))
                return await asyncio.sleep(0.1)  # for the message to get out
            try:
                data = message.data if message.type == WSMsgType.TEXT else None
                to, note = _read_note(data)
                check(role, f"/signal {note['type']}")
                if not await rooms.send(
                    room, to or host_id(room), {**note, "from": id_}
                ):
                    self._deliver(_error("nobody", "the other side is not here now"))
            except PacketError as error:
                self._deliver(_error("bad-message", str(error)))
            except RoleError as error:
                self._deliver(_error("not-allowed", str(error)))
        return None


def host_id(room: str) -> str:
    """The id of the server itself in that room; the same after a restart."""
    return f"{HOST}-{room}"


def _read_note(data: object) -> tuple[str | None, Note]:
    """(to whom, message to pass on) from what a member sent, untrusted.

    Raises:
        PacketError: nothing that is passed on.
    """
    message = read_message(data)
    kind, to, attempt = message["type"], message.get("to"), message.get("n", 0)
    if kind not in _RELAYED:
        raise PacketError("only offers and answers are passed on here")
    if not (to is None or (isinstance(to, str) and len(to) <= 100)):
        raise PacketError("to whom?")
    if not isinstance(attempt, int) or not 0 <= attempt < 2**31:
        raise PacketError("the number of the attempt is malformed")
    note: Note = {"type": kind, "n": attempt}
    if kind != "again":
        sdp = message.get("sdp")
        if not isinstance(sdp, str) or len(sdp) > MAX_SDP:
            raise PacketError("the session description is malformed")
        note["sdp"] = sdp
    return to, note


def _error(code: str, message: str) -> Note:
    return {"type": "error", "code": code, "message": message}


async def _say(socket: web.WebSocketResponse, note: Note) -> None:
    with contextlib.suppress(ConnectionError):
        await socket.send_json(note)
