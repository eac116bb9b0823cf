"""The page of a running server in a real browser."""

import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.browser import (
    ARTIFACTS,
    CHROMIUM_FLAGS,
    COMPARE,
    HASH,
    LOOPBACK,
    NONE,
    PATIENCE,
    ROOT,
    Server,
    chromium_path,
    figure,
    set_quality,
    start_server,
    wait_for_change,
    wait_for_pictures,
    wait_until,
)

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    path = chromium_path()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=CHROMIUM_FLAGS)
        expect.set_options(timeout=PATIENCE)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    server = start_server()
    yield server
    server.stop()


@pytest.fixture
def own_server() -> Iterator[Server]:
    """A server that a test may harm; named before `open_page`, it outlives the pages."""
    server = start_server("--codec", "jpeg")
    yield server
    server.process.send_signal(signal.SIGCONT)
    server.stop()


@pytest.fixture
def open_page(browser: Browser) -> Iterator[Callable[..., Page]]:
    """Opens pages of their own; afterwards none may have complained on its console.

    `expected` matches what a test's own doing must make the browser say.
    """
    complaints: list[str] = []
    pages: list[Page] = []

    def open_page(
        url: str, expected: str = "(?!)", scheme: str = "dark", width: int = 1280
    ) -> Page:
        def complain(text: str) -> None:
            if not re.search(expected, text):
                complaints.append(text)

        viewport = {"width": width, "height": 900}
        page = browser.new_page(viewport=viewport, color_scheme=scheme)  # type: ignore[arg-type]
        page.set_default_timeout(PATIENCE)
        page.on(
            "console",
            lambda message: (
                complain(message.text) if message.type in ("error", "warning") else None
            ),
        )
        page.on("pageerror", lambda error: complain(str(error)))
        page.goto(url)
        pages.append(page)
        return page

    yield open_page
    for page in pages:
        page.close()
    assert complaints == []


@pytest.fixture
def page(server: Server, open_page: Callable[..., Page]) -> Page:
    """The server's page, moving."""
    page = open_page(server.url)
    wait_for_pictures(page)
    return page


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
        expect(page.locator(f"#figure-{name}")).not_to_have_text(NONE)
        assert figure(page, name) > 0
    for name in ("decode", "latency", "rtt", "dropped-sent", "dropped-received"):
        expect(page.locator(f"#figure-{name}")).not_to_have_text(NONE)
        assert figure(page, name) >= 0
    for name in ("bitrate", "psnr", "encode", "decode", "latency"):
        wait_for_change(page, partial(figure, page, name))


def test_the_charts_draw_lines(page: Page) -> None:
    for name in ("chart-bitrate", "chart-psnr", "chart-fps", "chart-time"):
        lines = f"""() => {{
            const canvas = document.querySelector("#{name} canvas");
            const scratch = new OffscreenCanvas(canvas.width, canvas.height);
            const context = scratch.getContext("2d");
            context.drawImage(canvas, 0, 0);
            const data = context.getImageData(0, 0, canvas.width, canvas.height).data;
            let coloured = 0;
            for (let i = 0; i < data.length; i += 4) {{
                const [r, g, b] = data.subarray(i, i + 3);
                if (Math.max(r, g, b) - Math.min(r, g, b) > 80) coloured++;
            }}
            return coloured > 20;
        }}"""
        wait_until(page, partial(page.evaluate, lines))


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
    order = []
    for _ in range(6):
        page.keyboard.press("Tab")
        order.append(page.evaluate("document.activeElement.id"))
    assert order == [
        "command",
        "copy-command",
        "copy-link",
        "quality-number",
        "quality",
        "codec",
    ]
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


def test_the_link_for_the_other_person_is_the_one_that_serve_printed(
    page: Page, server: Server
) -> None:
    expect(page.locator("#command")).to_have_text(f"confcodec call {server.url}")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.locator("#copy-link").click()
    expect(page.locator("#copy-link")).to_have_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == server.url


@pytest.mark.parametrize("scheme", ["dark", "light"])
@pytest.mark.parametrize("width", [360, 1024, 1920])
def test_the_page_fits_every_width(
    server: Server, open_page: Callable[..., Page], width: int, scheme: str
) -> None:
    page = open_page(server.url, width=width, scheme=scheme)
    page.set_viewport_size(
        {"width": width, "height": {360: 740, 1024: 768}.get(width, 1080)}
    )
    wait_for_pictures(page)
    expect(page.locator("#figure-fps-shown")).not_to_have_text(NONE)
    assert page.evaluate("document.documentElement.scrollWidth") == width
    for box in (
        page.locator(name).bounding_box()
        for name in ("#original", "#codec", "#chart-time")
    ):
        assert box
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width
    ARTIFACTS.mkdir(exist_ok=True)
    page.screenshot(path=ARTIFACTS / f"loopback-{scheme}-{width}.png", full_page=True)


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
    ARTIFACTS.mkdir(exist_ok=True)
    page.screenshot(path=ARTIFACTS / f"token-{'wrong' if token else 'missing'}.png")
    page.goto(server.url)
    wait_for_pictures(page)


def test_a_server_that_dies_is_noticed_and_the_page_stays_alive(
    own_server: Server, open_page: Callable[..., Page]
) -> None:
    page = open_page(own_server.url, expected="ERR_CONNECTION_REFUSED|403")
    wait_for_pictures(page)
    own_server.process.kill()
    own_server.process.wait()
    expect(page.locator("#status-words")).to_have_text("Server gone, reconnecting")
    expect(page.locator("#decoded-overlay")).to_have_text("Server gone: last picture")
    expect(page.locator("#figure-bitrate")).to_have_text(NONE)
    page.screenshot(path=ARTIFACTS / "server-gone.png", full_page=True)
    port = own_server.url.split("#")[0].strip("/").rsplit(":", 1)[1]
    again = start_server("--codec", "jpeg", "--port", port)
    try:
        expect(page.locator("#problem-title")).to_contain_text(
            "does not know this token"
        )
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
        ARTIFACTS.mkdir(exist_ok=True)
        page.screenshot(path=ARTIFACTS / "connected.png", full_page=True)
        peer.send_signal(signal.SIGINT)
        expect(page.locator("#status-words")).to_have_text(LOOPBACK)
        expect(page.locator("#decoded-title")).to_have_text("Decoded")
        wait_for_change(page, partial(page.evaluate, HASH, "decoded"))
    finally:
        peer.kill()
        peer.wait()
