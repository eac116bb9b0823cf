"""What the page fetches besides itself: comparisons, recordings, the QR code of its link.

GET /laboratory         WebSocket, see laboratory
GET /recordings/NAME    a file that was recorded
GET /qr.svg?link=LINK   the link as a QR code
"""

import io
from collections.abc import Callable

import segno
from aiohttp import web

from confcodec.call.host import Host

_MAX_WISH = 4096
_MAX_LINK = 500


def extra_routes(host_of: Callable[[web.Request], Host]) -> list[web.RouteDef]:
    """The routes; `host_of` gives the host of a request with a valid token, else raises."""

    async def laboratory(request: web.Request) -> web.WebSocketResponse:
        host = host_of(request)
        socket = web.WebSocketResponse(
            max_msg_size=_MAX_WISH, timeout=1, compress=False
        )
        await socket.prepare(request)
        await host.laboratory.serve(socket)
        await socket.close()
        return socket

    async def recording(request: web.Request) -> web.FileResponse:
        path = host_of(request).recorder.file(request.match_info["name"])
        if path is None or not path.is_file():
            raise web.HTTPNotFound(text="no such recording\n")
        kept = {"Content-Disposition": f'attachment; filename="{path.name}"'}
        return web.FileResponse(path, headers=kept)

    async def qr(request: web.Request) -> web.Response:
        host_of(request)
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
