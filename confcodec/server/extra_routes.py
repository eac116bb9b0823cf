"""What the page fetches besides itself: comparisons, recordings, the QR code of its link.

GET /laboratory         WebSocket, see laboratory
GET /recordings/NAME    a file that was recorded
GET /qr.svg?link=LINK   the link as a QR code
"""

import io
from collections.abc import Callable

import segno
from aiohttp import web

from confcodec.rooms.roles import Role
from confcodec.server.host import Host

_MAX_WISH = 4096
_MAX_LINK = 500


def extra_routes(
    let_in: Callable[[web.Request], tuple[Host, Role]],
) -> list[web.RouteDef]:
    """The routes; `let_in` gives the host, and whose request it is that may ask for its path,
    else raises."""

    async def laboratory(request: web.Request) -> web.WebSocketResponse:
        host, role = let_in(request)
        socket = web.WebSocketResponse(
            max_msg_size=_MAX_WISH, timeout=1, compress=False
        )
        await socket.prepare(request)
        await host.laboratory.serve(socket, role)
        await socket.close()
        return socket

    async def recording(request: web.Request) -> web.FileResponse:
        host, _ = let_in(request)
        path = host.recorder.file(request.match_info["name"])
        if path is None or not path.is_file():
            raise web.HTTPNotFound(text="no such recording\n")
        kept = {"Content-Disposition": f'attachment; filename="{path.name}"'}
        return web.FileResponse(path, headers=kept)

    async def qr(request: web.Request) -> web.Response:
        let_in(request)
        link = request.query.get("link", "")
        if not link.startswith(("http://", "https://")) or len(link) > _MAX_LINK:
            raise web.HTTPBadRequest(text="not a link\n")
        out = io.BytesIO()
        segno.make(link, error="m").save(out, kind="svg", scale=4, border=2)
        return web.Response(body=out.getvalue(), content_type="image/svg+xml")

    return [
        web.get("/laboratory", laboratory),
        web.get("/recordings/{name}", recording),
        web.get("/qr.svg", qr),
    ]
