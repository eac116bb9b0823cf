import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from confcodec.errors import PacketError
from confcodec.wire.messages import (
    MAX_NAME,
    MAX_TEXT,
    Bye,
    ClockSync,
    Hello,
    Message,
    Ping,
    Pong,
    Ready,
    pack,
    unpack,
)

TIMES = st.floats(-1e9, 1e9)
NAMES = st.text(min_size=1, max_size=MAX_NAME)

MESSAGES: st.SearchStrategy[Message] = st.one_of(
    st.builds(
        Hello,
        st.integers(0, 99),
        st.none() | NAMES,
        st.tuples(st.integers(-5, 9999), st.integers(-5, 9999)),
        TIMES,
        st.none() | NAMES,
    ),
    st.builds(Ready, NAMES),
    st.builds(Ping, TIMES),
    st.builds(Pong, TIMES, TIMES),
    st.builds(Bye, st.text(max_size=200)),
)

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)
FIELDS = st.sampled_from(
    ["protocol", "codec", "size", "fps", "reference", "time", "echo", "reason"]
)


@given(MESSAGES)
def test_every_message_comes_back(message: Message) -> None:
    assert unpack(pack(message)) == message


@given(st.binary(max_size=64) | st.text())
@example("[" * MAX_TEXT)
@example("1" * MAX_TEXT)
@example('{"type": "ping", "time": NaN}')
@example('{"type": "ping", "time": 1e999}')
@example('{"type": "ping", "time": 1' + "0" * 400 + "}")
@example(" " * (MAX_TEXT + 1))
def test_anything_is_a_message_or_raises_packet_error(message: str | bytes) -> None:
    try:
        unpack(message)
    except PacketError:
        return


@given(
    st.sampled_from(["hello", "ready", "ping", "pong", "bye"]),
    st.dictionaries(FIELDS, JSON),
)
def test_any_fields_are_a_message_or_raise_packet_error(
    kind: str, fields: dict[str, object]
) -> None:
    try:
        unpack(json.dumps({"type": kind, **fields}))
    except PacketError:
        return


def test_the_clock_offset_is_that_of_the_fastest_round_trip() -> None:
    clock = ClockSync()
    assert clock.offset is None
    clock.pong(Pong(echo=10.0, time=110.2), now=10.4)
    clock.pong(Pong(echo=20.0, time=120.005), now=20.01)
    clock.pong(Pong(echo=30.0, time=130.9), now=31.0)
    assert clock.rtt == pytest.approx(1.0)
    assert clock.offset == pytest.approx(100.0)


def test_a_pong_from_the_future_is_refused() -> None:
    with pytest.raises(PacketError):
        ClockSync().pong(Pong(echo=11.0, time=0.0), now=10.0)
