import asyncio
import contextlib
import shutil
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from confcodec.errors import TransportError
from confcodec.rooms.redis import RedisRooms
from confcodec.rooms.room import RefusedError
from tests.calls import caller, introducer
from tests.rooms.test_rooms import Guest
from tests.running import confcodec
from tests.waiting import PATIENCE, eventually


@pytest.fixture
async def url(tmp_path: Path) -> AsyncIterator[str]:
    """A Redis server of our own."""
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("redis-server is not installed")
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    process = await asyncio.create_subprocess_exec(
        *(program, "--port", str(port), "--bind", "127.0.0.1", "--save", ""),
        *("--dir", str(tmp_path)),
        stdout=asyncio.subprocess.DEVNULL,
    )
    try:
        async with asyncio.timeout(PATIENCE):
            while True:
                with contextlib.suppress(OSError):
                    _, writer = await asyncio.open_connection("127.0.0.1", port)
                    writer.close()
                    break
                await asyncio.sleep(0.05)
        yield f"redis://127.0.0.1:{port}"
    finally:
        process.terminate()
        await process.wait()


@pytest.fixture
async def replicas(url: str) -> AsyncIterator[tuple[RedisRooms, RedisRooms]]:
    """The rooms as two server processes have them."""
    first, second = RedisRooms(url), RedisRooms(url)
    await first.open()
    await second.open()
    yield first, second
    await first.close()
    await second.close()


async def test_members_of_two_replicas_reach_each_other(
    replicas: tuple[RedisRooms, RedisRooms],
) -> None:
    here, there = replicas
    one, two = Guest("c-1"), Guest("c-2")
    assert await here.enter("blue", one.member) == []
    assert await there.enter("blue", two.member) == ["c-1"]
    assert await there.send("blue", "c-1", {"type": "offer", "from": "c-2"})
    await eventually(lambda: one.types == ["came", "offer"])
    await there.leave("blue", two.member)
    await eventually(lambda: one.types[-1] == "left")
    assert not await here.send("blue", "c-2", {"type": "answer"})


async def test_a_third_is_refused_at_any_replica(
    replicas: tuple[RedisRooms, RedisRooms],
) -> None:
    here, there = replicas
    await here.enter("blue", Guest("c-1").member)
    await there.enter("blue", Guest("c-2").member)
    for rooms in replicas:
        with pytest.raises(RefusedError) as refused:
            await rooms.enter("blue", Guest("c-3").member)
        assert refused.value.code == "room-full"


async def test_whoever_comes_back_at_another_replica_takes_its_own_place(
    replicas: tuple[RedisRooms, RedisRooms],
) -> None:
    here, there = replicas
    before, after, other = Guest("c-1"), Guest("c-1"), Guest("c-2")
    await here.enter("blue", other.member)
    await here.enter("blue", before.member)
    assert await there.enter("blue", after.member) == ["c-2"]
    await eventually(lambda: "replaced" in before.types)
    await here.leave("blue", before.member)  # too late to matter
    assert await here.send("blue", "c-1", {"type": "offer", "from": "c-2"})
    await eventually(lambda: "offer" in after.types)


async def test_what_comes_while_a_member_enters_waits_for_its_seat(
    replicas: tuple[RedisRooms, RedisRooms], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Others see it as soon as it has a place in Redis, before it has one here."""
    here, there = replicas
    one, two = Guest("c-1"), Guest("c-2")
    take_place = here._take_place

    async def slowly(room: str, id_: str) -> list[str]:
        others = await take_place(room, id_)
        assert await there.enter("blue", two.member) == ["c-1"]
        assert await there.send("blue", "c-1", {"type": "offer", "from": "c-2"})
        await eventually(lambda: len(here._entering["blue", "c-1"]) == 2)
        return others

    monkeypatch.setattr(here, "_take_place", slowly)
    assert await here.enter("blue", one.member) == []
    await eventually(lambda: one.types == ["came", "offer"])
    assert not here._entering


async def test_a_redis_that_is_not_there_is_named() -> None:
    rooms = RedisRooms("redis://127.0.0.1:9")
    with pytest.raises(TransportError, match="--redis"):
        await rooms.open()
    await rooms.close()
    with pytest.raises(TransportError, match="--redis"):
        RedisRooms("http://x")


async def test_a_call_outlives_the_replica_that_introduced_it(url: str) -> None:
    words = ["serve", "--introduce", "--port", "0", "--redis", url]
    words += ["--room", "blue", "--secret", "secret"]
    async with confcodec(*words) as first, confcodec(*words) as second:
        await first.read_link()
        await second.read_link()
        assert first.token == second.token
        both = f"{first.base},{second.link}"
        async with caller(both) as one, caller(second.link) as two:
            await asyncio.gather(one.sees(), two.sees())
            first.process.kill()
            await first.process.wait()
            await asyncio.gather(one.sees(30), two.sees(30))
            assert len(one.call._reports) == 0  # the connection of before
            for made in (one, two):  # and now the call itself breaks
                for peer in made.peers:
                    peer.lose()
            await asyncio.gather(one.sees(30), two.sees(30))


async def test_two_introducers_share_their_rooms(
    replicas: tuple[RedisRooms, RedisRooms],
) -> None:
    here, there = replicas
    async with (
        introducer(0, here) as a,
        introducer(0, there) as b,
        caller(a) as one,
        caller(b) as two,
    ):
        await asyncio.gather(one.sees(), two.sees())
