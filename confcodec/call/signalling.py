"""How two sides find each other: one offer and one answer over a WebSocket.

    caller -> server  {"type": "offer", "sdp": ...}
    server -> caller  {"type": "answer", "sdp": ...}
    server -> caller  {"type": "error", "code": ..., "message": ...}

Codes: bad-token, room-full, bad-message.
"""

import json
from urllib.parse import urlsplit

import aiohttp

from confcodec.call.channel import Channel
from confcodec.errors import PacketError, TransportError

MAX_MESSAGE = 64_000
"""Bytes of the longest signalling message accepted."""
TIMEOUT = 10.0


def read_message(text: object) -> dict[str, object]:
    """A signalling message from untrusted text.

    Raises:
        PacketError: no JSON object with a type.
    """
    try:
        message = json.loads(text) if isinstance(text, str) else None
    except (ValueError, RecursionError):
        message = None
    if not isinstance(message, dict) or not isinstance(message.get("type"), str):
        raise PacketError("not a JSON object with a type")
    return message


def split_url(url: str) -> tuple[str, str]:
    """(base address, token) of the link that `serve` prints.

    Raises:
        TransportError: it is no such link.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port, parts = None, None, urlsplit("")
    if parts.scheme not in ("http", "https") or not host:
        raise TransportError(
            f"{url!r} is no link; pass the whole one that serve printed"
        )
    if not parts.fragment:
        raise TransportError(
            f"{url!r} has no token; pass the whole link that serve printed"
        )
    where = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{where}{f':{port}' if port else ''}", parts.fragment


async def join(
    session: aiohttp.ClientSession, base: str, token: str, channel: Channel
) -> None:
    """Offer `channel` to the server at `base`.

    Raises:
        TransportError: nobody there, refused, or no answer; the message says which.
    """
    try:
        async with session.ws_connect(
            f"{base}/signal",
            params={"token": token},
            max_msg_size=MAX_MESSAGE,
            timeout=aiohttp.ClientWSTimeout(ws_receive=TIMEOUT, ws_close=1),
        ) as socket:
            await socket.send_json({"type": "offer", "sdp": await channel.offer()})
            answer = read_message((await socket.receive()).data)
            if answer["type"] == "error":
                raise TransportError(f"{base} refused: {answer.get('message')}")
            await channel.accept(answer.get("sdp"))
    except aiohttp.ClientConnectionError as error:
        raise TransportError(
            f"nothing answers at {base}; is confcodec serve running?"
        ) from error
    except (aiohttp.ClientError, PacketError) as error:
        raise TransportError(
            f"{base} is no confcodec server of this release: {error}"
        ) from error
    except TimeoutError as error:
        raise TransportError(f"{base} did not answer within {TIMEOUT:g} s") from error
