import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest

from confcodec.call.options.call import DEFAULT_QUALITY, CallOptions
from confcodec.errors import TransportError
from confcodec.server.addresses import local_base
from confcodec.server.host import Host
from confcodec.server.web import listening, make_app
from confcodec.transport.channel import Channel
from tests.waiting import PATIENCE, eventually


class Site:
    """A server in this process, which calls nobody, and a client of it."""

    def __init__(self, host: Host, base: str, client: aiohttp.ClientSession) -> None:
        self.host = host
        self.base = base
        self.client = client

    @asynccontextmanager
    async def socket(
        self, path: str, token: str | None = None
    ) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
        """A WebSocket with the room's token, or with `token`."""
        query = {"token": self.host.room.token if token is None else token}
        async with (
            asyncio.timeout(PATIENCE),
            self.client.ws_connect(self.base + path, params=query) as socket,
        ):
            yield socket


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    host = Host(CallOptions(source=None, codec="jpeg"))
    await host.endpoint.start()
    await host.places.enter()
    async with (
        listening(make_app(host), "127.0.0.1", 0) as base,
        aiohttp.ClientSession() as client,
    ):
        yield Site(host, base, client)
    await host.places.leave()
    for arrival in host._arrivals.values():
        arrival.task.cancel()
        await asyncio.wait([arrival.task])
    await host.endpoint.close()


async def test_the_page_comes_with_a_strict_policy_and_is_not_cached(
    site: Site,
) -> None:
    async with site.client.get(site.base + "/") as got:
        assert got.status == 200
        assert got.content_type == "text/html"
        assert "default-src 'self'" in got.headers["Content-Security-Policy"]
        assert "unsafe" not in got.headers["Content-Security-Policy"]
        assert got.headers["Cache-Control"] == "no-cache"
    async with site.client.get(site.base + "/wire/messages.js") as got:
        assert got.content_type in ("text/javascript", "application/javascript")
        assert got.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    "path", ["/../pyproject.toml", "/%2e%2e/pyproject.toml", "/nothing"]
)
async def test_only_the_page_is_served(site: Site, path: str) -> None:
    async with site.client.get(site.base + path) as got:
        assert got.status in (403, 404)


async def test_health_tells_the_state(site: Site) -> None:
    async with site.client.get(site.base + "/healthz") as got:
        assert (await got.json())["state"] == "waiting"


@pytest.mark.parametrize("path", ["/view", "/publish"])
@pytest.mark.parametrize("token", ["", "wrong", "\u20ac"])
async def test_a_wrong_token_opens_no_view(site: Site, path: str, token: str) -> None:
    async with site.client.get(site.base + path, params={"token": token}) as got:
        assert got.status == 403


async def test_the_rooms_token_does_not_let_anybody_publish(site: Site) -> None:
    with pytest.raises(aiohttp.WSServerHandshakeError):
        async with site.socket("/publish"):
            pass


async def test_a_page_learns_the_state_and_then_the_figures(site: Site) -> None:
    async with site.socket("/view") as page:
        state, stats = await page.receive_json(), await page.receive_json()
    assert (state["type"], state["state"], state["peer"]) == ("state", "waiting", None)
    assert (state["codec"], state["quality"], state["size"]) == (
        "jpeg",
        DEFAULT_QUALITY,
        [640, 480],
    )
    assert stats["type"] == "stats"
    assert {"captured", "sent", "fps", "psnr_db", "rtt_ms", "quality"} <= set(
        stats["sent"]
    )
    assert {"decoded", "dropped", "latency_ms", "codec"} <= set(stats["received"])


async def test_a_page_changes_quality_and_codec_for_all_pages(site: Site) -> None:
    async with site.socket("/view") as page, site.socket("/view") as other:
        await page.send_json({"type": "set", "quality": 7})
        await page.send_json({"type": "set", "codec": "webp"})
        seen: list[tuple[str, int]] = []
        while len(seen) < 3:
            message = await other.receive_json()
            if message["type"] == "state":
                seen.append((message["codec"], message["quality"]))
    assert seen == [("jpeg", DEFAULT_QUALITY), ("jpeg", 7), ("webp", 7)]


@pytest.mark.parametrize(
    "wish",
    [
        "",
        "{",
        "[" * 3000,
        "7",
        "{}",
        '{"type": 3}',
        '{"type": "set"}',
        '{"type": "set", "quality": 99}',
        '{"type": "set", "quality": -1}',
        '{"type": "set", "quality": "7"}',
        '{"type": "set", "quality": 7.5}',
        '{"type": "set", "codec": "h264"}',
        '{"type": "ack"}',
        '{"type": "ack", "frame": []}',
        '{"type": "launch"}',
    ],
)
async def test_a_wish_that_makes_no_sense_gets_an_error_and_the_page_stays(
    site: Site, wish: str
) -> None:
    async with site.socket("/view") as page:
        await page.send_str(wish)
        await page.send_bytes(b"\x00\xff")
        errors = 0
        while errors < 2:
            errors += (await page.receive_json())["type"] == "error"
    assert site.host.endpoint.settings.quality == DEFAULT_QUALITY


async def test_a_page_that_goes_away_is_forgotten(site: Site) -> None:
    async with site.socket("/view"):
        await eventually(lambda: len(site.host.views.pages) == 1)
    await eventually(lambda: not site.host.views.pages)


async def test_a_wrong_token_does_not_join(site: Site) -> None:
    async with site.socket("/signal", token="wrong") as caller:
        answer = await caller.receive_json()
        assert (answer["type"], answer["code"]) == ("error", "bad-token")
        assert (await caller.receive()).type == aiohttp.WSMsgType.CLOSE


@pytest.mark.parametrize(
    "message",
    [
        "",
        "{",
        "null",
        '{"type": "answer"}',
        '{"type": "offer"}',
        '{"type": "offer", "sdp": 7}',
        '{"type": "offer", "sdp": "v=0"}',
    ],
)
async def test_a_malformed_offer_is_refused_and_a_good_one_then_answered(
    site: Site, message: str
) -> None:
    channel = Channel()
    async with site.socket("/signal") as caller:
        assert (await caller.receive_json())["type"] == "welcome"
        await caller.send_str(message)
        assert (await caller.receive_json())["code"] == "bad-message"
        await caller.send_bytes(message.encode())
        assert (await caller.receive_json())["code"] == "bad-message"
        await caller.send_json({"type": "offer", "sdp": await channel.offer()})
        assert (await caller.receive_json())["type"] == "answer"
    await channel.close()


async def test_a_message_longer_than_any_offer_ends_the_signalling(site: Site) -> None:
    async with site.socket("/signal") as caller:
        await caller.receive()
        await caller.send_str("x" * 100_000)
        assert (await caller.receive()).type == aiohttp.WSMsgType.CLOSE
    async with site.client.get(site.base + "/healthz") as got:
        assert got.status == 200


async def test_a_third_peer_is_refused(site: Site) -> None:
    first, third = Channel(), Channel()
    async with site.socket("/signal") as caller:
        await caller.receive()
        await caller.send_json({"type": "offer", "sdp": await first.offer()})
        assert (await caller.receive_json())["type"] == "answer"
    # The signalling connection has gone, the call has not.
    async with site.socket("/signal") as caller:
        await caller.receive()
        await caller.send_json({"type": "offer", "sdp": await third.offer()})
        answer = await caller.receive_json()
        assert (answer["type"], answer["code"]) == ("error", "room-full")
    await first.close()
    await third.close()


async def test_a_port_in_use_is_named_with_what_to_do(site: Site) -> None:
    port = int(site.base.rsplit(":", 1)[1])
    app = make_app(Host(CallOptions(source=None)))
    with pytest.raises(TransportError, match=rf"port {port} is in use; .* --port"):
        await listening(app, "127.0.0.1", port).__aenter__()


async def test_an_address_of_another_machine_is_refused() -> None:
    app = make_app(Host(CallOptions(source=None)))
    with pytest.raises(TransportError, match="--host"):
        await listening(app, "203.0.113.7", 0).__aenter__()


async def test_a_server_on_all_addresses_is_reached_on_this_machine() -> None:
    assert local_base("http://0.0.0.0:80") == "http://127.0.0.1:80"
    assert local_base("http://[::]:80") == "http://[::1]:80"
    assert local_base("http://127.0.0.1:80") == "http://127.0.0.1:80"


async def test_the_state_is_json_without_surprises(site: Site) -> None:
    async with site.socket("/view") as page:
        text = await page.receive_str()
    json.loads(text, parse_constant=lambda name: pytest.fail(name))
