"""How others reach this side: rooms, secrets, certificates, STUN and TURN; and the options for it."""

import argparse
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from confcodec.errors import TransportError

PATIENCE = 60.0
"""Seconds that a lost call is tried to be brought back."""


@dataclass(frozen=True, slots=True)
class Reach:
    """What `serve` and `call` need to be found and to find others."""

    servers: tuple[str, ...] = ()
    """STUN and TURN servers, see ice.parse_server; `serve` tells its callers of them."""
    turn_secret: str | None = None
    """Shared with the TURN server: passwords are made from it and run out."""
    relay_only: bool = False
    patience: float = PATIENCE
    cert: Path | None = None
    """serve: its certificate; call: the one to trust besides the system's."""
    key: Path | None = None
    room: str | None = None
    secret: str | None = None
    """What room tokens are signed with; None keeps one in the user's state folder."""
    origins: tuple[str, ...] = ()
    """Web addresses by which others reach this server, perhaps with a path before its own."""
    redis: str | None = None
    """Where server processes that share their rooms meet."""
    introduce: bool = False
    """Only bring callers together: no source, no codec, no page."""


def add_reach_arguments(parser: argparse.ArgumentParser) -> None:
    """Give `parser` the options that both `serve` and `call` have."""
    group = parser.add_argument_group("network")
    group.add_argument(
        "--ice",
        action="append",
        default=[],
        type=_server,
        metavar="SERVER",
        help="stun:HOST:PORT or turn:[USER:PASSWORD@]HOST:PORT, also repeated; serve tells callers",
    )
    group.add_argument(
        "--relay-only",
        action="store_true",
        help="connect through the TURN server alone",
    )
    group.add_argument(
        "--cert",
        type=Path,
        metavar="FILE",
        help="serve: certificate for https (PEM); call: one to trust",
    )


def add_host_arguments(parser: argparse.ArgumentParser) -> None:
    """Give `parser` the options that only `serve` has."""
    group = parser.add_argument_group("rooms")
    group.add_argument("--key", type=Path, metavar="FILE", help="key of --cert (PEM)")
    group.add_argument(
        "--room", metavar="NAME", help="the room's name in the link (default home)"
    )
    group.add_argument(
        "--secret",
        help="what links are signed with (default: kept in your state folder; "
        "or the variable CONFCODEC_SECRET)",
    )
    group.add_argument(
        "--turn-secret",
        metavar="SECRET",
        help="make passwords for --ice turn: that run out (coturn: use-auth-secret)",
    )
    group.add_argument(
        "--origin",
        action="append",
        default=[],
        metavar="URL",
        type=parse_origin,
        help="the address by which others reach this server through a proxy: its pages are let in, "
        "and the first stands in the links; also repeated",
    )
    group.add_argument(
        "--redis",
        metavar="URL",
        help="share rooms with other server processes, redis://HOST:PORT",
    )
    group.add_argument(
        "--introduce",
        action="store_true",
        help="only bring callers together: no source, no codec, no page",
    )


def add_patience_argument(parser: argparse.ArgumentParser) -> None:
    """Give `parser` the option --patience of `call`."""
    parser.add_argument(
        "--patience",
        type=_seconds,
        default=PATIENCE,
        metavar="N",
        help="try so many seconds to bring a lost call back (default %(default)g)",
    )


def reach_options(arguments: argparse.Namespace) -> Reach:
    """What a parsed command line asks for."""

    def given(name: str, otherwise: Any = None) -> Any:
        return getattr(arguments, name, otherwise)

    return Reach(
        servers=tuple(given("ice", ())),
        turn_secret=given("turn_secret"),
        relay_only=given("relay_only", False),
        patience=given("patience", PATIENCE),
        cert=given("cert"),
        key=given("key"),
        room=given("room"),
        secret=given("secret"),
        origins=tuple(given("origin", ())),
        redis=given("redis"),
        introduce=given("introduce", False),
    )


def server_context(reach: Reach) -> ssl.SSLContext | None:
    """What `serve` needs for https; None for http.

    Raises:
        TransportError: certificate or key cannot be used.
    """
    if reach.cert is None:
        if reach.key:
            raise TransportError("--key needs --cert")
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    return _loaded(
        context, lambda: context.load_cert_chain(str(reach.cert), reach.key), reach.cert
    )


def client_context(reach: Reach) -> ssl.SSLContext | bool:
    """What `call` trusts: the system's authorities and --cert.

    Raises:
        TransportError: the certificate cannot be used.
    """
    if reach.cert is None:
        return True
    context = ssl.create_default_context()
    return _loaded(
        context, lambda: context.load_verify_locations(str(reach.cert)), reach.cert
    )


def _loaded(
    context: ssl.SSLContext, load: Callable[[], None], path: Path
) -> ssl.SSLContext:
    try:
        load()
    except (OSError, ssl.SSLError) as error:
        raise TransportError(
            f"{path} cannot be used as a certificate ({error.strerror or error}); "
            "pass PEM files"
        ) from error
    return context


def parse_origin(text: str) -> str:
    """The address of a proxy, as a browser names it, with the path that it puts before ours."""
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port, parts = None, None, urlsplit("")
    usual = {"http": 80, "https": 443}
    if parts.scheme not in usual or not host or parts.query or parts.fragment:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no address of a page; write it like https://call.example"
        )
    host = f"[{host}]" if ":" in host else host
    behind = f":{port}" if port and port != usual[parts.scheme] else ""
    return f"{parts.scheme}://{host}{behind}{parts.path.rstrip('/')}"


def _server(text: str) -> str:
    # Here, because it imports aiortc, which --help need not.
    from confcodec.transport.ice import parse_server

    try:
        parse_server(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    return text


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1e6:
        raise argparse.ArgumentTypeError(f"{text!r} is no number in 0..1000000")
    return value
