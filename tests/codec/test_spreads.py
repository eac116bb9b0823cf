"""Which table codes a coefficient: exact both ways, and cheap."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from confcodec.codec.cae.codec import BAND, CaeCodec
from confcodec.codec.cae.networks import CaeConfig, CaeModel
from confcodec.codec.cae.spreads import (
    CLASSES,
    Spreads,
    differences,
    quantise,
    row_bits,
    spread_rows,
    sums,
    tile_features,
)
from confcodec.codec.cae.weights import load_cae_weights
from confcodec.codec.device import choose_device
from confcodec.codec.entropy import EntropyCoder
from confcodec.codec.likelihood import row_scale
from confcodec.codec.scales import FIRST_CODED, ROWS
from confcodec.errors import BitstreamError
from tests.conftest import picture, save_cae, some_spreads


@given(st.integers(1, 9), st.integers(1, 9), st.integers(0, 7))
def test_sums_undo_differences(height: int, width: int, mask: int) -> None:
    symbols = torch.randint(-300, 300, (3, height, width)).float()
    predicted = np.array([mask & 1, mask & 2, mask & 4]) > 0
    steps = differences(symbols, predicted)
    assert torch.equal(sums(steps, predicted), symbols)
    assert torch.equal(steps[~predicted], symbols[~predicted])


def test_a_tile_at_the_edge_counts_what_it_has() -> None:
    symbols = torch.tensor([[[1.0, -2.0, 0.0], [0.0, 3.0, -1.0], [5.0, 0.0, 0.0]]])
    magnitude, nonzero = tile_features(symbols, 2)
    assert magnitude.tolist() == [[6, 1], [5, 0]]
    assert nonzero.tolist() == [[3, 1], [1, 0]]


@pytest.mark.parametrize("row", [10, 30, 50])
@pytest.mark.parametrize("symbol", [0, 1, 2, 7])
def test_the_bits_of_a_row_are_those_of_a_laplace_distribution(
    row: int, symbol: int
) -> None:
    scale = float(row_scale(torch.tensor(row + 0.5)))
    x = np.linspace(symbol - 0.5, symbol + 0.5, 100_001)
    mass = np.trapezoid(np.exp(-np.abs(x) / scale) / (2 * scale), x)
    zero, other, step = (float(part[row]) for part in row_bits())
    bits = zero + (other if symbol else 0) + step * symbol
    assert bits == pytest.approx(-np.log2(mass), rel=1e-3, abs=1e-3)


def test_wider_symbols_get_a_wider_class() -> None:
    spreads = some_spreads(3)
    y = torch.zeros(3, 8, 8)
    y[:, 4:] = 40 * torch.randn(3, 4, 8)
    classes, rows, symbols = quantise(y, spreads, 1)
    assert spreads.tile[1] == 4
    assert classes[0].max() < classes[1].min()
    assert np.array_equal(rows, spread_rows(classes, spreads.rows[1], 4, (8, 8)))
    assert not symbols[:4].any()


def test_what_is_certainly_zero_is_not_coded() -> None:
    whole = np.full((1, CLASSES, 2), FIRST_CODED - 1, np.uint8)
    whole[:, :, 0] = ROWS - 1
    spreads = Spreads(whole, np.array([2], np.int32), np.array([True, False]))
    _, _, symbols = quantise(torch.full((2, 4, 4), 9.0), spreads, 0)
    assert symbols[:, 0, 0].eq(9).all()
    assert not symbols[:, 1:, 0].any()
    assert not symbols[..., 1].any()


def test_classes_that_do_not_exist_are_the_documented_error(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    net = CaeModel(CaeConfig(width2=4, width4=4, latent=4, blocks=1)).eval()
    weights = load_cae_weights(save_cae([net], tmp_path_factory.mktemp("weights")))
    codec = CaeCodec(weights, choose_device("cpu-fp32"))
    shape = torch.Size((BAND, 8))
    coder = EntropyCoder(weights.tables[0])
    header_of = codec.encode(picture(128, 64), 0)
    assert codec.decode(header_of).shape == (128, 64, 3)
    for first in (-1, CLASSES):
        steps = np.zeros((1, 8 * 4), np.int32)
        steps[0, 0] = first
        payload = coder.encode(steps, 0, np.zeros(0, np.float32), np.zeros(0, np.uint8))
        with pytest.raises(BitstreamError, match="classes"):
            codec._decode_slice(payload, shape, 0, 0)
