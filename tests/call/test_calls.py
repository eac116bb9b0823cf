import asyncio
import time
from collections.abc import Sequence

import pytest

from confcodec.errors import TransportError
from confcodec.rooms.room import WATCHER
from tests.calls import SMALL, Link, Served, caller, introducer, served
from tests.waiting import eventually


async def test_two_callers_meet_through_a_server_that_only_introduces() -> None:
    async with introducer() as link, caller(link) as one, caller(link) as two:
        await asyncio.gather(one.sees(), two.sees())


async def test_a_third_caller_is_refused() -> None:
    async with introducer() as link, caller(link) as one, caller(link) as two:
        await asyncio.gather(one.sees(), two.sees())
        async with caller(link) as three:
            assert three.task
            with pytest.raises(TransportError, match="two are in this call"):
                await three.task


async def test_a_call_goes_on_while_its_introducer_is_away_and_finds_it_again() -> None:
    async with introducer() as link:
        port = int(link.split(":")[2].split("/")[0])
        one, two = caller(link), caller(link)
        first, second = await one.__aenter__(), await two.__aenter__()
        await asyncio.gather(first.sees(), second.sees())
    try:
        await asyncio.gather(first.sees(30), second.sees(30))
        async with introducer(port):
            await asyncio.gather(first.sees(30), second.sees(30))
    finally:
        await one.__aexit__(None, None, None)
        await two.__aexit__(None, None, None)
    assert len(first.call._reports) == 1


async def test_a_call_comes_back_after_its_server_was_restarted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with served(monkeypatch) as server:
        port, link = int(server.base.rsplit(":", 1)[1]), server.link
        calling = caller(link)
        made = await calling.__aenter__()
        await made.sees()
        assert server.host.peer
        server.host.peer.lose()  # no goodbye, as if it had been killed
    try:
        async with served(monkeypatch, port):
            await made.sees(30)
    finally:
        await calling.__aexit__(None, None, None)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["served", "introduced"])
async def test_a_call_comes_back_within_three_seconds_of_a_dead_links_return(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = Link(monkeypatch)

    async def dies_and_returns(*callers: object) -> float:
        link.dead = True
        await asyncio.sleep(5)  # the time itself is what is tested
        link.dead = False
        returned = time.monotonic()
        await asyncio.gather(*(made.sees(2) for made in callers))  # type: ignore[attr-defined]
        return time.monotonic() - returned

    if kind == "served":
        async with served(monkeypatch) as server, caller(server.link) as made:
            await made.sees()
            took = await dies_and_returns(made)
            await eventually(lambda: server.host.state == "connected")
    else:
        async with (
            introducer() as address,
            caller(address) as one,
            caller(address) as two,
        ):
            await asyncio.gather(one.sees(), two.sees())
            took = await dies_and_returns(one, two)
    print(f"back {took:.2f} s after the link")
    assert took < 3


async def test_several_watch_one_sender_and_each_frame_is_coded_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with served(monkeypatch) as server:
        encoded = count_encodes(server)
        async with (
            caller(server.watch_link) as one,
            caller(server.watch_link) as two,
            caller(server.link) as talker,
        ):
            await asyncio.gather(one.sees(), two.sees(), talker.sees())
            assert len(server.host.watchers) == 2
            before, start = encoded(), [c.decoded for c in (one, two, talker)]
            await asyncio.gather(one.sees(20), two.sees(20), talker.sees(20))
            coded = encoded() - before
            got = sum(c.decoded for c in (one, two, talker)) - sum(start)
            assert coded < got / 2
        await eventually(lambda: len(server.host.watchers) == 0)


async def test_a_slow_watcher_skips_frames_and_holds_nobody_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with (
        served(monkeypatch) as server,
        caller(server.watch_link) as slow,
        caller(server.watch_link) as quick,
    ):
        await asyncio.gather(slow.sees(), quick.sees())
        decode = slow.call._endpoint.decoder.decode

        async def slowly(
            parts: Sequence[bytes | None], *, halved: bool = False
        ) -> object:
            await asyncio.sleep(0.25)
            return await decode(parts, halved=halved)

        slow.call._endpoint.decoder.decode = slowly  # type: ignore[method-assign, assignment]
        before = slow.decoded
        await quick.sees(60)
        assert 0 < slow.decoded - before < 30
        senders = list(server.host.endpoint.watchers)
        assert any(s.stats.drops.by_reason["receiver-busy"] for s in senders)


async def test_a_watcher_sends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    async with served(monkeypatch) as server, caller(server.watch_link, SMALL) as made:
        await made.sees()
        assert made.call._endpoint.source is None
        assert server.host.state == "waiting"
        assert server.host.room.watch_token.startswith(WATCHER)


def count_encodes(server: Served) -> "type[int]":
    coder = server.host.endpoint._encoder
    encode, count = coder.encode, [0]

    async def counting(*arguments: object, **options: object) -> object:
        count[0] += 1
        return await encode(*arguments, **options)  # type: ignore[arg-type]

    coder.encode = counting  # type: ignore[method-assign, assignment]
    return lambda: count[0]  # type: ignore[return-value]
