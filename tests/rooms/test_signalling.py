import asyncio

import aiohttp
import pytest
from aiohttp import web

from confcodec.errors import PacketError, TransportError
from confcodec.rooms.signalling import Link, Signalling, parse_link, read_message


@pytest.mark.parametrize(
    ("text", "link"),
    [
        ("http://127.0.0.1:8080/#abc", Link(("http://127.0.0.1:8080",), "home", "abc")),
        (
            "https://call.example/r/blue#a-_b",
            Link(("https://call.example",), "blue", "a-_b"),
        ),
        ("http://[::1]:80/#x", Link(("http://[::1]:80",), "home", "x")),
        (
            "http://one:1,http://two:2/r/blue#x",
            Link(("http://one:1", "http://two:2"), "blue", "x"),
        ),
    ],
)
def test_a_link_holds_addresses_room_and_token(text: str, link: Link) -> None:
    assert parse_link(text) == link


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
        "http://h/r/blue",
        "abc,http://h/#t",
    ],
)
def test_anything_else_is_no_link(link: str) -> None:
    with pytest.raises(TransportError, match="whole"):
        parse_link(link)


@pytest.mark.parametrize(
    "text", [None, b"{}", "", "{", "[" * 5000, "3", "[]", "{}", '{"type": 3}']
)
def test_what_is_no_message_raises_packet_error(text: object) -> None:
    with pytest.raises(PacketError):
        read_message(text)


async def attempt(*bases: str) -> None:
    async with aiohttp.ClientSession() as session, asyncio.timeout(20):
        await Signalling(session, Link(bases, "home", "token"), "me").connect()


async def test_a_server_that_is_not_there_is_named() -> None:
    with pytest.raises(
        TransportError, match=r"127\.0\.0\.1:9; is confcodec serve running"
    ):
        await attempt("http://127.0.0.1:9")


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        ('{"type": "error", "code": "room-full", "message": "full"}', "refused: full"),
        ('{"type": "welcome"}', "no confcodec server"),
        ('{"type": "welcome", "id": "c-1", "others": []}', "no confcodec server"),
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
