import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aioice.ice
import pytest

from confcodec.errors import PacketError, TransportError
from confcodec.transport import channel as channel_module
from confcodec.transport.channel import Channel, check_sdp
from tests.waiting import PATIENCE, eventually


async def connect(caller: Channel, answerer: Channel) -> None:
    """Exchange the descriptions of two channels."""
    await caller.accept(await answerer.answer(await caller.offer()))


@asynccontextmanager
async def connected() -> AsyncIterator[tuple[Channel, Channel]]:
    """Two real peers in one process."""
    caller, answerer = Channel(), Channel()
    try:
        async with asyncio.timeout(PATIENCE):
            await connect(caller, answerer)
            await asyncio.gather(caller.open(), answerer.open())
        yield caller, answerer
    finally:
        await caller.close()
        await answerer.close()


async def receive(channel: Channel, count: int) -> list[bytes | str]:
    """The next `count` messages of either data channel."""
    messages: asyncio.Queue[bytes | str] = asyncio.Queue()
    channel.on_media = channel.on_control = messages.put_nowait
    async with asyncio.timeout(PATIENCE):
        return [await messages.get() for _ in range(count)]


async def test_messages_reach_the_other_side_on_both_channels() -> None:
    async with connected() as (caller, answerer):
        arriving = asyncio.create_task(receive(answerer, 3))
        await asyncio.sleep(0)
        caller.send_media([b"a" * 1160, b"b"])
        caller.send_control("text")
        assert sorted(map(len, await arriving)) == [1, 4, 1160]


async def test_a_handler_with_a_bug_does_not_end_the_connection(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with connected() as (caller, answerer):
        seen = []

        def fail(message: bytes | str) -> None:
            seen.append(message)
            raise RuntimeError("a bug")

        answerer.on_media = answerer.on_control = fail
        caller.send_media([b"x"])
        caller.send_control("x")
        await eventually(lambda: len(seen) == 2)
        arriving = asyncio.create_task(receive(answerer, 1))
        await asyncio.sleep(0)
        caller.send_control("still there")
        assert await arriving == ["still there"]
    assert "lost by a bug" in caplog.text


async def test_closing_is_noticed_by_the_other_side_at_once() -> None:
    async with connected() as (caller, answerer):
        await caller.close()
        async with asyncio.timeout(PATIENCE):
            await answerer.closed.wait()


async def test_what_is_sent_after_the_end_vanishes() -> None:
    async with connected() as (caller, _):
        await caller.close()
        caller.send_media([b"x"])
        caller.send_control("x")


async def test_the_last_control_message_arrives_before_the_end() -> None:
    async with connected() as (caller, answerer):
        arriving = asyncio.create_task(receive(answerer, 1))
        await asyncio.sleep(0)
        caller.send_control("goodbye")
        await caller.close()
        assert await arriving == ["goodbye"]


async def test_the_send_queue_has_an_age_until_it_is_empty() -> None:
    async with connected() as (caller, _):
        assert caller.queue_age() == 0
        caller.send_media([bytes(1160)] * 2000)
        await eventually(lambda: caller.queue_age() > 0.02)
        await eventually(lambda: caller.queue_age() == 0)


@pytest.mark.parametrize(
    "sdp",
    [
        None,
        7,
        "",
        "v=0",
        "v=0\r\n" + "x" * 30_000,
        "v=0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\na=ice-ufrag:a\r\na=ice-pwd:b\r\na=fingerprint:c",
        "v=0\r\nm=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n",
    ],
)
def test_a_description_without_one_data_channel_is_refused(sdp: object) -> None:
    with pytest.raises(PacketError):
        check_sdp(sdp)


async def test_a_damaged_description_is_answered_or_raises_packet_error() -> None:
    caller = Channel()
    lines = (await caller.offer()).splitlines(keepends=True)
    await caller.close()
    refused = 0
    for at in range(len(lines)):
        for damage in ("", lines[at][:6] + "\x00 ?\r\n", "m=" + lines[at]):
            answerer = Channel()
            try:
                await answerer.answer("".join([*lines[:at], damage, *lines[at + 1 :]]))
            except PacketError:
                refused += 1
            finally:
                await answerer.close()
    assert refused > 15


async def test_without_an_answer_the_connection_never_opens(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(channel_module, "OPEN_TIMEOUT", 0.05)
    caller = Channel()
    await caller.offer()
    with pytest.raises(TransportError, match="firewall"):
        await caller.open()
    await caller.close()


async def test_a_machine_without_a_network_calls_itself(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(channel_module, "_gather_addresses", lambda **_: [])
    assert aioice.ice.get_host_addresses(use_ipv4=True, use_ipv6=True) == ["127.0.0.1"]
    async with connected():
        pass
