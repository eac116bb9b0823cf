from confcodec.wire.lip_sync import MAX_WAIT, TOLERANCE, Sync


def run(sound: float, picture: float, steps: int = 400) -> Sync:
    """A call whose sound and pictures could be played with these latencies."""
    sync = Sync()
    for _ in range(steps):
        sync.sound_ready(sound)
        sync.heard(sound + sync.sound_wait)
        sync.picture_ready(picture)
        sync.seen(picture + sync.picture_wait)
    return sync


def test_early_pictures_wait_for_the_sound() -> None:
    sync = run(sound=0.18, picture=0.03)
    assert abs(sync.picture_wait - 0.15) < 0.001
    assert sync.sound_wait == 0
    assert sync.offset is not None
    assert abs(sync.offset) < 0.01


def test_early_sound_waits_for_the_pictures() -> None:
    sync = run(sound=0.1, picture=0.2)
    assert abs(sync.sound_wait - 0.1) < 0.001
    assert sync.picture_wait == 0


def test_nobody_waits_for_what_nobody_notices() -> None:
    sync = run(sound=0.1, picture=0.1 + 0.9 * TOLERANCE)
    assert sync.sound_wait == sync.picture_wait == 0


def test_no_wait_is_longer_than_the_bound() -> None:
    sync = run(sound=5.0, picture=0.0)
    assert sync.picture_wait == MAX_WAIT


def test_a_wait_ends_when_its_reason_does() -> None:
    sync = run(sound=0.2, picture=0.0)
    for _ in range(400):
        sync.sound_ready(0.1)
        sync.picture_ready(0.1)
    assert sync.picture_wait == 0


def test_without_sound_pictures_never_wait_and_there_is_no_offset() -> None:
    sync = Sync()
    sync.picture_ready(0.1)
    sync.seen(0.1)
    assert sync.picture_wait == 0
    assert sync.offset is None
