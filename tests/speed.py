"""How soon the page moves, how fast, and at whose cost: python -m tests.speed

Start-up: from the command to the link, the open page, the camera's picture, the decoded one.
Then, for `rt` and for JPEG: frames a second, and CPU by process in per cent of one core; for JPEG
also with no page open, so that the difference is what two views cost.
"""

import argparse
import re
import time
from pathlib import Path

from playwright.sync_api import Browser, Page

from tests.browser import Server, open_browser, start_server, wait_for_pictures
from tests.soak import children, cpu_seconds

SECONDS = 10.0
DRAWN = """(id) => new Promise((done) => {
    const look = () => document.getElementById(id).dataset.frame ? done() : requestAnimationFrame(look);
    look();
})"""


def main() -> None:
    """Measure what the arguments ask for; a line for each figure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--starts", type=int, default=3, help="how often to start")
    parser.add_argument("--codecs", default="rt,jpeg", help="which calls to measure")
    arguments = parser.parse_args()
    with open_browser() as browser:
        for _ in range(arguments.starts):
            print(start_up(browser), flush=True)
        for codec in filter(None, arguments.codecs.split(",")):
            print(*cost(browser, codec), sep="\n", flush=True)


def start_up(browser: Browser) -> str:
    """Seconds from the command to each stage."""
    page = browser.new_page()
    began = time.monotonic()
    server = start_server()
    stages = {"link": time.monotonic() - began}
    try:
        page.goto(server.url)
        stages["page"] = time.monotonic() - began
        for picture in ("original", "decoded"):
            page.evaluate(DRAWN, picture)
            stages[picture] = time.monotonic() - began
    finally:
        page.close()
        server.stop()
    return "start-up: " + ", ".join(f"{n} {s:.2f} s" for n, s in stages.items())


def cost(browser: Browser, codec: str) -> list[str]:
    """Lines about a call with that codec at 640x480: with the page open, and without it."""
    server = start_server("--codec", codec, "--size", "640x480", "--fps", "30")
    try:
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.goto(server.url)
        wait_for_pictures(page)
        page.wait_for_timeout(5000)
        lines = [_describe(codec, "page open", server, page)]
        page.close()
        time.sleep(2)
        lines.append(_describe(codec, "no page", server, None))
    finally:
        server.stop()
    return lines


def _describe(codec: str, what: str, server: Server, page: Page | None) -> str:
    before = _cpu(server)
    if page:
        page.wait_for_timeout(1000 * SECONDS)
        shown = page.locator("#figures .tile-value").all_inner_texts()
        fps = " ".join(word.replace("\n", "") for word in shown if "fps" in word)
    else:
        time.sleep(SECONDS)
        fps = "-"
    spent = {n: s - before.get(n, 0.0) for n, s in _cpu(server).items()}
    shares = ", ".join(f"{n} {100 * s / SECONDS:.0f} %" for n, s in spent.items())
    return f"{codec}, {what}: sent and shown {fps}; CPU {shares}"


def _cpu(server: Server) -> dict[str, float]:
    """Seconds of CPU used so far, by what kind of process."""
    used: dict[str, float] = {}
    started = children(server.process.pid)
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            command = (folder / "cmdline").read_bytes().decode(errors="replace")
            seconds = cpu_seconds(folder)
        except OSError:
            continue
        if int(folder.name) == server.process.pid:
            name = "server"
        elif int(folder.name) in started:
            name = "loopback child"
        elif "chrom" in command and "--no-sandbox" in command:
            kind = re.split(r"[\0 ]", command.partition("--type=")[2])[0] or "main"
            name = f"Chromium {kind}"
        else:
            continue
        used[name] = used.get(name, 0.0) + seconds
    return used


if __name__ == "__main__":
    main()
