"""The server's life: calls itself while nobody is there, and whoever joins instead.

waiting --child ready--> loopback --somebody joins--> connected --gone--> waiting
                                                         `--dead--> lost --> waiting
"""

import asyncio
import logging
import time
from collections.abc import Mapping
from typing import Any, NamedTuple

from confcodec.call.channel import Channel
from confcodec.call.console import state_message
from confcodec.call.endpoint import Endpoint, first
from confcodec.call.loopback import ChildFigures, child
from confcodec.call.options import CallOptions
from confcodec.call.peer import Peer
from confcodec.call.pipeline import ReceivedFrame
from confcodec.call.report import Report, make_report
from confcodec.call.rooms import LOOPBACK, REMOTE, Room
from confcodec.call.stats import ReceiveStats
from confcodec.call.views import Views, decoded_shot, original_shot
from confcodec.codec.frame import Frame
from confcodec.errors import TransportError

logger = logging.getLogger(__name__)

MAX_CHILD_FAILURES = 3
"""Loopback children that end by themselves, one after the other, before the server gives up."""


class _Arrival(NamedTuple):
    peer: Peer
    task: asyncio.Task[str]
    """Serves the peer, from the moment it arrived."""


class Host:
    """Everything `serve` keeps besides its web server."""

    def __init__(self, options: CallOptions) -> None:
        self.endpoint = Endpoint(options)
        self.room = Room()
        self.views = Views()
        self.child = ChildFigures()
        self.reports: list[Report] = []
        """One for each call that came about."""
        self.sending = asyncio.Event()
        """Set while the present peer takes frames."""
        self._options = options
        self.state = "waiting"
        """waiting, loopback, connected or lost."""
        self.kind: str | None = None
        """Who is there: `LOOPBACK`, `REMOTE` or nobody."""
        self.peer: Peer | None = None
        self._arrived = {LOOPBACK: asyncio.Event(), REMOTE: asyncio.Event()}
        self._arrivals: dict[str, _Arrival] = {}
        self._stopping = asyncio.Event()
        self.began = time.monotonic()
        self.endpoint.on_captured = self._captured

    def take(self, channel: Channel, kind: str) -> None:
        """Start the call on a channel whose descriptions have been exchanged."""
        peer = self.endpoint.peer(channel, shows=kind == REMOTE)
        if kind == REMOTE:
            show = peer.receiver.on_decoded

            def show_and_view(frame: ReceivedFrame) -> None:
                show(frame)
                self.views.show(decoded_shot(frame))

            peer.receiver.on_decoded = show_and_view
        self._arrivals[kind] = _Arrival(peer, asyncio.create_task(peer.run()))
        self._arrived[kind].set()

    def stop(self) -> None:
        """Make `run` end the present call in good order and return."""
        self._stopping.set()

    async def run(self, base: str) -> None:
        """Call itself, or whoever joins, until `stop`; `base` is this server's address.

        Raises:
            TransportError: the loopback child fails again and again.
        """
        failures = 0
        try:
            while not self._stopping.is_set():
                if self._arrived[REMOTE].is_set():
                    await self._serve_remote()
                    continue
                failures = 0 if await self._call_itself(base) else failures + 1
                if failures == MAX_CHILD_FAILURES:
                    raise TransportError(
                        "the loopback process keeps ending by itself; its message is above"
                    )
        finally:
            for _, task in self._arrivals.values():
                task.cancel()
            tasks = [task for _, task in self._arrivals.values()]
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _call_itself(self, base: str) -> bool:
        """Loopback until somebody joins or `stop`; False if the child ended by itself."""
        self._arrived[LOOPBACK].clear()
        self.child = ChildFigures()
        interrupts = (self._arrived[REMOTE], self._stopping)
        sink = self.endpoint.delegate_sink()
        async with child(
            base, self.room.loopback_token, self._options, sink
        ) as process:
            exited = asyncio.ensure_future(process.wait())
            try:
                await first(self._arrived[LOOPBACK], exited, *interrupts)
                if self._arrived[LOOPBACK].is_set():
                    await self._call(LOOPBACK, exited, *interrupts)
            finally:
                exited.cancel()
                self.enter("waiting", None)
        return any(event.is_set() for event in interrupts)

    async def _serve_remote(self) -> None:
        logger.info("somebody joined")
        self.enter("connected", REMOTE)
        reason = "failed"
        try:
            reason = await self._call(REMOTE, self._stopping)
        finally:
            self._arrived[REMOTE].clear()
            self.room.leave(REMOTE)
            self.enter("lost" if reason == "lost" else "waiting", None)
            logger.info("the call has ended: %s", reason)

    async def _call(
        self, kind: str, *interrupts: asyncio.Event | asyncio.Future[Any]
    ) -> str:
        """Be in the call until the peer goes or one of `interrupts` comes; returns why."""
        peer, task = self._arrivals[kind]
        sender = peer.sender
        assert sender is not None
        self.peer = peer
        began = ended = time.monotonic()
        try:
            await first(sender.ready, task, *interrupts)
            if sender.ready.is_set():
                began = time.monotonic()
                if kind == LOOPBACK:
                    sender.on_sent = self.views.remember
                    self.enter("loopback", LOOPBACK)
                self.endpoint.sender = sender
                self.sending.set()
                await first(task, *interrupts)
            self.endpoint.sender = None
            ended = time.monotonic()
            await self._part(peer, kind, task)
            return await _outcome(task)
        finally:
            task.cancel()
            self.endpoint.sender, self.peer = None, None
            self.sending.clear()
            self._keep_report(peer, kind, ended - began)

    async def _part(self, peer: Peer, kind: str, task: asyncio.Task[str]) -> None:
        """End a call from this side, so that every frame sent is still counted."""
        if task.done():
            return
        if kind == LOOPBACK and peer.sender and not self._arrived[REMOTE].is_set():
            await peer.sender.finish()
            await self.child.stop()
        peer.stop()

    def _keep_report(self, peer: Peer, kind: str, seconds: float) -> None:
        assert peer.sender is not None
        received: Mapping[str, object] = peer.receiver.stats.summary()
        if kind == LOOPBACK:
            received = self.child.summary or ReceiveStats().summary()
        sent = peer.sender.stats
        if peer.sender.ready.is_set() or received["decoded"]:
            options, info = self.endpoint.options_in_use(), self.endpoint.info
            self.reports.append(
                make_report(kind, seconds, options, info, sent, received)
            )

    def enter(self, state: str, kind: str | None) -> None:
        """Change the state that pages see."""
        if (state, kind) != (self.state, self.kind):
            self.state, self.kind = state, kind
            self.views.text(state_message(self))

    def _captured(self, frame: Frame) -> None:
        # In a loopback the original waits for its decoded picture instead.
        if self.kind != LOOPBACK:
            self.views.show(original_shot(frame))


async def _outcome(task: asyncio.Task[str]) -> str:
    """Why a peer ended; its troubles are its own and do not end the server."""
    try:
        return await task
    except TransportError as error:
        logger.warning("%s", error)
    except Exception:
        logger.exception("a call was ended by a bug")
    return "failed"
