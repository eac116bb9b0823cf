"""What a page asks for is done, and what it may not ask for is refused."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from confcodec.call.options.call import CallOptions
from confcodec.codec.frame import Frame
from confcodec.server.host import Host
from confcodec.server.web import listening, make_app
from tests.waiting import PATIENCE, eventually


class Wisher:
    """A page at a host that captures the demo, and the frames captured."""

    def __init__(
        self, host: Host, base: str, socket: aiohttp.ClientWebSocketResponse
    ) -> None:
        self.host, self.base, self.socket = host, base, socket
        self.frames: list[Frame] = []
        host.endpoint.on_captured = self.frames.append

    async def ask(self, **message: object) -> dict[str, Any]:
        """Send a wish; the state that follows, or the error."""
        await self.socket.send_json(message)
        return await self.told()

    async def told(self) -> dict[str, Any]:
        """The next state, or the next error."""
        async with asyncio.timeout(PATIENCE):
            while True:
                heard = await self.socket.receive()
                if heard.type != aiohttp.WSMsgType.TEXT:
                    continue  # a picture
                answer: dict[str, Any] = heard.json()
                if answer["type"] in ("state", "error"):
                    return answer


@pytest.fixture
async def page(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> AsyncIterator[Wisher]:
    monkeypatch.chdir(tmp_path)
    options = CallOptions("demo", (160, 120), codec="jpeg", media=(tmp_path,))
    host = Host(options)
    await host.endpoint.start()
    capturing = asyncio.create_task(host.endpoint.run())
    await host.endpoint.loaded.wait()  # which pages are told of
    async with (
        listening(make_app(host), "127.0.0.1", 0) as base,
        aiohttp.ClientSession() as client,
        client.ws_connect(f"{base}/view", params={"token": host.room.token}) as socket,
    ):
        page = Wisher(host, base, socket)
        first = await socket.receive_json()
        assert first["sources"][0] == first["source_spec"] == "demo"
        yield page
    capturing.cancel()
    await asyncio.gather(capturing, return_exceptions=True)
    await host.close()
    await host.endpoint.close()


async def test_a_camera_that_is_off_gives_no_frames_until_it_is_on_again(
    page: Wisher,
) -> None:
    await eventually(lambda: len(page.frames) > 2)
    assert (await page.ask(type="set", camera=False))["camera"] is False
    before = len(page.frames)
    assert (await page.ask(type="set", camera=True))["camera"] is True
    assert len(page.frames) <= before + 1
    await eventually(lambda: len(page.frames) > before + 2)


async def test_size_and_rate_change_while_frames_go_on_counting(page: Wisher) -> None:
    await eventually(lambda: len(page.frames) > 2)
    assert (await page.ask(type="set", size=[320, 240]))["size"] == [320, 240]
    assert (await page.ask(type="set", fps=15))["fps"] == 15
    await eventually(lambda: page.frames[-1].pixels.shape == (240, 320, 3))
    await eventually(lambda: len(page.frames) > 10)
    first = page.frames[0].number
    numbers = [frame.number for frame in page.frames]
    assert numbers == list(range(first, first + len(numbers)))


async def test_another_source_takes_over_and_a_missing_one_does_not(
    page: Wisher, tmp_path: Path
) -> None:
    from PIL import Image

    Image.new("RGB", (64, 64), (200, 0, 0)).save(tmp_path / "red.png")
    state = await page.ask(type="set", source="red.png")
    assert (state["source"], state["source_spec"]) == ("red.png", "red.png")
    await eventually(
        lambda: page.frames and page.frames[-1].pixels[0, 0].tolist() == [200, 0, 0]
    )
    (tmp_path / "empty.mp4").touch()
    refused = await page.ask(type="set", source="empty.mp4")
    assert "empty.mp4" in refused["message"]
    assert str(tmp_path) not in refused["message"]
    count = len(page.frames)
    await eventually(lambda: len(page.frames) > count + 3)
    assert page.frames[-1].pixels[0, 0].tolist() == [200, 0, 0]


@pytest.mark.parametrize(
    "message",
    [
        {"type": "set", "size": [8, 8]},
        {"type": "set", "size": [640]},
        {"type": "set", "fps": 0},
        {"type": "set", "fps": 1e9},
        {"type": "camera", "sdp": "v=0"},
        {"type": "record"},
        {"type": "nonsense"},
    ],
)
async def test_what_makes_no_sense_is_answered_with_an_error(
    page: Wisher, message: dict[str, object]
) -> None:
    assert (await page.ask(**message))["type"] == "error"
    assert (await page.ask(type="set", quality=3))["quality"] == 3


async def test_a_recording_is_listed_and_can_be_fetched(
    page: Wisher, tmp_path: Path
) -> None:
    state = await page.ask(type="record", on=True)
    assert state["recording"] == {"on": True, "files": []}
    await eventually(lambda: page.frames)
    page.host.recorder.sent(page.frames[0], b"\xff\xd8 as if a JPEG")
    state = await page.ask(type="record", on=False)
    (file,) = state["recording"]["files"]
    token = {"token": page.host.room.token}
    async with (
        aiohttp.ClientSession() as client,
        client.get(f"{page.base}/recordings/{file['name']}", params=token) as got,
    ):
        assert len(await got.read()) == file["bytes"]
        assert "attachment" in got.headers["Content-Disposition"]
    async with (
        aiohttp.ClientSession() as client,
        client.get(f"{page.base}/recordings/other.ccb", params=token) as got,
    ):
        assert got.status == 404


async def test_a_recording_that_ends_by_itself_is_told_to_the_page(
    page: Wisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    await page.ask(type="record", on=True)
    await eventually(lambda: page.frames)
    monkeypatch.setattr("confcodec.machine.disk.free_bytes", lambda _path: 1000)
    page.host.recorder.sent(page.frames[0], b"\xff\xd8 as if a JPEG")
    state = await page.told()
    assert "nearly full" in state["trouble"]
    assert state["recording"]["on"] is False
    assert "nearly full" in (await page.ask(type="record", on=True))["message"]


async def test_the_link_comes_as_a_qr_code_and_nothing_else_does(page: Wisher) -> None:
    token = page.host.room.token
    async with aiohttp.ClientSession() as client:
        for link, status in (
            (f"http://127.0.0.1/#{token}", 200),
            ("javascript:alert(1)", 400),
            ("http://" + "x" * 600, 400),
        ):
            query = {"token": token, "link": link}
            async with client.get(f"{page.base}/qr.svg", params=query) as got:
                assert got.status == status
