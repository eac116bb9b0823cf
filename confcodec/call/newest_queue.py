"""The queue between two stages of a call: a few items, and the newest wins."""

import asyncio
from collections import deque
from typing import Generic, TypeVar

T = TypeVar("T")


class NewestQueue(Generic[T]):
    """A queue that a burst fits into; when it overflows only the newest item stays."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._items: deque[T] = deque()
        self._filled = asyncio.Event()

    def put(self, item: T) -> int:
        """Add an item; returns how many older ones had to go."""
        dropped = 0
        if len(self._items) == self._size:
            dropped = self._size
            self._items.clear()
        self._items.append(item)
        self._filled.set()
        return dropped

    def __len__(self) -> int:
        return len(self._items)

    async def get(self) -> T:
        """Wait for the oldest item."""
        while not self._items:
            self._filled.clear()
            await self._filled.wait()
        return self._items.popleft()
