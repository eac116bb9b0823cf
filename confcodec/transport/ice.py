"""STUN and TURN servers: how options name them, and credentials that run out.

The credentials follow the scheme of coturn's `use-auth-secret` ("A REST API For Access To
TURN Services", draft-uberti-behave-turn-rest): the user name is the time it ends, in
seconds since 1970, and a name; the password its HMAC-SHA1 under the shared secret.
"""

import base64
import hashlib
import hmac
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass

from aiortc import (
    RTCConfiguration,
    RTCIceServer,
    RTCIceTransportPolicy,
)

from confcodec.errors import PacketError

LIFETIME = 6 * 3600
"""Seconds that a TURN credential is good for."""
MAX_SERVERS = 8

_URL = re.compile(
    r"(?:stun:|turns?:)(?:[A-Za-z0-9.-]{1,253}|\[[0-9a-fA-F:.]{2,45}\])(?::\d{1,5})?"
    r"(?:\?transport=(?:udp|tcp))?"
)


@dataclass(frozen=True, slots=True)
class IceServer:
    """A server that helps two peers to reach each other."""

    url: str
    """`stun:HOST[:PORT]`, `turn:HOST[:PORT][?transport=tcp]` or `turns:...`."""
    username: str | None = None
    credential: str | None = None


@dataclass(frozen=True, slots=True)
class Ice:
    """How a connection finds its way."""

    servers: tuple[IceServer, ...] = ()
    relay_only: bool = False
    """Through TURN alone, which hides this machine's addresses from the other side."""

    def configuration(self) -> RTCConfiguration:
        """The same for aiortc."""
        policy = (
            RTCIceTransportPolicy.RELAY
            if self.relay_only
            else RTCIceTransportPolicy.ALL
        )
        servers = [RTCIceServer(s.url, s.username, s.credential) for s in self.servers]
        return RTCConfiguration(iceServers=servers, iceTransportPolicy=policy)


NO_ICE = Ice()
"""Addresses of this machine alone."""


def parse_server(text: str) -> IceServer:
    """A server from `stun:HOST:PORT` or `turn:[USER:PASSWORD@]HOST:PORT`.

    Raises:
        ValueError: it is none.
    """
    scheme, _, rest = text.partition(":")
    login, at, where = rest.rpartition("@")
    url = f"{scheme}:{where}"
    if not _URL.fullmatch(url):
        raise ValueError(
            f"{text!r} is no server; write stun:HOST[:PORT] or turn:[USER:PASSWORD@]HOST[:PORT]"
        )
    if not at:
        return IceServer(url)
    user, _, password = login.partition(":")
    return IceServer(url, user, password)


def with_credentials(
    servers: Sequence[IceServer], secret: str | None, name: str
) -> tuple[IceServer, ...]:
    """The servers, the TURN ones without a password with one that runs out."""
    if not secret:
        return tuple(servers)
    user = f"{int(time.time()) + LIFETIME}:{name}"
    mac = hmac.digest(secret.encode(), user.encode(), hashlib.sha1)
    password = base64.b64encode(mac).decode()
    return tuple(
        IceServer(s.url, user, password)
        if s.url.startswith("turn") and s.username is None
        else s
        for s in servers
    )


def to_json(servers: Sequence[IceServer]) -> list[dict[str, str | None]]:
    """The servers as the signalling tells them."""
    return [
        {"url": s.url, "username": s.username, "credential": s.credential}
        for s in servers
    ]


def from_json(value: object) -> tuple[IceServer, ...]:
    """The servers that the signalling told, untrusted; the inverse of `to_json`.

    Raises:
        PacketError: they are none.
    """
    if not isinstance(value, list) or len(value) > MAX_SERVERS:
        raise PacketError("the list of STUN and TURN servers is malformed")
    return tuple(_read(each) for each in value)


def _read(value: object) -> IceServer:
    match value:
        case {
            "url": str(url),
            "username": (str() | None) as user,
            "credential": (str() | None) as password,
        } if _URL.fullmatch(url):
            return IceServer(url, user, password)
    raise PacketError("a STUN or TURN server is malformed")
