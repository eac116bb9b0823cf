import asyncio
import time

from confcodec.call.endpoint import Endpoint
from confcodec.call.loop_lag import MEMORY, LagMeter
from confcodec.transport.channel import Channel
from tests.calls import SMALL
from tests.transport.test_channel import connect
from tests.waiting import PATIENCE


async def test_a_loop_that_was_held_up_is_late_and_forgets_it() -> None:
    meter = LagMeter()
    task = asyncio.create_task(meter.run())
    await asyncio.sleep(0.02)
    time.sleep(0.3)  # noqa: ASYNC251
    while_it_lasts = meter.recent()
    await asyncio.sleep(0)
    await asyncio.sleep(0.001)
    just_after = meter.recent()
    assert min(while_it_lasts, just_after) > 0.2
    waits = 0
    while meter.recent() > 0.2 and waits < 50:
        await asyncio.sleep(MEMORY)
        waits += 1
    assert 0 < waits < 50
    task.cancel()


def test_before_it_runs_nothing_is_late() -> None:
    assert LagMeter().recent() == 0.0


def meters_running() -> int:
    """How many loop lag meters wake in this event loop."""
    run = LagMeter.run.__qualname__
    return sum(
        getattr(task.get_coro(), "__qualname__", "") == run
        for task in asyncio.all_tasks()
    )


async def test_all_peers_of_a_process_are_told_by_one_meter() -> None:
    endpoint = Endpoint(SMALL)
    await endpoint.start()
    own = asyncio.create_task(endpoint.run())
    calls: list[asyncio.Task[str]] = []
    try:
        async with asyncio.timeout(PATIENCE):
            peers = []
            for _ in range(2):  # calls of this side with itself
                ends = Channel(), Channel()
                peers += [endpoint.peer(end) for end in ends]
                calls += [asyncio.create_task(peer.run()) for peer in peers[-2:]]
                await connect(*ends)
            for peer in peers:
                await peer.opened.wait()
            await asyncio.sleep(0.02)
        assert meters_running() == 1
        time.sleep(0.3)  # noqa: ASYNC251
        assert min(peer.lag.recent() for peer in peers) > 0.2
        for peer in peers:
            peer.stop()
        await asyncio.wait(calls, timeout=PATIENCE)
        assert meters_running() == 1  # whoever calls next is told, too
    finally:
        for task in (own, *calls):
            task.cancel()
        await asyncio.gather(own, *calls, return_exceptions=True)
        await endpoint.close()
