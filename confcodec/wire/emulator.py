"""A worse network than there is: loss, delay, jitter and a rate limit.

One `Link` is one direction. Clock and chance are passed in, so that minutes pass in an
instant and come out the same again.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

MAX_QUEUE = 0.2
"""Seconds that a packet may wait for the rate limit; longer ones are dropped."""


@dataclass(frozen=True, slots=True)
class Impairment:
    """What is done to each direction."""

    loss: float = 0.0
    """Share of packets lost, 0..0.9."""
    burst: float = 1.0
    """Packets lost in a row, on average, 1..50 (Gilbert's model)."""
    delay: float = 0.0
    """Seconds, one way, 0..5."""
    jitter: float = 0.0
    """Seconds of delay more, at most, drawn evenly; 0..1. Packets keep their order."""
    rate: float | None = None
    """Bits a second that go through, 1e4 or more; None for no limit."""
    down: bool = False
    """Nothing goes through."""

    def __post_init__(self) -> None:
        """Refuse numbers outside their ranges with a ValueError."""
        for name, low, high in (
            ("loss", 0, 0.9),
            ("burst", 1, 50),
            ("delay", 0, 5),
            ("jitter", 0, 1),
        ):
            if not low <= getattr(self, name) <= high:
                raise ValueError(
                    f"{name} {getattr(self, name)} is outside {low}..{high}"
                )
        if self.rate is not None and not 1e4 <= self.rate <= 1e11:
            raise ValueError(f"rate {self.rate} is outside 10k..100G bits a second")


CLEAN = Impairment()

_UNITS = {
    "loss": {"%": 0.01, "": 1.0},
    "burst": {"": 1.0},
    "delay": {"ms": 1e-3, "s": 1.0},
    "jitter": {"ms": 1e-3, "s": 1.0},
    "rate": {"k": 1e3, "M": 1e6, "G": 1e9, "": 1.0},
}


def parse_impairment(text: str) -> Impairment:
    """Read `loss=5%,delay=20ms,rate=2M,burst=3`, `down`, or nothing at all.

    Raises:
        ValueError: anything else, with what would be right.
    """
    fields: dict[str, float] = {}
    words = [word.strip() for word in text.split(",") if word.strip()]
    for word in words:
        if word == "down":
            continue
        found = re.fullmatch(r"(\w+)=([0-9.]+)([A-Za-z%]*)", word)
        if not found or found[3] not in _UNITS.get(found[1], {}):
            raise ValueError(
                f"{word!r} is no impairment; write loss=5%, burst=3, delay=20ms, "
                "jitter=5ms, rate=2M or down, with commas between"
            )
        try:
            fields[found[1]] = float(found[2]) * _UNITS[found[1]][found[3]]
        except ValueError as error:
            raise ValueError(f"{word!r}: {found[2]} is no number") from error
    return replace(CLEAN, **fields, down="down" in words)


def parse_phases(text: str) -> list[tuple[float, Impairment]]:
    """Read `loss=2%; 8s rate=1M; 18s down`: impairments and the second each begins at.

    Raises:
        ValueError: the text is malformed.
    """
    phases = []
    for number, phase in enumerate(text.split(";")):
        found = re.match(r"\s*([0-9.]+)s\s+(?=\S)", phase) if number else None
        if number and not found:
            raise ValueError(f"{phase.strip()!r} does not say when; write 8s rate=1M")
        start = float(found[1]) if found else 0.0
        phases.append((start, parse_impairment(phase[found.end() if found else 0 :])))
    if [start for start, _ in phases] != sorted(start for start, _ in phases):
        raise ValueError("the phases of the network are not in order")
    return phases


def impairment_at(
    phases: Sequence[tuple[float, Impairment]], seconds: float
) -> Impairment:
    """The one that holds so many seconds after the start."""
    return [phase for start, phase in phases if start <= seconds][-1]


class Link:
    """One direction of a line."""

    def __init__(self, impairment: Impairment, draw: Callable[[], float]) -> None:
        """`draw` gives random numbers in 0..1, the 1 excluded."""
        self.impairment = impairment
        self.sent = 0
        self.lost = 0
        """By chance, while down, or for want of room in the queue."""
        self._draw = draw
        self._losing = False
        self._free = 0.0
        self._last = 0.0

    def send(self, size: int, now: float) -> float | None:
        """When a packet of `size` bytes arrives that is sent now; None if it is lost."""
        self.sent += 1
        line = self.impairment
        if line.down or self._drops():
            self.lost += 1
            return None
        start = now
        if line.rate is not None:
            start = max(now, self._free)
            if start - now > MAX_QUEUE:
                self.lost += 1
                return None
            start = self._free = start + 8 * size / line.rate
        arrival = start + line.delay + line.jitter * self._draw()
        self._last = max(arrival, self._last)
        return self._last

    def _drops(self) -> bool:
        line = self.impairment
        if not line.loss:
            self._losing = False
            return False
        recover = 1 / line.burst
        fail = min(1.0, recover * line.loss / (1 - line.loss))
        if line.burst == 1:  # without memory
            return self._draw() < line.loss
        self._losing = self._draw() < (1 - recover if self._losing else fail)
        return self._losing
