"""Under which addresses a server is reached: by this machine's own browser, and by others."""

import os
import socket
from collections.abc import Callable, Sequence
from ipaddress import ip_address
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import ifaddr

ORIGIN, ADDRESS, LOCAL, CONTAINER, NOWHERE = (
    *("origin", "address", "local", "container", "nowhere"),
)
_INNER = ("docker", "br-", "veth", "virbr", "podman", "cni")
"""How the network cards begin that lead to containers of this machine alone."""
_PROBES = {socket.AF_INET: "192.0.2.1", socket.AF_INET6: "2001:db8::1"}
"""Addresses for documentation (RFC 5737, RFC 3849): nothing is sent there."""


class Ways(NamedTuple):
    """How a server is reached."""

    own: str
    """By a browser of this machine, `http://HOST:PORT`."""
    others: tuple[str, ...]
    """By others, the likeliest first; without any it is this machine's alone, or unknown."""
    known: str
    """Where `others` are from: `ORIGIN` the option, `ADDRESS` this machine's own. Without any:
    `LOCAL` it listens on this machine alone, `CONTAINER` the addresses are inner ones, `NOWHERE`
    this machine has none."""

    @property
    def inviting(self) -> tuple[str, ...]:
        """Addresses to print in links for others."""
        return self.others or (self.own,)

    @property
    def trouble(self) -> str:
        """Why links for others may not work, in words; empty if they should."""
        return _TROUBLES.get(self.known, "")


_TROUBLES = {
    LOCAL: "for this machine only; --host 0.0.0.0 (or :: for IPv6) lets others in",
    CONTAINER: "in a container, whose own address others do not reach: put that of the machine "
    "that runs it in the link, or pass --origin URL",
    NOWHERE: "no address of this machine was found that others reach; --host :: listens on IPv6",
}


def ways_in(
    base: str,
    origins: Sequence[str] = (),
    addresses: Callable[[int], Sequence[str]] | None = None,
    *,
    contained: bool | None = None,
) -> Ways:
    """How a server that listens at `base` is reached.

    Args:
        base: `http://HOST:PORT` as it was bound, with all of a wildcard's addresses.
        origins: what `--origin` names, which comes before all else.
        addresses: this machine's own of a family; None looks.
        contained: whether this is a container; None looks.
    """
    own = local_base(base)
    if origins:
        return Ways(
            origins[0].rstrip("/"), tuple(o.rstrip("/") for o in origins), ORIGIN
        )
    parts = urlsplit(base)
    try:
        address = ip_address(parts.hostname or "127.0.0.1")
    except ValueError:
        local = parts.hostname == "localhost"
        return Ways(own, () if local else (base,), LOCAL if local else ADDRESS)
    if address.is_loopback:
        return Ways(own, (), LOCAL)
    if not address.is_unspecified:
        return Ways(own, (base,), ADDRESS)
    if in_container() if contained is None else contained:
        return Ways(own, (), CONTAINER)
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    found = (addresses or own_addresses)(family)
    port = f":{parts.port}" if parts.port else ""
    others = tuple(f"{parts.scheme}://{bracketed(each)}{port}" for each in found)
    return Ways(own, others, ADDRESS if others else NOWHERE)


def local_base(base: str) -> str:
    """The address under which this machine itself reaches a server bound to `base`."""
    return base.replace("//0.0.0.0:", "//127.0.0.1:").replace("//[::]:", "//[::1]:")


def bracketed(host: str) -> str:
    """A host as it stands in a URL."""
    return f"[{host}]" if ":" in host else host


def own_addresses(family: int) -> list[str]:
    """This machine's addresses of a family that others may reach, that of the way out first."""
    found = [address for address in [_way_out(family)] if address]
    for adapter in ifaddr.get_adapters():
        if not adapter.name.startswith(_INNER):
            found += [i.ip if i.is_IPv4 else i.ip[0] for i in adapter.ips]  # type: ignore[misc]
    version = 4 if family == socket.AF_INET else 6
    return [a for a in dict.fromkeys(found) if _is_for_others(a, version)]


def in_container() -> bool:
    """Whether this process runs in a container with a network of its own, as far as can be seen."""
    marks = (Path("/.dockerenv"), Path("/run/.containerenv"))
    named = ("container", "KUBERNETES_SERVICE_HOST")
    return any(mark.exists() for mark in marks) or any(map(os.environ.get, named))


def _way_out(family: int) -> str | None:
    """The address that a packet to the internet would leave from."""
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((_PROBES[socket.AddressFamily(family)], 9))
            return str(probe.getsockname()[0])
    except OSError:
        return None


def _is_for_others(address: str, version: int) -> bool:
    try:
        ip = ip_address(address)
    except ValueError:
        return False
    return ip.version == version and not (ip.is_loopback or ip.is_link_local)
