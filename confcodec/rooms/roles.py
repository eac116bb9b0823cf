"""Who may ask for what: the roles that links give, and the one table of what each may do.

host    the link that `serve` prints and opens: everything
guest   the link to invite: see the call, compare its pictures, take its other seat
watch   the link to watch only: see the call

What a page shows, sends or opens from outside is in `RULES`, under the path it goes to and, for
a WebSocket's messages, their kind. What the table does not name, nobody may.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from confcodec.errors import RoleError
from confcodec.rooms.room import CALLER, WATCHER


class Role(StrEnum):
    """What somebody is to a server; the value begins the token that makes one so."""

    HOST = "h"
    GUEST = CALLER
    WATCH = WATCHER
    CHILD = "l"
    """The server's own loopback process; no room's token makes one so."""
    STRANGER = "-"
    """Whoever has no token."""


LINKS = (Role.HOST, Role.GUEST, Role.WATCH)
"""The roles that a room's token can give."""

_HOST = frozenset({Role.HOST})
_GUESTS = frozenset({Role.HOST, Role.GUEST})
_PAGES = frozenset(LINKS)
_CHILD = frozenset({Role.CHILD})
_MEMBERS = _PAGES | _CHILD
_ALL = frozenset(Role)


@dataclass(frozen=True, slots=True)
class Rule:
    """Who may ask for something."""

    who: frozenset[Role]
    what: str
    """In words, after `may not`."""


RULES: Mapping[str, Rule] = {
    "/": Rule(_ALL, "load the page"),
    "/r/{room}": Rule(_ALL, "load the page"),
    "/healthz": Rule(_ALL, "ask how the server is"),
    "/why": Rule(_ALL, "ask why it is refused"),
    "/qr.svg": Rule(_GUESTS, "see the QR code of a link"),
    "/recordings/{name}": Rule(_HOST, "fetch recordings"),
    "/laboratory": Rule(_GUESTS, "compare codecs"),
    "/laboratory next": Rule(_GUESTS, "compare codecs"),
    "/laboratory codecs": Rule(_GUESTS, "compare codecs"),
    "/view": Rule(_PAGES, "see the call"),
    "/view ack": Rule(_PAGES, "see the call"),
    "/view small": Rule(_PAGES, "see the call"),
    "/view set camera": Rule(_HOST, "turn the host's camera on or off"),
    "/view set microphone": Rule(_HOST, "turn the host's microphone on or off"),
    "/view set source": Rule(_HOST, "choose the host's source"),
    "/view camera": Rule(_HOST, "put a browser's camera in the place of the host's"),
    "/view set size": Rule(_HOST, "choose the size of the host's picture"),
    "/view set fps": Rule(_HOST, "choose the host's frame rate"),
    "/view set codec": Rule(_HOST, "choose the host's codec"),
    "/view set mode": Rule(_HOST, "choose the host's rate"),
    "/view set quality": Rule(_HOST, "choose the host's quality"),
    "/view set bitrate": Rule(_HOST, "choose the host's bitrate"),
    "/view record": Rule(_HOST, "record on the host's disk"),
    "/view impair": Rule(_HOST, "impair the host's network"),
    "/view leave": Rule(_HOST, "end the host's call"),
    "/signal": Rule(_MEMBERS, "join the call"),
    "/signal offer": Rule(_MEMBERS, "join the call"),
    # Watchers are the ones that offer, always: an answer of theirs could only be somebody else's.
    "/signal answer": Rule(_GUESTS | _CHILD, "answer an offer"),
    "/signal again": Rule(_GUESTS | _CHILD, "ask for another offer"),
    "/publish": Rule(_CHILD, "give the pages their pictures"),
    "/publish picture": Rule(_CHILD, "give the pages their pictures"),
    "/publish stats": Rule(_CHILD, "give the pages their figures"),
    "/publish summary": Rule(_CHILD, "give the pages their figures"),
}

_WHOSE = {
    Role.HOST: "the host's link",
    Role.GUEST: "a guest's link",
    Role.WATCH: "a link to watch only",
    Role.CHILD: "the loopback process",
    Role.STRANGER: "whoever has no token",
}


def check(role: Role, asked: str) -> None:
    """Whether `role` may ask for an entry of the table.

    Raises:
        RoleError: it may not.
        ValueError: there is no such thing.
    """
    rule = RULES.get(asked)
    if rule is None:
        raise ValueError("unknown message, or fields missing")
    if role not in rule.who:
        words = f"{_WHOSE[role]} may not {rule.what}"
        if Role.HOST in rule.who:
            words += "; open the link that serve printed where it was started"
        raise RoleError(words)


def wish_of(message: Mapping[str, object]) -> str:
    """The entry of the table that a page's message, untrusted, on /view asks for.

    Raises:
        ValueError: it sets nothing, or several things at once.
    """
    if message["type"] != "set":
        return f"/view {message['type']}"
    fields = [name for name in message if name != "type"]
    if len(fields) != 1:
        raise ValueError("a page sets one thing at a time")
    return f"/view set {fields[0]}"
