"""What travels on the control channel: JSON objects with a `type`.

hello  protocol, codec (what I will send, or null), size [w, h], fps,
       reference (how to name that codec to a program; none, or null, where it ships)
ready  codec (loaded: you may send)
ping   time (of my clock, seconds)
pong   echo (the ping's time), time (of my clock)
bye    reason
media  camera (whether it is on), microphone (the same, or null: there is none)
sound  rtp (a time stamp of the sound track), time (of my clock, when I heard that)
"""

import json
import math
from dataclasses import asdict, dataclass

from confcodec.errors import PacketError

VERSION = 3
HEARTBEAT_INTERVAL = 0.5
SILENCE_LIMIT = 2.5
"""Seconds without a message after which a peer is dead; with the check noticed within 3."""
MAX_TEXT = 4096
"""Characters of the longest text message accepted."""
MAX_NAME = 80
"""Characters of a codec's name or reference."""


@dataclass(frozen=True, slots=True)
class Hello:
    """The first message of each side."""

    protocol: int
    codec: str | None
    """The codec this side will send with; None if it only receives."""
    size: tuple[int, int]
    """Width and height of the frames it will send."""
    fps: float
    reference: str | None = None
    """What a person types to have that codec, untrusted; None for those that ship."""


@dataclass(frozen=True, slots=True)
class Ready:
    """The receiving half is warm: frames may come."""

    codec: str


@dataclass(frozen=True, slots=True)
class Ping:
    """A heartbeat; asks for a `Pong`."""

    time: float
    """Seconds on the sender's clock."""


@dataclass(frozen=True, slots=True)
class Pong:
    """The answer to a `Ping`."""

    echo: float
    """The time in the ping."""
    time: float
    """Seconds on the answering clock."""


@dataclass(frozen=True, slots=True)
class Bye:
    """The last message of a side that ends on purpose."""

    reason: str


@dataclass(frozen=True, slots=True)
class MediaState:
    """What a side sends just now."""

    camera: bool
    microphone: bool | None
    """None: it has none."""


@dataclass(frozen=True, slots=True)
class SoundTime:
    """Ties the sound track to the clock that frames have their capture times from."""

    rtp: int
    """An RTP time stamp, 48,000 a second, modulo 2**32."""
    time: float
    """Seconds on the sender's clock when that sample was heard."""


Message = Hello | Ready | Ping | Pong | Bye | MediaState | SoundTime

_TEXT_TYPES: dict[
    str, type[Hello | Ready | Ping | Pong | Bye | MediaState | SoundTime]
] = {
    "hello": Hello,
    "ready": Ready,
    "ping": Ping,
    "pong": Pong,
    "bye": Bye,
    "media": MediaState,
    "sound": SoundTime,
}
_TYPE_NAMES = {kind: name for name, kind in _TEXT_TYPES.items()}


def pack(message: Message) -> str:
    """The control channel message that carries `message`."""
    return json.dumps({"type": _TYPE_NAMES[type(message)], **asdict(message)})


def unpack(message: str | bytes) -> Message:
    """Read a message of the control channel, untrusted; the inverse of `pack`.

    Raises:
        PacketError: anything but a message in the form above.
    """
    if isinstance(message, bytes):
        raise PacketError("a binary control message")
    if len(message) > MAX_TEXT:
        raise PacketError(f"a control message of {len(message)} characters")
    try:
        fields = json.loads(message)
    except (ValueError, RecursionError) as error:
        raise PacketError(f"a control message that is not JSON: {error}") from error
    if not isinstance(fields, dict):
        raise PacketError("a control message that is no JSON object")
    return _read_text(fields)


def _read_text(fields: dict[str, object]) -> Message:
    match fields:
        case {
            "type": "hello",
            "protocol": int(protocol),
            "size": [int(w), int(h)],
            "fps": fps,
        }:
            names = (fields.get("codec"), fields.get("reference"))
            codec, reference = (None if n is None else _name(n) for n in names)
            return Hello(protocol, codec, (w, h), _number(fps), reference)
        case {"type": "ready", "codec": codec}:
            return Ready(_name(codec))
        case {"type": "ping", "time": time}:
            return Ping(_number(time))
        case {"type": "pong", "echo": echo, "time": time}:
            return Pong(_number(echo), _number(time))
        case {"type": "bye", "reason": str(reason)}:
            return Bye(reason[:200])
        case {
            "type": "media",
            "camera": bool(camera),
            "microphone": (bool() | None) as microphone,
        }:
            return MediaState(camera, microphone)
        case {"type": "sound", "rtp": int(stamp), "time": time} if 0 <= stamp < 2**32:
            return SoundTime(stamp, _number(time))
    raise PacketError("a control message of unknown type or with fields missing")


def _number(value: object) -> float:
    if isinstance(value, float | int) and abs(value) < 1e15 and math.isfinite(value):
        return float(value)
    raise PacketError("a control message without a number where one belongs")


def _name(value: object) -> str:
    if isinstance(value, str) and 0 < len(value) <= MAX_NAME:
        return value
    raise PacketError("a control message without a name where one belongs")


class ClockSync:
    """RTT, and how far the peer's clock is ahead of ours, from pings and pongs.

    The offset is that of the fastest round trip among the last 32: its error is at
    most half of what that trip took.
    """

    def __init__(self) -> None:
        self.rtt: float | None = None
        """Seconds the last round trip took."""
        self._trips: list[tuple[float, float]] = []

    def pong(self, pong: Pong, now: float) -> None:
        """Take the answer to a ping of ours, at `now` on our clock."""
        rtt = now - pong.echo
        if not 0 <= rtt < 60:
            raise PacketError("a pong to no ping of ours")
        self.rtt = rtt
        self._trips = [*self._trips[-31:], (rtt, pong.time - (pong.echo + now) / 2)]

    @property
    def shortest(self) -> float:
        """Seconds of the fastest of these round trips; 0 before the first pong."""
        return min(self._trips)[0] if self._trips else 0.0

    @property
    def offset(self) -> float | None:
        """Seconds to add to our clock to get the peer's; None before the first pong."""
        return min(self._trips)[1] if self._trips else None
