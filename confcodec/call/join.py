"""`confcodec call`: join a room from another process or machine, and stay in the call."""

import asyncio
import contextlib
import logging
import secrets
import signal
import time
from dataclasses import replace

import aiohttp

from confcodec.call.endpoint import Endpoint
from confcodec.call.figures.report import Report, make_report
from confcodec.call.figures.stats import SendStats
from confcodec.call.loopback.publisher import Publisher, stdin_closed
from confcodec.call.meeting import Connection, Meeting
from confcodec.call.options.call import CallOptions
from confcodec.call.options.reach import client_context
from confcodec.call.peer import Peer
from confcodec.call.sound import Sound
from confcodec.call.waiting import first
from confcodec.errors import TransportError
from confcodec.rooms.room import REMOTE, WATCHER
from confcodec.rooms.signalling import Signalling, parse_link

logger = logging.getLogger(__name__)


class Call:
    """One call to a member of a room, from loading the codec to the report."""

    def __init__(
        self, url: str, options: CallOptions, *, from_parent: bool = False
    ) -> None:
        self._link = parse_link(url)
        self._token_from_parent = self._link.token if from_parent else None
        if self._link.token.startswith(WATCHER) and not self._token_from_parent:
            options = replace(options, source=None)
        self._options = options
        self._reach = options.reach
        if self._token_from_parent:  # its parent starts another when it is lost
            self._reach = replace(options.reach, patience=0)
        self._endpoint = Endpoint(options)
        self._reports: list[Report] = []
        self._left = options.seconds

    @property
    def report(self) -> Report | None:
        """Of the last connection, once it has ended; of all of them in `calls`."""
        if not self._reports:
            return None
        trouble = self._endpoint.screen.trouble  # closing the file may bring it
        return {**self._reports[-1], "sink_trouble": trouble, "calls": self._reports}

    async def run(self, stop: asyncio.Event) -> None:
        """Join, stay until `stop`, the time is over, or the other side ends the call.

        Raises:
            ConfcodecError: source, codec or connection failed, or the other side was lost.
        """
        endpoint = self._endpoint
        async with contextlib.AsyncExitStack() as stack:
            if self._token_from_parent:
                watch = asyncio.create_task(stdin_closed(stop))
                stack.callback(watch.cancel)
            stack.push_async_callback(endpoint.close)
            _toggle_on_signal(endpoint.sound)
            await endpoint.start()
            if stop.is_set():
                return
            trust = False if self._token_from_parent else client_context(self._reach)
            session = await stack.enter_async_context(
                aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=trust))
            )
            signalling = Signalling(session, self._link, secrets.token_hex(8))
            await signalling.connect()
            stack.push_async_callback(signalling.close)
            relay_only = self._reach.relay_only
            hears = not self._token_from_parent
            meeting = Meeting(signalling, endpoint, relay_only=relay_only, hears=hears)
            stack.push_async_callback(meeting.close)
            tasks = [
                asyncio.create_task(signalling.run()),
                asyncio.create_task(endpoint.run()),
            ]
            try:
                await self._stay(session, signalling, meeting, tasks[1], stop)
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)

    async def _stay(
        self,
        session: aiohttp.ClientSession,
        signalling: Signalling,
        meeting: Meeting,
        side: asyncio.Task[None],
        stop: asyncio.Event,
    ) -> None:
        """Be in the call, over as many connections as it takes."""
        ends = (side, stop, self._endpoint.screen.closed)
        lost: Connection | None = None
        while True:
            connection = await self._meet(meeting, lost, ends)
            if connection is None:
                return
            publish = asyncio.create_task(self._publish(session, connection.peer, stop))
            try:
                reason = await self._talk(connection, signalling, meeting, ends)
            finally:
                publish.cancel()
                await asyncio.gather(publish, return_exceptions=True)
            if reason != "lost":
                return
            lost = connection
            logger.info("the other side was lost; trying to bring the call back")

    async def _meet(
        self,
        meeting: Meeting,
        lost: Connection | None,
        ends: tuple[asyncio.Event | asyncio.Future[None], ...],
    ) -> Connection | None:
        """The next connection; None if the call ends before there is one."""
        deadline = None
        if lost:
            await meeting.ask_again(lost)
            deadline = time.monotonic() + self._reach.patience
        while True:
            task = asyncio.create_task(meeting.meet())
            try:
                async with asyncio.timeout(
                    None if deadline is None else max(0, deadline - time.monotonic())
                ):
                    await first(task, *ends)
                if not task.done():
                    for end in ends:
                        if isinstance(end, asyncio.Future) and end.done():
                            end.result()
                    return None
                return task.result()
            except TimeoutError:
                raise _lost() from None
            except TransportError as error:
                if deadline is None:
                    raise
                logger.debug("not back yet: %s", error)
                await asyncio.sleep(0.5)
            finally:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)

    async def _publish(
        self, session: aiohttp.ClientSession, peer: Peer, stop: asyncio.Event
    ) -> None:
        if self._token_from_parent:
            base = self._link.bases[0]
            publisher = Publisher(stop, lambda: self._endpoint.screen.trouble)
            await publisher.run(session, base, self._token_from_parent, peer)

    async def _talk(
        self,
        connection: Connection,
        signalling: Signalling,
        meeting: Meeting,
        ends: tuple[asyncio.Event | asyncio.Future[None], ...],
    ) -> str:
        peer, task = connection.peer, connection.task
        called = asyncio.create_task(_called(signalling, meeting, connection))
        sender, over = peer.sender, (task, peer.lost, called, *ends)
        began, seconds = time.monotonic(), 0.0
        try:
            if sender:
                await first(sender.ready, *over)
                await first(self._endpoint.loaded, *over)
                began = time.monotonic()
                self._endpoint.sender = sender if sender.ready.is_set() else None
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._left):
                    await first(*over)
            seconds = time.monotonic() - began
            self._endpoint.sender = None
            return await self._part(connection, meeting, ends, called.done())
        finally:
            self._endpoint.sender = None
            if self._left is not None:
                self._left = max(0.0, self._left - seconds)
            called.cancel()
            if not peer.lost.is_set():
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
            self._keep_report(peer, seconds)

    async def _part(
        self,
        connection: Connection,
        meeting: Meeting,
        ends: tuple[asyncio.Event | asyncio.Future[None], ...],
        called: bool,
    ) -> str:
        """End a connection; returns why it ended."""
        peer, task = connection.peer, connection.task
        for end in ends:
            if isinstance(end, asyncio.Future) and end.done():
                end.result()
        if called and not task.done():
            peer.lose()
        if peer.lost.is_set():
            meeting.retire(task)  # closing a dead connection takes its time
            return "lost"
        peer.stop()
        return await task

    def _keep_report(self, peer: Peer, seconds: float) -> None:
        endpoint = self._endpoint
        sent = peer.sender.stats if peer.sender else SendStats()
        options, received = endpoint.options_in_use(), peer.receiver.stats.summary()
        received |= {"sink_trouble": endpoint.screen.trouble}
        self._reports.append(
            make_report(REMOTE, seconds, options, endpoint.info, sent, received)
        )


def _toggle_on_signal(sound: Sound) -> None:
    """Let SIGUSR1 turn the microphone off and on, where there are signals."""
    if hasattr(signal, "SIGUSR1"):
        # Not where this is a thread of another program.
        with contextlib.suppress(ValueError, RuntimeError):
            loop = asyncio.get_running_loop()
            loop.add_signal_handler(signal.SIGUSR1, sound.toggle)


async def _called(
    signalling: Signalling, meeting: Meeting, connection: Connection
) -> None:
    """Wait until the other side wants to be met again, or this side's place is taken."""
    while not (meeting.wanted(connection) or signalling.refused):
        await signalling.changed()


def _lost() -> TransportError:
    return TransportError("the other side was lost: nothing heard from it any more")
