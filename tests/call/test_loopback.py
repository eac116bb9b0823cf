import asyncio
import json
import os
import signal
import time
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from confcodec.call.loopback.publisher import ChildFigures
from confcodec.errors import PacketError
from confcodec.wire import picture_message as pictures
from confcodec.wire.picture_message import DECODED, ORIGINAL
from tests.running import SMALL, alive, confcodec, serving
from tests.waiting import PATIENCE, eventually


async def test_pages_see_pairs_of_one_frame_and_figures_that_count() -> None:
    async with serving() as server, aiohttp.ClientSession() as client:
        url, query = server.base + "/view", {"token": server.token}
        paired, originals = 0, set[int]()
        figures: list[dict[str, Any]] = []
        async with (
            asyncio.timeout(PATIENCE),
            client.ws_connect(url, params=query) as page,
        ):
            while paired < 10 or len(figures) < 8:
                message = await page.receive()
                if message.type == aiohttp.WSMsgType.TEXT:
                    fields = json.loads(message.data)
                    if fields["type"] == "stats" and fields["sent"]["sent"]:
                        figures.append(fields)
                    continue
                picture = pictures.unpack(message.data)
                assert picture.jpeg.startswith(b"\xff\xd8")
                await page.send_json(
                    {"type": "ack", "kind": picture.kind, "frame": picture.frame}
                )
                if picture.kind == ORIGINAL:
                    originals.add(picture.frame)
                elif picture.kind == DECODED:
                    assert picture.frame in originals
                    paired += 1
        last = figures[-1]
        assert last["sent"]["sent"] > figures[0]["sent"]["sent"]
        assert last["sent"]["psnr_db"] > 20
        assert last["received"]["decoded"] > 0
        assert last["received"]["latency_ms"] > 0
        assert last["received"]["codec"] == "jpeg"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_signal_ends_the_server_cleanly_and_its_child_too(
    number: signal.Signals, tmp_path: Path
) -> None:
    report = tmp_path / "report.json"
    async with serving("--json", str(report)) as server:
        await server.reaches("loopback")
        children = server.children()
        server.process.send_signal(number)
        ended = await server.ended()
        assert (ended.code, ended.errors.count("Traceback")) == (0, 0)
        await eventually(lambda: not any(map(alive, children)))
    assert json.loads(report.read_text())["peer"] == "loopback"


async def test_the_child_does_not_outlive_a_server_that_is_killed() -> None:
    async with serving() as server:
        await server.reaches("loopback")
        children = server.children()
        assert len(children) == 1
        server.process.kill()
        await eventually(lambda: not any(map(alive, children)))


async def test_a_child_that_dies_is_replaced() -> None:
    async with serving() as server:
        await server.reaches("loopback")
        (child,) = server.children()
        os.kill(child, signal.SIGKILL)
        await server.reaches("waiting")
        await server.reaches("loopback")
        assert server.children() != [child]


async def test_a_killed_caller_is_noticed_within_three_seconds() -> None:
    async with serving() as server:
        await server.reaches("loopback")
        async with confcodec("call", server.link, *SMALL, "--sink", "null") as caller:
            await server.reaches("connected")
            killed = time.monotonic()
            caller.process.kill()
            await server.reaches("lost", "waiting", "loopback")
            assert time.monotonic() - killed < 3.5  # 3 s, and the asking
        await server.reaches("loopback")


async def test_a_killed_server_is_noticed_by_the_caller() -> None:
    async with serving() as server:
        options = ["--sink", "null", "--patience", "0.5"]
        async with confcodec("call", server.link, *SMALL, *options) as caller:
            await server.reaches("connected")
            server.process.kill()
            ended = await caller.ended()
        assert ended.code == 1
        assert (
            ended.errors.strip()
            .splitlines()[-1]
            .startswith("confcodec: error: the other side")
        )


async def test_each_side_decodes_what_the_other_sent(tmp_path: Path) -> None:
    served, called = tmp_path / "serve.json", tmp_path / "call.json"
    async with serving("--json", str(served)) as server:
        await server.reaches("loopback")
        options = ["--sink", "null", "--seconds", "3", "--json", str(called)]
        async with confcodec("call", server.link, *SMALL, *options) as caller:
            await server.reaches("connected")
            assert (await caller.ended()).code == 0
        await server.reaches("loopback")
        server.process.terminate()
        assert (await server.ended()).code == 0
    here, there = json.loads(served.read_text()), json.loads(called.read_text())
    assert here["peer"] == there["peer"] == "remote"
    assert here["sent"] > 10
    # A busy machine skips some; the last ones may not have arrived when the call ends.
    assert there["decoded"] >= 0.8 * here["sent"]
    assert here["decoded"] >= 0.8 * there["sent"]


async def test_a_third_caller_is_told_that_the_room_is_full() -> None:
    async with serving() as server:
        async with confcodec("call", server.link, *SMALL, "--sink", "null"):
            await server.reaches("connected")
            async with confcodec(
                "call", server.link, *SMALL, "--sink", "null"
            ) as third:
                ended = await third.ended()
        assert ended.code == 1
        assert "two are in this call already" in ended.errors


@pytest.mark.parametrize(
    "text", ["", "{", "{}", '{"type": "stats"}', '{"type": 1, "received": 2}']
)
def test_what_a_child_did_not_write_is_refused(text: str) -> None:
    with pytest.raises(PacketError):
        ChildFigures().message(text)
