import asyncio
import time

from confcodec.call.loop_lag import MEMORY, LagMeter


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
