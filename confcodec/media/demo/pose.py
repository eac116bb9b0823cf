"""How the demo's person moves: every movement a plain function of time."""

from dataclasses import dataclass
from math import pi, sin


@dataclass(frozen=True, slots=True)
class Pose:
    """One moment of the person; lengths in pixels of the photograph."""

    sway: float = 0.0
    """The trunk, to the right."""
    breath: float = 0.0
    """The chest, downwards."""
    head_x: float = 0.0
    """The head against the trunk, to the right."""
    head_y: float = 0.0
    """The head, downwards."""
    roll: float = 0.0
    """The head's tilt, clockwise, radians."""
    lean: float = 0.0
    """How much larger the head is for being nearer."""
    blink: float = 0.0
    """0 eyes open, 1 closed."""
    mouth: float = 0.0
    """How far the jaw is down."""


def pose_at(time: float) -> Pose:
    """The pose `time` seconds after the start."""
    talk = _phrase(time)
    return Pose(
        sway=3.4 * _wave(time, 7.3) + 1.8 * _wave(time, 4.1, 0.3),
        breath=0.7 * _wave(time, 3.7),
        head_x=1.8 * _wave(time, 5.3, 0.6) + 0.9 * _wave(time, 2.3, 0.1) * talk,
        head_y=1.2 * _wave(time, 4.7, 0.2) + 1.1 * _wave(time, 0.93, 0.4) * talk,
        roll=0.022 * _wave(time, 6.1, 0.5) + 0.008 * _wave(time, 1.9) * talk,
        lean=0.012 * _wave(time, 8.9, 0.8),
        blink=_blink(time),
        mouth=3.2 * talk * max(0.0, _syllables(time)),
    )


def _wave(time: float, period: float, phase: float = 0.0) -> float:
    return sin(2 * pi * (time / period + phase))


def _phrase(time: float) -> float:
    """1 while she speaks, 0 while she listens, about three seconds each."""
    return min(max(0.5 + 2.5 * _wave(time, 6.7, 0.02), 0.0), 1.0)


def _syllables(time: float) -> float:
    """About four a second, no two alike."""
    return 0.35 + 0.65 * sin(2 * pi * 3.9 * time + 1.7 * sin(2.9 * time)) * (
        0.7 + 0.3 * sin(5.1 * time)
    )


def _blink(time: float) -> float:
    """Shut for a moment every 3.4 seconds, and twice in a row now and then."""
    since = time % 3.4 - 1.9
    twice = since - 0.42 if int(time / 3.4) % 3 == 1 else since
    nearest = min(abs(since), abs(twice))
    return min(max(1.5 - nearest / 0.06, 0.0), 1.0)
