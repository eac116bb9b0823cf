"""Simulated machines: a source, an encoder, a lossy way, a decoder; minutes in a moment."""

import itertools
import math
import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import pytest

from confcodec.wire.control.admission import Admission
from confcodec.wire.control.load import (
    LEAST,
    LEAST_PARTS,
    PARTS,
    Load,
    Work,
    work_between,
)
from confcodec.wire.control.loss import LossMeter
from confcodec.wire.fec import protect, redundancy
from confcodec.wire.packets import Packet, packetize
from confcodec.wire.reassembly import ArrivedFrame, Reassembler
from confcodec.wire.receiver_report import NO_FRAME, ReceiptLog, Report

FPS = 30
TICK = 0.001
DELAY = 0.02
Cost = Callable[[float, int], float]
"""Seconds that a frame takes at a time and a quality."""


def always(seconds: float) -> Cost:
    """The same whenever, with half a per cent for each step of quality around 40."""
    return lambda _now, quality: seconds * math.exp(0.005 * (quality - 40))


def slow_between(start: float, end: float, seconds: float, slow: float) -> Cost:
    """`slow` seconds a frame for a while, else `seconds`."""
    return lambda now, _quality: slow if start <= now < end else seconds


@dataclass
class Machines:
    """One direction of a call as `Sender` and `Receiver` have it, without a network's rate."""

    encoder: Cost
    decoder: Cost
    loss: float = 0.0
    quality: int = 40
    """That the line allows."""
    now: float = 0.0
    shown: list[float] = field(default_factory=list)
    """When frames were decoded."""
    qualities: list[int] = field(default_factory=list)
    stall: tuple[float, float] = (math.inf, 0.0)
    """When the encoder stands still, and for how long."""

    def __post_init__(self) -> None:
        self.load, self.admission = Load(63), Admission()
        self.meter, self.log = LossMeter(), ReceiptLog()
        self._random = random.Random(3)
        self._captured: deque[tuple[int, float]] = deque()
        self._arriving: list[tuple[float, Packet]] = []
        self._reports: list[tuple[float, Report]] = []
        self._coded: deque[tuple[ArrivedFrame, float]] = deque()
        self._reassembler = Reassembler()
        self._encoding: tuple[float, float, int, int, float] | None = None
        self._decoding: tuple[float, float, ArrivedFrame, float] | None = None
        self._frame, self._sequence, self._ticks = 0, 0, 0
        self._last: int | None = None

    def run(self, seconds: float) -> None:
        """Go on for so long."""
        for _ in range(round(seconds / TICK)):
            self._ticks += 1
            self.now = self._ticks * TICK
            if self._ticks * FPS % 1000 < FPS:
                self._capture()
            self._take_reports()
            self._encode()
            self._arrive()
            self._decode()
            if self._ticks % 50 == 0:
                self._report()

    def fps(self, start: float, end: float) -> float:
        """Frames shown a second."""
        return sum(start <= at < end for at in self.shown) / (end - start)

    def gaps(self, start: float) -> set[int]:
        """Milliseconds between two frames shown, rounded to tens."""
        late = [at for at in self.shown if at >= start]
        return {round(100 * (b - a)) * 10 for a, b in itertools.pairwise(late)}

    def _capture(self) -> None:
        self._frame += 1
        if len(self._captured) == 3:
            self._captured.clear()
        self._captured.append((self._frame, self.now))

    def _encode(self) -> None:
        start, length = self.stall
        if start <= self.now < start + length:
            return
        if self._encoding and self.now > self._encoding[0] - 1e-6:
            _, began, number, quality, wait = self._encoding
            self.load.encoded(Work(self.now - began, wait), quality, self.now)
            self._post(number)
            self._encoding = None
        while self._captured and not self._encoding:
            number, offered = self._captured.popleft()
            self.load.decide(FPS, self.now)
            fps = FPS * self.load.share
            if self.load.place(number) is None or self.admission.crowded(
                fps, 2 * DELAY, self.meter.loss, self.now
            ):
                continue
            quality = min(self.quality, self.load.limit)
            done = self.now + self.encoder(self.now, quality)
            self.qualities.append(quality)
            self._encoding = done, self.now, number, quality, self.now - offered

    def _post(self, number: int) -> None:
        packets = packetize(
            [b"x" * 1800] * 4, number, self._sequence, self.now, self.now
        )
        r = redundancy(len(packets), self.meter.loss, self.meter.burst)
        for packet in protect(packets, r):
            if self._random.random() >= self.loss:
                self._arriving.append((self.now + DELAY, packet))
        self._sequence = (self._sequence + len(packets) + r) & 0xFFFF
        self.admission.sent(number, self.now)

    def _arrive(self) -> None:
        there = [packet for at, packet in self._arriving if at <= self.now]
        self._arriving = [entry for entry in self._arriving if entry[0] > self.now]
        arrived = [f for p in there for f in self._reassembler.push(p, self.now)]
        for packet in there:
            self.log.note(packet, 1000, self.now)
        for frame in arrived + self._reassembler.expire(self.now):
            if len(self._coded) == 8:
                self._coded.clear()
            self._coded.append((frame, self.now))

    def _decode(self) -> None:
        if self._decoding and self.now > self._decoding[0] - 1e-6:
            _, began, frame, wait = self._decoding
            self.shown.append(self.now)
            self.log.decoded(self.now - began, wait)
            self._last, self._decoding = frame.number, None
            self._report()
        if self._coded and not self._decoding:
            frame, came = self._coded.popleft()
            done = self.now + self.decoder(self.now, self.qualities[-1])
            self._decoding = done, self.now, frame, self.now - came

    def _report(self) -> None:
        if self.log.packets and self._random.random() >= self.loss:
            self._reports.append((self.now + DELAY, self.log.report(self._last)))

    def _take_reports(self) -> None:
        while self._reports and self._reports[0][0] <= self.now:
            report = self._reports.pop(0)[1]
            self.meter.push(report)
            self.load.reported(report, self.now)
            self.admission.settled(report.last_frame)


def test_idle_machines_send_every_frame_at_every_quality() -> None:
    call = Machines(always(0.014), always(0.013), quality=63)
    call.run(10)
    assert call.fps(1, 10) == pytest.approx(FPS, rel=0.01)
    assert call.load.limit == 63


@pytest.mark.parametrize("quality", [14, 40])
@pytest.mark.parametrize("loss", [0.02, 0.05])
def test_what_a_line_loses_does_not_slow_idle_machines(
    loss: float, quality: int
) -> None:
    call = Machines(always(0.014), always(0.013), loss=loss, quality=quality)
    call.run(30)
    assert call.fps(3, 30) >= 29
    assert (call.load.parts, call.load.limit) == (PARTS, 63)


def test_an_encoder_of_40_ms_gives_24_even_frames() -> None:
    call = Machines(lambda *_: 0.040, always(0.010))
    call.run(20)
    assert call.fps(3, 20) == pytest.approx(24, abs=0.3)
    assert call.gaps(3) <= {30, 40, 50, 60, 70}
    assert call.load.limit >= 40  # ever poorer pictures would not have helped


def test_a_slower_one_gives_fewer_down_to_two_a_second() -> None:
    call = Machines(lambda *_: 0.100, always(0.010))
    call.run(20)
    assert call.fps(3, 20) == pytest.approx(9.5, abs=0.5)
    slowest = Machines(lambda *_: 2.0, always(0.010))
    slowest.run(60)
    assert slowest.load.parts == LEAST_PARTS


def test_one_stall_of_300_ms_costs_at_most_12_frames() -> None:
    call = Machines(always(0.014), always(0.013), stall=(5.0, 0.3))
    call.run(10)
    assert call.fps(1, 5) + call.fps(6, 10) == pytest.approx(2 * FPS, rel=0.01)
    assert len(call.shown) >= 10 * FPS - 12
    assert call.load.parts == PARTS


def test_a_decoder_slower_than_the_encoder_settles_within_3_s() -> None:
    call = Machines(always(0.010), lambda *_: 0.050)
    call.run(20)
    assert call.fps(3, 20) == pytest.approx(19, abs=0.6)
    assert call.gaps(3) <= {30, 40, 50, 60, 70}


@pytest.mark.parametrize("slow", [0.035, 0.045, 0.090])
def test_a_browser_that_takes_a_core_for_2_s_leaves_no_trace_after_5(
    slow: float,
) -> None:
    call = Machines(
        slow_between(10, 12, 0.018, slow), slow_between(10, 12, 0.016, slow)
    )
    call.run(30)
    assert call.fps(17, 30) == pytest.approx(FPS, rel=0.01)
    assert set(call.qualities[-13 * FPS :]) == {40}


@pytest.mark.parametrize("slow", [0.050, 0.150])
def test_the_full_rate_is_back_within_3_s_of_a_long_shortage(slow: float) -> None:
    call = Machines(slow_between(0, 60, 0.014, slow), always(0.013))
    call.run(70)
    assert call.fps(20, 60) < 0.96 / slow + 0.5
    assert call.fps(63, 70) == pytest.approx(FPS, rel=0.01)


def test_where_little_is_missing_lower_quality_keeps_the_rate() -> None:
    call = Machines(always(0.032), always(0.010), quality=50)
    call.run(30)
    assert call.fps(5, 30) == pytest.approx(FPS, rel=0.02)
    assert LEAST <= call.load.limit < 50
    assert max(call.qualities[-600:]) - min(call.qualities[-600:]) <= 2  # no pumping


def test_frames_that_are_left_out_lie_evenly_and_say_their_place() -> None:
    load = Load(63)
    load.parts = 48
    places = [load.place(number) for number in range(100, 160)]
    assert [place for place in places if place is not None] == list(range(80, 128))
    assert all(None in places[i : i + 5] for i in range(56))


def test_machines_that_slow_each_other_down_settle_at_an_even_rate() -> None:
    """Each frame takes longer the more of them there are, as on too few cores."""
    call = Machines(always(0.014), always(0.013))

    def crowded(now: float, _quality: int) -> float:
        return 0.022 * (1 + (call.load.share / 0.8) ** 4)

    call.encoder = crowded
    call.run(60)
    seconds = [call.fps(at, at + 1) for at in range(10, 60)]
    assert max(seconds) - min(seconds) <= 3
    assert min(seconds) > 18


def test_a_report_tells_what_the_decoder_did_since_the_one_before() -> None:
    log = ReceiptLog()
    log.decoded(2**32 / 1e6 - 1.0, 0.0)  # close to the wrap
    before = log.report(None)
    log.decoded(0.5, 0.0)
    log.decoded(0.9, 0.031)
    after = log.report(None)
    assert work_between(None, after) is None
    assert work_between(before, before) is None
    assert work_between(after, before) is None
    work = work_between(before, after)
    assert work is not None
    assert work.seconds == pytest.approx(0.7)
    assert work.frames == 2
    assert work.wait == pytest.approx(0.031)


def test_a_queue_that_never_empties_is_evidence_though_times_are_short() -> None:
    load = Load(63)
    for number in range(60):
        load.encoded(Work(0.010, 0.0), 40, number / FPS)
        load.decoded(Work(0.020, 0.1), number / FPS)
    load.decide(FPS, 2.0)
    assert load.parts < PARTS or load.limit < 63


def test_what_was_measured_is_forgotten_though_nobody_decides() -> None:
    load = Load(63)
    for number in range(3000):  # a call of fixed quality
        load.encoded(Work(0.01, 0.0), 40, number / FPS)
        load.decoded(Work(0.01, 0.0), number / FPS)
    for kept in (load._encoder._work, load._decoder._work, load._qualities):
        assert len(kept) <= FPS + 2


def test_whatever_a_report_says_the_limits_stay_within_their_range() -> None:
    load, draw = Load(63), random.Random(2)
    log = ReceiptLog()
    before = log.report(None)
    for number in range(2000):
        said = replace(
            log.report(None),
            decoded=draw.getrandbits(32),
            busy_us=draw.getrandbits(32),
            wait_ms=draw.getrandbits(16),
        )
        if work := work_between(before, said):
            load.decoded(work, number / FPS)
        load.encoded(Work(draw.random() / 10, 0.0), draw.randrange(64), number / FPS)
        load.decide(FPS, number / FPS)
        assert LEAST_PARTS <= load.parts <= PARTS
        assert LEAST - 1 < load.limit <= 63
        before = said


def test_frames_without_an_answer_are_forgotten_after_a_second() -> None:
    admission = Admission()
    for number in range(5):
        admission.sent(number, 0.0)
    assert admission.crowded(FPS, 0.04, 0.0, 0.5)
    assert not admission.crowded(FPS, 0.04, 0.0, 1.1)
    assert len(admission) == 0


def test_a_lossy_line_may_owe_answers_for_as_long_as_packets_are_waited_for() -> None:
    admission = Admission()
    for number in range(6):
        admission.sent(number, 0.0)
    assert admission.crowded(FPS, 0.04, 0.0, 0.1)
    assert not admission.crowded(FPS, 0.04, 0.05, 0.1)
    admission.settled(NO_FRAME)
    assert len(admission) == 6
    admission.settled(4)
    assert len(admission) == 1
