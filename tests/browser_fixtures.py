"""The browser, servers and pages of the browser tests: a plugin that they name."""

import re
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page

from tests.browser import (
    PATIENCE,
    Server,
    open_browser,
    start_server,
    wait_for_pictures,
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with open_browser() as browser:
        yield browser


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    server = start_server("--codec", "jpeg", "--quality", "28")
    yield server
    server.stop()


@pytest.fixture
def own_server() -> Iterator[Server]:
    """A server that a test may harm; named before `open_page`, it outlives the pages."""
    server = start_server("--codec", "jpeg", "--quality", "28")
    yield server
    server.process.send_signal(signal.SIGCONT)
    server.stop()


@pytest.fixture
def lending_server(tmp_path: Path) -> Iterator[Server]:
    """A server that lends a folder with a picture and a file that is none."""
    Image.new("RGB", (64, 48), (200, 0, 0)).save(tmp_path / "red.png")
    (tmp_path / "broken.mp4").touch()
    server = start_server("--codec", "jpeg", "--media", str(tmp_path))
    yield server
    server.stop()


@pytest.fixture
def open_page(browser: Browser) -> Iterator[Callable[..., Page]]:
    """Opens pages of their own; afterwards none may have complained on its console.

    `expected` matches what a test's own doing must make the browser say; `script` runs
    before those of the page.
    """
    complaints: list[str] = []
    pages: list[Page] = []

    def open_page(
        url: str,
        expected: str = "(?!)",
        width: int = 1280,
        height: int = 900,
        script: str = "",
    ) -> Page:
        def complain(text: str) -> None:
            if not re.search(expected, text):
                complaints.append(text)

        page = browser.new_page(
            viewport={"width": width, "height": height}, color_scheme="dark"
        )
        page.set_default_timeout(PATIENCE)
        page.on(
            "console",
            lambda message: (
                complain(message.text) if message.type in ("error", "warning") else None
            ),
        )
        page.on("pageerror", lambda error: complain(str(error)))
        if script:
            page.add_init_script(script)
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
