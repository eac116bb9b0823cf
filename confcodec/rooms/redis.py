"""Rooms that several server processes share, through a Redis server.

Who is in a room is a sorted set, scored by when a member was last known to be there, so the
members of a process that was killed vanish by themselves. Notes go over one publish/subscribe
channel; members of the same process are reached directly.
"""

import asyncio
import json
import logging
import secrets
from collections.abc import Mapping
from typing import Any

from confcodec.errors import TransportError
from confcodec.rooms.room import (
    MAX_ROOMS,
    Member,
    Note,
    RefusedError,
    Rooms,
    check_places,
    too_many_rooms,
)

logger = logging.getLogger(__name__)

_LIFETIME = 6.0
"""Seconds after which a member that nobody vouches for is gone."""
_REFRESH = 2.0
_PAUSE = 0.5
"""Seconds between attempts to reach Redis again."""
_TIMEOUT = 3.0
_NOTES = "confcodec:notes"

_PRESENT = """
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - tonumber(ARGV[1]))
if ARGV[2] ~= '' then
    redis.call('ZADD', KEYS[1], now, ARGV[2])
    redis.call('EXPIRE', KEYS[1], 60)
end
return redis.call('ZRANGE', KEYS[1], 0, -1)
"""
"""The members of a room, after one has been added, whose id may be empty."""


class RedisRooms(Rooms):
    """The rooms of all processes that use the same Redis."""

    def __init__(self, url: str) -> None:
        """Args:
        url: `redis://HOST:PORT`.

        Raises:
            TransportError: the library is missing, or that is no URL.
        """
        super().__init__()
        try:
            import redis.asyncio as library
            from redis.exceptions import RedisError
        except ImportError as error:
            raise TransportError(
                "--redis needs redis-py: pip install 'confcodec[redis]'"
            ) from error
        self._errors = (RedisError, OSError, TimeoutError)
        try:
            self._redis: Any = library.Redis.from_url(
                url,
                decode_responses=True,
                socket_timeout=_TIMEOUT,
                socket_connect_timeout=_TIMEOUT,
            )
        except ValueError as error:
            raise TransportError(f"--redis {url}: {error}") from error
        self._me = secrets.token_hex(8)
        self._tasks: list[asyncio.Task[None]] = []
        self._entering: dict[tuple[str, str], list[Note]] = {}
        """Notes to members whom others see already and who have no seat here yet."""
        self._heard = asyncio.Event()

    async def open(self) -> None:
        """Connect.

        Raises:
            TransportError: nothing answers there.
        """
        try:
            await self._redis.ping()
        except self._errors as error:
            raise TransportError(f"no Redis answers: {error}; check --redis") from error
        self._tasks = [
            asyncio.create_task(self._again_and_again(self._listen)),
            asyncio.create_task(self._again_and_again(self._vouch)),
        ]
        await asyncio.wait_for(self._heard.wait(), _TIMEOUT)

    async def enter(self, room: str, member: Member) -> list[str]:
        """Come in, as in `Rooms`, among the members of all processes."""
        early = self._entering.setdefault((room, member.id), [])
        try:
            others = await self._take_place(room, member.id)
            await self._publish(room, member.id, {"type": "replaced"})
            await self._publish(room, "", {"type": "came", "from": member.id})
        except self._errors as error:
            raise RefusedError(
                "unavailable", f"this server's Redis does not answer: {error}"
            ) from error
        else:
            # Those of this process, known already, are told by the simple rooms.
            await super().enter(room, member)
        finally:
            self._entering.pop((room, member.id), None)
        for note in early:  # once the member has been welcomed
            asyncio.get_running_loop().call_soon(member.deliver, note)
        return others

    async def leave(self, room: str, member: Member) -> None:
        """Go out, as in `Rooms`."""
        if not self._unseat(room, member):
            return
        self._tell_all(room, member, "left")
        try:
            await self._redis.zrem(_key(room), member.id)
            await self._publish(room, "", {"type": "left", "from": member.id})
        except self._errors as error:
            logger.debug("Redis: %s", error)

    async def send(self, room: str, to: str, note: Mapping[str, object]) -> bool:
        """Give a message to a member, as in `Rooms`, wherever it is."""
        if self._give(room, to, note):
            return True
        try:
            if to not in await self._present(room):
                return False
            await self._publish(room, to, note)
        except self._errors as error:
            logger.debug("Redis: %s", error)
            return False
        return True

    async def close(self) -> None:
        """Disconnect."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._redis.aclose()

    async def _take_place(self, room: str, id_: str) -> list[str]:
        """Add a member if there is a place; of two who come at once none may get it."""
        before = await self._present(room)
        others = [other for other in before if other != id_]
        check_places(id_, others)
        others = [other for other in await self._present(room, id_) if other != id_]
        try:
            check_places(id_, others)
        except RefusedError:
            if id_ not in before:
                await self._redis.zrem(_key(room), id_)
            raise
        return others

    async def _present(self, room: str, member: str = "") -> list[str]:
        if member and room not in self._rooms and len(self._rooms) >= MAX_ROOMS:
            raise too_many_rooms()
        found = await self._redis.eval(_PRESENT, 1, _key(room), _LIFETIME, member)
        return [str(each) for each in found]

    async def _publish(self, room: str, to: str, note: Mapping[str, object]) -> None:
        text = json.dumps({"by": self._me, "room": room, "to": to, "note": note})
        await self._redis.publish(_NOTES, text)

    async def _again_and_again(self, job: Any) -> None:
        while True:
            try:
                await job()
            except self._errors as error:
                logger.warning("Redis: %s; trying again", error)
            await asyncio.sleep(_PAUSE)

    async def _listen(self) -> None:
        async with self._redis.pubsub() as channel:
            await channel.subscribe(_NOTES)
            self._heard.set()
            while True:
                message = await channel.get_message(True, timeout=1.0)
                if message and message["type"] == "message":
                    self._take(json.loads(message["data"]))

    async def _vouch(self) -> None:
        while True:
            for room, members in list(self._rooms.items()):
                for id_ in list(members):
                    await self._redis.eval(_PRESENT, 1, _key(room), _LIFETIME, id_)
            await asyncio.sleep(_REFRESH)

    def _take(self, message: dict[str, Any]) -> None:
        """A note from another process, which is one of ours and so is trusted."""
        room, to, note = message["room"], message["to"], message["note"]
        if message["by"] == self._me:
            return
        for (entered, id_), early in self._entering.items():
            to_it = to in ("", id_) and note["type"] != "replaced"
            if entered == room and to_it and note.get("from") != id_:
                early.append(note)
        if note["type"] == "replaced":
            member = self._rooms.get(room, {}).get(to)
            if member:
                member.deliver(note)
                self._unseat(room, member)
        elif to:
            self._give(room, to, note)
        else:
            self._tell(room, note)

    def _tell(self, room: str, note: Note) -> None:
        for id_ in list(self._rooms.get(room, {})):
            if id_ != note["from"]:
                self._give(room, id_, note)


def _key(room: str) -> str:
    return f"confcodec:room:{room}"
