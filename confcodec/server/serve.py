"""`confcodec serve`: the server's life from loading the codec to the report."""

import asyncio
import contextlib
import logging
import subprocess
from collections.abc import Callable
from urllib.parse import urlsplit

from aiohttp import web

from confcodec.call.figures.report import Report, make_report
from confcodec.call.figures.stats import ReceiveStats, SendStats
from confcodec.call.options.call import CallOptions
from confcodec.call.options.reach import Reach, server_context
from confcodec.call.waiting import first
from confcodec.errors import TransportError
from confcodec.rooms.reception import Desk, HostRoom
from confcodec.rooms.redis import RedisRooms
from confcodec.rooms.room import DEFAULT_ROOM, REMOTE, RefusedError, Rooms, check_name
from confcodec.rooms.tokens import Keys, load_secret
from confcodec.server.addresses import Ways, local_base, ways_in
from confcodec.server.host import Host
from confcodec.server.web import listening, make_app, make_introducer
from confcodec.transport.ice import parse_server

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
            base = await self._listen(stack, make_app(host))
            host.ways = ways_in(base, reach.origins)
            stack.push_async_callback(host.endpoint.close)
            await host.endpoint.start()
            announce(f"{host.ways.own}/r/{room}#{host.room.token}")
            tell_links(host.ways, host.room)
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
        ways = ways_in(base, self._options.reach.origins)
        token = desk.host_room(room).guest_token
        announce(f"{ways.inviting[0]}/r/{room}#{token}")
        if ways.trouble:
            logger.info("this link is %s", ways.trouble)
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


def tell_links(ways: Ways, room: HostRoom) -> None:
    """Log the links for guests and watchers, but not the host's, which controls everything."""
    for base in ways.inviting:
        logger.info("to invite: %s/r/%s#%s", base, room.name, room.guest_token)
    base = ways.inviting[0]
    logger.info("to watch only: %s/r/%s#%s", base, room.name, room.watch_token)
    if ways.trouble:
        logger.info("these links are %s", ways.trouble)


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
        [site_of(origin) for origin in reach.origins],
    )


def site_of(url: str) -> str:
    """The origin of a page at `url`, as a browser names it: without any path."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _room(reach: Reach) -> str:
    try:
        return check_name(reach.room or DEFAULT_ROOM)
    except RefusedError as refused:
        raise TransportError(f"--room {reach.room}: {refused}") from refused
