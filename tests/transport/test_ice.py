import asyncio
import base64
import contextlib
import hashlib
import hmac
import shutil
import socket
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import aioice.ice
import pytest

from confcodec.call.options.reach import Reach
from confcodec.errors import PacketError
from confcodec.rooms.reception import Desk
from confcodec.rooms.tokens import Keys
from confcodec.transport.ice import (
    LIFETIME,
    Ice,
    IceServer,
    from_json,
    parse_server,
    to_json,
    with_credentials,
)
from tests.calls import SMALL, caller, served
from tests.waiting import PATIENCE

SECRET = "shared with the TURN server"


@pytest.mark.parametrize(
    ("text", "server"),
    [
        ("stun:stun.example", IceServer("stun:stun.example")),
        ("stun:[::1]:3478", IceServer("stun:[::1]:3478")),
        ("turn:10.0.0.1:3478", IceServer("turn:10.0.0.1:3478")),
        (
            "turns:me:p:w@turn.example:443?transport=tcp",
            IceServer("turns:turn.example:443?transport=tcp", "me", "p:w"),
        ),
    ],
)
def test_a_server_is_named_by_its_url(text: str, server: IceServer) -> None:
    assert parse_server(text) == server


@pytest.mark.parametrize(
    "text", ["", "stun:", "http://x", "turn:a b", "stun:x\r\n", "stun:x?transport=sctp"]
)
def test_anything_else_is_no_server(text: str) -> None:
    with pytest.raises(ValueError, match="no server"):
        parse_server(text)


def test_credentials_run_out_and_only_the_secret_makes_them() -> None:
    servers = [
        parse_server("stun:s"),
        parse_server("turn:t"),
        parse_server("turn:u:p@t"),
    ]
    stun, turn, own = with_credentials(servers, SECRET, "c-1")
    assert (stun, own) == (servers[0], servers[2])
    assert turn.username
    assert turn.credential
    ends, name = turn.username.split(":")
    assert name == "c-1"
    assert abs(int(ends) - time.time() - LIFETIME) < 10
    mac = hmac.digest(SECRET.encode(), turn.username.encode(), hashlib.sha1)
    assert base64.b64decode(turn.credential) == mac
    assert with_credentials(servers, None, "c-1") == tuple(servers)


def test_servers_survive_the_signalling() -> None:
    servers = (IceServer("stun:s"), IceServer("turn:t", "u", "p"))
    assert from_json(to_json(servers)) == servers


@pytest.mark.parametrize(
    "value",
    [
        None,
        {},
        [3],
        [{"url": "stun:s"}],
        [{"url": "file:///etc", "username": None, "credential": None}],
        [{}] * 9,
    ],
)
def test_other_servers_raise_packet_error(value: object) -> None:
    with pytest.raises(PacketError):
        from_json(value)


@pytest.fixture
async def turn(tmp_path: Path) -> AsyncIterator[str]:
    """The URL of a coturn that accepts only passwords made from `SECRET`."""
    program = shutil.which("turnserver")
    if program is None:
        pytest.skip("coturn is not installed")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    log = tmp_path / "log"
    process = await asyncio.create_subprocess_exec(
        *(program, "-n", "-p", str(port), "-L", "127.0.0.1", "-E", "127.0.0.1"),
        *("--use-auth-secret", f"--static-auth-secret={SECRET}", "--realm=test"),
        *("--no-tls", "--no-dtls", "--no-cli", "--allow-loopback-peers"),
        *(
            "--no-stdout-log",
            f"--log-file={log}",
            "--simple-log",
            f"--pidfile={tmp_path}/pid",
        ),
        *(f"--userdb={tmp_path}/db",),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with asyncio.timeout(PATIENCE):
            while True:
                with contextlib.suppress(OSError):
                    _, writer = await asyncio.open_connection("127.0.0.1", port)
                    writer.close()
                    break
                await asyncio.sleep(0.05)
        yield f"turn:127.0.0.1:{port}"
    finally:
        process.terminate()
        await process.wait()


async def test_a_call_goes_through_the_turn_server_alone(
    turn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    used: set[str] = set()
    choose = aioice.ice.Connection.check_complete

    def complete(
        connection: aioice.ice.Connection, pair: aioice.ice.CandidatePair
    ) -> None:
        used.add(pair.local_candidate.type)
        choose(connection, pair)

    monkeypatch.setattr(aioice.ice.Connection, "check_complete", complete)
    desk = Desk(Keys(b"secret"), servers=[parse_server(turn)], turn_secret=SECRET)
    reach = Reach(relay_only=True)
    async with (
        served(monkeypatch, 0, replace(SMALL, reach=reach), desk) as server,
        caller(server.link, SMALL, reach) as made,
    ):
        await made.sees()
    assert used == {"relay"}


def test_relay_only_is_passed_to_the_connection() -> None:
    assert Ice(relay_only=True).configuration().iceTransportPolicy.value == "relay"
    assert Ice().configuration().iceServers == []
