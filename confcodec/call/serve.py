"""`confcodec serve`: the server's life from loading the codec to the report."""

import asyncio
import contextlib
from collections.abc import Callable

from confcodec.call.endpoint import first
from confcodec.call.host import Host
from confcodec.call.options import CallOptions
from confcodec.call.report import Report, make_report
from confcodec.call.rooms import REMOTE
from confcodec.call.server import listening, local_base
from confcodec.call.stats import ReceiveStats, SendStats


class Server:
    """A web server, a source and whoever calls."""

    def __init__(self, options: CallOptions, address: str, port: int) -> None:
        self._options = options
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
        host = Host(self._options)
        self._reports = host.reports
        async with contextlib.AsyncExitStack() as stack:
            base = await stack.enter_async_context(
                listening(host, self._address, self._port)
            )
            stack.push_async_callback(host.endpoint.close)
            await host.endpoint.start()
            announce(f"{base}/#{host.room.token}")
            await self._live(host, local_base(base), stop, measuring)

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
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._options.seconds):
                    await first(side, calls, stop, host.endpoint.sink_closed)
            host.stop()
            await first(side, calls)
            for task in (side, calls):
                if task.done():
                    task.result()
        finally:
            for task in (side, calls):
                task.cancel()
            await asyncio.gather(side, calls, return_exceptions=True)
