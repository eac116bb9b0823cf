"""What a person does in a call: each control of the page, in a real browser."""

import re
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser import (
    HASH,
    LOOPBACK,
    Server,
    keep,
    wait_for_change,
    wait_for_pictures,
    wait_until,
)
from tests.paths import ROOT

pytest_plugins = ["tests.browser_fixtures"]
pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

VIOLATIONS = """async () => {
    const { violations } = await axe.run();
    return violations.filter(({ impact }) => impact === "serious" || impact === "critical")
        .map(({ id, nodes }) => `${id}: ${nodes.map(({ target }) => target).join(" ")}`);
}"""


SIZE = (640, 480)


def area(page: Page, name: str) -> float:
    box = page.locator(name).bounding_box()
    assert box
    return box["width"] * box["height"]


@pytest.mark.parametrize("by", ["button", "key", "picture"])
def test_swapping_makes_the_small_picture_the_large_one(page: Page, by: str) -> None:
    assert area(page, "#decoded") > 4 * area(page, "#original")
    if by == "button":
        page.locator("#swap").click()
    elif by == "key":
        page.keyboard.press("s")
    else:
        page.locator("#original-picture").click()
    assert area(page, "#original") > 4 * area(page, "#decoded")
    keep(page, "swapped")


def test_the_cameras_picture_is_sent_no_larger_than_it_is_drawn(page: Page) -> None:
    width = partial(page.evaluate, "document.getElementById('original').width")
    wait_until(page, lambda: width() == SIZE[0] // 2)
    page.keyboard.press("s")
    wait_until(page, lambda: width() == SIZE[0])
    page.keyboard.press("s")
    wait_until(page, lambda: width() == SIZE[0] // 2)
    page.keyboard.press("l")
    wait_until(page, lambda: width() == SIZE[0])
    expect(page.locator("#original-facts")).to_contain_text("640 \u00d7 480")


def test_full_screen_comes_and_goes(page: Page) -> None:
    page.locator("#fullscreen").click()
    wait_until(
        page, partial(page.evaluate, "document.fullscreenElement?.id === 'stage'")
    )
    expect(page.locator("#fullscreen")).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("f")
    wait_until(page, partial(page.evaluate, "document.fullscreenElement === null"))
    expect(page.locator("#fullscreen")).to_have_attribute("aria-pressed", "false")


def test_picture_in_picture_shows_the_large_picture(page: Page) -> None:
    page.locator("#pip").click()
    width = "document.pictureInPictureElement?.videoWidth"
    wait_until(page, lambda: page.evaluate(width) == 640)
    page.locator("#pip").click()
    wait_until(page, lambda: page.evaluate(width) is None)
    expect(page.locator("#pip")).to_have_attribute("aria-pressed", "false")


def test_a_camera_that_is_off_says_so_on_every_page_and_comes_back(
    page: Page, server: Server, open_page: Callable[..., Page]
) -> None:
    other = open_page(server.url)
    wait_for_pictures(other)
    page.locator("#camera").click()
    for each in (page, other):
        expect(each.locator("#original-overlay")).to_have_text("Camera off")
        expect(each.locator("#decoded-overlay")).to_have_text("Camera off")
        expect(each.locator("#camera")).to_have_attribute("aria-pressed", "false")
    keep(page, "camera-off")
    other.keyboard.press("v")
    expect(page.locator("#decoded-overlay")).to_be_empty()
    wait_for_change(page, partial(page.evaluate, HASH, "decoded"))


def test_leaving_ends_the_pictures_and_joining_again_brings_them_back(
    page: Page,
) -> None:
    page.locator("#leave").click()
    expect(page.locator("#status-words")).to_have_text("You left the call")
    expect(page.locator("#decoded-overlay")).to_have_text("You left the call")
    expect(page.locator("#camera")).to_be_hidden()
    keep(page, "left")
    page.locator("#again").click()
    expect(page.locator("#status-words")).to_have_text(LOOPBACK)
    wait_for_change(page, partial(page.evaluate, HASH, "decoded"))
    expect(page.locator("#again")).to_be_hidden()


def test_the_shortcuts_are_listed_and_the_list_closes(page: Page) -> None:
    page.keyboard.press("?")
    expect(page.locator("#shortcuts")).to_be_visible()
    expect(page.locator("#shortcuts kbd")).to_have_count(14)
    keep(page, "shortcuts")
    page.keyboard.press("s")  # no shortcut works below the list
    assert area(page, "#decoded") > 4 * area(page, "#original")
    page.keyboard.press("Escape")
    expect(page.locator("#shortcuts")).to_be_hidden()


def test_brackets_move_the_quality(page: Page) -> None:
    before = int(page.locator("#quality").input_value())
    page.keyboard.press("]")
    expect(page.locator("#decoded-facts")).to_contain_text(f"quality {before + 1}")
    page.keyboard.press("[")
    expect(page.locator("#decoded-facts")).to_contain_text(f"quality {before}")


def test_the_badge_says_in_words_how_the_picture_is(page: Page) -> None:
    expect(page.locator("#badge")).to_have_text(
        re.compile("^(Excellent|Good|Fair|Poor) picture")
    )


def test_the_check_tells_source_processor_channel_and_reach(page: Page) -> None:
    checks = page.locator("#checks")
    for words in (
        "Source works: demo",
        "ms a frame",
        "The data channel works",
        "this machine only",
    ):
        expect(checks).to_contain_text(words)


def test_dark_and_light_can_be_chosen_and_are_remembered(page: Page) -> None:
    def scheme() -> object:
        return page.evaluate("getComputedStyle(document.documentElement).colorScheme")

    page.locator("#theme").click()
    page.locator("#theme").click()
    assert scheme() == "light"
    page.reload()
    wait_for_pictures(page)
    assert scheme() == "light"


def test_source_size_and_rate_are_changed_while_pictures_go_on(
    lending_server: Server, open_page: Callable[..., Page]
) -> None:
    page = open_page(lending_server.url)
    wait_for_pictures(page)
    page.locator("#size").select_option("320x240")
    expect(page.locator("#decoded-facts")).to_contain_text(
        "320 \N{MULTIPLICATION SIGN} 240"
    )
    page.locator("#fps").select_option("15")
    expect(page.locator("#fact-source")).to_have_text(
        "demo, 320 \N{MULTIPLICATION SIGN} 240, 15 fps"
    )
    page.locator("#source").select_option("broken.mp4")
    expect(page.locator("#notice")).to_contain_text("broken.mp4")
    page.locator("#source").select_option("red.png")
    expect(page.locator("#fact-source")).to_contain_text("red.png")
    expect(page.locator("#source option")).to_have_text(
        ["Demo", "broken.mp4", "red.png", "This browser's camera"]
    )
    page.locator("#source").select_option("demo")
    expect(page.locator("#fact-source")).to_contain_text("demo")
    wait_for_change(page, partial(page.evaluate, HASH, "decoded"))


def test_a_recording_can_be_fetched_and_decoded(
    own_server: Server, open_page: Callable[..., Page], tmp_path: Path
) -> None:
    from confcodec.files.bitstream_file import BitstreamReader

    page = open_page(own_server.url)
    wait_for_pictures(page)
    page.keyboard.press("r")
    expect(page.locator("#record")).to_have_attribute("aria-pressed", "true")
    for _ in range(10):
        wait_for_change(
            page, partial(page.locator("#decoded").get_attribute, "data-frame")
        )
    page.locator("#record").click()
    links = page.locator("#recorded a")
    expect(links).to_have_count(2)
    keep(page, "recorded")
    with page.expect_download() as fetched:
        links.filter(has_text=".ccb").click()
    path = tmp_path / "call.ccb"
    fetched.value.save_as(path)
    with BitstreamReader(path) as reader:
        frames = list(reader)
    assert len(frames) >= 10
    assert all(frame.bitstream[:2] == b"\xff\xd8" for frame in frames)


def test_nothing_serious_stands_in_the_way_of_a_screen_reader(page: Page) -> None:
    axe = (ROOT / "tests" / "vendor" / "axe.min.js").read_text()
    page.evaluate(f"() => {{ {axe} }}")
    for view in ("call", "laboratory"):
        page.locator(f"#views [value={view}]").click()
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            assert page.evaluate(VIOLATIONS) == [], (view, scheme)
