import asyncio
import contextlib
import datetime
import ipaddress
import json
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from confcodec.call.options.reach import Reach, client_context, server_context
from confcodec.errors import PacketError, TransportError
from confcodec.rooms.limits import CONNECTIONS, MESSAGES, Bucket
from confcodec.rooms.reception import Desk, _read_note
from confcodec.rooms.signalling import Link, Signalling, read_message
from confcodec.rooms.tokens import Keys
from confcodec.server.web import listening, make_introducer
from confcodec.transport.channel import Channel
from tests.calls import SMALL, Served, caller, served
from tests.running import SMALL as SMALL_WORDS
from tests.running import confcodec, serving
from tests.waiting import PATIENCE


@pytest.fixture
async def site(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Served]:
    async with served(monkeypatch) as server:
        yield server


def query(site: Served) -> dict[str, str]:
    return {"token": site.host.room.token}


@pytest.mark.parametrize("path", ["/signal", "/view"])
@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "http://127.0.0.1:1", "http://[bad"]
)
async def test_a_page_of_another_web_site_is_refused(
    site: Served, path: str, origin: str
) -> None:
    async with aiohttp.ClientSession() as client:
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await client.ws_connect(
                site.base + path, params=query(site), headers={"Origin": origin}
            )
    assert refused.value.status == 403


@pytest.mark.parametrize("path", ["/signal", "/view"])
async def test_our_own_page_and_programs_are_let_in(site: Served, path: str) -> None:
    async with aiohttp.ClientSession() as client, asyncio.timeout(PATIENCE):
        for headers in ({"Origin": site.base}, {}):
            async with client.ws_connect(
                site.base + path, params=query(site), headers=headers
            ) as socket:
                assert (await socket.receive_json())["type"] in ("welcome", "state")


async def test_a_proxys_address_can_be_allowed() -> None:
    app = make_introducer(Desk(Keys(b"secret"), origins=["https://call.example"]))
    async with (
        listening(app, "127.0.0.1", 0) as base,
        aiohttp.ClientSession() as client,
        client.ws_connect(
            base + "/signal",
            params={"token": Keys(b"secret").token("home")},
            headers={"Origin": "https://call.example"},
        ) as socket,
    ):
        assert (await socket.receive_json())["type"] == "welcome"


async def test_whoever_says_too_much_is_cut_off(site: Served) -> None:
    async with (
        aiohttp.ClientSession() as client,
        asyncio.timeout(PATIENCE),
        client.ws_connect(site.base + "/signal", params=query(site)) as socket,
    ):
        for _ in range(MESSAGES[1] + 20):
            await socket.send_str("{}")
        kinds = [
            json.loads(message.data).get("code")
            async for message in socket
            if message.type == aiohttp.WSMsgType.TEXT
        ]
    assert kinds[-1] == "too-many"


async def test_one_address_connects_only_so_often(site: Served) -> None:
    refused = 0
    async with aiohttp.ClientSession() as client, asyncio.timeout(PATIENCE):
        for _ in range(CONNECTIONS[1] + 20):
            try:
                async with client.ws_connect(
                    site.base + "/signal", params={"token": "wrong"}
                ):
                    pass
            except aiohttp.WSServerHandshakeError as error:
                refused += error.status == 429
        assert refused
        async with client.get(site.base + "/healthz") as got:
            assert got.status == 200


def test_a_bucket_lets_a_burst_and_then_its_rate_through() -> None:
    now = [0.0]
    bucket = Bucket(2.0, 3, lambda: now[0])
    assert [bucket.take() for _ in range(4)] == [True, True, True, False]
    now[0] = 1.0
    assert [bucket.take() for _ in range(3)] == [True, True, False]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                ["type", "to", "n", "sdp", "from", "id", "others", "ice", "x"]
            ),
            inner,
            max_size=6,
        )
    ),
    max_leaves=8,
)
NOTES = st.fixed_dictionaries(
    {"type": st.sampled_from(["offer", "answer", "again", "came", "welcome"]) | JSON},
    optional={key: JSON for key in ("to", "n", "sdp", "from", "id", "others", "ice")},
).map(json.dumps)


@given(NOTES | JSON.map(json.dumps) | st.text() | st.binary())
@settings(max_examples=300, deadline=None)
def test_any_message_is_passed_on_or_raises_packet_error(data: object) -> None:
    try:
        to, note = _read_note(data)
    except PacketError:
        return
    assert note["type"] in ("offer", "answer", "again")
    assert set(note) <= {"type", "n", "sdp"}
    assert to is None or isinstance(to, str)


@given(NOTES | st.text())
@settings(max_examples=300, deadline=None)
def test_any_message_of_a_server_is_taken_or_raises_packet_error(data: str) -> None:
    loop = asyncio.new_event_loop()
    signalling = Signalling(None, Link(("http://x",), "home", "t"), "me")  # type: ignore[arg-type]
    try:
        for take in (signalling._take, lambda d: signalling._welcome(read_message(d))):
            with contextlib.suppress(PacketError):
                take(data)
    finally:
        loop.close()


@given(data=st.data())
@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
async def test_damaged_offers_never_end_the_server(data: st.DataObject) -> None:
    channel = Channel(hears=True)
    lines = (await channel.offer()).splitlines(keepends=True)
    await channel.close()
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(lines) - 1))
        lines[at : at + 1] = data.draw(
            st.sampled_from([[], [lines[at]] * 2, [lines[at][:7] + "\r\n"]])
            | st.text(max_size=30).map(lambda text: [text])
        ) or ["\r\n"]
    answerer = Channel(hears=True)
    try:
        await answerer.answer("".join(lines))
    except PacketError:
        pass
    finally:
        await answerer.close()


async def test_a_caller_gets_in_after_any_number_of_bad_offers(
    site: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with (
        aiohttp.ClientSession() as client,
        client.ws_connect(site.base + "/signal", params=query(site)) as socket,
    ):
        await socket.receive()
        for sdp in ("", "v=0", "v=0\r\nm=application 9 x y\r\na=ice-ufrag:\r\n" * 9):
            await socket.send_json({"type": "offer", "n": 1, "sdp": sdp})
            assert (await socket.receive_json())["code"] == "bad-message"
    async with caller(site.link, SMALL) as made:
        await made.sees()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A self-signed certificate for 127.0.0.1 and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName(
                [x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
            ),
            critical=False,
        )
        .sign(key, hashes.SHA256())
    )
    folder = tmp_path_factory.mktemp("tls")
    cert, private = folder / "cert.pem", folder / "key.pem"
    cert.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return cert, private


async def test_server_and_caller_speak_https(certificate: tuple[Path, Path]) -> None:
    cert, key = map(str, certificate)
    async with serving("--cert", cert, "--key", key) as server:
        assert server.link.startswith("https://")
        options = [*SMALL_WORDS, "--sink", "null", "--seconds", "1"]
        async with confcodec("call", server.link, "--cert", cert, *options) as done:
            assert (await done.ended()).code == 0
        async with confcodec("call", server.link, *options) as stranger:
            ended = await stranger.ended()
    assert ended.code == 1
    assert "not trusted; pass it with --cert" in ended.errors


def test_a_file_that_is_no_certificate_is_named(tmp_path: Path) -> None:
    path = tmp_path / "cert.pem"
    for reach in (Reach(cert=path), Reach(cert=Path(__file__))):
        for make in (server_context, client_context):
            with pytest.raises(TransportError, match="PEM"):
                make(reach)
    with pytest.raises(TransportError, match="--key needs --cert"):
        server_context(Reach(key=path))
