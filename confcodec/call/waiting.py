"""Waiting for whichever of several things comes first."""

import asyncio
from typing import Any


async def first(*events: asyncio.Event | asyncio.Future[Any]) -> None:
    """Wait until one of them is set or done; leaves them as they are."""
    waits = [
        asyncio.ensure_future(event.wait())
        if isinstance(event, asyncio.Event)
        else event
        for event in events
    ]
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait, event in zip(waits, events, strict=True):
            if wait is not event:
                wait.cancel()
