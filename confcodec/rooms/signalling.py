"""How two members of a room find each other: JSON over a WebSocket to a server.

    server -> member  {"type": "welcome", "id": mine, "others": [ids], "ice": [servers]}
    member -> server  {"type": "offer", "to": id, "n": attempt, "sdp": ...}
    server -> member  {"type": "offer", "from": id, "n": attempt, "sdp": ...}
                      answers likewise; {"type": "again"}: I lost you, offer anew
    server -> member  {"type": "came" or "left", "from": id}, {"type": "replaced"}
                      {"type": "error", "code": ..., "message": ...}

Codes: bad-token, bad-room, bad-message, not-allowed, room-full, too-many, nobody, unavailable. The connection stays
for the whole call and comes back by itself, at another address if there are several; a call
does not need it once it is under way. See room for who offers.
"""

import asyncio
import contextlib
import json
import logging
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

import aiohttp

from confcodec.errors import PacketError, TransportError
from confcodec.rooms.room import DEFAULT_ROOM, Note
from confcodec.transport.ice import IceServer, from_json

logger = logging.getLogger(__name__)

MAX_MESSAGE = 64_000
"""Bytes of the longest signalling message accepted."""
TIMEOUT = 10.0
HEARTBEAT = 3.0
"""Seconds between two signs of life on the WebSocket; the call has its own."""
_PAUSES = (0.1, 0.25, 0.5, 1.0, 2.0)
"""Seconds between attempts to come back."""
_KEPT = 32
"""Messages that may wait to be read; the oldest go first."""


@dataclass(frozen=True, slots=True)
class Link:
    """What `serve` prints: where, which room, and what opens it."""

    bases: tuple[str, ...]
    """Addresses of servers that share the room, `http://HOST:PORT`."""
    room: str
    token: str


def read_message(text: object) -> Note:
    """A signalling message from untrusted text.

    Raises:
        PacketError: no JSON object with a type.
    """
    try:
        message = json.loads(text) if isinstance(text, str) else None
    except (ValueError, RecursionError):
        message = None
    if not isinstance(message, dict) or not isinstance(message.get("type"), str):
        raise PacketError("not a JSON object with a type")
    return message


def parse_link(text: str) -> Link:
    """The link that `serve` prints; or several, `URL1,URL2`, the last one whole.

    Raises:
        TransportError: it is no such link.
    """
    *others, last = text.split(",")
    link = _parse_one(last)
    if not link.token:
        raise TransportError(
            f"{text!r} has no token; pass the whole link that serve printed"
        )
    bases = [_parse_one(other).bases[0] for other in others]
    return Link((*bases, *link.bases), link.room, link.token)


def _parse_one(url: str) -> Link:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port, parts = None, None, urlsplit("")
    if parts.scheme not in ("http", "https") or not host:
        raise TransportError(
            f"{url!r} is no link; pass the whole one that serve printed"
        )
    where = f"[{host}]" if ":" in host else host
    # A proxy may put a path of its own before the server's.
    before, found, room = parts.path.rpartition("/r/")
    before = before if found else parts.path.rstrip("/")
    base = f"{parts.scheme}://{where}{f':{port}' if port else ''}{before}"
    room = room.rstrip("/") if found else ""
    return Link((base,), room or DEFAULT_ROOM, parts.fragment)


class Signalling:
    """A member's side: its place in the room, and what others say to it."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        link: Link,
        name: str,
    ) -> None:
        """Args:
        session: makes the connections.
        link: of the room.
        name: stays the same over reconnects; keeps this member's place.
        """
        self.id = ""
        self.others: set[str] = set()
        self.ice: tuple[IceServer, ...] = ()
        self.refused: TransportError | None = None
        """Set when the server will not have this member (any more)."""
        self._session = session
        self._link = link
        self._query = {"token": link.token, "room": link.room, "id": name}
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self._notes: deque[Note] = deque(maxlen=_KEPT)
        self._changed = asyncio.Event()

    @property
    def base(self) -> str:
        """The first address of the server."""
        return self._link.bases[0]

    async def connect(self) -> None:
        """Come in at the first address that answers.

        Raises:
            TransportError: none does, or refused; the message says which.
        """
        for last, base in enumerate(self._link.bases, 1 - len(self._link.bases)):
            try:
                self._socket = await self._enter(base)
                return
            except TransportError:
                if last == 0 or self.refused:
                    raise

    async def run(self) -> None:
        """Take messages, and come back whenever the connection breaks, until cancelled."""
        while not self.refused:
            if self._socket is None:
                await self._come_back()
                continue
            try:
                async for message in self._socket:
                    self._take(message.data)
            except PacketError as error:
                logger.debug("signalling: %s", error)
                continue
            finally:
                self._changed.set()
            logger.debug("the signalling connection broke")
            self._socket = None

    async def send(self, note: Mapping[str, object]) -> bool:
        """Say something; False where there is no connection now."""
        if self._socket is None or self._socket.closed:
            return False
        with contextlib.suppress(ConnectionError, aiohttp.ClientError):
            await self._socket.send_json(note)
            return True
        return False

    def next(self, *types: str) -> Note | None:
        """Take the oldest message of these types, if there is one."""
        for note in self._notes:
            if note["type"] in types:
                self._notes.remove(note)
                return note
        return None

    def put_back(self, note: Note) -> None:
        """Undo `next`."""
        self._notes.appendleft(note)

    def forget(self, *types: str) -> None:
        """Drop the messages of these types, which are of a former attempt."""
        while self.next(*types):
            pass

    async def changed(self) -> None:
        """Wait until there is a new message, member or refusal."""
        self._changed.clear()
        await self._changed.wait()

    async def close(self) -> None:
        """Leave the room."""
        if self._socket:
            await self._socket.close()

    async def _come_back(self) -> None:
        for attempt in range(10**9):
            try:
                return await self.connect()
            except TransportError as error:
                logger.debug("signalling: %s", error)
                if self.refused:
                    return None
            await asyncio.sleep(_PAUSES[min(attempt, len(_PAUSES) - 1)])

    async def _enter(self, base: str) -> aiohttp.ClientWebSocketResponse:
        try:
            socket = await self._session.ws_connect(
                f"{base}/signal",
                params=self._query,
                max_msg_size=MAX_MESSAGE,
                heartbeat=HEARTBEAT,
                timeout=aiohttp.ClientWSTimeout(ws_close=1),
            )
            try:
                await self._introduce(base, socket)
            except BaseException:
                await socket.close()
                raise
        except (aiohttp.ClientConnectionError, ConnectionError) as error:
            raise TransportError(_unreachable(base, error)) from error
        except (aiohttp.ClientError, PacketError) as error:
            raise TransportError(
                f"{base} is no confcodec server of this release: {error}"
            ) from error
        except TimeoutError as error:
            raise TransportError(
                f"{base} did not answer within {TIMEOUT:g} s"
            ) from error
        return socket

    async def _introduce(
        self, base: str, socket: aiohttp.ClientWebSocketResponse
    ) -> None:
        async with asyncio.timeout(TIMEOUT):
            welcome = read_message((await socket.receive()).data)
        if welcome["type"] == "error":
            self._refuse(base, welcome)
        self._welcome(welcome)

    def _refuse(self, base: str, note: Note) -> None:
        refused = TransportError(f"{base} refused: {note.get('message')}")
        # A place may become free while a lost call is being brought back: try again then.
        passing = note.get("code") in ("room-full", "too-many") and self.id
        if not passing and note.get("code") != "unavailable":
            self.refused = refused
            self._changed.set()
        raise refused

    def _welcome(self, note: Note) -> None:
        match note:
            case {"type": "welcome", "id": str(mine), "others": list(others)}:
                self.id, self.others = mine, {str(other) for other in others}
                self.ice = from_json(note.get("ice"))
                self._changed.set()
            case _:
                raise PacketError("no welcome")

    def _take(self, data: object) -> None:
        note = read_message(data)
        match note:
            case {"type": "came", "from": str(other)}:
                self.others.add(other)
                return self._changed.set()
            case {"type": "left", "from": str(other)}:
                self.others.discard(other)
                return self._changed.set()
            case {"type": "replaced"}:
                self.refused = TransportError(
                    "another process has taken this one's place in the call"
                )
        self._notes.append(note)
        return self._changed.set()


def _unreachable(base: str, error: Exception) -> str:
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return f"the certificate of {base} is not trusted; pass it with --cert"
    return f"nothing answers at {base}; is confcodec serve running?"
