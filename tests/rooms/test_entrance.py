"""Who is let in, what a browser is told about the page, and why a WebSocket would be refused."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import aiohttp
import pytest
from aiohttp import web

from confcodec.call.options.call import CallOptions
from confcodec.call.options.reach import Reach, client_context, server_context
from confcodec.rooms.limits import Bucket
from confcodec.rooms.reception import Desk
from confcodec.rooms.roles import Role
from confcodec.rooms.signalling import parse_link
from confcodec.rooms.tokens import Keys
from confcodec.server.host import Host
from confcodec.server.page_pictures import Page
from confcodec.server.web import HOSTS_PAGES, MAX_PAGES, listening, make_app
from tests.rooms.test_trust import certificate as certificate
from tests.waiting import PATIENCE


class Site:
    """A server in this process."""

    def __init__(self, host: Host, base: str, client: aiohttp.ClientSession) -> None:
        self.host, self.base, self.client = host, base, client

    async def why(self, base: str = "", **query: str) -> dict[str, Any]:
        """What a page is told; with the host's token unless it has another."""
        query = {"token": self.host.room.token, **query}
        async with self.client.get(f"{base or self.base}/why", params=query) as got:
            assert got.status == 200
            answer: dict[str, Any] = await got.json()
        return answer


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    desk = Desk(Keys(b"secret"), origins=["https://call.example"])
    host = Host(CallOptions(source=None, codec="jpeg"), desk)
    async with (
        listening(make_app(host), "127.0.0.1", 0) as base,
        aiohttp.ClientSession() as client,
    ):
        yield Site(host, base, client)
    await host.close()
    await host.endpoint.close()


async def test_nobody_may_frame_the_page_and_it_may_use_no_more_than_it_needs(
    site: Site,
) -> None:
    async with site.client.get(site.base + "/") as got:
        policy = got.headers["Content-Security-Policy"]
        assert "frame-ancestors 'none'" in policy
        assert "base-uri 'self'" in policy
        assert "camera=(self), microphone=()" in got.headers["Permissions-Policy"]
        assert "Strict-Transport-Security" not in got.headers


async def test_with_a_certificate_browsers_are_told_to_stay_with_https(
    certificate: tuple[Path, Path],
) -> None:
    cert, key = certificate
    host = Host(CallOptions(source=None, codec="jpeg"))
    tls, trust = (
        server_context(Reach(cert=cert, key=key)),
        client_context(Reach(cert=cert)),
    )
    async with (
        listening(make_app(host), "127.0.0.1", 0, tls) as base,
        aiohttp.ClientSession() as client,
        client.get(base + "/healthz", ssl=trust) as got,
    ):
        assert "max-age" in got.headers["Strict-Transport-Security"]
    await host.close()
    await host.endpoint.close()


async def test_a_page_that_is_let_in_is_told_no_reason(site: Site) -> None:
    for origin in (site.base, "https://call.example"):
        assert (await site.why(origin=origin))["code"] == "ok"
    assert (await site.why(token=site.host.room.watch_token))["code"] == "ok"


async def test_behind_a_proxy_that_rewrites_host_origin_is_named(site: Site) -> None:
    answer = await site.why(origin="https://proxy.example")
    assert answer["code"] == "origin"
    assert "--origin https://proxy.example" in answer["message"]
    assert "rewrites the Host header" in answer["message"]
    refused = await _refusal(site, {"Origin": "https://proxy.example"})
    assert refused.status == 403


async def _refusal(
    site: Site, headers: dict[str, str], attempts: int = 1
) -> aiohttp.WSServerHandshakeError:
    """How the last of some attempts to open a view is refused."""
    url, query = site.base + "/view", {"token": site.host.room.token}
    for _ in range(attempts - 1):
        await site.client.ws_connect(url, params=query, headers=headers)
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await site.client.ws_connect(url, params=query, headers=headers)
    return refused.value


async def test_a_wrong_token_and_another_room_are_told_apart(site: Site) -> None:
    assert (await site.why(token="wrong"))["code"] == "bad-token"
    assert (await site.why(room="other"))["code"] == "no-room"


async def test_one_page_too_many_is_told_so_and_the_host_still_gets_in(
    site: Site,
) -> None:
    guest = site.host.room.guest_token
    pages = site.host.views.pages
    pages |= {Page(web.WebSocketResponse(), Role.GUEST) for _ in range(MAX_PAGES - 1)}
    assert (await site.why(token=guest))["code"] == "ok"
    pages.add(Page(web.WebSocketResponse(), Role.GUEST))
    answer = await site.why(token=guest)
    assert answer["code"] == "full"
    assert f"{MAX_PAGES} pages are open" in answer["message"]
    assert (await site.why())["code"] == "ok"
    async with site.client.ws_connect(
        site.base + "/view", params={"token": site.host.room.token}
    ) as page:
        assert (await page.receive_json(timeout=PATIENCE))["role"] == "host"
    pages |= {Page(web.WebSocketResponse(), Role.HOST) for _ in range(HOSTS_PAGES)}
    assert (await site.why())["code"] == "full"


async def test_too_many_connections_are_told_so_and_asking_is_none(site: Site) -> None:
    addresses, now = site.host.desk.gate._addresses, [0.0]
    addresses["127.0.0.1"] = Bucket(1.0, 1, lambda: now[0])
    for _ in range(3):
        assert (await site.why())["code"] == "ok"
    assert (await _refusal(site, {"Origin": "https://call.example"}, 2)).status == 429
    assert (await site.why())["code"] == "too-many"
    now[0] = 1.0
    assert (await site.why())["code"] == "ok"


@asynccontextmanager
async def prefixed(base: str, prefix: str) -> AsyncIterator[str]:
    """A proxy that puts a path before a server's; gives its own address."""

    async def pass_on(request: web.Request) -> web.Response:
        rest = str(request.rel_url).removeprefix(prefix)
        async with (
            aiohttp.ClientSession() as client,
            client.get(base + rest) as got,
        ):
            return web.Response(
                body=await got.read(),
                status=got.status,
                content_type=got.content_type,
            )

    app = web.Application()
    app.add_routes([web.get(prefix + "/{rest:.*}", pass_on)])
    async with listening(app, "127.0.0.1", 0) as proxy:
        yield proxy


@pytest.mark.parametrize("path", ["/codec/", "/codec/r/home", "/codec/index.html"])
async def test_the_page_finds_its_parts_behind_a_path_prefix(
    site: Site, path: str
) -> None:
    async with prefixed(site.base, "/codec") as proxy:
        async with site.client.get(proxy + path) as got:
            html, where = await got.text(), str(got.url)
        base = re.search(r'<base href="([^"]+)">', html)
        assert base
        parts = re.findall(r'(?:src|href)="([^"#]+\.(?:js|css|svg))', html)
        assert "main.js" in parts
        for part in set(parts):
            url = urljoin(urljoin(where, base[1]), part)
            async with site.client.get(url) as got:
                assert got.status == 200, url
        assert (await site.why(proxy + "/codec"))["code"] == "ok"


def test_a_link_behind_a_path_prefix_leads_to_its_server() -> None:
    link = parse_link("https://call.example/codec/r/blue#x")
    assert (link.bases, link.room) == (("https://call.example/codec",), "blue")
    link = parse_link("https://call.example/codec/#x")
    assert (link.bases, link.room) == (("https://call.example/codec",), "home")
