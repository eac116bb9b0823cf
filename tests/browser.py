"""A running server, a real browser, and ways to wait for what a page shows."""

import contextlib
import math
import os
import queue
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.paths import ROOT

ARTIFACTS = ROOT / "test-artifacts"
NONE = "\N{EN DASH}"
LOOPBACK = "Calling itself through a real data channel"
PATIENCE = 90_000  # ms; the machine may be busy with something else

CHROMIUM_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
]

# A scratch canvas, because reading the page's own often would make the browser warn.
PIXELS = """
    const pixels = (id) => {
        const canvas = document.getElementById(id);
        const scratch = new OffscreenCanvas(canvas.width, canvas.height);
        const context = scratch.getContext("2d", { willReadFrequently: true });
        context.drawImage(canvas, 0, 0);
        return context.getImageData(0, 0, canvas.width, canvas.height).data;
    };
"""
HASH = f"""(id) => {{ {PIXELS}
    return pixels(id).reduce((hash, byte) => (Math.imul(hash, 31) + byte) | 0, 7);
}}"""
COMPARE = f"""() => {{ {PIXELS}
    const [a, b] = [pixels("original"), pixels("decoded")];
    let sum = 0;
    for (let i = 0; i < a.length; i++) if (i % 4 !== 3) sum += (a[i] - b[i]) ** 2;
    const frame = (id) => document.getElementById(id).dataset.frame;
    const mse = sum / (a.length * 0.75);
    return {{ frames: [frame("original"), frame("decoded")], bytes: [a.length, b.length], mse }};
}}"""

# Whether a chart has lines of a colour.
LINES = """(id) => {
    const canvas = document.querySelector(`#chart-${id} canvas`);
    const scratch = new OffscreenCanvas(canvas.width, canvas.height);
    const context = scratch.getContext("2d");
    context.drawImage(canvas, 0, 0);
    const data = context.getImageData(0, 0, canvas.width, canvas.height).data;
    let coloured = 0;
    for (let i = 0; i < data.length; i += 4) {
        const [r, g, b] = data.subarray(i, i + 3);
        if (Math.max(r, g, b) - Math.min(r, g, b) > 80) coloured++;
    }
    return coloured > 20;
}"""


@dataclass
class Server:
    """A `confcodec serve` in a process of its own."""

    process: subprocess.Popen[str]
    url: str
    """The host's link, which it printed."""
    output: list[str] = field(default_factory=list)

    def link(self, purpose: str) -> str:
        """The link that it told `to invite` or `to watch only`."""
        patience = time.monotonic() + PATIENCE / 1000
        while True:
            if found := re.search(rf"to {purpose}: (\S+)", "".join(self.output)):
                return found[1]
            assert time.monotonic() < patience, "".join(self.output)
            time.sleep(0.05)

    def stop(self) -> None:
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def start_server(*options: str) -> Server:
    command = [
        sys.executable,
        "-m",
        "confcodec",
        "serve",
        "--source",
        "demo",
        "--no-open",
    ]
    process = subprocess.Popen(
        [*command, "--port", "0", *options],
        cwd=ROOT,
        env=os.environ | {"CONFCODEC_RECORDINGS": str(ARTIFACTS / "recordings")},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    server = Server(process, "")
    found: queue.Queue[str | None] = queue.Queue()

    def read() -> None:
        assert process.stdout
        with process.stdout:
            for line in process.stdout:
                server.output.append(line)
                if match := re.search(r"http://[^\s#]+#[\w-]+", line):
                    found.put(match[0])
        found.put(None)

    threading.Thread(target=read, daemon=True).start()
    with contextlib.suppress(queue.Empty):
        server.url = found.get(timeout=PATIENCE / 1000) or ""
    if not server.url:
        server.stop()
        pytest.fail("serve printed no link:\n" + "".join(server.output))
    return server


@contextlib.contextmanager
def open_browser() -> Iterator[Browser]:
    """A headless Chromium, and patience for whatever is expected of its pages."""
    path = chromium_path()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=CHROMIUM_FLAGS)
        expect.set_options(timeout=PATIENCE)
        yield browser
        browser.close()


def chromium_path() -> str:
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if path := shutil.which(name):
            return path
    if os.environ.get("CI"):
        pytest.fail("chromium is missing; install it: apt-get install chromium")
    pytest.skip("chromium is not installed")


def wait_for_pictures(page: Page) -> None:
    expect(page.locator("#decoded")).to_have_attribute("data-frame", re.compile(r"\d"))
    expect(page.locator("#strip-psnr")).not_to_have_text(NONE)


def keep(page: Page, name: str) -> None:
    """Keep a screenshot of this state for people to look at."""
    ARTIFACTS.mkdir(exist_ok=True)
    page.screenshot(path=ARTIFACTS / f"{name}.png", full_page=True)


def figure(page: Page, name: str) -> float:
    """A live figure; not a number, and so never more nor less than one, while there is none."""
    shown = page.locator(f"#figure-{name}").inner_text()
    return math.nan if shown == NONE else float(shown.replace(",", ""))


def wait_until(page: Page, holds: Callable[[], bool]) -> None:
    """Look again at every picture the browser draws; its own waiting would need an eval,
    which the page's security policy forbids."""
    patience = time.monotonic() + PATIENCE / 1000
    while not holds():
        assert time.monotonic() < patience, "it never came about"
        page.evaluate("() => new Promise(requestAnimationFrame)")


def wait_for_change(page: Page, read: Callable[[], object]) -> None:
    before = read()
    wait_until(page, lambda: read() != before)


def frames_sent(page: Page) -> int:
    note = page.locator(".tile", has=page.locator("#figure-fps-sent")).locator(
        ".tile-note"
    )
    return int(re.sub(r"\D", "", note.inner_text()))


def set_quality(page: Page, quality: int) -> float:
    """Move the slider; the mean rate in bpp once all that it covers is of that quality."""
    page.locator("#quality").fill(str(quality))
    expect(page.locator("#decoded-facts")).to_contain_text(f"quality {quality}")
    sent = frames_sent(page)
    wait_until(page, lambda: frames_sent(page) > sent + 60)
    return figure(page, "bpp")
