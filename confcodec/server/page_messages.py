"""What the pages are told and what they may ask for; the JSON of the /view WebSocket.

Which of these a page may send depends on its link: see roles.

server -> page  state: on connecting and whenever it changes; stats: four times a second
page -> server  {"type": "set", "quality": 0..63}, {"type": "set", "bitrate": bits/s},
                {"type": "set", "mode": "auto"}, {"type": "set", "codec": name},
                {"type": "set", "microphone": true or false},
                {"type": "ack", "kind": kind of picture, "frame": number},
                {"type": "small", "on": whether half the camera's width and height will do}
"""

from __future__ import annotations

import json
import time
from dataclasses import asdict
from typing import TYPE_CHECKING

from confcodec import __version__
from confcodec.call.figures.stats import ReceiveStats, SendStats
from confcodec.call.loopback.publisher import received_figures
from confcodec.call.options.line import check_bitrate
from confcodec.codec.quality import check_quality
from confcodec.codec.registry import installed_codecs
from confcodec.errors import ConfcodecError
from confcodec.rooms.roles import Role, check, wish_of
from confcodec.rooms.room import LOOPBACK
from confcodec.rooms.signalling import read_message
from confcodec.server.page_pictures import Page, read_ack
from confcodec.server.page_wishes import extra_state, host_state, wish

if TYPE_CHECKING:
    from confcodec.server.host import Host


def tell_state(host: Host) -> None:
    """Tell every page the state of this moment."""
    host.views.tell(lambda role: state_message(host, role))


def state_message(host: Host, role: Role) -> str:
    """The `state` message of this moment for the pages of a role."""
    endpoint = host.endpoint
    source = endpoint.source.name if endpoint.source else None
    note = None
    if endpoint.options.source == "auto" and source == "demo":
        note = "no camera found; showing the demo"
    state: dict[str, object] = (
        {
            "type": "state",
            "role": role.name.lower(),
            "state": host.state,
            "peer": host.kind,
            "source": source,
            "source_note": note,
            "codecs": list(installed_codecs()),
            "codec": endpoint.settings.codec,
            "mode": endpoint.settings.mode,
            "quality": endpoint.settings.quality,
            "bitrate": endpoint.settings.bitrate,
            "info": asdict(endpoint.info) if endpoint.info else None,
            "size": list(endpoint.options.size),
            "fps": endpoint.options.fps,
            "version": __version__,
            "microphone": endpoint.sound.microphone,
            "remote": remote_media(host),
            "watchers": len(host.watchers),
            "room": host.room.name,
        }
        | extra_state(host)
        | (host_state(host) if role is Role.HOST else {})
    )
    return json.dumps(state)


def remote_media(host: Host) -> dict[str, object] | None:
    """What the other side sends just now, if it has said so."""
    peer = host.peer if host.kind != LOOPBACK else None
    return asdict(peer.media) if peer and peer.media else None


def stats_message(host: Host) -> str:
    """The `stats` message of this moment."""
    now, peer, settings = time.monotonic(), host.peer, host.endpoint.settings
    sender = peer.sender if peer else None
    stats = sender.stats if sender else SendStats()
    sent = stats.snapshot(now)
    rtt = peer.clock.rtt if peer else None
    sent["rtt_ms"] = None if rtt is None else round(1e3 * rtt, 2)
    sent["codec"] = settings.codec
    coded = sent["quality"]
    fixed = settings.mode == "quality" or coded is None
    sent["quality"] = settings.quality if fixed else round(float(str(coded)))
    received: object = ReceiveStats().snapshot(now) | {"codec": None}
    if host.kind == LOOPBACK and host.child.received:
        received = host.child.received
    elif peer and host.kind != LOOPBACK:
        received = received_figures(peer)
    return json.dumps(
        {
            "type": "stats",
            "time": round(now - host.began, 3),
            "sent": sent,
            "received": received,
            "frames": [frame.row() for frame in stats.frames],
        }
    )


async def obey(host: Host, page: Page, text: str) -> None:
    """Do what a page asks for, untrusted; what makes no sense, or is not its own to ask, is
    answered with an error."""
    try:
        message = read_message(text)
        check(page.role, wish_of(message))
        match message:
            case {"type": "ack"}:
                page.acknowledge(*read_ack(message))
            case {"type": "small", "on": bool(on)}:
                page.small = on
            case {"type": "set", "mode": "auto"}:
                host.endpoint.settings.mode = "auto"
                tell_state(host)
            case {"type": "set", "quality": int(quality)}:
                check_quality(quality)
                host.endpoint.settings.quality = quality
                host.endpoint.settings.mode = "quality"
                tell_state(host)
            case {"type": "set", "bitrate": int(rate) | float(rate)}:
                host.endpoint.settings.bitrate = check_bitrate(float(rate))
                host.endpoint.settings.mode = "bitrate"
                tell_state(host)
            case {"type": "set", "codec": str(codec)}:
                await host.endpoint.choose_codec(codec)
                tell_state(host)
            case {"type": "set", "microphone": bool(on)}:
                host.endpoint.sound.on = on
                tell_state(host)
            case _:
                await wish(host, page, message)
                tell_state(host)
    except (ConfcodecError, ValueError) as error:
        words = host.menu.without_paths(str(error))
        page.text(json.dumps({"type": "error", "message": words}))
