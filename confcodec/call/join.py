"""`confcodec call`: join a server's room from another process or machine."""

import asyncio
import contextlib
import os
import time

import aiohttp

from confcodec.call.channel import Channel
from confcodec.call.endpoint import Endpoint, first
from confcodec.call.loopback import TOKEN_VARIABLE, Publisher, stdin_closed
from confcodec.call.options import CallOptions
from confcodec.call.peer import Peer
from confcodec.call.report import Report, make_report
from confcodec.call.rooms import REMOTE
from confcodec.call.signalling import join, split_url
from confcodec.call.stats import SendStats
from confcodec.errors import TransportError


class Call:
    """One call to a server, from loading the codec to the report."""

    def __init__(self, url: str, options: CallOptions) -> None:
        self._token_from_parent = os.environ.get(TOKEN_VARIABLE)
        if self._token_from_parent:
            url = f"{url}#{self._token_from_parent}"
        self._base, self._token = split_url(url)
        self._options = options
        self._endpoint = Endpoint(options)
        self.report: Report | None = None
        """Of the call, once it has ended, whether well or not."""

    async def run(self, stop: asyncio.Event) -> None:
        """Join, stay until `stop`, the time is over, or the other side ends the call.

        Raises:
            ConfcodecError: source, codec or connection failed, or the other side was lost.
        """
        endpoint = self._endpoint
        async with contextlib.AsyncExitStack() as stack:
            watch = (
                asyncio.create_task(stdin_closed(stop))
                if self._token_from_parent
                else None
            )
            if watch:
                stack.callback(watch.cancel)
            stack.push_async_callback(endpoint.close)
            await endpoint.start()
            if stop.is_set():
                return
            session = await stack.enter_async_context(aiohttp.ClientSession())
            peer, task = await self._join(session)
            side = asyncio.create_task(endpoint.run())
            publish = asyncio.create_task(self._publish(session, peer, stop))
            try:
                await self._talk(peer, task, side, stop)
            finally:
                for each in (task, side, publish):
                    each.cancel()
                await asyncio.gather(task, side, publish, return_exceptions=True)

    async def _join(
        self, session: aiohttp.ClientSession
    ) -> tuple[Peer, asyncio.Task[str]]:
        channel = Channel()
        peer = self._endpoint.peer(channel)
        try:
            await join(session, self._base, self._token, channel)
        except BaseException:
            await channel.close()
            raise
        return peer, asyncio.create_task(peer.run())

    async def _publish(
        self, session: aiohttp.ClientSession, peer: Peer, stop: asyncio.Event
    ) -> None:
        if self._token_from_parent:
            await Publisher(stop).run(session, self._base, self._token, peer)

    async def _talk(
        self,
        peer: Peer,
        task: asyncio.Task[str],
        side: asyncio.Task[None],
        stop: asyncio.Event,
    ) -> None:
        ends = (task, side, stop, self._endpoint.sink_closed)
        sender = peer.sender
        began, seconds = time.monotonic(), 0.0
        try:
            if sender:
                await first(sender.ready, *ends)
                began = time.monotonic()
                self._endpoint.sender = sender if sender.ready.is_set() else None
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._options.seconds):
                    await first(*ends)
            seconds = time.monotonic() - began
            self._endpoint.sender = None
            if side.done():
                side.result()
            peer.stop()
            if await task == "lost":
                raise TransportError(
                    "the other side was lost: nothing heard from it any more"
                )
        finally:
            self._keep_report(peer, seconds)

    def _keep_report(self, peer: Peer, seconds: float) -> None:
        endpoint = self._endpoint
        sent = peer.sender.stats if peer.sender else SendStats()
        options, received = endpoint.options_in_use(), peer.receiver.stats.summary()
        self.report = make_report(
            REMOTE, seconds, options, endpoint.info, sent, received
        )
