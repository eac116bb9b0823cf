"""Makes the pictures of the page in docs/ anew: python -m tests.pictures [page] [laboratory] [film]"""

import io
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from PIL import Image
from playwright.sync_api import Browser, Page, expect

from tests.browser import (
    Server,
    open_browser,
    start_server,
    wait_for_pictures,
    wait_until,
)
from tests.film import Film
from tests.paths import ROOT

DOCS = ROOT / "docs"
MAX_BYTES = 250_000
MAX_FILM = 3_000_000
GOOD = 44
"""The quality, of 63, that a call over a good line reaches by itself."""
SETTLED = 10_000
"""Milliseconds that a call goes on before its picture is taken."""
FILMED = 36
"""The quality of the film: at more, all codecs look alike in a GIF's 250 colours."""
REST = 250
"""Milliseconds between two frames of the film."""
WIDTH = 960
"""Pixels of the film's."""


def main(wanted: list[str]) -> None:
    """Take what is wanted, or everything; a server of its own for each."""
    takes = {"page": take_page, "laboratory": take_laboratory, "film": take_film}
    for name in wanted or takes:
        with open_browser() as browser:
            takes[name](browser)


def take_page(browser: Browser) -> None:
    """The call, once its quality has risen."""
    with served() as server:
        page = opened(browser, server, 1280, 960)
        settle(page, GOOD)
        save(page, "page")


def take_laboratory(browser: Browser) -> None:
    """Comparison, charts and figures of the laboratory, once they have something to show."""
    with served() as server:
        page = opened(browser, server, 1360, 1000)
        open_laboratory(page, "jpeg2000", "avif")
        page.evaluate("document.getElementById('equal').scrollIntoView()")
        page.wait_for_timeout(45_000)
        settle(page, GOOD)
        save(page, "laboratory")


def take_film(browser: Browser) -> None:
    """The laboratory at work: divider, difference, zoom, other codecs at the same bytes."""
    with served("--quality", str(FILMED)) as server:
        page = opened(browser, server, 1200, 1018)
        open_laboratory(page)
        settle(page, FILMED)
        film = Film(partial(shoot, page), WIDTH)
        play(page, film)
    path = DOCS / "laboratory.gif"
    film.save(path)
    print(path, path.stat().st_size)
    assert path.stat().st_size < MAX_FILM, (
        "too large: take fewer frames of all the page"
    )


@contextmanager
def served(*options: str) -> Iterator[Server]:
    """A server at a third of the usual rate: browser, codec and both ends share one machine."""
    server = start_server("--fps", "10", *options)
    try:
        yield server
    finally:
        server.stop()


def opened(browser: Browser, server: Server, width: int, height: int) -> Page:
    """The page of a call that has gone on for a while."""
    page = browser.new_page(
        viewport={"width": width, "height": height}, color_scheme="dark"
    )
    page.goto(server.url)
    wait_for_pictures(page)
    page.wait_for_timeout(SETTLED)
    return page


def settle(page: Page, at_least: int) -> None:
    """Wait until the picture is of that quality, and the call has no fault."""
    faultless = re.compile(r"^(Excellent|Good) picture$")
    badge = page.locator("#badge")
    wait_until(
        page,
        lambda: bool(faultless.match(badge.inner_text())) and quality(page) >= at_least,
    )


def quality(page: Page) -> int:
    """That of the frame that is shown."""
    found = re.search(r"quality (\d+)", page.locator("#decoded-facts").inner_text())
    return int(found[1]) if found else 0


def shoot(page: Page) -> bytes:
    """A screenshot, after a moment without: each one takes a processor from the call."""
    page.wait_for_timeout(REST)
    return page.screenshot()


def open_laboratory(page: Page, *codecs: str) -> None:
    """With all its cards, and more codecs to compare with."""
    page.keyboard.press("l")
    for codec in codecs:
        page.locator(f"#equal-codecs [value={codec}]").click()
    for codec in ("jpeg", "webp", *codecs):
        expect(page.locator(f".cards [data-codec={codec}]")).to_be_visible()


def play(page: Page, film: Film) -> None:
    """What somebody does in the laboratory in some ten seconds."""
    film.take(7)
    page.locator("#pause").click()
    swing(page, film, 15, 85)
    page.locator("#modes [value=difference]").click()
    film.take(9)
    page.locator("#modes [value=split]").click()
    page.locator("#zooms [value='4']").click()
    pan(page)
    film.take(3)
    swing(page, film, 25, 70)
    for codec in ("jpeg", "webp"):
        page.locator(f".cards [data-codec={codec}]").click()
        film.take(4)
        swing(page, film, 25, 70)
    page.locator(".cards [data-codec=webp]").click()
    film.take(4)
    page.locator("#zooms [value='1']").click()
    page.locator("#pause").click()
    film.take(6)


def swing(page: Page, film: Film, left: float, right: float) -> None:
    """The divider, there and back."""
    drag(page, film, 50, left, 5)
    drag(page, film, left, right, 8)
    drag(page, film, right, 50, 3)


def pan(page: Page) -> None:
    """From the middle of what is zoomed to the face and the wall beside it."""
    view = page.locator("#viewer").bounding_box()
    assert view
    x, y = view["x"] + view["width"] * 0.2, view["y"] + view["height"] * 0.1
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x, y + view["height"] * 0.8, steps=3)
    page.mouse.up()


def drag(page: Page, film: Film, start: float, end: float, steps: int) -> None:
    """Move the divider between two places, in percent of the picture's width."""
    view = page.locator("#viewer").bounding_box()
    assert view
    y = view["y"] + view["height"] / 2

    def x(percent: float) -> float:
        return view["x"] + view["width"] * percent / 100

    page.mouse.move(x(start), y)
    page.mouse.down()
    for step in range(1, steps + 1):
        page.mouse.move(x(start + (end - start) * step / steps), y)
        film.take()
    page.mouse.up()


def save(page: Page, name: str) -> None:
    """Write docs/NAME.jpg, as good as fits."""
    with Image.open(io.BytesIO(page.screenshot())) as image:
        picture = image.convert("RGB")
    out = io.BytesIO()
    for level in range(95, 40, -3):
        out = io.BytesIO()
        picture.save(out, "JPEG", quality=level, optimize=True, subsampling=0)
        if len(out.getvalue()) <= MAX_BYTES:
            break
    path = DOCS / f"{name}.jpg"
    path.write_bytes(out.getvalue())
    print(path, len(out.getvalue()))


if __name__ == "__main__":
    main(sys.argv[1:])
