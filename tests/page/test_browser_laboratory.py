"""The laboratory of the page in a real browser."""

import csv
import io
from collections.abc import Callable
from functools import partial

import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from tests.browser import (
    HASH,
    LINES,
    NONE,
    Server,
    keep,
    wait_for_change,
    wait_for_pictures,
    wait_until,
)

pytest_plugins = ["tests.browser_fixtures"]
pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

CHARTS = ("bitrate", "psnr", "bpp", "fps", "time", "rtt")
MEAN = """() => {
    const canvas = document.getElementById("difference");
    const scratch = new OffscreenCanvas(canvas.width, canvas.height);
    const context = scratch.getContext("2d", { willReadFrequently: true });
    context.drawImage(canvas, 0, 0);
    const data = context.getImageData(0, 0, canvas.width, canvas.height).data;
    return data.reduce((sum, byte, i) => (i % 4 === 3 ? sum : sum + byte), 0) / (data.length * 0.75);
}"""


@pytest.fixture
def lab(page: Page) -> Page:
    page.keyboard.press("l")
    expect(page.locator("#chart-psnr")).to_be_visible()
    return page


BOXES = """() => Object.fromEntries([".plan", ".side", "#stage", ".chart-grid", ".chart-grid > :last-child"].map((name) => {
    const { top, right, bottom } = document.querySelector(name).getBoundingClientRect();
    return [name, { top, right, bottom }];
}))"""
WINDOWS = [(700, 900), (1024, 800), (1280, 800), (1440, 900), (1600, 900), (1920, 1080)]
WINDOWS += [(2560, 1300)]
SIDEBAR = 1100  # pixels of width from which there is one
SIDEBARS_CHARTS = 2200  # and from which the charts are in it
MARGIN = 14  # pixels around whatever lies in the plan


def cards(page: Page) -> dict[str, list[str]]:
    """The text of each visible card of the comparison, by codec."""
    return {
        card.get_attribute("data-codec") or "": card.locator(
            "figcaption > *"
        ).all_inner_texts()
        for card in page.locator(".cards figure:visible").all()
    }


def test_no_width_leaves_a_hole_beside_or_below_the_charts(lab: Page) -> None:
    expect(lab.locator(".cards figure")).to_have_count(3)
    for width, height in WINDOWS:
        lab.set_viewport_size({"width": width, "height": height})
        lab.evaluate("scrollTo(0, 0)")
        boxes = lab.evaluate(BOXES)
        last, grid = boxes[".chart-grid > :last-child"], boxes[".chart-grid"]
        assert last["right"] == pytest.approx(grid["right"], abs=1), width
        assert last["bottom"] == pytest.approx(grid["bottom"], abs=1), width
        if width < SIDEBAR:
            continue
        assert boxes[".side"]["top"] == boxes["#stage"]["top"], width
        room = boxes[".plan"]["bottom"] - MARGIN - grid["bottom"]
        assert room == pytest.approx(0, abs=1) or width > SIDEBARS_CHARTS


@pytest.mark.parametrize(("width", "height"), [(1280, 800), (1440, 900), (1920, 1080)])
def test_the_sidebar_goes_along_to_the_end_of_the_charts(
    lab: Page, width: int, height: int
) -> None:
    expect(lab.locator(".cards figure")).to_have_count(3)
    lab.set_viewport_size({"width": width, "height": height})
    lab.evaluate("scrollTo(0, document.documentElement.scrollHeight)")
    for _ in range(2):
        wait_until(lab, partial(_goes_along, lab, height))
        lab.evaluate("scrollBy(0, -100)")


def _goes_along(page: Page, height: int) -> bool:
    """The sidebar is at the window's top, or so far above as its end needs to be seen."""
    boxes = page.evaluate(BOXES)
    side, end = boxes[".side"], min(height, boxes[".plan"]["bottom"]) - MARGIN
    wanted = min(MARGIN, end - (side["bottom"] - side["top"]))
    return bool(abs(side["top"] - wanted) < 2)


def test_the_charts_draw_lines_and_that_of_losses_shows(
    lab: Page,
) -> None:
    for name in CHARTS:
        wait_until(lab, partial(lab.evaluate, LINES, name))
    expect(lab.locator("#chart-loss")).to_contain_text("concealed slices")


def test_charts_that_stand_still_follow_a_change_of_colours(lab: Page) -> None:
    for name in CHARTS:
        wait_until(lab, partial(lab.evaluate, LINES, name))
    lab.locator("#pause").click()
    lab.emulate_media(color_scheme="light")
    for name in CHARTS:
        assert lab.evaluate(LINES, name)
    lab.emulate_media(color_scheme="dark")


def test_a_chart_reads_its_values_under_the_pointer(lab: Page) -> None:
    value = lab.locator("#chart-bitrate .chart-entry .number").first
    expect(value).not_to_have_text(NONE)
    chart = lab.locator("#chart-bitrate .u-over")
    chart.scroll_into_view_if_needed()
    box = chart.bounding_box()
    assert box
    chart.hover(position={"x": box["width"] - 2, "y": box["height"] / 2})
    expect(lab.locator("#pointed")).to_contain_text("s ago")
    lab.mouse.move(5, 5)
    expect(lab.locator("#pointed")).to_contain_text("Point at a chart")


def test_the_divider_moves_by_pointer_and_by_keys(lab: Page) -> None:
    divider = lab.locator("#split")
    box, view = divider.bounding_box(), lab.locator("#viewer").bounding_box()
    assert box
    assert view
    lab.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    lab.mouse.down()
    lab.mouse.move(view["x"] + view["width"] / 4, view["y"] + 50, steps=3)
    lab.mouse.up()
    expect(divider).to_have_attribute("aria-valuenow", "25")
    divider.press("ArrowRight")
    expect(divider).to_have_attribute("aria-valuenow", "30")
    divider.press("Home")
    expect(divider).to_have_attribute("aria-valuenow", "0")


def test_the_three_ways_of_looking(lab: Page) -> None:
    lab.locator("#modes [value=side]").click()
    left, right = (
        lab.locator(f"#{name}").bounding_box() for name in ("original", "decoded")
    )
    assert left
    assert right
    assert left["x"] + left["width"] <= right["x"]
    keep(lab, "laboratory-side")
    lab.keyboard.press("d")
    expect(lab.locator("#difference")).to_be_visible()
    wait_until(lab, lambda: 100 < lab.evaluate(MEAN) < 156)
    wait_for_change(lab, partial(lab.evaluate, HASH, "difference"))
    keep(lab, "laboratory-difference")


def test_zooming_shows_pixels_and_dragging_moves_all_pictures_together(
    lab: Page,
) -> None:
    expect(lab.locator(".cards figure").first).to_be_visible()
    lab.locator("#modes [value=side]").click()
    lab.locator("#zooms [value='8']").click()
    shown = "(e) => getComputedStyle(e).transform"
    before = lab.locator("#decoded").evaluate(shown)
    assert before.startswith("matrix(8,")
    rendering = "(e) => getComputedStyle(e).imageRendering"
    assert lab.locator("#decoded").evaluate(rendering) == "pixelated"
    view = lab.locator("#viewer").bounding_box()
    assert view
    lab.mouse.move(view["x"] + 60, view["y"] + 160)
    lab.mouse.down()
    lab.mouse.move(view["x"] + 160, view["y"] + 200, steps=3)
    lab.mouse.up()
    assert lab.locator("#decoded").evaluate(shown) != before
    assert lab.locator("#original").evaluate(shown) == lab.locator("#decoded").evaluate(
        shown
    )
    keep(lab, "laboratory-pixels")
    lab.keyboard.press("Shift+Z")
    assert lab.locator("#decoded").evaluate(shown).startswith("matrix(4,")


def test_other_codecs_get_the_same_bytes_and_more_can_be_chosen(lab: Page) -> None:
    expect(lab.locator(".cards figure")).to_have_count(3)
    shown = cards(lab)
    assert set(shown) == {"original", "jpeg", "webp"}
    whole = int(shown["jpeg"][2].split()[0].replace(",", ""))
    other = int(shown["webp"][2].split()[0].replace(",", ""))
    assert 0.98 * whole <= other <= whole
    assert float(shown["webp"][1].split()[0]) > 20
    for codec in ("jpeg2000", "avif"):
        lab.locator(f"#equal-codecs [value={codec}]").click()
        expect(lab.locator(f".cards [data-codec={codec}]")).to_be_visible()
    keep(lab, "laboratory-equal")
    lab.locator("#equal-codecs [value=avif]").click()
    expect(lab.locator(".cards [data-codec=avif]")).to_be_hidden()


def test_a_card_shows_its_picture_large_beside_the_original_of_its_frame(
    lab: Page,
) -> None:
    card = lab.locator(".cards [data-codec=webp]")
    card.click()
    expect(lab.locator("#decoded-title")).to_have_text("WebP")
    expect(lab.locator("#decoded-facts")).to_contain_text("dB")
    frames = [
        lab.locator(f"#{side}").get_attribute("data-frame")
        for side in ("original", "decoded")
    ]
    assert frames[0] == frames[1]
    keep(lab, "laboratory-webp")
    card.locator("button").press("Enter")
    expect(lab.locator("#decoded-title")).to_have_text("Decoded")
    wait_for_change(lab, lambda: lab.locator("#decoded").get_attribute("data-frame"))


def test_a_pause_holds_pictures_and_charts_until_it_ends(lab: Page) -> None:
    lab.keyboard.press("Space")
    expect(lab.locator("#pause")).to_have_attribute("aria-pressed", "true")
    frame = lab.locator("#decoded").get_attribute("data-frame")
    sent = lab.locator("#figure-fps-sent").inner_text()
    stats = lab.locator(".tile", has=lab.locator("#figure-fps-sent"))
    wait_for_change(lab, lambda: stats.locator(".tile-note").inner_text())
    assert lab.locator("#decoded").get_attribute("data-frame") == frame, sent
    keep(lab, "laboratory-paused")
    lab.locator("#pause").click()
    wait_for_change(lab, lambda: lab.locator("#decoded").get_attribute("data-frame"))


def test_in_a_pause_a_card_gives_way_to_the_pictures_that_it_covered(lab: Page) -> None:
    card = lab.locator(".cards [data-codec=webp]")
    expect(card).to_be_visible()
    lab.keyboard.press("Space")

    def shown() -> list[object]:
        facts = lab.locator(".picture-facts").all_inner_texts()
        pictures = [lab.evaluate(HASH, side) for side in ("original", "decoded")]
        return [facts, pictures, lab.locator("#decoded-title").inner_text()]

    frame = int(lab.locator("#decoded").get_attribute("data-frame") or "")
    for side in ("original", "decoded"):
        expect(lab.locator(f"#{side}-facts")).to_contain_text(f"frame {frame:,}")
    before = shown()
    card.click()
    expect(lab.locator("#decoded-title")).to_have_text("WebP")
    assert shown() != before
    card.click()
    assert shown() == before


def test_frames_are_listed_one_by_one_and_stand_still_in_a_pause(lab: Page) -> None:
    newest = lab.locator("#frame-table tbody tr:first-child td:first-child")
    expect(newest).not_to_be_empty()
    wait_for_change(lab, newest.inner_text)
    lab.keyboard.press("Space")
    cells = lab.locator("#frame-table tbody tr").first.locator("td").all_inner_texts()
    assert len(cells) == 6
    number, size, bpp, _, milliseconds, _ = [cell.replace(",", "") for cell in cells]
    assert float(bpp) == pytest.approx(8 * int(size) / (640 * 480), abs=6e-4)
    assert int(number) > 0
    assert float(milliseconds) > 0
    stats = lab.locator(".tile", has=lab.locator("#figure-fps-sent"))
    wait_for_change(lab, lambda: stats.locator(".tile-note").inner_text())
    assert newest.inner_text() == f"{int(number):,}"


def test_the_figures_can_be_saved_as_csv(lab: Page) -> None:
    wait_until(lab, partial(lab.evaluate, LINES, "psnr"))
    with lab.expect_download() as saved:
        lab.locator("#csv").click()
    assert saved.value.suggested_filename.endswith(".csv")
    rows = list(csv.DictReader(saved.value.path().read_text().splitlines()))
    assert len(rows) > 1
    assert {"seconds", "sentBitrate", "psnr", "latency", "loss"} <= set(rows[0])
    assert -61 < float(rows[0]["seconds"]) < float(rows[-1]["seconds"]) <= 0
    assert 20 < float(rows[-1]["psnr"]) < 60


def test_the_moment_can_be_saved_as_a_picture(lab: Page) -> None:
    expect(lab.locator(".cards figure")).to_have_count(3)
    with lab.expect_download() as saved:
        lab.locator("#png").click()
    with Image.open(io.BytesIO(saved.value.path().read_bytes())) as image:
        assert image.width == 2 * 640 + 3 * 16
        assert image.height > 480
        assert len(image.convert("RGB").getcolors(1 << 24) or []) > 1000


def test_comparisons_are_made_only_while_the_laboratory_is_open(
    server: Server, open_page: Callable[..., Page]
) -> None:
    page = open_page(server.url)
    sockets: list[str] = []
    page.on("websocket", lambda socket: sockets.append(socket.url))
    page.reload()
    wait_for_pictures(page)
    assert not any("laboratory" in url for url in sockets)
    with page.expect_websocket(lambda socket: "laboratory" in socket.url) as opened:
        page.keyboard.press("l")
    expect(page.locator(".cards figure").first).to_be_visible()
    page.keyboard.press("l")
    wait_until(page, lambda: opened.value.is_closed())
