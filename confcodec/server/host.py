"""The server's life: calls itself while nobody is there, and whoever joins instead.

waiting --child ready--> loopback --somebody joins--> connected --gone--> waiting
                                                         ^  `--dead--> lost --> waiting
                                                         `--comes back--'
Watchers come and go beside all this; they get the frames that are sent.
"""

import asyncio
import contextlib
import logging
import subprocess
import time
from collections.abc import Callable, Mapping
from typing import Any

from confcodec.call.codec_thread import Coded
from confcodec.call.endpoint import Endpoint
from confcodec.call.figures.report import Report, make_report
from confcodec.call.figures.stats import ReceiveStats
from confcodec.call.loopback.child import start_child
from confcodec.call.loopback.page_shots import decoded_shot, original_shot
from confcodec.call.loopback.publisher import ChildFigures, child
from confcodec.call.options.call import CallOptions
from confcodec.call.peer import Peer, outcome
from confcodec.call.receiver import ReceivedFrame
from confcodec.call.waiting import first
from confcodec.codec.frame import Frame
from confcodec.errors import TransportError
from confcodec.rooms.reception import Desk
from confcodec.rooms.room import DEFAULT_ROOM, LOOPBACK, REMOTE, WATCHER, room_full
from confcodec.server.addresses import LOCAL, Ways
from confcodec.server.answering import Arrival, Places
from confcodec.server.browser_camera import BrowserCamera
from confcodec.server.laboratory import Laboratory
from confcodec.server.page_pictures import Views
from confcodec.server.recorder import Recorder
from confcodec.server.source_menu import Menu
from confcodec.server.watchers import Watchers
from confcodec.transport.channel import Channel

logger = logging.getLogger(__name__)

MAX_CHILD_FAILURES = 3
"""Loopback children that end by themselves, one after the other, before the server gives up."""

GRACE = 10.0
"""Seconds that a lost caller's place is kept."""


class Host:
    """Everything `serve` keeps besides its web server."""

    def __init__(
        self,
        options: CallOptions,
        desk: Desk | None = None,
        room: str = DEFAULT_ROOM,
        spare: subprocess.Popen[bytes] | None = None,
    ) -> None:
        """`spare` is a loopback child that is there already."""
        self.endpoint = Endpoint(options)
        self.desk = desk or Desk()
        self.room = self.desk.host_room(room)
        self.menu = Menu(options.source, options.media)
        self.views = Views()
        self.laboratory = Laboratory(options.device)
        self.recorder = Recorder()
        self.browser = BrowserCamera()
        self.child = ChildFigures()
        self.ways = Ways("", (), LOCAL)
        """How the web server is reached, once it listens."""
        self.reports: list[Report] = []
        """One for each call that came about."""
        self.sending = asyncio.Event()
        """Set while the present peer takes frames."""
        self.on_state: Callable[[], None] = lambda: None
        """Told whenever what pages are told of the state has changed."""
        self._spare = spare
        self.state = "waiting"
        """waiting, loopback, connected or lost."""
        self.kind: str | None = None
        """Who is there: `LOOPBACK`, `REMOTE` or nobody."""
        self.peer: Peer | None = None
        self._arrived = {LOOPBACK: asyncio.Event(), REMOTE: asyncio.Event()}
        self._arrivals: dict[str, Arrival] = {}
        self._guest: str | None = None
        """Whose the other seat is."""
        self.watchers = Watchers(self.endpoint, self._tell_state)
        self._ending: set[asyncio.Task[str]] = set()
        """Serve lost peers until their connections are closed."""
        self.places = Places(self, options.reach.relay_only)
        self._stopping = asyncio.Event()
        self.began = time.monotonic()
        self.endpoint.on_captured = self._captured
        self.endpoint.on_loaded = self._tell_state
        self.browser.on_changed = self._tell_state
        self.endpoint.sound.on_heard = self.recorder.heard
        self.recorder.on_changed = self._tell_state

    def admit(self, kind: str, member: str) -> None:
        """Whether that member may start a call now.

        Raises:
            RefusedError: somebody else is in one.
        """
        taken = self._guest not in (None, member) and self.state != "lost"
        if kind == REMOTE and taken:
            raise room_full()

    def take(self, channel: Channel, kind: str, member: str, number: int = 0) -> None:
        """Start the call on a channel whose descriptions have been exchanged.

        `kind` is `LOOPBACK`, `REMOTE` or `WATCHER`; `number` that of the member's offer.
        """
        self.admit(kind, member)
        peer = self.endpoint.peer(channel, shows=kind == REMOTE)
        if kind == WATCHER:
            return self.watchers.take(peer, member)
        former = self._arrivals.get(kind)
        if former:
            former.peer.lose()
        if kind == REMOTE:
            peer.on_media_state = self._tell_state
            show = peer.receiver.on_decoded

            def show_and_view(frame: ReceivedFrame) -> None:
                show(frame)
                self.views.show(decoded_shot(frame))
                self.recorder.received(frame)

            peer.receiver.on_decoded = show_and_view
            self._guest = member
        self._arrivals[kind] = Arrival(
            peer, member, number, asyncio.create_task(peer.run())
        )
        return self._arrived[kind].set()

    def stop(self) -> None:
        """Make `run` end the present call in good order and return."""
        self._stopping.set()

    async def run(self, base: str) -> None:
        """Call itself, or whoever joins, until `stop`; `base` is this server's address.

        Raises:
            TransportError: the loopback child fails again and again.
        """
        failures = 0
        await self.places.enter()
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
            tasks = [arrival.task for arrival in self._arrivals.values()]
            tasks += [*self._ending]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self.watchers.close()
            await self.places.leave()
            await self.close()

    async def close(self) -> None:
        """End what pages have begun: recording, laboratory, a browser's camera."""
        for part in (self.recorder, self.laboratory, self.browser):
            await part.close()

    async def _call_itself(self, base: str) -> bool:
        """Loopback until somebody joins or `stop`; False if the child ended by itself."""
        self._arrived[LOOPBACK].clear()
        self.child = ChildFigures()
        interrupts = (self._arrived[REMOTE], self._stopping)
        sink = self.endpoint.delegate_sink()
        spare, self._spare = self._spare, None
        process = spare or start_child(self.endpoint.options, sink)
        async with child(process, f"{base}#{self.desk.loopback_token}") as exited:
            try:
                await first(self._arrived[LOOPBACK], exited, *interrupts)
                if self._arrived[LOOPBACK].is_set():
                    await self._call(LOOPBACK, exited, *interrupts)
            finally:
                self.enter("waiting", None)
        return any(event.is_set() for event in interrupts)

    async def _serve_remote(self) -> None:
        logger.info("somebody joined")
        self._arrived[REMOTE].clear()
        _, member, number, _ = self._arrivals[REMOTE]
        self.enter("connected", REMOTE)
        reason = await self._call(REMOTE, self._stopping)
        logger.info("the call has ended: %s", reason)
        if reason == "lost":
            self.enter("lost", None)
            if not self._arrived[REMOTE].is_set():
                await self.places.ask_again(member, number)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(GRACE):
                    await first(self._arrived[REMOTE], self._stopping)
        if not self._arrived[REMOTE].is_set():
            self._guest = None
            self.enter("waiting", None)

    async def _call(
        self, kind: str, *interrupts: asyncio.Event | asyncio.Future[Any]
    ) -> str:
        """Be in the call until the peer goes or one of `interrupts` comes; returns why."""
        peer, _, _, task = arrival = self._arrivals[kind]
        sender = peer.sender
        assert sender is not None
        self.peer = peer
        began = ended = time.monotonic()
        try:
            await first(sender.ready, task, peer.lost, *interrupts)
            await first(self.endpoint.loaded, task, peer.lost, *interrupts)
            if sender.ready.is_set() and self.endpoint.loaded.is_set():
                began = time.monotonic()
                sender.on_sent = self._sent
                if kind == LOOPBACK:
                    self.enter("loopback", LOOPBACK)
                self.endpoint.sender = sender
                self.sending.set()
                await first(task, peer.lost, *interrupts)
            self.endpoint.sender = None
            ended = time.monotonic()
            if peer.lost.is_set():  # closing a dead connection takes its time
                self._ending.add(task)
                task.add_done_callback(self._end)
                return "lost"
            await self._part(peer, kind, task)
            return await outcome(task)
        finally:
            if task not in self._ending:
                task.cancel()
            if self._arrivals.get(kind) is arrival:
                del self._arrivals[kind]
            self.endpoint.sender, self.peer = None, None
            self.sending.clear()
            self._keep_report(peer, kind, ended - began)

    def _end(self, task: asyncio.Task[str]) -> None:
        self._ending.discard(task)
        if not task.cancelled() and (error := task.exception()):
            logger.debug("a lost connection: %s", error)

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
        trouble = {"sink_trouble": self.endpoint.screen.trouble}
        received: Mapping[str, object] = peer.receiver.stats.summary() | trouble
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
            self._tell_state()

    def _tell_state(self) -> None:
        self.on_state()

    def _sent(self, frame: Frame, codec: str, coded: Coded) -> None:
        if self.kind == LOOPBACK:
            self.views.remember(frame)
        self.laboratory.offer(frame, codec, coded)
        self.recorder.sent(frame, coded.bitstream)

    def _captured(self, frame: Frame) -> None:
        # In a loopback it waits for its decoded picture; showing it slows the codec's loading.
        if self.kind != LOOPBACK and (self.endpoint.info or frame.number % 3 == 0):
            self.views.show(original_shot(frame))
