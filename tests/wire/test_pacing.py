import pytest

from confcodec.wire.control.pacing import AHEAD, HEADROOM, Pacer
from confcodec.wire.control.rate import PACKET_OVERHEAD

SIZE = 1000 - PACKET_OVERHEAD


def leave(pacer: Pacer[int], now: float, until: float) -> list[tuple[int, float]]:
    """What leaves, and when, if somebody looks each millisecond."""
    told = []
    while now < until:
        told += [(element, now) for element in pacer.take(now)]
        now += 0.001
    return told


def test_a_frame_leaves_in_order_at_a_multiple_of_the_rate() -> None:
    pacer: Pacer[int] = Pacer()
    pacer.put([(i, SIZE) for i in range(10)], rate=2e6, longest=1.0, now=5.0)
    told = leave(pacer, 5.0, 5.1)
    assert [element for element, _ in told] == list(range(10))
    spread = told[-1][1] - told[0][1]
    assert spread == pytest.approx(9 * 8000 / (HEADROOM * 2e6) - AHEAD, abs=0.0015)


def test_a_frame_beyond_the_rate_still_leaves_in_time() -> None:
    pacer: Pacer[int] = Pacer()
    pacer.put([(i, SIZE) for i in range(100)], rate=1e6, longest=0.016, now=0.0)
    assert len(leave(pacer, 0.0, 0.017)) == 100
    assert not pacer


def test_a_late_look_finds_all_that_is_due_and_waiting_costs_nothing_afterwards() -> (
    None
):
    pacer: Pacer[int] = Pacer()
    pacer.put([(i, SIZE) for i in range(10)], rate=2e6, longest=1.0, now=0.0)
    assert pacer.wait(0.0) == 0.0
    assert len(pacer.take(1.0)) == 10
    assert pacer.wait(1.0) == 0.0
    pacer.put([(0, SIZE)], rate=2e6, longest=1.0, now=2.0)
    assert pacer.take(2.0) == [0]
