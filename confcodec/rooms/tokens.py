"""Tokens that open rooms: signed, so that a server that was restarted still knows its links.

A token is one letter for what its holder may do and 16 characters of an HMAC-SHA256
(RFC 2104) over that letter and the room's name. Nothing is stored for each room; whoever
has the secret can check, and any replica with the same secret accepts the same links.
"""

import base64
import hashlib
import hmac
import logging
import os
import secrets
import sys
from pathlib import Path

from confcodec.rooms.roles import LINKS, Role
from confcodec.rooms.room import RefusedError

logger = logging.getLogger(__name__)

SECRET_VARIABLE = "CONFCODEC_SECRET"
_MAC_BYTES = 12


class Keys:
    """Makes and checks the tokens of all rooms of one secret."""

    def __init__(self, secret: bytes | None = None) -> None:
        self._secret = secret or secrets.token_bytes(32)

    def token(self, room: str, role: str = Role.GUEST) -> str:
        """The token that gives its holder `role` in `room`."""
        text = f"confcodec:{role}:{room}".encode()
        mac = hmac.digest(self._secret, text, hashlib.sha256)[:_MAC_BYTES]
        return role + base64.urlsafe_b64encode(mac).decode()

    def role(self, room: str, token: str) -> Role:
        """What the holder of this token, untrusted, may be in `room`.

        Raises:
            RefusedError: nothing.
        """
        for role in LINKS:
            if same(token, self.token(room, role)):
                return role
        raise RefusedError(
            "bad-token", "wrong room token; use the whole link that serve printed"
        )


def same(token: str, known: str) -> bool:
    """Whether an untrusted token is the known one, in a time that tells nothing of it."""
    return hmac.compare_digest(token.encode(errors="replace"), known.encode())


def load_secret(given: str | None) -> bytes:
    """The secret that was given, or that of this user, made the first time.

    Where no state can be kept it is a new one, and links die with the server.
    """
    given = given or os.environ.get(SECRET_VARIABLE)
    if given:
        return given.encode()
    folder = state_folder()
    if folder is None:
        logger.warning(
            "there is no home folder to keep a secret in: links end with this server; pass --secret"
        )
        return secrets.token_hex(32).encode()
    path = folder / "secret"
    try:
        if not path.exists():
            _write(path, secrets.token_hex(32))
        kept = path.read_text().strip()
    except OSError as error:
        logger.warning(
            "cannot keep a secret in %s (%s): links end with this server; pass --secret",
            path,
            error.strerror,
        )
        kept = ""
    return (kept or secrets.token_hex(32)).encode()


def state_folder() -> Path | None:
    """Where this user's programs keep what must outlive them (XDG base directories).

    None if this user has no home folder, as in containers: a folder called "~" is none.
    """
    if sys.platform == "win32":
        home = os.environ.get("LOCALAPPDATA") or "~/AppData/Local"
    else:
        home = os.environ.get("XDG_STATE_HOME") or "~/.local/state"
    path = Path(os.path.expanduser(home))
    homeless = home.startswith("~") and os.environ.get("HOME") == ""
    # Whatever is not absolute is to be ignored, says the specification.
    return path / "confcodec" if path.is_absolute() and not homeless else None


def _write(path: Path, text: str) -> None:
    """Write a file that only this user may read; of two writers at once the first wins."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    new = path.with_name(f"{path.name}.{os.getpid()}")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text + "\n")
    try:
        os.link(new, path)
    except FileExistsError:
        pass
    finally:
        new.unlink()
