"""The page for those who see, type or speak differently: forced colours, shortcuts, layouts."""

import io
from collections import Counter
from functools import partial

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Locator, Page, expect

from tests.browser import LINES, keep, wait_for_pictures, wait_until

pytest_plugins = ["tests.browser_fixtures"]
pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

CONTRAST = 3.0
"""Of what tells a state from another: WCAG 2.2, 1.4.11."""


def colour(button: Locator) -> tuple[int, int, int]:
    """Most of a button's area."""
    with Image.open(io.BytesIO(button.screenshot())) as image:
        pixels = np.asarray(image.convert("RGB")).reshape(-1, 3).tolist()
    [((red, green, blue), _)] = Counter(map(tuple, pixels)).most_common(1)
    return red, green, blue


def luminance(rgb: tuple[int, int, int]) -> float:
    linear = [
        c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4
        for c in (part / 255 for part in rgb)
    ]
    return sum(w * c for w, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(one: tuple[int, int, int], other: tuple[int, int, int]) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_forced_colours_tell_what_is_chosen_from_what_is_not(
    page: Page, scheme: str
) -> None:
    page.emulate_media(forced_colors="active", color_scheme=scheme)  # type: ignore[arg-type]
    page.locator("#views [value=laboratory]").click()
    for group in ("#views", "#modes", "#zooms", "#equal-codecs"):
        chosen = page.locator(f"{group} [aria-pressed=true]").first
        free = page.locator(f"{group} [aria-pressed=false]").first
        assert contrast(colour(chosen), colour(free)) >= CONTRAST, group
    for chart in ("bitrate", "time"):  # where lines of one colour would say nothing
        wait_until(page, partial(page.evaluate, LINES, chart))
    pause = page.locator("#pause")
    before = colour(pause)
    pause.click()
    assert contrast(colour(pause), before) >= CONTRAST
    pause.click()
    keep(page, f"forced-laboratory-{scheme}")
    page.locator("#views [value=call]").click()
    on, off = (page.locator(f"#{name}") for name in ("camera", "fullscreen"))
    assert contrast(colour(on), colour(off)) >= CONTRAST
    keep(page, f"forced-call-{scheme}")


def large(page: Page) -> str | None:
    return page.locator("body").get_attribute("data-large")


def test_shortcuts_can_be_switched_off_which_is_remembered_and_on_again(
    page: Page,
) -> None:
    page.keyboard.press("s")
    assert large(page) == "original"
    page.locator("#keys").uncheck()
    page.keyboard.press("s")  # with the focus on the switch, and without
    page.locator("#keys").blur()
    page.keyboard.press("s")
    page.keyboard.press("?")
    assert large(page) == "original"
    expect(page.locator("#shortcuts")).to_be_hidden()
    page.reload()
    wait_for_pictures(page)
    page.keyboard.press("s")
    assert large(page) == "decoded"
    page.locator("#help").click()
    expect(page.locator("#keys-too")).not_to_be_checked()
    keep(page, "shortcuts-off")
    page.locator("#keys-too").check()
    page.keyboard.press("Escape")
    expect(page.locator("#keys")).to_be_checked()
    page.keyboard.press("s")
    assert large(page) == "original"


def test_a_dictated_word_does_not_leave_the_call(page: Page) -> None:
    page.keyboard.type("quiet")
    expect(page.locator("#leaving")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#leaving")).to_be_hidden()
    assert page.locator("#again").is_hidden()
    page.keyboard.press("q")
    page.locator("#leaving [value=leave]").click()
    expect(page.locator("#status-words")).to_have_text("You left the call")
    page.locator("#again").click()
    page.keyboard.press("q")
    page.keyboard.press("Escape")  # and not the answer of before
    expect(page.locator("#leaving")).to_be_hidden()
    assert page.locator("#again").is_hidden()


def test_shortcuts_are_there_on_a_cyrillic_layout(page: Page) -> None:
    page.evaluate(
        """() => document.body.dispatchEvent(
            new KeyboardEvent("keydown", { key: "ы", code: "KeyS", bubbles: true }))"""
    )
    assert large(page) == "original"
