"""Those who only watch: each is sent what the source gives, as fast as its own link takes it."""

import asyncio
from collections.abc import Callable

from confcodec.call.endpoint import Endpoint
from confcodec.call.peer import Peer, outcome
from confcodec.call.waiting import first


class Watchers:
    """All watchers of an endpoint."""

    def __init__(self, endpoint: Endpoint, changed: Callable[[], None]) -> None:
        self._endpoint = endpoint
        self._changed = changed
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def __len__(self) -> int:
        return len(self._tasks)

    def take(self, peer: Peer, member: str) -> None:
        """Serve a watcher; one of the same id was its former connection."""
        former = self._tasks.get(member)
        if former:
            former.cancel()
        task = asyncio.create_task(self._serve(peer))
        self._tasks[member] = task
        task.add_done_callback(lambda done: self._forget(member, done))
        self._changed()

    async def close(self) -> None:
        """End them all."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _serve(self, peer: Peer) -> None:
        task, sender = asyncio.create_task(peer.run()), peer.sender
        try:
            if sender:
                await first(sender.ready, task)
                await first(self._endpoint.loaded, task)
                self._endpoint.watchers.add(sender)
            await outcome(task)
        finally:
            if sender:
                self._endpoint.watchers.discard(sender)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    def _forget(self, member: str, task: asyncio.Task[None]) -> None:
        if self._tasks.get(member) is task:
            del self._tasks[member]
        self._changed()
