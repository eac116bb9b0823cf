"""How late the event loop runs: packets wait for it, too, which must not be taken for a queue."""

import asyncio
import time
from collections import deque

TICK = 0.01
"""Seconds between two measurements."""
MEMORY = 0.1
"""Seconds that one counts for: packets sent or taken then have waited, too."""


class LagMeter:
    """Wakes at regular times and notes how much later it woke."""

    def __init__(self) -> None:
        self._late: deque[tuple[float, float]] = deque()
        self._due = 0.0

    def recent(self) -> float:
        """Seconds that the event loop was, or is now, behind by at worst."""
        now = time.monotonic()
        behind = now - self._due if self._due else 0.0
        return max(behind, 0.0, *(late for at, late in self._late if now - at < MEMORY))

    async def run(self) -> None:
        """Measure until cancelled."""
        while True:
            self._due = time.monotonic() + TICK
            await asyncio.sleep(TICK)
            now = time.monotonic()
            self._late.append((now, now - self._due))
            while now - self._late[0][0] > MEMORY:
                self._late.popleft()
