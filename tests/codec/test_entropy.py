"""Entropy coding: any symbols round-trip, in close to the ideal length."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from confcodec.codec.entropy import (
    SYMBOL_MAX,
    TOTAL,
    EntropyCoder,
    IntArray,
    SliceDecoder,
)
from confcodec.codec.likelihood import row_scale
from confcodec.codec.scales import FIRST_CODED
from confcodec.errors import BitstreamError
from tests.conftest import flat_tables

TABLES = flat_tables()
CODER = EntropyCoder(TABLES)


def laplace_symbols(count: int, seed: int) -> tuple[IntArray, np.ndarray]:
    import torch

    rng = np.random.default_rng(seed)
    rows = rng.integers(0, 64, count).astype(np.uint8)
    scales = row_scale(torch.from_numpy(rows) + 0.5).numpy()
    symbols = np.round(rng.laplace(0, scales)).astype(np.int32)
    symbols[rows < FIRST_CODED] = 0
    return symbols, rows


@given(st.integers(0, 2**32 - 1), st.integers(0, 7), st.integers(0, 400))
@settings(max_examples=40, deadline=None)
def test_any_symbols_round_trip(seed: int, bucket: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    z = rng.integers(-31, 32, (4, 6)).astype(np.int32)
    symbols, rows = laplace_symbols(count, seed)
    wild = rng.random(count) < 0.02
    symbols[wild & (rows >= FIRST_CODED)] = rng.integers(-SYMBOL_MAX, SYMBOL_MAX + 1)
    decoder = SliceDecoder(CODER, CODER.encode(z, bucket, symbols, rows))
    np.testing.assert_array_equal(decoder.hyper(bucket, 6), z)
    np.testing.assert_array_equal(decoder.latents(rows), symbols)


def test_length_is_close_to_the_ideal() -> None:
    symbols, rows = laplace_symbols(40_000, 1)
    support = TABLES.y_support[rows]
    inside = np.abs(symbols) <= support
    symbols[~inside] = 0
    ideal = -np.log2(TABLES.y[rows, symbols + support] / TOTAL)[
        rows >= FIRST_CODED
    ].sum()
    z = np.zeros((4, 0), np.int32)
    assert 8 * len(CODER.encode(z, 0, symbols, rows)) < 1.001 * ideal + 64


def test_certain_zeros_cost_nothing() -> None:
    z = np.zeros((4, 0), np.int32)
    rows = np.full(100_000, FIRST_CODED - 1, np.uint8)
    assert len(CODER.encode(z, 0, np.zeros(100_000, np.int32), rows)) <= 4


@given(st.binary(max_size=64))
@settings(deadline=None)
def test_any_payload_gives_symbols_or_the_documented_error(payload: bytes) -> None:
    rows = np.arange(64, dtype=np.uint8)
    try:
        decoder = SliceDecoder(CODER, payload)
        z, symbols = decoder.hyper(3, 5), decoder.latents(rows)
    except BitstreamError:
        return
    assert np.abs(z).max() <= 31
    assert np.abs(symbols).max() <= SYMBOL_MAX + 1


def test_a_payload_of_broken_words_is_refused() -> None:
    with pytest.raises(BitstreamError, match="32-bit"):
        SliceDecoder(CODER, b"12345")
