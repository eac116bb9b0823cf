"""Untrusted messages: parsed, or the documented error, in bounded time and memory.

`CONFCODEC_FUZZ=250000 pytest -s tests/wire/test_wire_fuzz.py` runs that many of each kind.
"""

import json
import os
import random
import resource
import time
from collections.abc import Callable

import pytest

from confcodec.errors import PacketError
from confcodec.rooms.reception import _read_note
from confcodec.transport.channel import check_sdp
from confcodec.wire import messages as feedback
from confcodec.wire.control.loss import LossMeter
from confcodec.wire.control.rate import RateController
from confcodec.wire.fec import protect
from confcodec.wire.packets import pack, packetize, unpack
from confcodec.wire.reassembly import MAX_PENDING_BYTES, Reassembler
from confcodec.wire.receiver_report import Report, pack_report, unpack_report

COUNT = int(os.environ.get("CONFCODEC_FUZZ", "3000"))
MEMORY = 100_000  # KiB more than before
LONGEST = 5.0
"""Seconds: a bound against hanging, not a measure of speed."""

TEXTS = (
    feedback.pack(feedback.Hello(feedback.VERSION, "rt", (640, 480), 30.0)),
    feedback.pack(feedback.Ping(12.5)),
    feedback.pack(feedback.MediaState(True, None)),
    feedback.pack(feedback.SoundTime(960, 1.0)),
    json.dumps({"type": "offer", "n": 3, "sdp": "v=0\r\nm=application\r\n"}),
    json.dumps({"type": "answer", "to": "host-home", "n": 0, "sdp": "v=0"}),
)


class Wire:
    """What untrusted messages reach, as long-lived as in a call."""

    def __init__(self) -> None:
        self.draw = random.Random(1)
        self.reassembler = Reassembler()
        self.meter, self.rate = LossMeter(), RateController(4e6)
        self.frame = 0
        self.now = 0.0

    def media(self) -> None:
        """A frame's packets, some changed, lost, doubled or out of order."""
        draw = self.draw
        self.frame += draw.choice((0, 1, 1, 1, 5))
        self.now += draw.choice((0.0, 0.001, 0.2))
        parts = [draw.randbytes(draw.randrange(1, 3000)) for _ in range(4)]
        packets = packetize(parts, self.frame, draw.randrange(65536), 0.0, self.now)
        messages = [pack(packet) for packet in protect(packets, draw.randrange(4))]
        draw.shuffle(messages)
        for message in messages[: draw.randrange(len(messages) + 1)]:
            data = changed(draw, message) if draw.random() < 0.3 else message
            attempt(lambda data=data: self.reassembler.push(unpack(data), self.now))  # type: ignore[misc]
        assert self.reassembler._size <= MAX_PENDING_BYTES

    def noise(self) -> None:
        """Bytes out of nowhere, half of them with a beginning that is believed."""
        draw = self.draw
        data = draw.randbytes(draw.randrange(1200))
        if draw.random() < 0.5:
            data = b"\x20\x00" + data
        attempt(lambda: self.reassembler.push(unpack(data), self.now))

    def report(self) -> None:
        """Reports that say anything, and changed ones."""
        draw = self.draw
        self.now += 0.02
        frame, packets, size, arrival, delay = (draw.getrandbits(32) for _ in range(5))
        lag = draw.random() * 0.3
        newest, received = draw.randrange(65536), draw.getrandbits(256)
        report = Report(newest, frame, packets, size, lag, arrival, delay, received)
        data = pack_report(report)
        if draw.random() < 0.5:
            data = changed(draw, data)
        attempt(lambda: self._report(unpack_report(data)))

    def text(self) -> None:
        """Control and signalling messages and session descriptions, changed or not at all."""
        draw = self.draw
        data = changed(draw, draw.choice(TEXTS).encode()).decode("latin-1")
        attempt(lambda: feedback.unpack(data))
        attempt(lambda: _read_note(data))
        attempt(lambda: check_sdp(data))

    def _report(self, report: Report) -> None:
        self.meter.push(report)
        self.rate.report(report, 0.04, self.now)
        assert 0 <= self.meter.loss <= 1
        assert 1e5 <= self.rate.rate <= 4e6


@pytest.mark.timeout(max(120, COUNT // 100))
@pytest.mark.parametrize("kind", [Wire.media, Wire.noise, Wire.report, Wire.text])
def test_any_message_is_taken_or_the_documented_error(
    kind: Callable[[Wire], None],
) -> None:
    wire = Wire()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    slowest = 0.0
    for _ in range(COUNT):
        began = time.monotonic()
        kind(wire)
        slowest = max(slowest, time.monotonic() - began)
    more = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    print(f"{kind.__name__}: {COUNT}, {slowest:.3f} s at most, {more} KiB")
    assert slowest < LONGEST
    assert more < MEMORY


def attempt(take: Callable[[], object]) -> None:
    """Only the documented error may come out."""
    try:
        take()
    except PacketError:
        return


def changed(draw: random.Random, data: bytes) -> bytes:
    """Some bytes replaced, left out, put in."""
    out = bytearray(data)
    for _ in range(draw.randrange(1, 6)):
        if not out:
            break
        at = draw.randrange(len(out))
        match draw.randrange(3):
            case 0:
                out[at] = draw.randrange(256)
            case 1:
                del out[at : at + draw.randrange(1, 9)]
            case _:
                out[at:at] = draw.randbytes(draw.randrange(1, 9))
    return bytes(out)
