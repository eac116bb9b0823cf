"""The web server of `serve`: page, signalling, views, health.

GET /, /r/ROOM    the page            GET /signal   WebSocket, see signalling
GET /healthz      for containers      GET /view     WebSocket, see page_messages
GET /why          see entrance        GET /publish  WebSocket of the loopback child

Who may ask for which of them stands in roles.
"""

import asyncio
import errno
import logging
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import WSMsgType, web

from confcodec import __version__
from confcodec.call.loopback.page_shots import Shot
from confcodec.call.loopback.publisher import STATS_INTERVAL
from confcodec.call.waiting import first
from confcodec.errors import PacketError, TransportError
from confcodec.rooms.entrance import add_headers, let_in
from confcodec.rooms.limits import REASON, WISHES, Bucket
from confcodec.rooms.reception import CLOSING, DESK, Desk, signal
from confcodec.rooms.roles import Role
from confcodec.server.addresses import bracketed
from confcodec.server.extra_routes import extra_routes
from confcodec.server.host import Host
from confcodec.server.page_messages import (
    obey,
    state_message,
    stats_message,
    tell_state,
)
from confcodec.server.page_pictures import Page
from confcodec.shipped_files import share_path
from confcodec.wire import picture_message as pictures

logger = logging.getLogger(__name__)

HOST = web.AppKey("host", Host)

_MAX_WISH = 48_000
"""Bytes of the longest wish: the offer of a browser's camera takes 10,000."""

MAX_PAGES = 16
HOSTS_PAGES = 4
"""Places besides that only the host's pages can take: guests must not shut it out."""


def make_app(host: Host) -> web.Application:
    """The web application around `host`."""
    app = web.Application()
    app[HOST] = host
    host.on_state = lambda: tell_state(host)
    app[DESK] = host.desk
    app.cleanup_ctx.append(_closing)
    app.cleanup_ctx.append(_background)
    app.on_response_prepare.append(add_headers)
    app.on_shutdown.append(_close_sockets)
    app.add_routes(
        [
            web.get("/", _index),
            web.get("/healthz", _health),
            web.get("/r/{room}", _index),
            web.get("/signal", signal),
            web.get("/view", _view),
            web.get("/publish", _publish),
            web.get("/why", _why),
            *extra_routes(_let_in),
            web.static("/", share_path("web")),
        ]
    )
    return app


def make_introducer(desk: Desk) -> web.Application:
    """A web application that only brings callers together."""
    app = web.Application()
    app[DESK] = desk
    app.cleanup_ctx.append(_closing)
    app.on_response_prepare.append(add_headers)
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
        yield f"{'https' if tls else 'http'}://{bracketed(address)}:{bound}"
    finally:
        await runner.cleanup()


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


async def _close_sockets(app: web.Application) -> None:
    app[CLOSING].set()


async def _index(request: web.Request) -> web.Response:
    """The page, whose addresses are relative: a proxy may put a path before them."""
    html = (share_path("web") / "index.html").read_text(encoding="utf-8")
    if "room" in request.match_info:
        html = html.replace('<base href="./">', '<base href="../">')
    return web.Response(text=html, content_type="text/html")


async def _introduction(_request: web.Request) -> web.Response:
    return web.Response(
        text="This server brings callers together. Join with: confcodec call LINK\n"
    )


async def _alive(_request: web.Request) -> web.Response:
    return web.json_response({"status": "ok", "version": __version__})


async def _health(request: web.Request) -> web.Response:
    state = request.app[HOST].state
    return web.json_response({"status": "ok", "state": state, "version": __version__})


def _let_in(request: web.Request, asked: str | None = None) -> tuple[Host, Role]:
    host = request.app[HOST]
    return host, let_in(request, request.app[DESK], host.room, asked)


def _check_place(host: Host, role: Role) -> None:
    """Whether there is room for one more page; a few are kept for the host's own."""
    most = MAX_PAGES + (HOSTS_PAGES if role is Role.HOST else 0)
    if len(host.views.pages) >= most:
        raise web.HTTPServiceUnavailable(
            text=f"{most} pages are open already; close one, and this one goes on\n",
            headers={REASON: "full"},
        )


async def _why(request: web.Request) -> web.Response:
    """Whether a page's WebSocket would be let in, and in words why not."""
    try:
        host, role = _let_in(request, "/view")
        _check_place(host, role)
        request.app[DESK].gate.check(request)
    except web.HTTPException as error:
        code, words = error.headers.get(REASON, "refused"), error.text or ""
        return web.json_response({"code": code, "message": words.strip()})
    return web.json_response({"code": "ok", "message": ""})


async def _view(request: web.Request) -> web.WebSocketResponse:
    """A page: pictures and figures there, wishes here."""
    host, role = _let_in(request)
    _check_place(host, role)
    with request.app[DESK].gate.passing(request):
        return await _show(host, role, request)


async def _show(host: Host, role: Role, request: web.Request) -> web.WebSocketResponse:
    # Uncompressed: nearly all is JPEG, and deflating it cost more than making and sending it.
    socket = web.WebSocketResponse(max_msg_size=_MAX_WISH, timeout=1, compress=False)
    await socket.prepare(request)
    page = Page(socket, role)
    page.text(state_message(host, role))
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
    host, _ = _let_in(request)
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
