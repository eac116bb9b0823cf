"""What the pages of a guest and of a watcher show, and what a page says that is not let in."""

import re
from collections.abc import Callable
from functools import partial
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser import HASH, Server, keep, wait_for_change, wait_for_pictures
from tests.proxies import proxy

pytest_plugins = ["tests.browser_fixtures"]
pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

HOSTS = (
    *("camera", "microphone", "record", "codec", "rate-mode", "bitrate", "quality"),
    *("quality-number", "setup", "source", "size", "fps", "checks-card", "recordings"),
    *("network", "impairments", "unimpaired"),
)
"""Controls of the host alone, in either view."""
COMPARING = ("equal",)
INVITING = ("invite", "command", "copy-command", "copy-link", "show-qr")
EVERYBODYS = ("swap", "fullscreen", "leave", "theme", "help", "decoded")


def shown(page: Page, names: tuple[str, ...]) -> set[str]:
    """Those of the elements that can be seen in one of the two views."""
    seen = set()
    for view in ("call", "laboratory"):
        page.locator(f"#views [value={view}]").click()
        seen |= {name for name in names if page.locator(f"#{name}").is_visible()}
    page.locator("#views [value=call]").click()
    return seen


def test_a_guests_page_in_another_browser_has_no_control_of_the_hosts(
    page: Page, server: Server, browser: Browser, open_page: Callable[..., Page]
) -> None:
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    guest = context.new_page()
    guest.goto(server.link("invite"))
    wait_for_pictures(guest)
    assert shown(guest, HOSTS) == set()
    assert shown(guest, COMPARING + INVITING + EVERYBODYS) == {
        *COMPARING,
        *INVITING,
        *EVERYBODYS,
    }
    expect(guest.locator("#role")).to_contain_text("You are a guest")
    expect(guest.locator("#role")).to_contain_text("earlier release")
    expect(guest.locator("#command")).to_have_text(
        f"confcodec call {server.link('invite')}"
    )
    keep(guest, "guest")
    quality = page.locator("#quality").input_value()
    for key in ("]", "v", "r", "m"):  # the host's shortcuts do nothing here
        guest.keyboard.press(key)
    wait_for_change(guest, partial(guest.evaluate, HASH, "decoded"))
    expect(page.locator("#quality")).to_have_value(quality)
    expect(page.locator("#camera")).to_have_attribute("aria-pressed", "true")
    expect(page.locator("#record")).to_have_attribute("aria-pressed", "false")
    guest.keyboard.press("?")
    expect(guest.locator("#shortcuts dd:visible")).to_have_count(9)
    context.close()


def test_a_watchers_page_only_shows_the_call(
    server: Server, open_page: Callable[..., Page]
) -> None:
    page = open_page(server.link("watch only"))
    wait_for_pictures(page)
    assert shown(page, HOSTS + COMPARING + INVITING) == set()
    assert shown(page, EVERYBODYS) == set(EVERYBODYS)
    expect(page.locator("#role")).to_contain_text("You watch")
    keep(page, "watcher")


def test_the_hosts_page_has_every_control_and_a_guests_link_becomes_one_of_the_hosts(
    page: Page, server: Server
) -> None:
    hosts = set(HOSTS) - {"microphone", "bitrate", "recordings"}  # nothing to use now
    assert hosts <= shown(page, HOSTS + COMPARING + INVITING)
    expect(page.locator("#role")).to_be_hidden()
    page.goto(server.link("invite"))
    expect(page.locator("#role")).to_contain_text("You are a guest")
    assert shown(page, HOSTS) == set()
    page.goto(server.url)
    expect(page.locator("#role")).to_be_hidden()
    wait_for_pictures(page)
    assert hosts <= shown(page, HOSTS)


def test_a_guest_who_leaves_ends_nobodys_call_and_sees_when_it_is_recorded(
    own_server: Server, open_page: Callable[..., Page]
) -> None:
    page, guest = open_page(own_server.url), open_page(own_server.link("invite"))
    for each in (page, guest):
        wait_for_pictures(each)
    page.locator("#record").click()
    expect(guest.locator("#role")).to_contain_text("The host records this call")
    page.locator("#record").click()
    expect(guest.locator("#role")).not_to_contain_text("records")
    assert guest.locator("#recorded a").count() == 0
    guest.locator("#leave").click()
    expect(guest.locator("#status-words")).to_have_text("You left the call")
    wait_for_change(page, partial(page.evaluate, HASH, "decoded"))


EXPECTED = "WebSocket|Failed to load"


def _through(server: Server, port: int, prefix: str = "") -> str:
    parts = urlsplit(server.url)
    return f"http://127.0.0.1:{port}{prefix}{parts.path}#{parts.fragment}"


def test_behind_a_proxy_that_rewrites_host_the_page_names_origin(
    server: Server, open_page: Callable[..., Page]
) -> None:
    def rewrite(data: bytes) -> bytes:
        return re.sub(rb"(?mi)^Host: [^\r]*", b"Host: inner.example", data, count=1)

    with proxy(urlsplit(server.url).port or 0, rewrite) as port:
        page = open_page(_through(server, port), expected=EXPECTED)
        notice = page.locator("#notice")
        expect(notice).to_contain_text(f"--origin http://127.0.0.1:{port}")
        expect(notice).to_contain_text("rewrites the Host header")
        expect(page.locator("#status-words")).to_contain_text("not let this page in")
        keep(page, "proxy-host")


def test_behind_a_proxy_that_drops_upgrade_the_page_says_so(
    server: Server, open_page: Callable[..., Page]
) -> None:
    def drop(data: bytes) -> bytes:
        return re.sub(rb"(?mi)^(Upgrade|Connection): [^\r]*\r\n", b"", data)

    with proxy(urlsplit(server.url).port or 0, drop) as port:
        page = open_page(_through(server, port), expected=EXPECTED)
        expect(page.locator("#notice")).to_contain_text("Upgrade and Connection")
        keep(page, "proxy-upgrade")


def test_behind_a_path_prefix_the_page_has_its_style_pictures_and_links(
    server: Server, open_page: Callable[..., Page]
) -> None:
    def strip(data: bytes) -> bytes:
        return re.sub(rb"^GET /codec/", b"GET /", data)

    with proxy(urlsplit(server.url).port or 0, strip) as port:
        url = _through(server, port, "/codec")
        page = open_page(url)
        wait_for_pictures(page)
        assert page.evaluate("getComputedStyle(document.body).margin") == "0px"
        page.keyboard.press("l")
        expect(page.locator(".cards figure")).to_have_count(3)
        guests = url.split("#")[0] + "#" + server.link("invite").split("#")[1]
        expect(page.locator("#command")).to_have_text(f"confcodec call {guests}")
        assert page.locator("#qr").evaluate("image => image.decode()") is None
        page.close()
