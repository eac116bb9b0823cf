"""How a caller gets a working connection to another member, the first time and again."""

import asyncio
import contextlib
import logging
from dataclasses import dataclass

from confcodec.call.endpoint import Endpoint
from confcodec.call.peer import Peer
from confcodec.call.waiting import first
from confcodec.errors import PacketError, TransportError
from confcodec.rooms.room import WATCHER, Note, offers
from confcodec.rooms.signalling import Signalling
from confcodec.transport.channel import Channel
from confcodec.transport.ice import Ice

logger = logging.getLogger(__name__)

FIRST_PATIENCE = 20.0
"""Seconds that a first connection may take once the other side is there."""
ANSWER_TIMEOUT = 3.0
OPEN_TIMEOUTS = (2.0, 2.0, 3.0, 5.0, 8.0)
"""Seconds that each attempt may take. The first are short: a connection that is being set up
asks ever more seldom, so on a link that was dead a new one comes through sooner."""


@dataclass(frozen=True, slots=True)
class Connection:
    """A peer that was reached, and the task that serves it."""

    peer: Peer
    task: asyncio.Task[str]
    member: str
    number: int
    """Of the offer that led to it; tells it from former connections of the two."""


class Meeting:
    """Offers or answers until there is a connection."""

    def __init__(
        self,
        signalling: Signalling,
        endpoint: Endpoint,
        *,
        relay_only: bool,
        hears: bool = True,
    ) -> None:
        self._signalling = signalling
        self._endpoint = endpoint
        self._relay_only = relay_only
        self._hears = hears
        self._attempts = 0
        self._closing: set[asyncio.Task[str]] = set()

    async def meet(self) -> Connection:
        """The next connection that works; waits as long as nobody else is there.

        Raises:
            TransportError: refused, or the other side is there but cannot be reached.
        """
        tried, deadline = 0, None
        self._signalling.forget("answer", "error", "again")
        while True:
            other, offer = await self._somebody()
            now = asyncio.get_running_loop().time()
            deadline = deadline or now + FIRST_PATIENCE
            limit = OPEN_TIMEOUTS[min(tried, len(OPEN_TIMEOUTS) - 1)]
            connection = await self._attempt(other, offer, limit)
            if connection:
                return connection
            tried += 1
            if asyncio.get_running_loop().time() > deadline:
                raise TransportError(
                    "no connection to the other side came about; "
                    "is UDP between the two machines blocked by a firewall?"
                )

    async def ask_again(self, lost: Connection) -> None:
        """Tell the lost member, where it is the one that offers, to do so."""
        if not offers(self._signalling.id, lost.member):
            again = {"type": "again", "to": lost.member, "n": lost.number}
            await self._signalling.send(again)

    def wanted(self, connection: Connection) -> bool:
        """Whether the other side of a connection has lost it, and wants another."""
        while note := self._signalling.next("again", "offer"):
            if note["type"] == "offer":
                self._signalling.put_back(note)
                return True
            if (note.get("from"), note.get("n")) == (
                connection.member,
                connection.number,
            ):
                return True
        return False

    async def close(self) -> None:
        """End the attempts that are being given up."""
        for task in self._closing:
            task.cancel()
        await asyncio.gather(*self._closing, return_exceptions=True)

    def retire(self, task: asyncio.Task[str]) -> None:
        """Let a task that serves a lost peer come to its end by itself."""
        self._closing.add(task)
        task.add_done_callback(self._retired)

    def _retired(self, task: asyncio.Task[str]) -> None:
        self._closing.discard(task)
        if not task.cancelled() and (error := task.exception()):
            logger.debug("an attempt: %s", error)

    async def _somebody(self) -> tuple[str, Note | None]:
        """The next member to connect to, and its offer where it is the one that offers."""
        signalling, told = self._signalling, False
        while True:
            if signalling.refused:
                raise signalling.refused
            offer = signalling.next("offer")
            if offer:
                return str(offer.get("from")), offer
            mine = signalling.id
            for other in sorted(signalling.others):
                if other and offers(mine, other) and not _watch_each_other(mine, other):
                    return other, None
            if not signalling.others and not told:
                logger.info("nobody else is in the room yet")
                told = True
            await signalling.changed()

    async def _attempt(
        self, other: str, offer: Note | None, limit: float
    ) -> Connection | None:
        ice = Ice(self._signalling.ice, self._relay_only)
        channel = self._endpoint.channel(ice, hears=self._hears)
        peer = self._endpoint.peer(channel)
        try:
            if offer:
                done = await self._answer(other, offer, channel)
            else:
                done = await self._offer(other, channel)
        except BaseException:
            await channel.close()
            raise
        task = asyncio.create_task(peer.run())
        try:
            if done:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(limit):
                        await first(peer.opened, task)
        except BaseException:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            raise
        if peer.opened.is_set() and not task.done():
            number = offer.get("n") if offer else self._attempts
            return Connection(peer, task, other, int(str(number)))
        peer.lose()
        self.retire(task)
        return None

    async def _offer(self, other: str, channel: Channel) -> bool:
        """Exchange descriptions; False if no answer came."""
        self._attempts += 1
        number, signalling = self._attempts, self._signalling
        sdp = await channel.offer()
        if not await signalling.send(
            {"type": "offer", "to": other, "n": number, "sdp": sdp}
        ):
            await asyncio.sleep(0.1)
            return False
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(ANSWER_TIMEOUT):
                while True:
                    note = signalling.next("answer", "error")
                    if note is None:
                        await signalling.changed()
                    elif note["type"] == "error":
                        return await self._refused(note)
                    elif (note.get("from"), note.get("n")) == (other, number):
                        await _accept(channel, note)
                        return True
        return False

    async def _refused(self, note: Note) -> bool:
        if note.get("code") == "nobody":
            await asyncio.sleep(0.2)
            return False
        raise TransportError(f"{self._signalling.base} refused: {note.get('message')}")

    async def _answer(self, other: str, offer: Note, channel: Channel) -> bool:
        try:
            sdp = await channel.answer(offer.get("sdp"))
        except PacketError as error:
            logger.debug("an offer: %s", error)
            return False
        answer = {"type": "answer", "to": other, "n": offer.get("n"), "sdp": sdp}
        return await self._signalling.send(answer)


def _watch_each_other(mine: str, other: str) -> bool:
    """Whether both only receive, or the other is a caller, who sends to one alone."""
    return mine.startswith(WATCHER) and not other.startswith("a")


async def _accept(channel: Channel, note: Note) -> None:
    try:
        await channel.accept(note.get("sdp"))
    except PacketError as error:
        raise TransportError(
            f"the other side is of another release: {error}"
        ) from error
