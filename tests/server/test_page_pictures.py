"""Pictures for the pages: whole pairs or nothing."""

import asyncio

import pytest
from aiohttp import web

from confcodec.call.loopback.page_shots import Shot, code_shot, original_shot
from confcodec.codec.frame import Frame
from confcodec.server import page_pictures as views_module
from confcodec.server.page_pictures import MAX_AHEAD, Page, Views
from confcodec.wire.picture_message import DECODED, ORIGINAL, Picture, pack, unpack
from tests.conftest import picture
from tests.waiting import eventually

PIXELS = picture(48, 64)


def decoded(number: int) -> Shot:
    message = pack(Picture(DECODED, number, 0, b"\xff\xd8"))
    return Shot(DECODED, number, 0.0, None, message)


def queued(page: Page) -> list[tuple[int, int]]:
    """(kind, frame number) of the pictures on their way to a page, which forgets them."""
    found = []
    while not page._outbox.empty():
        message = page._outbox.get_nowait()
        assert isinstance(message, bytes)
        found.append((unpack(message).kind, unpack(message).frame))
    return found


async def test_a_page_gets_both_halves_of_a_pair_or_neither(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(views_module, "MAX_AHEAD", 2)
    views, page = Views(), Page(web.WebSocketResponse())
    views.pages.add(page)
    running = asyncio.create_task(views.run())
    for number in range(5):
        views.remember(Frame(PIXELS, number, 0.0))
    views.show_pair(decoded(0))
    await eventually(lambda: page._outbox.qsize() == 2)
    assert queued(page) == [(ORIGINAL, 0), (DECODED, 0)]
    page.acknowledge(0, DECODED)  # and not the original: there is room for one more
    views.show_pair(decoded(1))
    await eventually(lambda: page._outbox.qsize() == 2)
    queued(page)
    page.acknowledge(1, DECODED)
    assert not page.has_room(ORIGINAL)
    assert page.has_room(DECODED)
    views.show_pair(decoded(2))
    page.acknowledge(1, ORIGINAL)
    views.show_pair(decoded(3))
    await eventually(lambda: page._outbox.qsize() >= 2)
    numbers = [number for _, number in queued(page)]
    assert numbers in ([3, 3], [2, 2], [2, 2, 3, 3])
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_a_page_that_acknowledges_nothing_gets_a_few_pairs() -> None:
    views, page = Views(), Page(web.WebSocketResponse())
    views.pages.add(page)
    running = asyncio.create_task(views.run())
    for number in range(MAX_AHEAD + 3):
        views.remember(Frame(PIXELS, number, 0.0))
        views.show_pair(decoded(number))
        await asyncio.sleep(0)
    await eventually(lambda: page._outbox.qsize() == 2 * MAX_AHEAD)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert len(queued(page)) == 2 * MAX_AHEAD


def sampling(jpeg: bytes) -> tuple[int, int]:
    """Of the luma component, (1, 1) where the chroma is whole: JPEG, B.2.2."""
    at = jpeg.index(b"\xff\xc0")
    return divmod(jpeg[at + 11], 16)


def test_the_small_picture_of_the_corner_alone_has_less_than_all_of_its_colour() -> (
    None
):
    shot = original_shot(Frame(picture(96, 128), 0, 0.0))
    whole, small = (unpack(code_shot(shot, halved=on)) for on in (False, True))
    assert (whole.halved, sampling(whole.jpeg)) == (False, (1, 1))
    assert (small.halved, sampling(small.jpeg)) == (True, (2, 2))
    assert len(small.jpeg) < len(whole.jpeg) / 3
