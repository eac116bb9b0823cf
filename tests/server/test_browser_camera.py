"""A browser's camera as the source: whose it is, whether pictures come, and when it is let go."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import aiohttp
import numpy as np
import pytest
from aiortc import RTCPeerConnection, RTCSessionDescription, VideoStreamTrack
from av import VideoFrame

from confcodec.call.options.call import CallOptions
from confcodec.errors import CaptureError, PacketError
from confcodec.server.browser_camera import BrowserCamera
from confcodec.server.host import Host
from confcodec.server.web import listening, make_app
from tests.waiting import PATIENCE, eventually


class Pictures(VideoStreamTrack):
    """A grey camera of 160x120 at 30 frames a second, which can fall silent."""

    def __init__(self) -> None:
        super().__init__()
        self.speaks = asyncio.Event()
        self.speaks.set()

    async def recv(self) -> VideoFrame:
        await self.speaks.wait()
        pts, time_base = await self.next_timestamp()
        frame = VideoFrame.from_ndarray(np.full((120, 160, 3), 99, np.uint8), "rgb24")
        frame.pts, frame.time_base = pts, time_base
        return frame


class Giver:
    """A browser's half of the connection."""

    def __init__(self) -> None:
        self.track = Pictures()
        self.connection = RTCPeerConnection()
        self.connection.addTransceiver(self.track, "sendonly")

    async def offer(self) -> str:
        await self.connection.setLocalDescription(await self.connection.createOffer())
        return self.connection.localDescription.sdp

    async def follow(self, answer: str) -> None:
        await self.connection.setRemoteDescription(
            RTCSessionDescription(answer, "answer")
        )

    async def close(self) -> None:
        await self.connection.close()


@pytest.fixture
async def givers() -> AsyncIterator[list[Giver]]:
    made = [Giver(), Giver()]
    yield made
    for giver in made:
        await giver.close()


@pytest.fixture
async def camera() -> AsyncIterator[BrowserCamera]:
    camera = BrowserCamera()
    yield camera
    await camera.close()


async def test_a_camera_that_gives_pictures_lives_until_its_page_closes_it(
    camera: BrowserCamera, givers: list[Giver]
) -> None:
    told: list[object] = []
    camera.on_changed = lambda: told.append(camera.told())
    assert camera.told() is None
    await givers[0].follow(await camera.answer(await givers[0].offer(), "one"))
    await eventually(lambda: camera.told() == {"id": "one", "live": True})
    await givers[0].close()
    await eventually(lambda: camera.told() == {"id": "one", "live": False})
    with pytest.raises(CaptureError, match="has stopped; choose it again"):
        camera.open("browser", (160, 120), 30.0)
    await camera.close()
    assert camera.told() is None
    assert told[-1] is None


async def test_a_camera_that_falls_silent_is_not_said_to_live_until_it_speaks_again(
    camera: BrowserCamera, givers: list[Giver]
) -> None:
    await givers[0].follow(await camera.answer(await givers[0].offer(), "one"))
    await eventually(lambda: camera.told() == {"id": "one", "live": True})
    givers[0].track.speaks.clear()
    await eventually(lambda: camera.told() == {"id": "one", "live": False})
    givers[0].track.speaks.set()
    await eventually(lambda: camera.told() == {"id": "one", "live": True})


async def test_a_second_camera_takes_over_and_a_malformed_one_does_not(
    camera: BrowserCamera, givers: list[Giver]
) -> None:
    one, two = givers
    await one.follow(await camera.answer(await one.offer(), "one"))
    await eventually(lambda: camera.told() == {"id": "one", "live": True})
    with pytest.raises(PacketError):
        await camera.answer("no offer", "two")
    assert camera.told() == {"id": "one", "live": True}
    told: list[object] = []
    camera.on_changed = lambda: told.append(camera.told())
    await two.follow(await camera.answer(await two.offer(), "two"))
    assert {"id": "two", "live": False} in told
    assert None not in told  # which would say that none is taken any more
    await eventually(lambda: camera.told() == {"id": "two", "live": True})
    await camera.drop("one")  # it is no longer that page's to end
    assert camera.told() == {"id": "two", "live": True}


class Page:
    """A page of a host that captures the demo, and gives a camera."""

    def __init__(
        self, host: Host, socket: aiohttp.ClientWebSocketResponse, giver: Giver
    ) -> None:
        self.host, self.giver = host, giver
        self._socket = socket

    async def hear(self, **fields: object) -> dict[str, object]:
        """The next message that has these fields."""
        async with asyncio.timeout(PATIENCE):
            while True:
                heard = await self._socket.receive()
                if heard.type == aiohttp.WSMsgType.TEXT:
                    message: dict[str, object] = heard.json()
                    if fields.items() <= message.items():
                        return message

    async def ask(self, wanted: str, **message: object) -> dict[str, object]:
        """Send a wish; the next message of the type that is wanted."""
        await self._socket.send_json(message)
        return await self.hear(type=wanted)

    async def give(self) -> None:
        offer = await self.giver.offer()
        answer = await self.ask("camera", type="camera", sdp=offer, id="mine")
        await self.giver.follow(str(answer["sdp"]))


@pytest.fixture
async def page(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, givers: list[Giver]
) -> AsyncIterator[Page]:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "none.mp4").write_bytes(b"no video")
    options = CallOptions(source="demo", codec="jpeg", size=(160, 120))
    host = Host(replace(options, media=(tmp_path,)))
    await host.endpoint.start()
    capturing = asyncio.create_task(host.endpoint.run())
    await host.endpoint.loaded.wait()
    async with (
        listening(make_app(host), "127.0.0.1", 0) as base,
        aiohttp.ClientSession() as client,
        client.ws_connect(f"{base}/view", params={"token": host.room.token}) as socket,
    ):
        yield Page(host, socket, givers[0])
    capturing.cancel()
    await asyncio.gather(capturing, return_exceptions=True)
    await host.close()
    await host.endpoint.close()


def taken(page: Page) -> bool:
    return page.host.endpoint.options.source == "browser"


async def test_a_camera_is_let_go_when_another_source_is_chosen(page: Page) -> None:
    await page.give()
    await eventually(lambda: taken(page))
    await page.ask("state", type="set", source="demo")
    await page.hear(type="state", source_spec="demo", browser_camera=None)


async def test_a_camera_stays_where_another_source_fails_to_open(page: Page) -> None:
    await page.give()
    await eventually(lambda: taken(page))
    error = await page.ask("error", type="set", source="none.mp4")
    assert "none.mp4" in str(error["message"])
    assert taken(page)
    assert page.host.browser.told() == {"id": "mine", "live": True}


async def test_a_camera_of_which_no_picture_comes_is_let_go(
    page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("confcodec.server.browser_camera.FIRST_PICTURE", 0.2)
    page.giver.track.speaks.clear()
    await page.give()
    error = await page.hear(type="error")
    assert "no picture of the browser's camera" in str(error["message"])
    await eventually(lambda: page.host.browser.told() is None)
    assert page.host.endpoint.options.source == "demo"
