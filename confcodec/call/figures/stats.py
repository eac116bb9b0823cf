"""What a call did, in each direction, and the reports made of it."""

import platform
from collections import deque
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version

from confcodec import __version__
from confcodec.call.figures.series import Drops, Series, milliseconds, rounded

PSNR_WINDOW = 2.5
"""Seconds that the live PSNR is a mean over; it is measured more seldom than the rest."""

FRAMES = 24
"""Frames of which a page is told the figures one by one: more than it misses between two messages."""
TRACE_INTERVAL = 0.25
"""Seconds between two entries of `SendStats.trace`."""
_TRACED = (
    "fps",
    "bitrate_bps",
    "target_bps",
    "queue_ms",
    "loss",
    "fec",
    "quality",
    "halved",
)

_VERSIONED = ("torch", "numpy", "aiortc", "aiohttp", "av", "opencv-python", "pillow")


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
        return [self.number, self.size, bpp, self.quality, took, rounded(self.psnr)]


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
    halved: bool = False
    """The last frame was sent at half of its width and height."""
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
            "fps": rounded(fps),
            "bitrate_bps": round(8 * byte_rate),
            "bpp": rounded(self.bpp.mean(now), 4),
            "psnr_db": rounded(self.psnr.mean(now)),
            "encode_ms": milliseconds(self.encode.mean(now)),
            "frame_bytes": None if frame_bytes is None else round(frame_bytes),
            "quality": rounded(self.quality.mean(now), 1),
            "halved": self.halved,
            "target_bps": round(self.target),
            "queue_ms": milliseconds(self.queue_delay),
            "loss": rounded(self.loss, 4),
            "fec": rounded(self.protection.mean(now), 4),
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
            "fps": rounded(self.decode.per_second(now, started)[0]),
            "bitrate_bps": round(8 * self.wire.per_second(now, started)[1]),
            "decode_ms": milliseconds(self.decode.mean(now)),
            "latency_ms": milliseconds(self.latency.mean(now)),
            "concealed": rounded(self.concealed.per_second(now, started)[1]),
            "concealed_share": rounded(self.concealed_share, 5),
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
            "concealed_share": rounded(self.concealed_share, 5),
            "restored": self.restored,
            "wire_bytes": round(self.wire.total),
            "decode_ms": self.decode.percentiles_ms(),
            "latency_ms": self.latency.percentiles_ms(),
        }


def versions() -> dict[str, str]:
    """Versions of Python, of this program, and of the libraries its figures depend on."""
    found = {"confcodec": __version__, "python": platform.python_version()}
    for name in _VERSIONED:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "absent"
    return found
