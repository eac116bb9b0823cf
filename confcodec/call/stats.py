"""What a call did: counters, rolling windows, and the reports made of them."""

import platform
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version

from confcodec import __version__

WINDOW = 1.0
"""Seconds that live figures are means over."""
PSNR_WINDOW = 2.5
"""The same for the PSNR, which is measured more seldom."""
MAX_SAMPLES = 100_000
"""Samples kept for percentiles: the newest; an hour at 30 fps is 108,000."""

FRAMES = 24
"""Frames of which a page is told the figures one by one: more than it misses between two messages."""
TRACE_INTERVAL = 0.25
"""Seconds between two entries of `SendStats.trace`."""
_TRACED = ("fps", "bitrate_bps", "target_bps", "queue_ms", "loss", "fec", "quality")

_VERSIONED = ("torch", "numpy", "aiortc", "aiohttp", "av", "opencv-python", "pillow")


class Series:
    """A quantity measured now and then: live mean and rate, percentiles of the whole."""

    def __init__(self, window: float = WINDOW) -> None:
        self.count = 0
        self.total = 0.0
        self._window = window
        self._recent: deque[tuple[float, float]] = deque()
        self._samples: deque[float] = deque(maxlen=MAX_SAMPLES)

    def add(self, value: float, now: float) -> None:
        """Take a measurement."""
        self.count += 1
        self.total += value
        self._recent.append((now, value))
        self._samples.append(value)
        self._forget(now)

    def mean(self, now: float) -> float | None:
        """Mean over the window; None if nothing was measured in it."""
        self._forget(now)
        values = [value for _, value in self._recent]
        return sum(values) / len(values) if values else None

    def per_second(self, now: float, started: float) -> tuple[float, float]:
        """(measurements, their sum) per second, over the window or since `started`."""
        self._forget(now)
        span = min(self._window, max(now - started, 1e-3))
        return len(self._recent) / span, sum(value for _, value in self._recent) / span

    @property
    def overall(self) -> float | None:
        """Mean over everything; None if nothing was measured."""
        return self.total / self.count if self.count else None

    def percentiles_ms(self) -> dict[str, float | None]:
        """p50 and p95 of a time series, in milliseconds."""
        return {
            f"p{p}": _milliseconds(percentile(self._samples, p / 100)) for p in (50, 95)
        }

    def _forget(self, now: float) -> None:
        while self._recent and self._recent[0][0] <= now - self._window:
            self._recent.popleft()


class Drops:
    """Frames that went no further, by reason; nothing is dropped uncounted."""

    def __init__(self) -> None:
        self.by_reason: Counter[str] = Counter()
        self.after_first_second = 0
        """Those later than a second after the first frame."""
        self.started: float | None = None
        """When the first frame came; set by whoever owns the counter."""

    def add(self, reason: str, now: float, count: int = 1) -> None:
        """Count frames dropped for `reason`."""
        self.by_reason[reason] += count
        if self.started is not None and now > self.started + 1:
            self.after_first_second += count

    @property
    def total(self) -> int:
        """All of them."""
        return self.by_reason.total()


@dataclass(slots=True)
class SentFrame:
    """One frame, as the page lists it."""

    number: int
    size: int
    """Bytes of the bitstream."""
    bpp: float
    quality: int
    seconds: float
    """In the encoder."""
    psnr: float | None = None
    """dB, where it was measured."""

    def row(self) -> list[float | None]:
        """The figures in this order, milliseconds for seconds."""
        took, bpp = round(1e3 * self.seconds, 1), round(self.bpp, 3)
        return [self.number, self.size, bpp, self.quality, took, _rounded(self.psnr)]


@dataclass(slots=True)
class SendStats:
    """The sending half, from its first frame on."""

    captured: int = 0
    encoded: int = 0
    sent: int = 0
    stale: int = 0
    packets: int = 0
    parity: int = 0
    """Those of them that only make up for lost ones."""
    loss: float = 0.0
    """Share of packets that the receiver lately missed."""
    target: float = 0.0
    """Bits a second that the network is thought to carry."""
    queue_delay: float = 0.0
    """Seconds that packets wait on the way."""
    drops: Drops = field(default_factory=Drops)
    quality: Series = field(default_factory=Series)
    """Of the frames sent, 0..63."""
    encode: Series = field(default_factory=Series)
    """Seconds in the encoder."""
    wire: Series = field(default_factory=Series)
    """Bytes of the packets of a frame, headers included."""
    bpp: Series = field(default_factory=Series)
    protection: Series = field(default_factory=Series)
    """Share of a frame's packets that are parity."""
    psnr: Series = field(default_factory=lambda: Series(PSNR_WINDOW))
    """dB, of the measured frames."""

    frames: deque[SentFrame] = field(default_factory=lambda: deque(maxlen=FRAMES))
    """The newest ones sent."""
    trace: deque[dict[str, object]] = field(default_factory=lambda: deque(maxlen=4000))
    """How the call went, for its report: the newest quarter of an hour."""

    def post(self, packets: int, parity: int, size: int, now: float) -> None:
        """A frame goes out in so many packets, parity among them, of `size` bytes in all."""
        self.sent += 1
        self.packets += packets
        self.parity += parity
        self.protection.add(parity / packets, now)
        self.wire.add(size, now)

    def coded(self, frame: SentFrame, now: float) -> None:
        """Take the figures of a frame that was sent."""
        self.encode.add(frame.seconds, now)
        self.quality.add(frame.quality, now)
        self.bpp.add(frame.bpp, now)
        self.frames.append(frame)

    def measured(self, number: int, psnr: float, now: float) -> None:
        """Take the PSNR of a frame that was sent."""
        self.psnr.add(psnr, now)
        for frame in reversed(self.frames):
            if frame.number == number:
                frame.psnr = psnr
                break

    def note(self, now: float) -> None:
        """Leave an entry in the trace, if the last one is old enough."""
        seconds = now - (self.drops.started or now)
        if (
            self.trace
            and seconds - float(str(self.trace[-1]["seconds"])) < TRACE_INTERVAL
        ):
            return
        told = self.snapshot(now)
        entry: dict[str, object] = {"seconds": round(seconds, 2)}
        self.trace.append(entry | {name: told[name] for name in _TRACED})

    def snapshot(self, now: float) -> dict[str, object]:
        """The live figures; see the `sent` object of the page's `stats` message."""
        fps, byte_rate = self.wire.per_second(now, self.drops.started or now)
        frame_bytes = self.wire.mean(now)
        return {
            "captured": self.captured,
            "encoded": self.encoded,
            "sent": self.sent,
            "dropped": self.drops.total,
            "stale": self.stale,
            "fps": _rounded(fps),
            "bitrate_bps": round(8 * byte_rate),
            "bpp": _rounded(self.bpp.mean(now), 4),
            "psnr_db": _rounded(self.psnr.mean(now)),
            "encode_ms": _milliseconds(self.encode.mean(now)),
            "frame_bytes": None if frame_bytes is None else round(frame_bytes),
            "quality": _rounded(self.quality.mean(now), 1),
            "target_bps": round(self.target),
            "queue_ms": _milliseconds(self.queue_delay),
            "loss": _rounded(self.loss, 4),
            "fec": _rounded(self.protection.mean(now), 4),
        }


@dataclass(slots=True)
class ReceiveStats:
    """The receiving half, from its first packet on."""

    decoded: int = 0
    malformed: int = 0
    """Messages that were no packets."""
    slices: int = 0
    """Those of the decoded frames."""
    concealed: Series = field(default_factory=Series)
    """Slices of a decoded frame that were lost, and shown as in the frame before."""
    restored: int = 0
    """Lost packets that parity made up for."""
    drops: Drops = field(default_factory=Drops)
    decode: Series = field(default_factory=Series)
    """Seconds in the decoder."""
    latency: Series = field(default_factory=Series)
    """Seconds from capture to decoded, on one clock."""
    wire: Series = field(default_factory=Series)
    """Bytes of the packets of a whole frame, headers included."""

    def snapshot(self, now: float) -> dict[str, object]:
        """The live figures; see the `received` object of the page's `stats` message."""
        started = self.drops.started or now
        return {
            "decoded": self.decoded,
            "dropped": self.drops.total,
            "fps": _rounded(self.decode.per_second(now, started)[0]),
            "bitrate_bps": round(8 * self.wire.per_second(now, started)[1]),
            "decode_ms": _milliseconds(self.decode.mean(now)),
            "latency_ms": _milliseconds(self.latency.mean(now)),
            "concealed": _rounded(self.concealed.per_second(now, started)[1]),
            "concealed_share": _rounded(self.concealed_share, 5),
            "restored": self.restored,
        }

    @property
    def concealed_share(self) -> float:
        """Share of all slices shown that were concealed, 0..1."""
        return self.concealed.total / self.slices if self.slices else 0.0

    def summary(self) -> dict[str, object]:
        """The figures of the whole run; a loopback child sends them to its server."""
        return {
            "decoded": self.decoded,
            "malformed": self.malformed,
            "dropped": dict(self.drops.by_reason),
            "dropped_after_first_second": self.drops.after_first_second,
            "concealed_share": _rounded(self.concealed_share, 5),
            "restored": self.restored,
            "wire_bytes": round(self.wire.total),
            "decode_ms": self.decode.percentiles_ms(),
            "latency_ms": self.latency.percentiles_ms(),
        }


def percentile(
    samples: Sequence[float] | deque[float], fraction: float
) -> float | None:
    """The value that `fraction` of the samples lie at or below; None of no samples."""
    ordered = sorted(samples)
    return (
        ordered[min(len(ordered) - 1, int(fraction * len(ordered)))]
        if ordered
        else None
    )


def versions() -> dict[str, str]:
    """Versions of Python, of this program, and of the libraries its figures depend on."""
    found = {"confcodec": __version__, "python": platform.python_version()}
    for name in _VERSIONED:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "absent"
    return found


def _milliseconds(seconds: float | None) -> float | None:
    return _rounded(None if seconds is None else 1e3 * seconds)


def _rounded(value: float | None, digits: int = 2) -> float | None:
    return None if value is None else round(value, digits)
