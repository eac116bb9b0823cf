"""Under which addresses a server is reached."""

import socket

import ifaddr
import pytest

from confcodec.call.options.reach import parse_origin
from confcodec.rooms.reception import HostRoom
from confcodec.server import addresses
from confcodec.server.addresses import (
    ADDRESS,
    CONTAINER,
    LOCAL,
    NOWHERE,
    ORIGIN,
    Ways,
    own_addresses,
    ways_in,
)
from confcodec.server.serve import site_of, tell_links
from tests.running import serving


@pytest.mark.parametrize(
    ("base", "others"),
    [
        ("http://127.0.0.1:8080", ()),
        ("http://localhost:8080", ()),
        ("http://[::1]:8080", ()),
        ("http://192.0.2.7:8080", ("http://192.0.2.7:8080",)),
        ("https://call.example:443", ("https://call.example:443",)),
    ],
)
def test_a_server_on_one_address_is_reached_there(
    base: str, others: tuple[str, ...]
) -> None:
    ways = ways_in(base)
    assert ways.own == base
    assert ways.others == others
    assert ways.known == (ADDRESS if others else LOCAL)
    assert ways.inviting == (others or (base,))
    assert ("this machine only" in ways.trouble) == (not others)


def test_a_server_on_all_addresses_is_opened_on_this_machine_and_invites_to_real_ones() -> (
    None
):
    ways = ways_in(
        "http://0.0.0.0:8080",
        addresses=lambda _family: ["192.0.2.7", "10.0.0.1"],
        contained=False,
    )
    assert ways.own == "http://127.0.0.1:8080"
    assert ways.others == ("http://192.0.2.7:8080", "http://10.0.0.1:8080")
    assert (ways.known, ways.trouble) == (ADDRESS, "")


def test_a_host_with_ipv6_alone_invites_to_its_own_address() -> None:
    def only_six(family: int) -> list[str]:
        return ["2001:db8::7"] if family == socket.AF_INET6 else []

    ways = ways_in("http://[::]:8080", addresses=only_six, contained=False)
    assert (ways.own, ways.others) == (
        "http://[::1]:8080",
        ("http://[2001:db8::7]:8080",),
    )
    four = ways_in("http://0.0.0.0:8080", addresses=only_six, contained=False)
    assert (four.known, four.others) == (NOWHERE, ())
    assert "--host ::" in four.trouble


def test_a_container_does_not_invite_to_its_inner_address() -> None:
    ways = ways_in(
        "http://0.0.0.0:8080", addresses=lambda _family: ["172.17.0.2"], contained=True
    )
    assert (ways.known, ways.others) == (CONTAINER, ())
    assert "172" not in "".join(ways.inviting)
    assert "--origin" in ways.trouble


def test_an_origin_comes_before_all_else() -> None:
    origins = ["https://call.example/codec", "https://other.example"]
    ways = ways_in("http://0.0.0.0:8080", origins, contained=True)
    assert (ways.own, ways.known) == ("https://call.example/codec", ORIGIN)
    assert ways.others == tuple(origins)
    assert ways.trouble == ""


def test_this_machines_addresses_are_real_ones_and_lead_elsewhere(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(addresses, "_way_out", lambda family: None)
    card = ifaddr.Adapter(
        "eth0",
        "eth0",
        [
            ifaddr.IP("192.0.2.7", 24, "eth0"),
            ifaddr.IP(("2001:db8::7", 0, 0), 64, "eth0"),
            ifaddr.IP(("fe80::1", 0, 2), 64, "eth0"),
            ifaddr.IP("127.0.0.1", 8, "eth0"),
        ],
    )
    inner = ifaddr.Adapter(
        "docker0", "docker0", [ifaddr.IP("172.17.0.1", 16, "docker0")]
    )
    monkeypatch.setattr(ifaddr, "get_adapters", lambda: [inner, card])
    assert own_addresses(socket.AF_INET) == ["192.0.2.7"]
    assert own_addresses(socket.AF_INET6) == ["2001:db8::7"]


@pytest.mark.parametrize(
    ("text", "url", "site"),
    [
        ("https://Call.Example", "https://call.example", "https://call.example"),
        ("https://call.example:443/", "https://call.example", "https://call.example"),
        (
            "https://call.example:8443/codec/",
            "https://call.example:8443/codec",
            "https://call.example:8443",
        ),
        ("http://[2001:db8::7]", "http://[2001:db8::7]", "http://[2001:db8::7]"),
    ],
)
def test_an_origin_is_read_as_browsers_name_it(text: str, url: str, site: str) -> None:
    assert parse_origin(text) == url
    assert site_of(url) == site


@pytest.mark.parametrize(
    "text", ["", "call.example", "ftp://x", "http://", "http://[x"]
)
def test_what_is_no_origin_is_refused(text: str) -> None:
    with pytest.raises(Exception, match="write it like https"):
        parse_origin(text)


async def test_a_server_on_all_addresses_prints_the_hosts_link_for_localhost() -> None:
    async with serving("--host", "0.0.0.0") as server:
        assert server.link.startswith("http://127.0.0.1:")
        assert server.token.startswith("h")
        assert await server.state() in ("waiting", "loopback")


def test_the_links_for_others_are_told_by_what_they_allow_and_the_hosts_is_not(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO")
    ways = Ways(
        "http://127.0.0.1:80",
        ("http://192.0.2.7:80", "http://[2001:db8::7]:80"),
        ADDRESS,
    )
    tell_links(ways, HostRoom("blue", "h-token", "c-token", "w-token"))
    assert caplog.messages == [
        "to invite: http://192.0.2.7:80/r/blue#c-token",
        "to invite: http://[2001:db8::7]:80/r/blue#c-token",
        "to watch only: http://192.0.2.7:80/r/blue#w-token",
    ]
    tell_links(Ways("http://127.0.0.1:80", (), LOCAL), HostRoom("x", "h", "c", "w"))
    assert "this machine only" in caplog.messages[-1]
