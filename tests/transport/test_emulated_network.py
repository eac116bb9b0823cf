"""A real connection over an emulated line."""

import asyncio
import logging
import time

import pytest

from confcodec.transport import channel as channel_module
from confcodec.transport.channel import Channel
from confcodec.transport.emulated_network import ImpairedNetwork
from confcodec.transport.sctp import correct_sctp
from confcodec.wire.emulator import CLEAN, Impairment
from tests.transport.test_channel import connected, receive
from tests.waiting import eventually


async def round_trip(caller: Channel, answerer: Channel) -> float:
    answerer.on_control = answerer.send_control
    began = time.monotonic()
    back = asyncio.create_task(receive(caller, 1))
    await asyncio.sleep(0)
    caller.send_control("there and back")
    await back
    return time.monotonic() - began


async def test_a_delay_is_felt_and_can_be_taken_away_during_the_call() -> None:
    async with connected() as (caller, answerer):
        network = ImpairedNetwork(Impairment(delay=0.2))
        network.opened(caller._connection)
        assert await round_trip(caller, answerer) >= 0.4
        network.impairment = CLEAN
        assert min([await round_trip(caller, answerer) for _ in range(5)]) < 0.2


async def test_phases_begin_with_the_first_connection() -> None:
    phases = ((0.0, Impairment(delay=0.01)), (0.3, Impairment(delay=0.2)))
    network = ImpairedNetwork(phases=phases)
    async with connected() as (caller, _answerer):
        running = asyncio.create_task(network.run())
        assert network.impairment == CLEAN
        network.opened(caller._connection)
        assert network.impairment == phases[0][1]
        await eventually(lambda: network.impairment == phases[1][1])
        running.cancel()


async def test_lost_packets_are_lost_and_counted() -> None:
    async with connected() as (caller, answerer):
        network = ImpairedNetwork(Impairment(loss=0.3))
        network.opened(caller._connection)
        seen: list[bytes] = []
        answerer.on_media = seen.append
        for _ in range(100):
            caller.send_media([b"m" * 200])
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.5)
        assert 30 < len(seen) < 95
        assert network.out.lost > 5


async def frames_through(impairment: Impairment) -> int:
    """Packets that arrive within 4 s of 120 frames of 17 packets at 30 a second."""
    async with connected() as (caller, answerer):
        ImpairedNetwork(impairment, seed=7).opened(caller._connection)
        caller.rate = lambda: 5e6
        seen: list[bytes] = []
        answerer.on_media = seen.append
        for _ in range(120):
            if caller.queue_age() < 0.1:
                caller.send_media([bytes(1100)] * 17)
            await asyncio.sleep(1 / 30)
        return len(seen)


@pytest.mark.slow
async def test_the_corrections_keep_the_rate_up_under_loss(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    line = Impairment(loss=0.02, delay=0.02)
    ratios = []
    for _ in range(3):  # where the machine is too busy to send, both are equally slow
        corrected = await frames_through(line)
        with monkeypatch.context() as patch:
            patch.setattr(channel_module, "correct_sctp", lambda *_arguments: False)
            ratios.append(corrected / await frames_through(line))
        if ratios[-1] > 1.3:
            return
    pytest.fail(f"corrected against stock: {ratios}")


async def test_sent_packets_do_not_pile_up_under_heavy_loss() -> None:
    async with connected() as (caller, answerer):
        ImpairedNetwork(Impairment(loss=0.2, delay=0.02), seed=7).opened(
            caller._connection
        )
        caller.rate = lambda: 2e6
        answerer.on_media = lambda _message: None
        sctp = caller._connection.sctp
        assert sctp
        longest = 0
        for _ in range(150):
            if caller.queue_age() < 0.1:
                caller.send_media([bytes(600)] * 12)
            await asyncio.sleep(1 / 30)
            longest = max(longest, len(sctp._sent_queue))
        assert longest < 400  # 1,000 and growing without the third correction


async def test_an_unknown_aiortc_is_left_as_it_is_with_a_warning(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Stranger:
        pass

    with caplog.at_level(logging.WARNING):
        assert not correct_sctp(Stranger(), lambda: 1e6)  # type: ignore[arg-type]
    assert "aiortc" in caplog.text
