import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from confcodec.wire.emulator import (
    CLEAN,
    MAX_QUEUE,
    Impairment,
    Link,
    impairment_at,
    parse_impairment,
    parse_phases,
)


def line(impairment: Impairment, seed: int = 0) -> Link:
    return Link(impairment, random.Random(seed).random)


def test_a_clean_line_delivers_at_once() -> None:
    link = line(CLEAN)
    assert [link.send(1000, float(i)) for i in range(5)] == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("burst", [1.0, 3.0, 10.0])
@pytest.mark.parametrize("loss", [0.02, 0.2])
def test_loss_and_its_bursts_are_as_asked(loss: float, burst: float) -> None:
    link = line(Impairment(loss=loss, burst=burst), 3)
    gone = [link.send(100, i / 1000) is None for i in range(60_000)]
    assert sum(gone) / len(gone) == pytest.approx(loss, rel=0.2)
    runs = sum(b and not a for a, b in zip([False, *gone], gone, strict=False))
    expected = burst if burst > 1 else 1 / (1 - loss)
    assert sum(gone) / runs == pytest.approx(expected, rel=0.15)


def test_a_rate_limit_queues_and_then_drops() -> None:
    link = line(Impairment(rate=1e6))
    arrivals = [link.send(1250, 0.0) for _ in range(40)]  # 10 ms each
    assert arrivals[:3] == pytest.approx([0.01, 0.02, 0.03])
    through = [arrival for arrival in arrivals if arrival is not None]
    assert max(through) <= MAX_QUEUE + 0.011
    assert link.lost == 40 - len(through) > 0


def test_a_minute_at_a_rate_carries_that_rate() -> None:
    link = line(Impairment(rate=2e6, delay=0.02))
    through = [link.send(1000, i / 500) for i in range(30_000)]  # 4 Mbit/s offered
    carried = 8000 * sum(arrival is not None for arrival in through) / 60
    assert carried == pytest.approx(2e6, rel=0.02)


@given(st.lists(st.floats(0, 0.01), max_size=50), st.integers(0, 99))
def test_jitter_delays_and_keeps_the_order(gaps: list[float], seed: int) -> None:
    link, now, last = line(Impairment(delay=0.01, jitter=0.05), seed), 0.0, 0.0
    for gap in gaps:
        now += gap
        arrival = link.send(100, now)
        assert arrival is not None
        assert arrival >= max(now + 0.01, last)
        last = arrival


def test_the_same_seed_loses_the_same_packets() -> None:
    def run(seed: int) -> list[float | None]:
        link = line(Impairment(loss=0.3, jitter=0.01), seed)
        return [link.send(100, i / 10) for i in range(200)]

    assert run(5) == run(5) != run(6)


def test_nothing_goes_through_while_down() -> None:
    link = line(Impairment(down=True))
    assert link.send(100, 0.0) is None
    link.impairment = CLEAN
    assert link.send(100, 1.0) == 1.0


def test_impairments_are_read_from_text() -> None:
    assert parse_impairment("loss=5%,delay=20ms,rate=2M,burst=3") == Impairment(
        loss=0.05, delay=0.02, rate=2e6, burst=3
    )
    assert parse_impairment("down") == Impairment(down=True)
    assert parse_impairment(" ") == CLEAN
    phases = parse_phases("rate=4M; 8s rate=1M; 18s rate=4M,delay=1s")
    assert impairment_at(phases, 0.0).rate == 4e6
    assert impairment_at(phases, 17.9).rate == 1e6
    assert impairment_at(phases, 18.0).delay == 1


@pytest.mark.parametrize(
    "text",
    [
        "loss=5",
        "loss=x",
        "speed=3",
        "delay=20",
        "rate=2m",
        "loss=1..2",
        "rate=5",
        "loss",
    ],
)
def test_what_is_no_impairment_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        parse_impairment(text)


@pytest.mark.parametrize("text", ["loss=1%; down", "loss=1%; 9s down; 8s down"])
def test_phases_without_their_times_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"when|order"):
        parse_phases(text)
