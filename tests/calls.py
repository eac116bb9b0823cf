"""Servers and callers in this process, over real connections, and a link that can die."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import aioice.ice
import pytest

from confcodec.call.join import Call
from confcodec.call.options.call import CallOptions
from confcodec.call.options.reach import Reach
from confcodec.call.peer import Peer
from confcodec.rooms.reception import Desk
from confcodec.rooms.room import Rooms
from confcodec.rooms.tokens import Keys
from confcodec.server.host import Host
from confcodec.server.web import listening, make_app, make_introducer
from tests.waiting import PATIENCE, eventually

SMALL = CallOptions("demo", (160, 120), 30.0, codec="jpeg", threads=1)


@dataclass
class Caller:
    """A `call` in this process."""

    call: Call
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    task: asyncio.Task[None] | None = None
    peers: list[Peer] = field(default_factory=list)
    """All that there have been."""
    decoded: int = 0
    """Frames that came, over all connections."""

    def start(self) -> None:
        """Begin the call; counts what it decodes."""
        make_peer = self.call._endpoint.peer

        def peer(*arguments: Any, **more: Any) -> Any:
            made = make_peer(*arguments, **more)
            self.peers.append(made)
            show = made.receiver.on_decoded

            def count(frame: Any) -> None:
                self.decoded += 1
                show(frame)

            made.receiver.on_decoded = count
            return made

        self.call._endpoint.peer = peer  # type: ignore[method-assign]
        self.task = asyncio.create_task(self.call.run(self.stop))

    async def sees(self, frames: int = 5) -> None:
        """Wait until that many more frames have come."""
        wanted = self.decoded + frames

        def there() -> bool:
            assert self.task
            if self.task.done():
                self.task.result()
                raise AssertionError("the call has ended")
            return self.decoded >= wanted

        await eventually(there)

    async def leave(self) -> None:
        """End the call in good order."""
        self.stop.set()
        assert self.task
        async with asyncio.timeout(PATIENCE):
            await asyncio.gather(self.task, return_exceptions=True)


@asynccontextmanager
async def caller(
    link: str, options: CallOptions = SMALL, reach: Reach | None = None
) -> AsyncIterator[Caller]:
    """A call that has begun, and ends with the context."""
    made = Caller(Call(link, replace(options, reach=reach or Reach())))
    made.start()
    try:
        yield made
    finally:
        await made.leave()


@dataclass
class Served:
    """A `serve` in this process that calls nobody by itself."""

    host: Host
    base: str

    @property
    def link(self) -> str:
        """For those who talk."""
        return f"{self.base}/r/{self.host.room.name}#{self.host.room.token}"

    @property
    def watch_link(self) -> str:
        """For those who watch."""
        return f"{self.base}/r/{self.host.room.name}#{self.host.room.watch_token}"


@asynccontextmanager
async def served(
    monkeypatch: pytest.MonkeyPatch,
    port: int = 0,
    options: CallOptions = SMALL,
    desk: Desk | None = None,
) -> AsyncIterator[Served]:
    """A server without its loopback child."""

    async def nobody(host: Host, _base: str) -> bool:
        async with asyncio.timeout(600):
            from confcodec.call.waiting import first

            await first(host._arrived["remote"], host._stopping)
        return True

    monkeypatch.setattr(Host, "_call_itself", nobody)
    host = Host(options, desk or Desk(Keys(b"secret")))
    async with listening(make_app(host), "127.0.0.1", port) as base:
        await host.endpoint.start()
        tasks = [
            asyncio.create_task(host.endpoint.run()),
            asyncio.create_task(host.run(base)),
        ]
        try:
            yield Served(host, base)
        finally:
            host.stop()
            await asyncio.wait([tasks[1]], timeout=5)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await host.endpoint.close()


@asynccontextmanager
async def introducer(
    port: int = 0, rooms: Rooms | None = None, room: str = "blue"
) -> AsyncIterator[str]:
    """A server that only brings callers together; gives the link of a room."""
    desk = Desk(Keys(b"secret"), rooms)
    async with listening(make_introducer(desk), "127.0.0.1", port) as base:
        yield f"{base}/r/{room}#{desk.keys.token(room)}"


class Link:
    """All UDP of this process; what is sent while it is dead is gone."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.dead = False
        for name in ("send_stun", "send_data"):
            monkeypatch.setattr(
                aioice.ice.StunProtocol,
                name,
                self._dropping(getattr(aioice.ice.StunProtocol, name)),
            )

    def _dropping(self, send: Any) -> Any:
        def maybe(*arguments: Any) -> Any:
            if not self.dead:
                return send(*arguments)
            return asyncio.sleep(0) if asyncio.iscoroutinefunction(send) else None

        return maybe
