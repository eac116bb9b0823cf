"""Who is let in over HTTP, as what, and if not, why: for a WebSocket and for a page that asks.

A browser does not tell its page why a WebSocket failed, and neither does a proxy that stands
between. So the page asks GET /why: the same checks, the answer in words.
"""

from aiohttp import web

from confcodec.errors import RoleError
from confcodec.rooms.limits import REASON, check_origin
from confcodec.rooms.reception import Desk, HostRoom
from confcodec.rooms.roles import Role, check
from confcodec.rooms.room import RefusedError

_POLICY = {
    "default-src": "'self'",
    "img-src": "'self' blob: data:",
    "connect-src": "'self' ws: wss:",
    "base-uri": "'self'",
    "frame-ancestors": "'none'",
}
_HEADERS = {
    "Content-Security-Policy": "; ".join(f"{k} {v}" for k, v in _POLICY.items()),
    "Permissions-Policy": "camera=(self), microphone=(), display-capture=(), "
    "geolocation=(), payment=(), usb=()",
    "Cache-Control": "no-cache",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
_YEAR = 365 * 24 * 3600


async def add_headers(request: web.Request, response: web.StreamResponse) -> None:
    """Tell the browser what the page may do, and who may frame it: nobody."""
    response.headers.update(_HEADERS)
    # Not for localhost, where it would bind whatever else a developer runs there.
    if request.secure and request.url.host != "localhost":
        response.headers["Strict-Transport-Security"] = f"max-age={_YEAR}"


def let_in(
    request: web.Request, desk: Desk, room: HostRoom, asked: str | None = None
) -> Role:
    """What the holder of a request's token is, where it may ask for `asked`, or else its path.

    Raises:
        HTTPForbidden, HTTPNotFound: it may not; see `REASON`.
    """
    check_origin(request, desk.origins, request.query.get("origin"))
    role = role_of(request, desk, room)
    try:
        check(role, asked or path_of(request))
    except RoleError as error:
        raise refused("not-allowed", str(error)) from error
    return role


def path_of(request: web.Request) -> str:
    """The path of a request as the table of rules has it."""
    resource = request.match_info.route.resource
    return resource.canonical if resource else request.path


def role_of(request: web.Request, desk: Desk, room: HostRoom) -> Role:
    """What a request's token makes of its holder.

    Raises:
        HTTPForbidden, HTTPNotFound: nothing here.
    """
    token = request.query.get("token", "")
    if request.query.get("room", room.name) != room.name:
        raise web.HTTPNotFound(
            text="this room's page is on another server\n", headers={REASON: "no-room"}
        )
    if desk.is_child(token):
        return Role.CHILD
    try:
        return desk.keys.role(room.name, token)
    except RefusedError as error:
        raise refused(
            error.code, "wrong token; open the whole link that serve printed"
        ) from error


def refused(code: str, words: str) -> web.HTTPForbidden:
    """A refusal with its reason."""
    return web.HTTPForbidden(text=f"{words}\n", headers={REASON: code})
