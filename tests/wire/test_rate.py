"""A simulated sender, line and receiver: minutes of call in a moment, the same each time."""

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import pytest

from confcodec.wire.control.budget import STEPS, WHOLE, Budget, Loss, video_bytes
from confcodec.wire.control.loss import LossMeter
from confcodec.wire.control.rate import PACKET_OVERHEAD, QUEUE_LIMIT, RateController
from confcodec.wire.emulator import CLEAN, Impairment, Link
from confcodec.wire.fec import redundancy
from confcodec.wire.packets import Packet, wrap_time
from confcodec.wire.receiver_report import (
    ReceiptLog,
    Report,
    pack_report,
    unpack_report,
)

FPS = 30
SLICES = 4
CLOCKS = 4000.0
"""Seconds that the receiver's clock is ahead: the 32 bits wrap within the simulation."""


def size_of(quality: int) -> int:
    """Bytes of a frame at 640x480, about as `rt` codes it."""
    return round(1900 * math.exp(0.052 * quality))


@dataclass
class Second:
    """What happened in one second of a simulated call."""

    sent_bps: float = 0.0
    frames: int = 0
    halved: int = 0
    """Of the frames, those at half their size."""
    qualities: list[int] = field(default_factory=list)
    queue: float = 0.0
    """Longest true queue, seconds."""


class Call:
    """One direction of a call, in steps of a millisecond."""

    def __init__(
        self,
        line: Impairment,
        seed: int = 1,
        highest: float = 4e6,
        noise: float = 0.0,
        stall: float = 0.0,
    ) -> None:
        """`stall`: seconds of each half that the receiver's machine does something else;
        after three frames without an answer none are sent."""
        self.random = random.Random(seed)
        self.link = Link(line, self.random.random)
        self.rate = RateController(highest)
        self.budget = Budget(20, 63)
        self.loss = LossMeter()
        self.noise = noise
        self.stall = stall
        self.tells_lag = self.can_halve = True
        self._lag = 0.0
        self.log = ReceiptLog()
        self.now = 100.0
        self._sequence = self._frame = 0
        self._arriving: list[tuple[float, Packet]] = []
        self._reports: list[tuple[float, Report]] = []

    def run(self, seconds: float) -> list[Second]:
        """Go on for so long; one entry for each second."""
        return [self._second() for _ in range(round(seconds))]

    def _second(self) -> Second:
        told = Second()
        for tick in range(1000):
            self.now += 0.001
            if tick * FPS % 1000 < FPS:
                self._send(told)
            self._arrive()
            if tick % 40 == 0 or self._lag:
                self._report()
        told.sent_bps = 8 * told.sent_bps
        return told

    def _send(self, told: Second) -> None:
        self._frame += 1
        if 0.1 < self.now % 0.5 < self.stall:
            return
        loss = Loss(self.loss.loss, self.loss.burst)
        self.budget.pay(self.rate.rate, self.now)
        quality = self.budget.quality(
            self.rate.rate, FPS, loss, can_halve=self.can_halve
        )
        halved, stride = self.budget.step
        self.rate.interval = stride / FPS
        if self.budget.owes(self.rate.rate) or self._frame % stride:
            return
        slices = SLICES // 2 if halved else SLICES
        size = round(size_of(quality) / (2.4 if halved else 1))
        self.budget.coded(quality, [size // slices] * slices, halved=halved)
        k = slices * math.ceil(size / slices / 1117)
        told.halved += halved
        n = k + redundancy(k, loss.share, loss.burst)
        told.frames += 1
        told.qualities.append(quality)
        for index in range(n):
            self._packet(size // k + 32, index, n, told)

    def _packet(self, size: int, index: int, n: int, told: Second) -> None:
        leaves = self.now + 0.012 * index / n
        self._sequence = (self._sequence + 1) & 0xFFFF
        line = size + PACKET_OVERHEAD
        told.sent_bps += line
        self.budget.spend(line)
        self.rate.sent(size, leaves)
        arrival = self.link.send(line, leaves)
        told.queue = max(told.queue, self.link._free - leaves)
        if arrival is None:
            return
        arrival += self.noise * random.Random(self._frame).random()
        packet = Packet(
            *(0, 1, self._frame, self._sequence, 0, 1, 1),
            *(0, wrap_time(leaves), size, 0, bytes(size - 32)),
        )
        self._arriving.append((arrival, packet))

    def _arrive(self) -> None:
        if self.now % 0.5 < self.stall:
            if not self._lag:
                self._tell()
            self._lag = max(0.001, self.now % 0.5)
            return
        there = [entry for entry in self._arriving if entry[0] <= self.now]
        self._arriving = [entry for entry in self._arriving if entry[0] > self.now]
        for time, packet in there:
            time = self.now if self._lag else time
            self.log.note(packet, len(packet.payload) + 32, time + CLOCKS)

    def _report(self) -> None:
        delay = self.link.impairment.delay
        if self.log.packets and self.now % 0.5 >= self.stall:
            self._tell()
            self._lag = 0.0
        while self._reports and self._reports[0][0] <= self.now:
            report = self._reports.pop(0)[1]
            self.rate.report(report, 2 * delay, self.now)
            self.loss.push(report, congested=self.rate.congested)

    def _tell(self) -> None:
        lag = self._lag if self.tells_lag else 0.0
        # As it travels: in steps of 4 ms.
        report = unpack_report(pack_report(self.log.report(None, lag)))
        self._reports.append((self.now + self.link.impairment.delay, report))


def mean(values: Iterator[float] | list[float]) -> float:
    numbers = list(values)
    return sum(numbers) / len(numbers)


LINE = Impairment(delay=0.02)


def test_a_free_line_is_used_up_to_the_limit_within_two_seconds() -> None:
    seconds = Call(LINE).run(10)
    assert all(s.sent_bps == pytest.approx(4e6, rel=0.12) for s in seconds[2:])
    assert all(s.frames == FPS for s in seconds[1:])


@pytest.mark.parametrize("rate", [1e6, 3e6])
@pytest.mark.parametrize("loss", [0.0, 0.05])
def test_a_narrow_line_is_used_well_and_its_queue_stays_short(
    rate: float, loss: float
) -> None:
    seconds = Call(replace(LINE, rate=rate, loss=loss)).run(40)[5:]
    assert mean([s.sent_bps for s in seconds]) > 0.75 * rate
    assert mean([s.queue for s in seconds]) < 0.08
    # A quarter of 1 Mbit/s goes into headers and parity: at times every second frame must do.
    assert mean([s.frames for s in seconds]) > (28 if rate > 1e6 or not loss else 14)


def test_after_a_fall_the_queue_is_short_within_a_second_and_a_half() -> None:
    call = Call(replace(LINE, rate=4e6))
    call.run(15)
    call.link.impairment = replace(LINE, rate=1e6)
    fallen = call.run(10)
    assert fallen[0].queue > 0.15  # the fall was felt
    assert all(s.queue < 0.2 for s in fallen[1:])
    assert all(s.sent_bps < 1.15e6 for s in fallen[2:])
    call.link.impairment = replace(LINE, rate=4e6)
    back = call.run(12)
    assert mean([s.sent_bps for s in back[8:]]) > 0.8 * 4e6
    assert max(s.sent_bps for s in back[:8]) > 0.9 * 4e6


@pytest.mark.parametrize("loss", [0.02, 0.1, 0.2])
@pytest.mark.parametrize("burst", [1.0, 3.0])
def test_a_line_that_always_loses_is_not_taken_for_a_full_one(
    loss: float, burst: float
) -> None:
    call = Call(replace(LINE, loss=loss, burst=burst))
    seconds = call.run(60)
    assert mean([s.sent_bps for s in seconds[20:]]) > 2e6


def test_a_queue_too_short_to_be_seen_is_noticed_by_its_loss(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("confcodec.wire.emulator.MAX_QUEUE", 0.035)
    call = Call(replace(LINE, rate=1e6))
    seconds = call.run(60)[10:]
    # Not held at 1 Mbit/s, as a queue would be; but 4 Mbit/s were there to be sent.
    assert 0.7e6 < mean([s.sent_bps for s in seconds]) < 1.7e6


def test_packets_late_by_a_busy_machine_do_not_slow_the_call_down() -> None:
    seconds = Call(replace(LINE, jitter=0.02), noise=0.02).run(20)
    assert all(s.sent_bps > 0.85 * 4e6 for s in seconds[6:])


def test_the_way_may_become_longer_for_good() -> None:
    call = Call(LINE)
    call.run(5)
    call.link.impairment = replace(LINE, delay=0.12)
    assert call.run(30)[-1].sent_bps > 0.85 * 4e6


def test_a_busy_receiver_is_not_taken_for_a_queue() -> None:
    call = Call(LINE, stall=0.2)
    assert mean([s.sent_bps for s in call.run(20)[10:]]) > 0.75 * 4e6
    silent = Call(LINE, stall=0.2)
    silent.tells_lag = False
    assert mean([s.sent_bps for s in silent.run(20)[10:]]) < 0.5 * 4e6


def test_a_queue_is_seen_at_a_busy_receiver_too() -> None:
    call = Call(LINE, stall=0.2)
    call.run(5)
    call.link.impairment = replace(LINE, rate=1e6)
    seconds = call.run(12)[3:]
    assert mean([s.queue for s in seconds]) < 0.2
    assert mean([s.sent_bps for s in seconds]) < 1e6


def test_packets_that_waited_here_before_they_left_are_no_queue() -> None:
    call = Call(LINE)
    call.run(3)
    before = call.rate.rate
    for number in range(1, 9):
        call.now += 0.05
        late = call.log.report(None)
        late = replace(
            late,
            packets=late.packets + number,
            arrival_us=late.arrival_us + 50_000 * number,
            delay_us=late.delay_us + 120_000,
        )
        call.rate.report(late, 0.04, call.now, lag=0.12)
    assert call.rate.queue_delay < QUEUE_LIMIT
    assert call.rate.rate == pytest.approx(before)


def test_reports_that_are_lost_or_repeated_change_nothing_by_themselves() -> None:
    call = Call(LINE)
    call.run(3)
    before, report = call.rate.rate, call.log.report(None)
    call.rate.report(report, 0.04, call.now)
    call.rate.report(report, 0.04, call.now + 1)
    assert call.rate.rate == pytest.approx(before)


def test_a_line_too_narrow_for_the_lowest_quality_gets_smaller_pictures() -> None:
    call = Call(replace(LINE, rate=450e3))
    seconds = call.run(40)[8:]
    assert mean([s.frames for s in seconds]) > 25
    assert mean([s.halved for s in seconds]) > 15
    assert mean([s.sent_bps for s in seconds]) < 450e3
    assert mean([s.queue for s in seconds]) < 0.2
    call.link.impairment = LINE
    later = call.run(20)[-1]
    assert (later.halved, later.frames) == (0, FPS)


@pytest.mark.parametrize("can_halve", [True, False])
def test_a_still_narrower_one_gets_fewer_frames(can_halve: bool) -> None:
    call = Call(replace(LINE, rate=160e3 if can_halve else 250e3))
    call.can_halve = can_halve
    seconds = call.run(40)[8:]
    assert 4.5 <= mean([s.frames for s in seconds]) <= 20
    assert mean([s.sent_bps for s in seconds]) < (160e3 if can_halve else 250e3)
    assert mean([s.queue for s in seconds]) < 0.2
    assert any(s.halved for s in seconds) == can_halve


def test_what_a_full_queue_drops_is_not_made_up_for_by_parity() -> None:
    call = Call(replace(LINE, rate=400e3), highest=4e6)
    call.run(8)
    assert redundancy(4, call.loss.loss, call.loss.burst) == 0
    lossy = Call(replace(LINE, rate=1e6, loss=0.05), highest=4e6)
    lossy.run(8)
    assert lossy.loss.loss > 0.02


def test_steps_are_taken_one_after_the_other_and_given_back() -> None:
    budget = Budget(0, 63)
    budget.coded(0, [1500])
    steps = []
    for rate in (1e6, 0.5e6, 0.3e6, 0.15e6, 0.08e6, 0.04e6, 0.02e6, 1e6):
        budget.quality(rate, 30, Loss())
        steps.append(budget.step)
    assert steps[0] == steps[-1] == WHOLE
    assert [STEPS.index(step) for step in steps[:-1]] == sorted(
        STEPS.index(step) for step in steps[:-1]
    )
    assert steps[-2] == STEPS[-1]
    assert not any(step.stride > 1 and not step.halved for step in steps)


def test_quality_follows_the_rate_and_the_content() -> None:
    budget, sizes = Budget(20, 63), [700] * 4
    budget.coded(20, sizes)
    rich, poor = budget.quality(2e6, 30, Loss()), budget.quality(0.5e6, 30, Loss())
    assert poor < 20 < rich <= 24
    budget.coded(20, [30 * size for size in sizes])
    assert budget.quality(2e6, 30, Loss()) < rich


def test_parity_and_headers_fit_into_the_budget_of_a_frame() -> None:
    for budget in range(600, 40_000, 713):
        for loss in (0.0, 0.02, 0.05, 0.2):
            video = video_bytes(budget, SLICES, Loss(loss, 1.0))
            k = max(SLICES, math.ceil(video / 1117))
            r = redundancy(k, loss)
            line = video + r * (video / k + 11) + (k + r) * (32 + PACKET_OVERHEAD)
            assert line <= 1.1 * budget or video == 1.0


def test_what_was_sent_too_much_makes_the_next_frame_wait() -> None:
    budget = Budget(20, 63)
    budget.pay(1e6, 10.0)
    budget.spend(30_000)
    assert budget.owes(1e6)
    budget.pay(1e6, 10.3)
    assert not budget.owes(1e6)


def test_an_empty_line_shows_no_queue() -> None:
    call = Call(CLEAN)
    call.run(3)
    assert call.rate.queue_delay < QUEUE_LIMIT / 4
