"""A real browser's (pretended) camera: it is on while it is the picture, and at no other time."""

from collections.abc import Callable
from functools import partial

import pytest
from playwright.sync_api import Page, expect

from tests.browser import (
    HASH,
    Server,
    keep,
    wait_for_change,
    wait_for_pictures,
    wait_until,
)

pytest_plugins = ["tests.browser_fixtures"]
pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

# Keeps every track that the page is given, to see which of them run.
WATCHED = """
    window.given = [];
    const devices = navigator.mediaDevices;
    const ask = devices?.getUserMedia.bind(devices);
    if (ask) devices.getUserMedia = async (wanted) => {
        const stream = await ask(wanted);
        window.given.push(...stream.getTracks());
        return stream;
    };
"""
STOPPED = "No picture comes from the browser's camera any more"


def lit(page: Page) -> int:
    """How many cameras of this page are on."""
    return int(
        page.evaluate(
            "window.given.filter(({ readyState }) => readyState === 'live').length"
        )
    )


def give(page: Page) -> None:
    """Choose this browser's camera, and wait until it is the picture."""
    page.locator("#source").select_option("browser")
    expect(page.locator("#fact-source")).to_contain_text("browser camera")
    expect(page.locator("#source")).to_have_value("browser")
    works(page)


def works(page: Page) -> None:
    expect(page.locator("#checks")).to_contain_text("A browser's camera works")
    wait_until(page, lambda: lit(page) == 1)
    for _ in range(2):
        wait_for_change(page, partial(page.evaluate, HASH, "decoded"))


def test_this_browsers_camera_is_on_until_another_source_or_page_is_chosen(
    own_server: Server, open_page: Callable[..., Page]
) -> None:
    page, other = (open_page(own_server.url, script=WATCHED) for _ in range(2))
    wait_for_pictures(page)
    give(page)
    keep(page, "browser-camera")
    expect(other.locator("#source option:checked")).to_have_text(
        "Another page's camera"
    )
    give(other)
    wait_until(page, lambda: lit(page) == 0)
    expect(page.locator("#source-note")).to_contain_text("Another page gives its")
    expect(page.locator("#source")).to_have_value("elsewhere")
    give(page)
    wait_until(other, lambda: lit(other) == 0)
    other.locator("#source").select_option("demo")
    expect(page.locator("#fact-source")).to_contain_text("demo")
    wait_until(page, lambda: lit(page) == 0)


def test_a_reload_starts_the_camera_again_and_leaving_ends_it(
    own_server: Server, open_page: Callable[..., Page]
) -> None:
    page = open_page(own_server.url, script=WATCHED)
    page.context.grant_permissions(["camera"])
    wait_for_pictures(page)
    give(page)
    page.reload()
    works(page)
    page.locator("#leave").click()
    assert lit(page) == 0
    page.locator("#again").click()
    expect(page.locator("#checks")).to_contain_text(STOPPED)
    assert lit(page) == 0
    give(page)


def test_a_camera_whose_page_has_gone_is_said_to_have_stopped_and_can_be_chosen_again(
    own_server: Server, open_page: Callable[..., Page]
) -> None:
    gone = open_page(own_server.url, script=WATCHED)
    page = open_page(
        own_server.url, script=WATCHED, expected="ERR_CONNECTION_REFUSED|403|503"
    )
    wait_for_pictures(gone)
    give(gone)
    gone.goto("about:blank")
    expect(page.locator("#checks")).to_contain_text(STOPPED)
    expect(page.locator("#source option:checked")).to_have_text(
        "A browser's camera, stopped"
    )
    keep(page, "browser-camera-stopped")
    give(page)
    own_server.process.kill()
    own_server.process.wait()
    expect(page.locator("#status-words")).to_contain_text("Server gone")
    assert lit(page) == 0
