"""Counters and rolling windows: what the figures of a call are made of."""

from array import array
from collections import Counter, deque
from collections.abc import Iterable

WINDOW = 1.0
"""Seconds that live figures are means over."""
MAX_SAMPLES = 100_000
"""Samples kept for percentiles: the newest; an hour at 30 fps is 108,000."""
_LEAST_SPAN = 0.25


class Series:
    """A quantity measured now and then: live mean and rate, percentiles of the whole."""

    def __init__(self, window: float = WINDOW) -> None:
        self.count = 0
        self.total = 0.0
        self._window = window
        self._recent: deque[tuple[float, float]] = deque()
        # 4 bytes each; in a deque of floats 32, which would look like a leak for an hour.
        self._samples = array("f")

    def add(self, value: float, now: float) -> None:
        """Take a measurement."""
        if self.count < MAX_SAMPLES:
            self._samples.append(value)
        else:
            self._samples[self.count % MAX_SAMPLES] = value
        self.count += 1
        self.total += value
        self._recent.append((now, value))
        self._forget(now)

    def mean(self, now: float) -> float | None:
        """Mean over the window; None if nothing was measured in it."""
        self._forget(now)
        values = [value for _, value in self._recent]
        return sum(values) / len(values) if values else None

    def per_second(self, now: float, started: float) -> tuple[float, float]:
        """(measurements, their sum) per second, over the window or since `started`."""
        self._forget(now)
        # A first frame alone would make a rate of any height.
        span = min(self._window, max(now - started, _LEAST_SPAN))
        return len(self._recent) / span, sum(value for _, value in self._recent) / span

    @property
    def overall(self) -> float | None:
        """Mean over everything; None if nothing was measured."""
        return self.total / self.count if self.count else None

    def percentiles_ms(self) -> dict[str, float | None]:
        """p50 and p95 of a time series, in milliseconds."""
        return {
            f"p{p}": milliseconds(percentile(self._samples, p / 100)) for p in (50, 95)
        }

    def _forget(self, now: float) -> None:
        while self._recent and self._recent[0][0] <= now - self._window:
            self._recent.popleft()


class Drops:
    """How many frames were dropped, by reason."""

    def __init__(self) -> None:
        self.by_reason: Counter[str] = Counter()
        self.after_first_second = 0
        """Those later than a second after the first frame."""
        self.started: float | None = None
        """When the first frame came; set by the owner of the counter."""

    def add(self, reason: str, now: float, count: int = 1) -> None:
        """Count frames dropped for `reason`."""
        self.by_reason[reason] += count
        if self.started is not None and now > self.started + 1:
            self.after_first_second += count

    @property
    def total(self) -> int:
        """All of them."""
        return self.by_reason.total()


def percentile(samples: Iterable[float], fraction: float) -> float | None:
    """The value that `fraction` of the samples lie at or below; None of no samples."""
    ordered = sorted(samples)
    return (
        ordered[min(len(ordered) - 1, int(fraction * len(ordered)))]
        if ordered
        else None
    )


def milliseconds(seconds: float | None) -> float | None:
    """In milliseconds, as reports tell it; None stays None."""
    return rounded(None if seconds is None else 1e3 * seconds)


def rounded(value: float | None, digits: int = 2) -> float | None:
    """The same; None stays None."""
    return None if value is None else round(value, digits)
