import pytest
from hypothesis import given
from hypothesis import strategies as st

from confcodec.errors import PacketError
from confcodec.wire.packets import Packet, packetize, wrap_time
from confcodec.wire.receiver_report import (
    LAG_UNIT,
    NO_FRAME,
    ReceiptLog,
    Report,
    is_report,
    pack_report,
    unpack_report,
    wrapped,
)

U32 = st.integers(0, 2**32 - 1)
LAG = st.integers(0, 255).map(lambda units: LAG_UNIT * units)
REPORTS = st.builds(
    Report,
    *(st.integers(0, 2**16 - 1), U32, U32, U32, LAG, U32, U32),
    *(st.integers(0, 2**256 - 1), U32, U32, st.integers(0, 2**16 - 1)),
)


def packet(sequence: int, send_time: float = 0.0) -> Packet:
    return packetize([b"x"], 0, sequence, 0.0, send_time)[0]


@given(REPORTS)
def test_every_report_comes_back(report: Report) -> None:
    message = pack_report(report)
    assert is_report(message)
    assert unpack_report(message) == report


@given(st.binary(max_size=80), st.binary(min_size=64, max_size=64))
def test_anything_is_a_report_or_raises_packet_error(some: bytes, rest: bytes) -> None:
    for message in (some, b"\x22\x00" + rest):
        try:
            unpack_report(message)
        except PacketError:
            continue


def test_a_longer_lag_than_a_byte_holds_is_the_longest() -> None:
    log = ReceiptLog()
    log.note(packet(0), 1, 0.0)
    assert unpack_report(pack_report(log.report(None, 3.0))).lag == 255 * LAG_UNIT


def test_a_packet_is_no_report() -> None:
    from confcodec.wire.packets import pack

    assert not is_report(pack(packet(7)))
    with pytest.raises(PacketError):
        unpack_report(pack(packet(7)))


def test_a_report_tells_which_of_the_last_256_packets_came() -> None:
    log = ReceiptLog()
    for sequence in (65534, 65535, 1, 0, 3):
        log.note(packet(sequence), 100, 0.0)
    report = log.report(9)
    assert (report.newest, report.received & 0xFF) == (3, 0b111101)
    assert (report.packets, report.bytes, report.last_frame) == (5, 500, 9)


def test_a_report_forgets_what_is_older_than_its_bitmap() -> None:
    log = ReceiptLog()
    for sequence in (0, 1000, 700):
        log.note(packet(sequence), 1, 0.0)
    report = log.report(None)
    assert (report.newest, report.received) == (1000, 1)
    assert report.last_frame == NO_FRAME


def test_a_report_tells_the_delay_of_its_fastest_packet_across_the_wrap() -> None:
    log, ahead = ReceiptLog(), 2**32 / 1e6 - 5.0
    for number, took in enumerate((0.031, 0.02, 0.055)):
        sent = 4.99 + number / 100
        log.note(packet(number, sent), 1, sent + took + ahead)
    first = log.report(None)
    assert wrapped(first.delay_us - wrap_time(ahead)) == pytest.approx(20_000, abs=2)
    assert log.report(None) == first  # nothing new has come
    log.note(packet(3, 6.0), 1, 6.0 + 0.04 + ahead)
    later = log.report(None)
    assert wrapped(later.delay_us - first.delay_us) == pytest.approx(20_000, abs=2)
