import asyncio

import aiohttp
import pytest
from aiohttp import web

from confcodec.call.channel import Channel
from confcodec.call.signalling import join, read_message, split_url
from confcodec.errors import PacketError, TransportError


@pytest.mark.parametrize(
    ("link", "base", "token"),
    [
        ("http://127.0.0.1:8080/#abc", "http://127.0.0.1:8080", "abc"),
        ("https://call.example/#a-_b", "https://call.example", "a-_b"),
        ("http://[::1]:80/#x", "http://[::1]:80", "x"),
    ],
)
def test_a_link_holds_address_and_token(link: str, base: str, token: str) -> None:
    assert split_url(link) == (base, token)


@pytest.mark.parametrize(
    "link",
    [
        "",
        "abc",
        "http://",
        "ftp://host/#t",
        "http://host:99999/#t",
        "http://[::1/#t",
        "http://h/",
    ],
)
def test_anything_else_is_no_link(link: str) -> None:
    with pytest.raises(TransportError, match="whole"):
        split_url(link)


@pytest.mark.parametrize(
    "text", [None, b"{}", "", "{", "[" * 5000, "3", "[]", "{}", '{"type": 3}']
)
def test_what_is_no_message_raises_packet_error(text: object) -> None:
    with pytest.raises(PacketError):
        read_message(text)


async def attempt(base: str) -> None:
    channel = Channel()
    try:
        async with aiohttp.ClientSession() as session, asyncio.timeout(20):
            await join(session, base, "token", channel)
    finally:
        await channel.close()


async def test_a_server_that_is_not_there_is_named() -> None:
    with pytest.raises(
        TransportError, match=r"127\.0\.0\.1:9; is confcodec serve running"
    ):
        await attempt("http://127.0.0.1:9")


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        ('{"type": "error", "code": "room-full", "message": "full"}', "refused: full"),
        ('{"type": "answer", "sdp": "v=0"}', "no confcodec server"),
        ('{"type": "answer"}', "no confcodec server"),
        ("{", "no confcodec server"),
        (None, "no confcodec server|nothing answers"),
    ],
)
async def test_a_server_that_answers_nonsense_is_named(
    reply: str | None, said: str
) -> None:
    async def handle(request: web.Request) -> web.StreamResponse:
        if reply is None:
            return web.Response(text="another server")
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.receive()
        await socket.send_str(reply)
        await socket.close()
        return socket

    app = web.Application()
    app.add_routes([web.get("/signal", handle)])
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        with pytest.raises(TransportError, match=said):
            await attempt(f"http://127.0.0.1:{runner.addresses[0][1]}")
    finally:
        await runner.cleanup()
