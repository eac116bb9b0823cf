"""The one table of who may ask for what, and that the server keeps to it."""

import ast
import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from confcodec.call.options.call import CallOptions
from confcodec.errors import RoleError
from confcodec.rooms.limits import REASON
from confcodec.rooms.reception import _RELAYED
from confcodec.rooms.roles import LINKS, RULES, Role, check, wish_of
from confcodec.server.host import Host
from confcodec.server.web import listening, make_app
from tests.paths import ROOT
from tests.waiting import PATIENCE

ROUTES = sorted(asked for asked in RULES if " " not in asked)
KINDS = sorted(asked for asked in RULES if " " in asked)

VIEW_MESSAGES: dict[str, dict[str, object]] = {
    "ack": {"frame": 0},
    "small": {"on": True},
    "set camera": {"camera": True},
    "set microphone": {"microphone": True},
    "set source": {"source": "absent"},
    "set size": {"size": [8, 8]},
    "set fps": {"fps": 0},
    "set codec": {"codec": "absent"},
    "set mode": {"mode": "auto"},
    "set quality": {"quality": 28},
    "set bitrate": {"bitrate": 1_000_000},
    "camera": {"sdp": "v=0"},
    "record": {"on": False},
    "impair": {},
    "leave": {},
}
"""Of each kind one that does no harm where it is obeyed."""


class Site:
    """A server in this process, and what it takes for whom."""

    def __init__(self, host: Host, base: str, client: aiohttp.ClientSession) -> None:
        self.host, self.base, self.client = host, base, client

    def query(self, role: Role) -> dict[str, str]:
        room = self.host.room
        tokens = {
            Role.HOST: room.token,
            Role.GUEST: room.guest_token,
            Role.WATCH: room.watch_token,
            Role.CHILD: self.host.desk.loopback_token,
            Role.STRANGER: "of nobody",
        }
        return {"token": tokens[role]}

    def socket(self, path: str, role: Role) -> Any:
        return self.client.ws_connect(self.base + path, params=self.query(role))


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    host = Host(CallOptions(source=None, codec="jpeg"))
    await host.endpoint.start()
    await host.places.enter()
    async with (
        listening(make_app(host), "127.0.0.1", 0) as base,
        aiohttp.ClientSession() as client,
    ):
        yield Site(host, base, client)
    await host.places.leave()
    await host.close()
    await host.endpoint.close()


@pytest.mark.parametrize("role", list(Role))
async def test_each_route_answers_the_roles_of_the_table_and_refuses_the_others(
    site: Site, role: Role
) -> None:
    answered = set()
    for path in ROUTES:
        url = site.base + path.replace("{name}", "x.mp4").replace("{room}", "home")
        async with site.client.get(url, params=site.query(role)) as got:
            reason = got.headers.get(REASON)
            if path == "/signal":  # which says it in a message
                reason = await refusal_of_signalling(site, role)
            assert got.status < 500
            if reason not in ("not-allowed", "bad-token"):
                answered.add(path)
    assert answered == {path for path in ROUTES if role in RULES[path].who}


async def refusal_of_signalling(site: Site, role: Role) -> str | None:
    async with site.socket("/signal", role) as socket:
        code: str | None = (await socket.receive_json(timeout=PATIENCE)).get("code")
        return code


@pytest.mark.parametrize("role", LINKS)
async def test_each_message_of_a_page_is_obeyed_or_refused_as_the_table_says(
    site: Site, role: Role
) -> None:
    taken = set()
    async with site.socket("/view", role) as page:
        for kind, fields in VIEW_MESSAGES.items():
            await page.send_json({"type": kind.split()[0], **fields})
            await page.send_json({"type": "launch"})  # after which there is an error
            if "may not" not in (await next_error(page)):
                taken.add(f"/view {kind}")
    kinds = {asked for asked in KINDS if asked.startswith("/view ")}
    assert {f"/view {kind}" for kind in VIEW_MESSAGES} == kinds
    assert taken == {asked for asked in kinds if role in RULES[asked].who}


async def next_error(page: aiohttp.ClientWebSocketResponse) -> str:
    """All errors until that of the unknown message, joined."""
    said = ""
    while "unknown message" not in said:
        heard = await page.receive(timeout=PATIENCE)
        if heard.type == aiohttp.WSMsgType.TEXT and heard.json()["type"] == "error":
            said += str(heard.json()["message"])
    return said


@pytest.mark.parametrize("role", [*LINKS, Role.CHILD])
async def test_each_message_of_a_member_is_passed_on_or_refused_as_the_table_says(
    site: Site, role: Role
) -> None:
    taken = set()
    async with site.socket("/signal", role) as member:
        await member.receive_json(timeout=PATIENCE)
        for kind in _RELAYED:
            note = {"type": kind, "to": "c-nobody", "sdp": "v=0"}
            await member.send_json(note)
            answer = await member.receive_json(timeout=PATIENCE)
            assert answer["code"] in ("not-allowed", "nobody")
            if answer["code"] == "nobody":
                taken.add(f"/signal {kind}")
    assert taken == {
        a for a in KINDS if a.startswith("/signal ") and role in RULES[a].who
    }


async def test_a_guest_gets_words_and_changes_nothing(site: Site) -> None:
    quality = site.host.endpoint.settings.quality
    async with site.socket("/view", Role.GUEST) as page:
        await page.send_json({"type": "set", "quality": 1})
        await page.send_json({"type": "set", "quality": 1, "frame": 0})
        await page.send_json({"type": "launch"})
        said = await next_error(page)
    assert "a guest's link may not choose the host's quality" in said
    assert "open the link that serve printed" in said
    assert "one thing at a time" in said
    assert site.host.endpoint.settings.quality == quality


@pytest.mark.parametrize("role", LINKS)
async def test_the_state_tells_each_role_no_more_than_it_can_use(
    site: Site, role: Role, tmp_path: Path
) -> None:
    kept = tmp_path / "call.mp4"
    kept.touch()
    site.host.recorder.files.append(kept)
    async with site.socket("/view", role) as page:
        text = await page.receive_str(timeout=PATIENCE)
    state = await _state(site, role)
    assert state["role"] == role.name.lower()
    assert ("sources" in state) == ("impairment" in state) == (role is Role.HOST)
    assert bool(state["recording"]["files"]) == (role is Role.HOST)
    room = site.host.room
    assert room.token not in text
    assert (room.guest_token in text) == (room.watch_token in text)
    assert (room.guest_token in text) == (role is Role.HOST)


async def _state(site: Site, role: Role) -> dict[str, Any]:
    async with site.socket("/view", role) as page:
        state: dict[str, Any] = await page.receive_json(timeout=PATIENCE)
    return state


def test_every_message_that_the_server_understands_is_in_the_table() -> None:
    understood = set()
    for name in ("page_messages.py", "page_wishes.py"):
        understood |= set(_matched(ROOT / "confcodec" / "server" / name))
    assert len(understood) > 12
    assert understood == {a.removeprefix("/view ") for a in KINDS if "/view " in a}
    assert set(_RELAYED) == {
        a.removeprefix("/signal ") for a in KINDS if "/signal " in a
    }


def _matched(path: Path) -> Iterator[str]:
    """The kinds of message that the `case`s of a module name."""
    for node in ast.walk(ast.parse(path.read_text())):
        if not isinstance(node, ast.MatchMapping):
            continue
        keys = [key.value for key in node.keys if isinstance(key, ast.Constant)]
        (first, *_) = node.patterns
        assert isinstance(first, ast.MatchValue)
        assert isinstance(first.value, ast.Constant)
        kind = str(first.value.value)
        yield f"set {keys[1]!s}" if kind == "set" else kind


def test_every_message_that_the_page_sends_is_in_the_table() -> None:
    sent = set()
    for script in sorted((ROOT / "web").rglob("*.js")):
        source = script.read_text()
        path = "/laboratory" if script.name == "comparison.js" else "/view"
        for kind in re.findall(
            r'(?:end|ask|say)\((?:what[^{]*)?{ type: "(\w+)"', source
        ):
            if kind != "set":
                sent.add(f"{path} {kind}")
        if script.name == "setup.js":
            sent |= {f"/view set {f}" for f in re.findall(r"end\({ (\w+)", source)}
    assert {"/view ack", "/view set quality", "/laboratory next"} <= sent
    assert sent <= set(RULES)


async def test_every_route_is_in_the_table_and_the_table_has_no_other(
    site: Site,
) -> None:
    app = make_app(site.host)
    resources = [r for r in app.router.resources() if r.canonical != ""]
    assert {resource.canonical for resource in resources} == set(ROUTES)


def test_what_the_loopback_child_says_is_in_the_table() -> None:
    source = (ROOT / "confcodec" / "call" / "loopback" / "publisher.py").read_text()
    kinds = set(re.findall(r'send_json\({"type": "(\w+)"', source))
    assert kinds == {"stats", "summary"}
    assert {f"/publish {kind}" for kind in kinds} <= set(RULES)


@pytest.mark.parametrize("role", list(Role))
def test_what_the_table_does_not_name_nobody_may(role: Role) -> None:
    for asked in ("/view launch", "/view set", "/view set everything", "/laboratory x"):
        with pytest.raises(ValueError, match="unknown"):
            check(role, asked)


def test_a_message_cannot_hide_a_wish_behind_another() -> None:
    for fields in ({}, {"quality": 1, "source": "demo"}):
        with pytest.raises(ValueError, match="one thing"):
            wish_of({"type": "set", **fields})
    with pytest.raises(RoleError):
        check(Role.WATCH, wish_of({"type": "record", "on": True}))
