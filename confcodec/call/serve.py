"""`confcodec serve`: the server's life from loading the codec to the report."""

import asyncio
import contextlib
import logging
import subprocess
from collections.abc import Callable

from aiohttp import web

from confcodec.call.first import first
from confcodec.call.host import Host
from confcodec.call.ice import parse_server
from confcodec.call.options import CallOptions
from confcodec.call.reach import Reach, server_context
from confcodec.call.reception import Desk
from confcodec.call.redis_rooms import RedisRooms
from confcodec.call.report import Report, make_report
from confcodec.call.rooms import DEFAULT_ROOM, REMOTE, RefusedError, Rooms, check_name
from confcodec.call.server import listening, local_base, make_app, make_introducer
from confcodec.call.stats import ReceiveStats, SendStats
from confcodec.call.tokens import Keys, load_secret
from confcodec.errors import TransportError

logger = logging.getLogger(__name__)


class Server:
    """A web server, a source and whoever calls."""

    def __init__(
        self,
        options: CallOptions,
        address: str,
        port: int,
        spare: subprocess.Popen[bytes] | None = None,
    ) -> None:
        self._options = options
        self._spare = spare
        self._address = address
        self._port = port
        self._reports: list[Report] = []

    @property
    def report(self) -> Report:
        """The last remote call, else the last loopback; all calls of this run in `calls`."""
        remote = [report for report in self._reports if report["peer"] == REMOTE]
        nothing = ReceiveStats().summary()
        none = make_report(None, 0.0, self._options, None, SendStats(), nothing)
        return {**(remote or self._reports or [none])[-1], "calls": self._reports}

    async def run(
        self,
        stop: asyncio.Event,
        announce: Callable[[str], None],
        measuring: asyncio.Event | None = None,
    ) -> None:
        """Serve until `stop` or the time is over.

        Args:
            stop: ends the server in good order.
            announce: told the link to share, once it works.
            measuring: let the time run only from the first loopback frame on, and set this then.

        Raises:
            ConfcodecError: port, source or codec cannot be used.
        """
        reach = self._options.reach
        room = _room(reach)
        async with contextlib.AsyncExitStack() as stack:
            desk = await make_desk(reach)
            stack.push_async_callback(desk.rooms.close)
            if reach.introduce:
                await self._introduce(stack, desk, room, stop, announce)
                return
            host = Host(self._options, desk, room, self._spare)
            self._reports = host.reports
            base = host.base = await self._listen(stack, make_app(host))
            stack.push_async_callback(host.endpoint.close)
            await host.endpoint.start()
            announce(f"{base}/r/{room}#{host.room.token}")
            logger.info("to watch only: %s/r/%s#%s", base, room, host.room.watch_token)
            await self._live(host, local_base(base), stop, measuring)

    async def _listen(
        self, stack: contextlib.AsyncExitStack, app: web.Application
    ) -> str:
        tls = server_context(self._options.reach)
        return await stack.enter_async_context(
            listening(app, self._address, self._port, tls)
        )

    async def _introduce(
        self,
        stack: contextlib.AsyncExitStack,
        desk: Desk,
        room: str,
        stop: asyncio.Event,
        announce: Callable[[str], None],
    ) -> None:
        """Bring callers together, and nothing else."""
        base = await self._listen(stack, make_introducer(desk))
        announce(f"{base}/r/{room}#{desk.host_room(room).token}")
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._options.seconds):
                await stop.wait()

    async def _live(
        self,
        host: Host,
        base: str,
        stop: asyncio.Event,
        measuring: asyncio.Event | None,
    ) -> None:
        side = asyncio.create_task(host.endpoint.run())
        calls = asyncio.create_task(host.run(base))
        try:
            if measuring:
                await first(host.sending, side, calls, stop)
                measuring.set()
            await first(host.endpoint.loaded, side, calls, stop)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._options.seconds):
                    await first(side, calls, stop, host.endpoint.screen.closed)
            host.stop()
            await first(side, calls)
            for task in (side, calls):
                if task.done():
                    task.result()
        finally:
            for task in (side, calls):
                task.cancel()
            await asyncio.gather(side, calls, return_exceptions=True)


async def make_desk(reach: Reach) -> Desk:
    """The reception that these options describe.

    Raises:
        TransportError: there is no Redis where they say.
    """
    servers = [parse_server(text) for text in reach.servers]
    rooms = Rooms()
    if reach.redis:
        rooms = RedisRooms(reach.redis)
        await rooms.open()
    return Desk(
        Keys(load_secret(reach.secret)),
        rooms,
        servers,
        reach.turn_secret,
        reach.origins,
    )


def _room(reach: Reach) -> str:
    try:
        return check_name(reach.room or DEFAULT_ROOM)
    except RefusedError as refused:
        raise TransportError(f"--room {reach.room}: {refused}") from refused
