import random
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from confcodec.wire.control.loss import MARGIN, LossMeter
from confcodec.wire.fec import FAILURES, protect, redundancy
from confcodec.wire.packets import MAX_PACKET, MAX_PROTECTED, pack, packetize
from confcodec.wire.receiver_report import ReceiptLog


def lines(loss: float, burst: float, count: int, seed: int) -> list[bool]:
    """Which of `count` packets get lost on a line with bursts (Gilbert's model)."""
    draw, lost, out = random.Random(seed), False, []
    recover = 1 / burst
    fail = recover * loss / (1 - loss)
    for _ in range(count):
        lost = draw.random() < (1 - recover if lost else fail)
        out.append(lost)
    return out


@pytest.mark.parametrize("k", [4, 15, 60])
@pytest.mark.parametrize("loss", [0.005, 0.02, 0.05, 0.2])
def test_few_enough_frames_fail_on_a_line_that_loses_at_random(
    k: int, loss: float
) -> None:
    n = k + redundancy(k, loss)
    frames = 4000
    lost = lines(loss, 1 / (1 - loss), frames * n, seed=k)
    failed = sum(sum(lost[i * n : (i + 1) * n]) > n - k for i in range(frames))
    # 4 packets with 20 % loss would need more parity than there are packets.
    assert failed <= (2 * FAILURES if n < 2 * k else 0.02) * frames


def test_a_clean_line_carries_no_parity() -> None:
    assert redundancy(20, 0.0) == redundancy(20, 0.0029) == 0
    assert redundancy(20, 0.003) > 0


def test_bursts_need_more_of_it() -> None:
    assert redundancy(20, 0.05, 3.0) > redundancy(20, 0.05)


@given(st.integers(1, 400), st.floats(0, 1), st.floats(0.5, 50))
def test_redundancy_has_bounds(k: int, loss: float, burst: float) -> None:
    r = redundancy(k, loss, burst)
    assert 0 <= r <= k
    assert k + r <= max(k, MAX_PROTECTED)


def test_a_packet_of_parity_fits_a_message() -> None:
    packets = protect(packetize([bytes(3000), b"x"], 1, 0, 0, 0), 2)
    assert max(len(pack(packet)) for packet in packets) <= MAX_PACKET


@pytest.mark.parametrize("loss", [0.0, 0.02, 0.2])
@pytest.mark.parametrize("burst", [1.5, 4.0])
def test_loss_is_measured_from_reports(loss: float, burst: float) -> None:
    log, meter = ReceiptLog(), LossMeter()
    lost = lines(loss, burst, 2000, seed=5)
    for number, gone in enumerate(lost):
        if not gone:
            packet = packetize([b"x"], 0, (number + 65000) & 0xFFFF, 0, 0)[0]
            log.note(packet, 1000, 0.0)
        if number % 40 == 39:
            meter.push(log.report(None))
            meter.push(log.report(None))  # a report that comes twice counts once
    told = lost[-600 - MARGIN :]
    assert meter.loss == pytest.approx(sum(told) / len(told), abs=0.02)
    runs = sum(b and not a for a, b in pairwise([False, *told]))
    assert meter.burst == pytest.approx(sum(told) / runs if runs else 1, rel=0.2)


def test_nothing_counts_as_lost_before_the_first_packet() -> None:
    log, meter = ReceiptLog(), LossMeter()
    for number in range(40):
        log.note(packetize([b"x"], 0, number, 0, 0)[0], 1000, 0.0)
        meter.push(log.report(None))
    assert meter.loss == 0
