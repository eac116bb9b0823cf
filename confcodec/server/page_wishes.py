"""What a page may ask for besides quality and codec: source, size, recording, leaving.

page -> server  {"type": "set", "camera": bool}, {"type": "set", "source": name},
                {"type": "set", "size": [width, height]}, {"type": "set", "fps": number},
                {"type": "record", "on": bool}, {"type": "leave"},
                {"type": "impair", "loss": 0..1, "burst": packets, "delay": s, "jitter": s,
                 "rate": bits/s or null}
                {"type": "camera", "sdp": offer of this browser's camera,
                 "id": what the page calls it; the state says whose is taken}
server -> page  {"type": "camera", "sdp": answer}
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import TYPE_CHECKING

from confcodec.codec.size import check_size
from confcodec.errors import ConfcodecError
from confcodec.media.cameras.camera import Camera
from confcodec.media.sources import open_source
from confcodec.rooms.room import REMOTE
from confcodec.wire.emulator import CLEAN, Impairment

if TYPE_CHECKING:
    from confcodec.server.host import Host
    from confcodec.server.page_pictures import Page

BROWSER = "browser"
"""The source that is a browser's camera."""
_FPS = (1.0, 60.0)


def extra_state(host: Host) -> dict[str, object]:
    """What this module adds to every page's `state` message."""
    spec = _spec(host)
    return {
        "camera": host.endpoint.settings.camera,
        "source_spec": spec if spec in (None, BROWSER) else host.menu.name(str(spec)),
        "browser_camera": host.browser.told(),
        "recording": {"on": host.recorder.on, "files": []},
    }


def host_state(host: Host) -> dict[str, object]:
    """What the host's pages are told besides: all that they alone can use."""
    endpoint, recorder = host.endpoint, host.recorder
    trouble = recorder.trouble or (host.peer and host.peer.trouble)
    return {
        "sources": host.menu.names() if endpoint.source else [],
        "recording": {
            "on": recorder.on,
            "files": [
                {"name": path.name, "bytes": path.stat().st_size}
                for path in recorder.files
                if path.exists()
            ],
        },
        "trouble": trouble and host.menu.without_paths(trouble),
        "impair": True,
        "impairment": asdict(endpoint.network.impairment),
        "base": host.ways.others[0] if host.ways.others else None,
        "reach": host.ways.known,
        "guest_token": host.room.guest_token,
        "watch_token": host.room.watch_token,
    }


async def wish(host: Host, page: Page, message: Mapping[str, object]) -> None:
    """Do what a page asks for, untrusted.

    Raises:
        ConfcodecError: it cannot be done here.
        ValueError: it makes no sense.
    """
    endpoint = host.endpoint
    size, fps = endpoint.options.size, endpoint.options.fps
    match message:
        case {"type": "set", "camera": bool(on)}:
            endpoint.settings.camera = on
        case {"type": "set", "source": str(source)}:
            await endpoint.choose_source(host.menu.spec(source), size, fps)
            await host.browser.close()
        case {"type": "set", "size": [int(width), int(height)]}:
            check_size(width, height)
            await _reopen(host, (width, height), fps)
        case {"type": "set", "fps": int(rate) | float(rate)}:
            if not _FPS[0] <= rate <= _FPS[1]:
                raise ValueError(f"{rate:g} frames a second are outside 1..60")
            await _reopen(host, size, float(rate))
        case {"type": "record", "on": bool(on)}:
            await _record(host, on=on)
        case {"type": "camera", "sdp": str(offer)}:
            giver = message.get("id")
            answer = await host.browser.answer(offer, giver)
            page.text(json.dumps({"type": "camera", "sdp": answer}))
            try:
                await endpoint.choose_source(BROWSER, size, fps, host.browser.open)
            except ConfcodecError:
                await host.browser.drop(giver)  # which is how its page knows
                raise
        case {"type": "impair", **fields}:
            endpoint.network.impairment = _impairment(fields)
        case {"type": "leave"}:
            if host.peer and host.kind == REMOTE:
                host.peer.stop()
        case _:
            raise ValueError("unknown message, or fields missing")


def _impairment(fields: Mapping[str, object]) -> Impairment:
    """What the page's sliders say; a rate of null or 0 is none."""
    given = {name: fields.get(name) for name in ("loss", "burst", "delay", "jitter")}
    numbers = {n: float(v) for n, v in given.items() if isinstance(v, int | float)}
    rate = fields.get("rate")
    limit = float(rate) if rate and isinstance(rate, int | float) else None
    return replace(CLEAN, **numbers, rate=limit)  # type: ignore[arg-type]


async def _reopen(host: Host, size: tuple[int, int], fps: float) -> None:
    spec = _spec(host)
    if spec is None:
        raise ValueError("this side sends no pictures")
    opener = host.browser.open if spec == BROWSER else open_source
    await host.endpoint.choose_source(spec, size, fps, opener)


async def _record(host: Host, *, on: bool) -> None:
    if not on:
        await host.recorder.stop()
    else:
        host.recorder.start(host.endpoint.options.fps)
        await host.child.view(on=True)


def _spec(host: Host) -> str | None:
    """What the present source was opened as; a camera as the number that it has now."""
    endpoint = host.endpoint
    if endpoint.source is None:
        return None
    if endpoint.options.source == "auto" or isinstance(endpoint.source, Camera):
        return endpoint.source.name.removeprefix("/dev/video")
    return endpoint.options.source
