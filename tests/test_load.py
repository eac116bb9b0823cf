from confcodec.wire.load import LEAST, Load

FPS = 30


def code(load: Load, cost: float, seconds: float, start: float) -> float:
    """Code at the limit for a while, each frame `cost` seconds at quality 0 and more above."""
    now = start
    while now < start + seconds:
        load.coded(cost * (1 + load.limit / 63), 1 / FPS, load.limit, now)
        now += 1 / FPS
    return now


def test_a_quick_machine_is_not_limited() -> None:
    load = Load(63)
    code(load, 0.005, 60, 0.0)
    assert load.limit == 63


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


def test_the_limit_has_a_floor() -> None:
    load = Load(63)
    code(load, 0.2, 60, 0.0)
    assert load.limit == LEAST


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
