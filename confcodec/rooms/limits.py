"""How much strangers may ask for: rates for messages and connections, and whose page may ask."""

import contextlib
import time
from collections.abc import Callable, Collection, Iterator
from urllib.parse import urlsplit

from aiohttp import web

MESSAGES = (20.0, 60)
"""Messages a second and at once that a signalling connection may send."""
WISHES = (200.0, 400)
"""The same for a page, which acknowledges every picture."""
CONNECTIONS = (5.0, 60)
"""Connections a second and at once from one address."""
MAX_SOCKETS = 512
"""WebSockets open at once."""
_MAX_ADDRESSES = 4096
REASON = "X-Confcodec-Reason"
"""The header that names, in one word, why somebody is refused."""
_SHOWN = 200
"""Characters of an untrusted origin that a refusal repeats."""


class Bucket:
    """A token bucket: `rate` a second in the long run, `burst` at once."""

    def __init__(
        self, rate: float, burst: float, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._rate, self._burst, self._now = rate, burst, now
        self._left, self._time = burst, now()

    @property
    def ready(self) -> bool:
        """Whether one more would be allowed now."""
        return self._left + (self._now() - self._time) * self._rate >= 1

    def take(self) -> bool:
        """Whether one more is allowed now."""
        now = self._now()
        self._left = min(self._burst, self._left + (now - self._time) * self._rate)
        self._time = now
        if self._left < 1:
            return False
        self._left -= 1
        return True


class Gate:
    """Lets connections in: so many from one address, so many in all."""

    def __init__(self) -> None:
        self._addresses: dict[str, Bucket] = {}
        self._open = 0

    def enter(self, request: web.Request) -> None:
        """Count a connection in; `leave` counts it out.

        Raises:
            HTTPTooManyRequests, HTTPServiceUnavailable: no more now.
        """
        address = request.remote or ""
        if address not in self._addresses:
            if len(self._addresses) >= _MAX_ADDRESSES:
                del self._addresses[next(iter(self._addresses))]
            self._addresses[address] = Bucket(*CONNECTIONS)
        if not self._addresses[address].take():
            raise _too_often()
        if self._open >= MAX_SOCKETS:
            raise _full()
        self._open += 1

    def check(self, request: web.Request) -> None:
        """Raise like `enter`, and count nothing."""
        bucket = self._addresses.get(request.remote or "")
        if bucket and not bucket.ready:
            raise _too_often()
        if self._open >= MAX_SOCKETS:
            raise _full()

    def leave(self) -> None:
        """Count a connection out."""
        self._open -= 1

    @contextlib.contextmanager
    def passing(self, request: web.Request) -> Iterator[None]:
        """Count a connection in for as long as the context lasts; raises like `enter`."""
        self.enter(request)
        try:
            yield
        finally:
            self.leave()


def _too_often() -> web.HTTPTooManyRequests:
    return web.HTTPTooManyRequests(
        text="too many connections; wait a little\n", headers={REASON: "too-many"}
    )


def _full() -> web.HTTPServiceUnavailable:
    return web.HTTPServiceUnavailable(
        text="the server is full\n", headers={REASON: "full"}
    )


def check_origin(
    request: web.Request, allowed: Collection[str], said: str | None = None
) -> None:
    """Let in only our own page, and programs, which send no origin.

    Args:
        request: what asks.
        allowed: further origins that may.
        said: what a page says its origin is, where the browser names none.

    Raises:
        HTTPForbidden: a page of another web site opened this connection.
    """
    origin = request.headers.get("Origin", said)
    if origin is None or origin in allowed:
        return
    try:
        if urlsplit(origin).netloc == request.host:
            return
    except ValueError:
        pass
    shown = origin[:_SHOWN]
    raise web.HTTPForbidden(
        text=f"this page comes from {shown}, but the server is asked as {request.host[:_SHOWN]}: "
        "if a proxy between them rewrites the Host header, "
        f"start serve with --origin {shown}\n",
        headers={REASON: "origin"},
    )
