"""The web server of `serve`: page, signalling, views, health.

GET /             the page            GET /signal   WebSocket, see signalling
GET /healthz      for containers      GET /view     WebSocket, see console
                                      GET /publish  WebSocket of the loopback child
"""

import asyncio
import contextlib
import errno
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import WSMsgType, web

from confcodec import __version__
from confcodec.call.channel import Channel
from confcodec.call.console import obey, state_message, stats_message
from confcodec.call.endpoint import first
from confcodec.call.host import Host
from confcodec.call.loopback import STATS_INTERVAL
from confcodec.call.rooms import LOOPBACK, REMOTE, RefusedError
from confcodec.call.signalling import MAX_MESSAGE, read_message
from confcodec.call.views import Page, Shot
from confcodec.errors import PacketError, TransportError
from confcodec.share import share_path
from confcodec.wire import pictures

logger = logging.getLogger(__name__)

HOST = web.AppKey("host", Host)
CLOSING = web.AppKey("closing", asyncio.Event)

_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' blob: data:; "
    "connect-src 'self' ws: wss:",
    "Cache-Control": "no-cache",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
_MAX_WISH = 4096


def make_app(host: Host) -> web.Application:
    """The web application around `host`."""
    app = web.Application()
    app[HOST] = host
    app.cleanup_ctx.append(_background)
    app.on_response_prepare.append(_add_headers)
    app.on_shutdown.append(_close_sockets)
    app.add_routes(
        [
            web.get("/", _index),
            web.get("/healthz", _health),
            web.get("/signal", _signal),
            web.get("/view", _view),
            web.get("/publish", _publish),
            web.static("/", share_path("web")),
        ]
    )
    return app


@asynccontextmanager
async def listening(host: Host, address: str, port: int) -> AsyncIterator[str]:
    """Serve while the context lasts; gives the address, `http://HOST:PORT`.

    Raises:
        TransportError: the port or the address cannot be had.
    """
    runner = web.AppRunner(make_app(host), access_log=None, shutdown_timeout=1)
    await runner.setup()
    try:
        site = web.TCPSite(runner, address, port)
        try:
            await site.start()
        except OSError as error:
            raise TransportError(_why_not(error, address, port)) from error
        bound = runner.addresses[0][1]
        shown = f"[{address}]" if ":" in address else address
        yield f"http://{shown}:{bound}"
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


async def _background(app: web.Application) -> AsyncIterator[None]:
    """The tasks that serve all pages."""
    app[CLOSING] = asyncio.Event()
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


async def _health(request: web.Request) -> web.Response:
    state = request.app[HOST].state
    return web.json_response({"status": "ok", "state": state, "version": __version__})


async def _signal(request: web.Request) -> web.WebSocketResponse:
    """Somebody wants to join: answer offers until one works."""
    host = request.app[HOST]
    socket = web.WebSocketResponse(max_msg_size=MAX_MESSAGE, timeout=1)
    await socket.prepare(request)
    try:
        kind = host.room.who(request.query.get("token", ""))
        async for message in socket:
            try:
                if await _answer(host, kind, socket, message.data):
                    break
            except PacketError as error:
                await _refuse(socket, "bad-message", str(error))
    except RefusedError as refused:
        await _refuse(socket, refused.code, str(refused))
    await socket.close()
    return socket


async def _answer(
    host: Host, kind: str, socket: web.WebSocketResponse, data: object
) -> bool:
    """Answer one message; True once a call is under way."""
    message = read_message(data)
    if message["type"] != "offer":
        raise PacketError("only offers are answered here")
    host.room.enter(kind)
    channel = Channel()
    try:
        answer = await channel.answer(message.get("sdp"))
    except BaseException:
        host.room.leave(kind)
        await channel.close()
        raise
    host.take(
        channel, kind
    )  # before the answer is out, after which the other side may speak
    with contextlib.suppress(
        ConnectionError
    ):  # gone already; the peer's timeout sees to it
        await socket.send_json({"type": "answer", "sdp": answer})
    return True


async def _refuse(socket: web.WebSocketResponse, code: str, message: str) -> None:
    with contextlib.suppress(ConnectionError):
        await socket.send_json({"type": "error", "code": code, "message": message})


def _check_token(request: web.Request, wanted: str) -> None:
    try:
        if request.app[HOST].room.who(request.query.get("token", "")) == wanted:
            return
    except RefusedError:
        pass
    raise web.HTTPForbidden(
        text="wrong token; open the whole link that serve printed\n"
    )


async def _view(request: web.Request) -> web.WebSocketResponse:
    """A page: pictures and figures there, wishes here."""
    host = request.app[HOST]
    _check_token(request, REMOTE)
    socket = web.WebSocketResponse(max_msg_size=_MAX_WISH, timeout=1)
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
        await host.child.view(on=bool(host.views.pages))
        await socket.close()
    return socket


async def _obey_all(host: Host, page: Page, socket: web.WebSocketResponse) -> None:
    async for message in socket:
        await obey(host, page, message.data if message.type == WSMsgType.TEXT else "")


async def _publish(request: web.Request) -> web.WebSocketResponse:
    """The loopback child: its pictures and figures."""
    host = request.app[HOST]
    _check_token(request, LOOPBACK)
    socket = web.WebSocketResponse(max_msg_size=pictures.MAX_PICTURE, timeout=1)
    await socket.prepare(request)
    figures = host.child
    figures.tell = socket.send_json
    await figures.view(on=bool(host.views.pages))
    async for message in socket:
        try:
            if message.type == WSMsgType.BINARY:
                picture = pictures.unpack(message.data)
                shot = Shot(picture.kind, picture.frame, 0.0, None, message.data)
                host.views.show_pair(shot)
            else:
                figures.message(message.data)
        except PacketError as error:
            logger.warning("from the loopback child: %s", error)
    return socket
