"""Controls that a page shows only when its server offers what they need."""

import json
import re
from collections.abc import Mapping
from typing import Any

import pytest
from playwright.sync_api import Page, WebSocketRoute, expect

from tests.browser import keep, wait_for_pictures, wait_until

pytest_plugins = ["tests.browser_fixtures"]
pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

Messages = list[dict[str, Any]]


def pretend(
    page: Page, state: dict[str, object], **stats: Mapping[str, object]
) -> Messages:
    """Add to what the server says; returns what the page asks for, which does not reach it."""
    asked: Messages = []

    def between(socket: WebSocketRoute) -> None:
        server = socket.connect_to_server()

        def up(text: str | bytes) -> None:
            message = json.loads(text)
            if message["type"] == "ack":
                server.send(text)
            else:
                asked.append(message)

        def down(data: str | bytes) -> None:
            if isinstance(data, str):
                message = json.loads(data)
                if message["type"] == "state":
                    message |= state
                elif message["type"] == "stats":
                    for part, more in stats.items():
                        message[part] |= more
                data = json.dumps(message)
            socket.send(data)

        socket.on_message(up)
        server.on_message(down)

    page.route_web_socket(re.compile("/view"), between)
    page.reload()
    wait_for_pictures(page)
    return asked


def test_nothing_is_offered_that_the_server_does_not_have(page: Page) -> None:
    pretend(page, {"impair": None, "microphone": None})
    expect(page.locator("#microphone")).to_be_hidden()
    page.keyboard.press("l")
    expect(page.locator("#network")).to_be_hidden()
    expect(page.locator("#equal-codecs button").first).to_be_visible()


def test_the_network_panel_sends_what_its_sliders_say(page: Page) -> None:
    asked = pretend(page, {"impair": True})
    page.keyboard.press("l")
    page.locator("#impair-loss").fill("5")
    page.locator("#impair-delay").fill("40")
    page.locator("#impair-rate").fill("2")
    wait_until(page, lambda: bool(asked) and asked[-1].get("rate") == 2e6)
    assert asked[-1] == {
        "type": "impair",
        "loss": 0.05,
        "burst": 1,
        "delay": 0.04,
        "jitter": 0,
        "rate": 2e6,
    }
    keep(page, "laboratory-network")
    page.locator("#unimpaired").click()
    wait_until(page, lambda: asked[-1]["loss"] == 0)
    assert asked[-1]["rate"] is None


def test_loss_fec_and_concealment_are_drawn_once_they_are_measured(page: Page) -> None:
    sent = {"loss": 0.031, "fec": 0.12, "queue_ms": 3.0, "target_bps": 2e6}
    pretend(page, {}, sent=sent, received={"concealed_share": 0.004})
    page.keyboard.press("l")
    expect(page.locator("#chart-loss")).to_contain_text("lost packets 3.10")
    expect(page.locator("#chart-loss")).to_contain_text("FEC 12.00")
    expect(page.locator("#chart-loss")).to_contain_text("concealed slices 0.40")
    expect(page.locator("#chart-bitrate")).to_contain_text("target 2.00")
    expect(page.locator("#badge")).to_contain_text("losing packets")


def test_the_microphone_can_be_muted_where_there_is_one(page: Page) -> None:
    asked = pretend(page, {"microphone": True})
    page.locator("#microphone").click()
    wait_until(page, lambda: bool(asked))
    assert asked[-1] == {"type": "set", "microphone": False}


def test_a_target_bitrate_takes_the_place_of_the_quality(page: Page) -> None:
    asked = pretend(page, {"mode": "quality", "bitrate": 2e6})
    expect(page.locator("#by-quality")).to_be_visible()
    page.locator("#rate-mode [value=bitrate]").click()
    wait_until(page, lambda: bool(asked))
    assert asked[-1] == {"type": "set", "bitrate": 2_000_000}
    asked = pretend(page, {"mode": "bitrate", "bitrate": 1.5e6})
    expect(page.locator("#bitrate")).to_have_value("1.5")
    expect(page.locator("#by-quality")).to_be_hidden()
    page.locator("#bitrate").fill("3")
    page.locator("#bitrate").press("Tab")
    wait_until(page, lambda: bool(asked))
    assert asked[-1] == {"type": "set", "bitrate": 3_000_000}
    page.locator("#rate-mode [value=auto]").click()
    wait_until(page, lambda: asked[-1] == {"type": "set", "mode": "auto"})
    pretend(page, {"mode": "auto", "bitrate": 4e6})
    expect(page.locator("#by-bitrate")).to_be_hidden()
    expect(page.locator("#by-quality")).to_be_hidden()


def test_the_other_sides_camera_and_microphone_are_told_when_off(page: Page) -> None:
    off = {"camera": False, "microphone": False}
    pretend(page, {"peer": "remote", "state": "connected", "remote": off})
    expect(page.locator("#decoded-overlay")).to_have_text("The other camera is off")
    expect(page.locator("#original-overlay")).to_be_empty()
    expect(page.locator("#decoded-facts")).to_contain_text("muted")
    keep(page, "remote-camera-off")


def test_two_cameras_are_not_compared_but_one_frame_through_two_codecs_is(
    page: Page,
) -> None:
    pretend(page, {"peer": "remote", "state": "connected"})
    page.keyboard.press("l")
    expect(page.locator("#viewer")).to_have_attribute("data-mode", "side")
    for mode in ("split", "difference"):
        expect(page.locator(f"#modes [value={mode}]")).to_be_disabled()
    page.locator(".cards [data-codec=webp]").click()
    page.locator("#modes [value=difference]").click()
    expect(page.locator("#difference")).to_be_visible()
    page.locator(".cards [data-codec=webp]").click()
    expect(page.locator("#viewer")).to_have_attribute("data-mode", "side")
