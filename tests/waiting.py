"""Waiting for what has no event of its own."""

import asyncio
from collections.abc import Callable

PATIENCE = 20.0
"""Seconds that anything may take on a busy machine."""


async def eventually(holds: Callable[[], object]) -> None:
    """Return as soon as `holds` does; TimeoutError if it never does."""
    async with asyncio.timeout(PATIENCE):
        while not holds():  # noqa: ASYNC110 - plain attributes of the code under test
            await asyncio.sleep(0.005)
