"""The emulated network under a real connection, both directions, in one process.

The datagrams of aioice's sockets pass through a `Link` on their way out and another on
their way in; what is measured above is a real call over a worse line.
"""

import asyncio
import random
import time
from collections.abc import Callable, Sequence
from typing import Any
from weakref import WeakSet

from aiortc import RTCPeerConnection

from confcodec.errors import TransportError
from confcodec.wire.emulator import CLEAN, Impairment, Link, impairment_at


class _Outward:
    """Stands before a datagram transport; everything but `sendto` goes straight through."""

    def __init__(self, transport: Any, send: Callable[[bytes, Any], None]) -> None:
        self._transport = transport
        self.sendto = send

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


class ImpairedNetwork:
    """Both directions of all connections of a process; clean until told otherwise."""

    def __init__(
        self,
        impairment: Impairment = CLEAN,
        seed: int = 0,
        phases: Sequence[tuple[float, Impairment]] = (),
    ) -> None:
        """`phases` begin with the first connection that opens."""
        self._phases = phases
        self._open: WeakSet[RTCPeerConnection] = WeakSet()
        self._began: float | None = None
        self.out = Link(impairment, random.Random(seed).random)
        self.back = Link(impairment, random.Random(seed + 1).random)

    @property
    def impairment(self) -> Impairment:
        """What is done to both directions from now on."""
        return self.out.impairment

    @impairment.setter
    def impairment(self, value: Impairment) -> None:
        if value != CLEAN:
            for connection in self._open:
                self._attach(connection)
        self.out.impairment = self.back.impairment = value

    def opened(self, connection: RTCPeerConnection) -> None:
        """Take in a connection that is open; nothing is put under it while all is clean.

        Raises:
            TransportError: aiortc or aioice works in a way that is not known here.
        """
        self._open.add(connection)
        if self._phases and self._began is None:
            self._began = time.monotonic()
            self.impairment = impairment_at(self._phases, 0.0)
        if self.impairment != CLEAN:
            self._attach(connection)

    async def run(self) -> None:
        """Go through the phases until cancelled."""
        while self._phases:
            await asyncio.sleep(0.05)
            if self._began is None:
                continue
            due = impairment_at(self._phases, time.monotonic() - self._began)
            if due != self.impairment:
                self.impairment = due

    def _attach(self, connection: RTCPeerConnection) -> None:
        try:
            assert connection.sctp is not None
            protocols = connection.sctp.transport.transport._connection._protocols
            for protocol in protocols:
                self._wrap(protocol)
        except (AssertionError, AttributeError) as error:
            raise TransportError(
                f"no network can be emulated with this release of aiortc: {error}"
            ) from error

    def _wrap(self, protocol: Any) -> None:
        transport, receive = protocol.transport, protocol.datagram_received
        if isinstance(transport, _Outward):
            return

        def send(data: bytes, address: Any = None) -> None:
            _later(self.out, len(data), lambda: _send(transport, data, address))

        def received(data: bytes, address: Any) -> None:
            _later(self.back, len(data), lambda: receive(data, address))

        protocol.transport = _Outward(transport, send)
        protocol.datagram_received = received


def _later(link: Link, size: int, deliver: Callable[[], None]) -> None:
    now = time.monotonic()
    arrival = link.send(size, now)
    if arrival is None:
        return
    if arrival <= now:
        deliver()
    else:
        asyncio.get_running_loop().call_later(arrival - now, deliver)


def _send(transport: Any, data: bytes, address: Any) -> None:
    if not transport.is_closing():
        transport.sendto(data, address)
