"""The web server of `serve`: page, signalling, views, health.

GET /             the page            GET /signal   WebSocket, see signalling
GET /healthz      for containers      GET /view     WebSocket, see console
                                      GET /publish  WebSocket of the loopback child
"""

import asyncio
import errno
import logging
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import WSMsgType, web

from confcodec import __version__
from confcodec.call.console import obey, state_message, stats_message
from confcodec.call.extras import extra_routes
from confcodec.call.first import first
from confcodec.call.host import Host
from confcodec.call.limits import WISHES, Bucket, check_origin
from confcodec.call.loopback import STATS_INTERVAL
from confcodec.call.reception import CLOSING, DESK, Desk, signal
from confcodec.call.rooms import LOOPBACK, REMOTE
from confcodec.call.tokens import same
from confcodec.call.views import Page, Shot
from confcodec.errors import PacketError, TransportError
from confcodec.share import share_path
from confcodec.wire import pictures

logger = logging.getLogger(__name__)

HOST = web.AppKey("host", Host)

_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' blob: data:; "
    "connect-src 'self' ws: wss:",
    "Cache-Control": "no-cache",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
_MAX_WISH = 48_000
"""Bytes of the longest wish: the offer of a browser's camera takes 10,000."""

MAX_PAGES = 16


def make_app(host: Host) -> web.Application:
    """The web application around `host`."""
    app = web.Application()
    app[HOST] = host
    app[DESK] = host.desk
    app.cleanup_ctx.append(_closing)
    app.cleanup_ctx.append(_background)
    app.on_response_prepare.append(_add_headers)
    app.on_shutdown.append(_close_sockets)
    app.add_routes(
        [
            web.get("/", _index),
            web.get("/healthz", _health),
            web.get("/r/{room}", _index),
            web.get("/signal", signal),
            web.get("/view", _view),
            web.get("/publish", _publish),
            *extra_routes(_host_of),
            web.static("/", share_path("web")),
        ]
    )
    return app


def make_introducer(desk: Desk) -> web.Application:
    """A web application that only brings callers together."""
    app = web.Application()
    app[DESK] = desk
    app.cleanup_ctx.append(_closing)
    app.on_response_prepare.append(_add_headers)
    app.on_shutdown.append(_close_sockets)
    app.add_routes(
        [
            web.get("/", _introduction),
            web.get("/r/{room}", _introduction),
            web.get("/healthz", _alive),
            web.get("/signal", signal),
        ]
    )
    return app


@asynccontextmanager
async def listening(
    app: web.Application, address: str, port: int, tls: ssl.SSLContext | None = None
) -> AsyncIterator[str]:
    """Serve while the context lasts; gives the address, `http://HOST:PORT`.

    Raises:
        TransportError: the port or the address cannot be had.
    """
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    try:
        site = web.TCPSite(runner, address, port, ssl_context=tls)
        try:
            await site.start()
        except OSError as error:
            raise TransportError(_why_not(error, address, port)) from error
        bound = runner.addresses[0][1]
        shown = f"[{address}]" if ":" in address else address
        yield f"{'https' if tls else 'http'}://{shown}:{bound}"
    finally:
        await runner.cleanup()


def local_base(base: str) -> str:
    """The address under which this machine itself reaches a server bound to `base`."""
    return base.replace("//0.0.0.0:", "//127.0.0.1:").replace("//[::]:", "//[::1]:")


def _why_not(error: OSError, address: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            f"port {port} is in use; choose another with --port, or 0 for any free one"
        )
    if error.errno == errno.EACCES:
        return f"port {port} is not allowed for this user; choose one above 1023 with --port"
    return f"cannot listen on {address} port {port}: {error.strerror}; check --host"


async def _closing(app: web.Application) -> AsyncIterator[None]:
    app[CLOSING] = asyncio.Event()
    yield


async def _background(app: web.Application) -> AsyncIterator[None]:
    """The tasks that serve all pages."""
    tasks = [
        asyncio.create_task(_stats(app[HOST])),
        asyncio.create_task(app[HOST].views.run()),
    ]
    yield
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def _stats(host: Host) -> None:
    while True:
        await asyncio.sleep(STATS_INTERVAL)
        if host.views.pages:
            host.views.text(stats_message(host))


async def _add_headers(_request: web.Request, response: web.StreamResponse) -> None:
    response.headers.update(_HEADERS)


async def _close_sockets(app: web.Application) -> None:
    app[CLOSING].set()


async def _index(_request: web.Request) -> web.FileResponse:
    return web.FileResponse(share_path("web") / "index.html")


async def _introduction(_request: web.Request) -> web.Response:
    return web.Response(
        text="This server brings callers together. Join with: confcodec call LINK\n"
    )


async def _alive(_request: web.Request) -> web.Response:
    return web.json_response({"status": "ok", "version": __version__})


async def _health(request: web.Request) -> web.Response:
    state = request.app[HOST].state
    return web.json_response({"status": "ok", "state": state, "version": __version__})


def _check_token(request: web.Request, wanted: str) -> None:
    desk, room = request.app[DESK], request.app[HOST].room
    check_origin(request, desk.origins)
    token = request.query.get("token", "")
    if request.query.get("room", room.name) != room.name:
        raise web.HTTPNotFound(text="this room's page is on another server\n")
    if wanted == LOOPBACK and desk.is_child(token):
        return
    if wanted == REMOTE and same(token, room.token):
        return
    raise web.HTTPForbidden(
        text="wrong token; open the whole link that serve printed\n"
    )


def _host_of(request: web.Request) -> Host:
    _check_token(request, REMOTE)
    return request.app[HOST]


async def _view(request: web.Request) -> web.WebSocketResponse:
    """A page: pictures and figures there, wishes here."""
    host = request.app[HOST]
    _check_token(request, REMOTE)
    if len(host.views.pages) >= MAX_PAGES:
        raise web.HTTPServiceUnavailable(text="too many pages are open already\n")
    with request.app[DESK].gate.passing(request):
        return await _show(host, request)


async def _show(host: Host, request: web.Request) -> web.WebSocketResponse:
    # Uncompressed: nearly all is JPEG, and deflating it cost more than making and sending it.
    socket = web.WebSocketResponse(max_msg_size=_MAX_WISH, timeout=1, compress=False)
    await socket.prepare(request)
    page = Page(socket)
    page.text(state_message(host))
    host.views.pages.add(page)
    await host.child.view(on=True)
    tasks = [
        asyncio.create_task(page.write()),
        asyncio.create_task(_obey_all(host, page, socket)),
    ]
    try:
        await first(*tasks, request.app[CLOSING])
    finally:
        host.views.pages.discard(page)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await host.child.view(on=bool(host.views.pages) or host.recorder.on)
        await socket.close()
    return socket


async def _obey_all(host: Host, page: Page, socket: web.WebSocketResponse) -> None:
    bucket = Bucket(*WISHES)
    async for message in socket:
        if not bucket.take():
            page.text('{"type": "error", "message": "too many messages"}')
            return
        await obey(host, page, message.data if message.type == WSMsgType.TEXT else "")


async def _publish(request: web.Request) -> web.WebSocketResponse:
    """The loopback child: its pictures and figures."""
    host = request.app[HOST]
    _check_token(request, LOOPBACK)
    socket = web.WebSocketResponse(max_msg_size=pictures.MAX_PICTURE, timeout=1)
    await socket.prepare(request)
    figures = host.child
    figures.tell = socket.send_json
    await figures.view(on=bool(host.views.pages) or host.recorder.on)
    async for message in socket:
        try:
            if message.type == WSMsgType.BINARY:
                picture = pictures.unpack(message.data)
                shot = Shot(picture.kind, picture.frame, 0.0, None, message.data)
                host.views.show_pair(shot)
                host.recorder.coded(picture.jpeg, picture.capture_us / 1e6)
            else:
                figures.message(message.data)
        except PacketError as error:
            logger.warning("from the loopback child: %s", error)
    return socket
