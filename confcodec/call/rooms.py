"""Who may take part: a token opens the room, and the room has two seats."""

import hmac
import secrets

LOOPBACK = "loopback"
REMOTE = "remote"


class RefusedError(Exception):
    """Why someone may not come in, as the signalling says it."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class Room:
    """The server's own room: its server sits in it, and one other may join.

    The server's loopback child has a token of its own and takes no seat.
    """

    def __init__(self, token: str | None = None) -> None:
        self.token = token or secrets.token_urlsafe(9)
        self.loopback_token = secrets.token_urlsafe(18)
        self._taken = False

    def who(self, token: str) -> str:
        """`REMOTE` or `LOOPBACK`, whoever holds this token, untrusted.

        Raises:
            RefusedError: it is neither's.
        """
        for kind, known in ((REMOTE, self.token), (LOOPBACK, self.loopback_token)):
            if hmac.compare_digest(token.encode(errors="replace"), known.encode()):
                return kind
        raise RefusedError(
            "bad-token", "wrong room token; use the whole link that serve printed"
        )

    def enter(self, kind: str) -> None:
        """Take the seat.

        Raises:
            RefusedError: somebody sits there.
        """
        if kind == LOOPBACK:
            return
        if self._taken:
            raise RefusedError(
                "room-full", "two are in this call already; try again later"
            )
        self._taken = True

    def leave(self, kind: str) -> None:
        """Free the seat."""
        if kind == REMOTE:
            self._taken = False
