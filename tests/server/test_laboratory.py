"""Comparisons over the WebSocket that the page's laboratory opens."""

import asyncio
import io
import json
import struct
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import aiohttp
import numpy as np
import pytest
from PIL import Image

from confcodec.call.codec_thread import Coded
from confcodec.call.options.call import CallOptions
from confcodec.codec.equal_bytes import TOLERANCE
from confcodec.codec.frame import Frame, Pixels
from confcodec.codec.interface import Codec
from confcodec.codec.metrics import psnr
from confcodec.media.demo.source import open_demo
from confcodec.server.host import Host
from confcodec.server.web import listening, make_app
from tests.waiting import PATIENCE

FRAME = open_demo((640, 480), 30).read()
BITSTREAM = Codec.load("jpeg").encode(FRAME.pixels, 20)
CODED = Coded(BITSTREAM, [BITSTREAM], 0.01, 20)


@pytest.fixture
async def host() -> AsyncIterator[Host]:
    host = Host(CallOptions(source=None, codec="jpeg"))
    yield host
    await host.close()
    await host.endpoint.close()


async def compare(host: Host, *codecs: str) -> tuple[dict[str, Any], list[bytes]]:
    """Ask like a page; the head of the comparison and its picture files."""
    async with (
        asyncio.timeout(PATIENCE),
        listening(make_app(host), "127.0.0.1", 0) as base,
        aiohttp.ClientSession() as client,
        client.ws_connect(
            f"{base}/laboratory", params={"token": host.room.token}
        ) as socket,
    ):
        offered = await socket.receive_json()
        assert set(offered["codecs_wanted"]) <= set(offered["codecs"])
        await socket.send_json({"type": "codecs", "codecs": list(codecs)})
        await socket.send_json({"type": "next"})
        asking = asyncio.ensure_future(socket.receive_bytes())
        while not asking.done():
            host.laboratory.offer(FRAME, "jpeg", CODED)
            await asyncio.sleep(0.01)
        return read(await asking)


def read(message: bytes) -> tuple[dict[str, Any], list[bytes]]:
    (length,) = struct.unpack_from("!I", message)
    head = json.loads(message[4 : 4 + length])
    files, offset = [], 4 + length
    for picture in head["pictures"]:
        files.append(message[offset : offset + picture["length"]])
        offset += picture["length"]
    assert offset == len(message)
    return head, files


def decoded(file: bytes) -> Pixels:
    with Image.open(io.BytesIO(file)) as image:
        return np.array(image.convert("RGB"))


async def test_every_codec_gets_the_bytes_of_the_frame_that_was_sent(
    host: Host,
) -> None:
    head, files = await compare(host, "webp", "jpeg2000")
    original, live, webp, jpeg2000 = head["pictures"]
    assert head["frame"] == FRAME.number
    assert original["name"] == "original"
    assert (live["name"], live["live"], live["bytes"]) == ("jpeg", True, len(BITSTREAM))
    for made in (webp, jpeg2000):
        assert (1 - TOLERANCE) * len(BITSTREAM) <= made["bytes"] <= len(BITSTREAM)
    assert webp["bytes"] == len(files[2]), "the page is shown the very file"
    assert decoded(files[0]).shape == FRAME.pixels.shape


async def test_the_psnr_is_that_of_the_same_frame(host: Host) -> None:
    head, files = await compare(host, "webp", "avif")
    _, live, webp, avif = head["pictures"]
    pixels = FRAME.pixels
    sent = Codec.load("jpeg").decode(BITSTREAM)
    assert live["psnr_db"] == round(psnr(pixels, sent), 3)
    assert webp["psnr_db"] == round(psnr(pixels, decoded(files[2])), 3)
    assert avif["psnr_db"] == round(psnr(pixels, decoded(files[3])), 3)


async def test_the_codec_of_the_call_is_not_compared_with_itself(host: Host) -> None:
    head, _ = await compare(host, "jpeg", "nonsense")
    names = [picture["name"] for picture in head["pictures"]]
    assert names == ["original", "jpeg"]


async def test_a_frame_that_cannot_be_decoded_is_told_and_the_next_one_compared(
    host: Host,
) -> None:
    async with (
        asyncio.timeout(PATIENCE),
        listening(make_app(host), "127.0.0.1", 0) as base,
        aiohttp.ClientSession() as client,
        client.ws_connect(
            f"{base}/laboratory", params={"token": host.room.token}
        ) as socket,
    ):
        await socket.receive_json()
        await socket.send_str("no JSON")
        await socket.send_json({"type": "next"})
        asking = asyncio.ensure_future(socket.receive_json())
        while not asking.done():
            host.laboratory.offer(
                Frame(FRAME.pixels, 1, 0.0),
                "jpeg",
                replace(CODED, bitstream=b"rubbish"),
            )
            await asyncio.sleep(0.01)
        assert (await asking)["type"] == "note"
        more = asyncio.ensure_future(socket.receive_bytes())
        while not more.done():
            host.laboratory.offer(FRAME, "jpeg", CODED)
            await asyncio.sleep(0.01)
        assert await more


async def test_a_wrong_token_sees_nothing(host: Host) -> None:
    async with (
        listening(make_app(host), "127.0.0.1", 0) as base,
        aiohttp.ClientSession() as client,
    ):
        for path in ("laboratory", "recordings/call.mp4", "qr.svg"):
            async with client.get(f"{base}/{path}", params={"token": "wrong"}) as got:
                assert got.status == 403
