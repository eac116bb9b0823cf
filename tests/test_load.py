import itertools

from confcodec.wire.load import LEAST, MOST_STRIDE, Load

FPS = 30


def code(load: Load, cost: float, seconds: float, start: float) -> float:
    """Code at the limits for a while, each frame `cost` seconds at quality 0 and more above."""
    now = start
    while now < start + seconds:
        interval = load.stride / FPS
        load.coded(cost * (1 + load.limit / 63), interval, load.limit, now)
        now += interval
    return now


def test_a_quick_machine_is_not_limited() -> None:
    load = Load(63)
    code(load, 0.005, 60, 0.0)
    assert (load.limit, load.stride) == (63, 1)


def test_a_slow_machine_settles_where_it_keeps_up() -> None:
    load = Load(63)
    now = code(load, 0.019, 60, 0.0)
    busy = 0.019 * (1 + load.limit / 63) * FPS
    assert LEAST <= load.limit < 63
    assert busy < 0.95
    limits = set()
    for _ in range(20):
        now = code(load, 0.019, 1, now)
        limits.add(load.limit)
    assert max(limits) - min(limits) <= 6  # no pumping up and down


def test_both_limits_have_a_floor() -> None:
    load = Load(63)
    code(load, 0.2, 60, 0.0)
    assert (load.limit, load.stride) == (LEAST, MOST_STRIDE)


def test_where_lower_quality_does_not_help_fewer_frames_are_sent_at_better_quality() -> (
    None
):
    load = Load(63)
    now = 0.0
    while now < 60:  # 32 ms a frame, whatever the quality
        load.coded(0.032, load.stride / FPS, load.limit, now)
        now += load.stride / FPS
    assert load.stride == 2
    assert load.limit == 63


def test_a_higher_frame_rate_that_fails_is_tried_ever_more_seldom() -> None:
    load = Load(63)
    now, rises, before = 0.0, [], 1
    while now < 300:  # the encoder is quick, the other machine is not
        load.coded(0.010, load.stride / FPS, 20, now)
        if load.stride < before:
            rises.append(now)
        if load.stride == 1 and now - max(rises, default=0.0) > 1:
            load.late(now)
        before = load.stride
        now += 1 / FPS
    pauses = [round(b - a) for a, b in itertools.pairwise(rises)]
    assert len(rises) < 10
    assert pauses == sorted(pauses)
    assert pauses[-1] > 60


def test_the_frame_rate_comes_back_once_the_machine_is_free() -> None:
    load = Load(63)
    now = code(load, 0.2, 10, 0.0)
    assert load.stride == MOST_STRIDE
    code(load, 0.005, 120, now)
    assert (load.limit, load.stride) == (63, 1)


def test_dropped_frames_lower_the_limit_below_what_they_were_coded_at() -> None:
    load = Load(63)
    load.coded(0.02, 1 / FPS, 40, 0.9)
    load.late(1.0)
    assert load.limit == 36
    load.late(1.1)  # coded before the fall
    assert load.limit == 36
    load.coded(0.02, 1 / FPS, 36, 1.2)
    load.late(2.0)
    assert load.limit == 32


def test_the_limit_comes_back_once_the_machine_is_free() -> None:
    load = Load(63)
    load.coded(0.02, 1 / FPS, 40, 0.0)
    load.late(0.1)
    now = code(load, 0.005, 120, 1.0)
    assert load.limit == 63
    load.late(now)
    assert load.limit == 59
