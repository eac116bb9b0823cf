"""Makes the README's pictures of the page anew: python -m tests.pictures"""

import io

from PIL import Image
from playwright.sync_api import Page, expect

from tests.browser import open_browser, start_server, wait_for_pictures
from tests.paths import ROOT

MAX_BYTES = 200_000


def save(page: Page, name: str) -> None:
    """Write docs/NAME.jpg, as good as fits."""
    with Image.open(io.BytesIO(page.screenshot())) as image:
        picture = image.convert("RGB")
    out = io.BytesIO()
    for quality in range(92, 40, -4):
        out = io.BytesIO()
        picture.save(out, "JPEG", quality=quality, optimize=True, subsampling=0)
        if len(out.getvalue()) <= MAX_BYTES:
            break
    path = ROOT / "docs" / f"{name}.jpg"
    path.write_bytes(out.getvalue())
    print(path, len(out.getvalue()))


def main() -> None:
    """The call after some seconds, and the laboratory once its charts have something to show."""
    server = start_server()
    try:
        with open_browser() as browser:
            page = browser.new_page(
                viewport={"width": 1360, "height": 850}, color_scheme="dark"
            )
            page.goto(server.url)
            wait_for_pictures(page)
            page.wait_for_timeout(6000)
            save(page, "page")
            page.set_viewport_size({"width": 1360, "height": 1330})
            page.keyboard.press("l")
            for codec in ("jpeg2000", "avif"):
                page.locator(f"#equal-codecs [value={codec}]").click()
            expect(page.locator(".cards [data-codec=avif]")).to_be_visible()
            page.wait_for_timeout(45_000)
            save(page, "laboratory")
    finally:
        server.stop()


if __name__ == "__main__":
    main()
