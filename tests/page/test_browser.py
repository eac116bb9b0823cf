"""The page of a running server in a real browser."""

import signal
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, expect

from tests.browser import (
    COMPARE,
    HASH,
    LOOPBACK,
    NONE,
    PATIENCE,
    Server,
    figure,
    keep,
    set_quality,
    start_server,
    wait_for_change,
    wait_for_pictures,
    wait_until,
)
from tests.paths import ROOT

pytest_plugins = ["tests.browser_fixtures"]
pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]


def test_the_server_calls_itself_and_says_so(page: Page) -> None:
    expect(page.locator("#status-words")).to_have_text(LOOPBACK)
    expect(page.locator("#fact-source")).to_contain_text("demo")
    expect(page.locator("#decoded-overlay")).to_be_empty()


def test_both_pictures_move(page: Page) -> None:
    for canvas in ("original", "decoded"):
        for _ in range(3):
            wait_for_change(page, partial(page.evaluate, HASH, canvas))


def test_both_pictures_show_the_same_frame_and_look_alike_but_not_the_same(
    page: Page,
) -> None:
    page.keyboard.press("l")  # the call view's small picture has half the width
    wait_until(page, lambda: page.evaluate(COMPARE)["bytes"] == [640 * 480 * 4] * 2)
    for _ in range(5):
        shown = page.evaluate(COMPARE)
        assert shown["frames"][0] == shown["frames"][1]
        assert shown["bytes"] == [640 * 480 * 4] * 2
        assert 0 < shown["mse"] < 255**2 / 10 ** (20 / 10)  # better than 20 dB PSNR
        wait_for_change(page, lambda: page.evaluate(COMPARE)["frames"])


def test_every_live_figure_is_measured_and_moves(page: Page) -> None:
    for name in (
        "bitrate",
        "psnr",
        "bpp",
        "frame-bytes",
        "fps-sent",
        "fps-shown",
        "encode",
    ):
        wait_until(page, lambda name=name: figure(page, name) > 0)  # type: ignore[misc]
    for name in ("decode", "latency", "rtt", "dropped-sent", "dropped-received"):
        wait_until(page, lambda name=name: figure(page, name) >= 0)  # type: ignore[misc]
    for name in ("bitrate", "psnr", "encode", "decode", "latency"):
        moves(page, name)


def moves(page: Page, name: str) -> None:
    """Wait for a figure, and for another value of it."""
    seen: set[float] = set()

    def look() -> bool:
        value = figure(page, name)
        if value >= 0:
            seen.add(value)
        return len(seen) > 1

    wait_until(page, look)


def test_quality_moves_the_rate_and_every_page_sees_it(
    page: Page, server: Server, open_page: Callable[..., Page]
) -> None:
    other = open_page(server.url)
    low = set_quality(page, 8)
    high = set_quality(page, 56)
    assert high > 1.5 * low
    expect(other.locator("#quality-number")).to_have_value("56")
    expect(other.locator("#quality")).to_have_value("56")
    other.locator("#quality-number").fill("32")
    expect(page.locator("#quality")).to_have_value("32")


def test_an_impossible_quality_is_not_sent_and_corrected(page: Page) -> None:
    before = page.locator("#quality").input_value()
    page.locator("#quality-number").fill("99")
    page.locator("#quality-number").press("Tab")
    expect(page.locator("#quality-number")).to_have_value(before)


def test_the_keyboard_reaches_every_control_in_reading_order(page: Page) -> None:
    order: list[str] = []
    while len(order) < 60 and order.count("theme") < 2:
        page.keyboard.press("Tab")
        order.append(page.evaluate("document.activeElement.id"))
    first = order.index("theme")
    seen = order[first : order.index("theme", first + 1)]
    wanted = ["theme", "help", "camera", "swap", "record", "leave", "codec", "quality"]
    wanted += ["keys", "source", "size", "fps", "command", "copy-link"]
    assert [name for name in seen if name in wanted] == wanted
    page.locator("#quality").focus()
    before = int(page.locator("#quality").input_value())
    page.keyboard.press("ArrowRight")
    expect(page.locator("#quality-number")).to_have_value(str(before + 1))
    page.keyboard.press("ArrowLeft")
    expect(page.locator("#decoded-facts")).to_contain_text(f"quality {before}")


def test_the_codec_can_be_changed_and_changed_back(page: Page) -> None:
    codec = page.locator("#codec")
    first = codec.input_value()
    options = codec.locator("option").evaluate_all(
        "all => all.map(({ value }) => value)"
    )
    assert {"rt", "jpeg", "webp"} <= set(options)
    for name in ("webp" if first == "jpeg" else "jpeg", first):
        codec.select_option(name)
        expect(page.locator("#decoded-facts")).to_contain_text(f"{name}, quality")
        expect(page.locator("#codec-note")).to_be_empty(timeout=PATIENCE)
        expect(codec).to_have_value(name)
        wait_for_change(
            page, partial(page.locator("#decoded").get_attribute, "data-frame")
        )


def test_the_link_for_the_other_person_is_the_guests_that_serve_printed(
    page: Page, server: Server
) -> None:
    link = server.link("invite")
    assert link != server.url
    expect(page.locator("#command")).to_have_text(f"confcodec call {link}")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.locator("#copy-link").click()
    expect(page.locator("#copy-link")).to_have_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == link
    page.locator("#show-qr").click()
    expect(page.locator("#qr")).to_be_visible()
    assert page.locator("#qr").evaluate("image => image.decode()") is None


@pytest.mark.parametrize(("width", "height"), [(360, 740), (1280, 900), (2560, 1300)])
def test_the_page_fits_every_width(
    server: Server, open_page: Callable[..., Page], width: int, height: int
) -> None:
    page = open_page(server.url, width=width, height=height)
    wait_for_pictures(page)
    expect(page.locator("#strip-fps-shown")).not_to_have_text(NONE)
    _fits(page, "call", width, "#checks")
    page.locator("#views [value=laboratory]").click()
    expect(page.locator(".cards figure")).to_have_count(3)
    _fits(page, "laboratory", width, "#chart-rtt")


def _fits(page: Page, view: str, width: int, lowest: str) -> None:
    """In the light and in the dark, with a picture kept of each."""
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        assert page.evaluate("document.documentElement.scrollWidth") == width
        for name in ("#decoded", "#codec", lowest):
            box = page.locator(name).bounding_box()
            assert box
            assert box["x"] >= 0
            assert box["x"] + box["width"] <= width
        keep(page, f"{view}-{scheme}-{width}")


@pytest.mark.parametrize(
    ("token", "words"),
    [("", "no room token"), ("#wrong", "does not know this token")],
    ids=["missing", "wrong"],
)
def test_a_missing_or_wrong_token_is_explained_and_the_right_link_helps(
    server: Server, open_page: Callable[..., Page], token: str, words: str
) -> None:
    page = open_page(server.url.split("#")[0] + token, expected="401|403")
    expect(page.locator("#problem-title")).to_contain_text(words)
    expect(page.locator("#problem")).to_contain_text("confcodec serve")
    expect(page.locator("#call")).to_be_hidden()
    keep(page, f"token-{'wrong' if token else 'missing'}")
    page.goto(server.url)
    wait_for_pictures(page)


def test_a_server_that_dies_is_noticed_and_the_page_stays_alive(
    own_server: Server, open_page: Callable[..., Page]
) -> None:
    page = open_page(own_server.url, expected="ERR_CONNECTION_REFUSED|403|503")
    wait_for_pictures(page)
    own_server.process.kill()
    own_server.process.wait()
    expect(page.locator("#status-words")).to_have_text("Server gone, reconnecting")
    expect(page.locator("#decoded-overlay")).to_have_text("Server gone: last picture")
    expect(page.locator("#figure-bitrate")).to_have_text(NONE)
    keep(page, "server-gone")
    port = urlsplit(own_server.url).port
    again = start_server("--codec", "jpeg", "--quality", "28", "--port", str(port))
    try:
        # Tokens outlive the server: the page goes on without anybody's doing.
        expect(page.locator("#status-words")).to_have_text(LOOPBACK)
        wait_for_change(page, partial(page.evaluate, HASH, "decoded"))
    finally:
        again.stop()


def test_a_server_that_hangs_is_noticed_and_the_page_goes_on_when_it_is_back(
    own_server: Server, open_page: Callable[..., Page]
) -> None:
    page = open_page(own_server.url, expected="after close|before the connection")
    wait_for_pictures(page)
    own_server.process.send_signal(signal.SIGSTOP)
    expect(page.locator("#status-words")).to_have_text("Server gone, reconnecting")
    own_server.process.send_signal(signal.SIGCONT)
    expect(page.locator("#status-words")).to_have_text(LOOPBACK)
    wait_for_change(page, partial(page.evaluate, HASH, "decoded"))


def test_someone_who_joins_is_shown_beside_the_local_camera_until_they_leave(
    own_server: Server, open_page: Callable[..., Page]
) -> None:
    page = open_page(own_server.url)
    wait_for_pictures(page)
    call = [
        "call",
        own_server.url,
        "--source",
        "demo",
        "--codec",
        "webp",
        "--quality",
        "20",
    ]
    peer = subprocess.Popen([sys.executable, "-m", "confcodec", *call], cwd=ROOT)
    try:
        expect(page.locator("#status-words")).to_have_text("Connected to a peer")
        expect(page.locator("#original-title")).to_have_text("Local camera")
        expect(page.locator("#decoded-title")).to_have_text("Remote camera")
        expect(page.locator("#decoded-facts")).to_contain_text("webp")
        for canvas in ("original", "decoded"):
            wait_for_change(page, partial(page.evaluate, HASH, canvas))
        expect(page.locator("#figure-psnr")).not_to_have_text(NONE)
        expect(page.locator("#figure-latency")).not_to_have_text(NONE)
        keep(page, "connected")
        peer.send_signal(signal.SIGINT)
        expect(page.locator("#status-words")).to_have_text(LOOPBACK)
        expect(page.locator("#decoded-title")).to_have_text("Decoded")
        wait_for_change(page, partial(page.evaluate, HASH, "decoded"))
    finally:
        peer.kill()
        peer.wait()
