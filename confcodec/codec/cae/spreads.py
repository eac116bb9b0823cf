"""Which table codes a coefficient of `cae`: a class for each tile says how far they spread.

A tile is 16x16 or 32x32 pixels. The encoder gives it the class under which its symbols
are shortest; a frozen map turns range of qualities, class and channel into a row of the
same 64 tables that `rt` has. The classes travel as hyper-latents. They, and the channels
that change little from one place to the next (brightness and colour of a block), are
coded as differences from what is on their left.

Classifying blocks by what they hold is old: "Adaptive coding of monochrome and color
images" (Chen and Smith, IEEE Transactions on Communications, 1977).
"""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from confcodec.codec.entropy import IntArray, RowArray
from confcodec.codec.likelihood import row_scale
from confcodec.codec.scales import FIRST_CODED, ROWS, dead_zone_of, to_symbols

CLASSES = 16
"""Classes of tiles in each range of qualities, in order of what they cost."""
TILES = (2, 4)
"""Coefficients a side that a tile may have."""


@dataclass(frozen=True, slots=True)
class Spreads:
    """What a weights file says about the spreads of one net's coefficients."""

    rows: RowArray
    """(B, CLASSES, M): row of the tables, per range of qualities, class and channel."""
    tile: IntArray
    """(B,): coefficients a side of a tile, one of `TILES`."""
    predicted: npt.NDArray[np.bool_]
    """(M,): channels that are coded as differences."""


def differences(symbols: Tensor, predicted: npt.NDArray[np.bool_]) -> Tensor:
    """(..., M, h, w) with the `predicted` channels less what is on their left."""
    out = symbols.clone()
    where = torch.from_numpy(predicted)
    out[..., where, :, 1:] -= symbols[..., where, :, :-1]
    return out


def sums(symbols: Tensor, predicted: npt.NDArray[np.bool_]) -> Tensor:
    """The inverse of `differences`."""
    out = symbols.clone()
    where = torch.from_numpy(predicted)
    out[..., where, :, :] = symbols[..., where, :, :].cumsum(-1)
    return out


def tile_features(symbols: Tensor, tile: int) -> Tensor:
    """(..., 2M, th, tw) from (..., M, h, w): a tile's sum of magnitudes, and how many are not zero."""
    magnitudes = symbols.abs()
    features = torch.cat([magnitudes, (magnitudes > 0).to(magnitudes.dtype)], -3)
    height, width = symbols.shape[-2:]
    padded = F.pad(features, (0, -width % tile, 0, -height % tile))
    return F.avg_pool2d(padded, tile) * tile**2


def row_bits() -> tuple[Tensor, Tensor, Tensor]:
    """Bits of a symbol under each row, (64,) each: of a zero, of not being zero beyond that, a step of magnitude.

    A Laplace distribution's bits are linear in all three.
    """
    scale = row_scale(torch.arange(ROWS) + 0.5).double()
    step = 1 / (scale * math.log(2))
    zero = -torch.log2(-torch.expm1(-0.5 / scale))
    other = 1 - 0.5 * step - torch.log2(-torch.expm1(-1 / scale))
    return zero.float(), (other - zero).float(), step.float()


def class_costs(rows: RowArray, tile: int) -> tuple[Tensor, Tensor]:
    """What turns `tile_features` into bits: weights (C, 2M) and constants (C,) of rows (C, M)."""
    zero, other, step = row_bits()
    index = torch.from_numpy(rows.astype(np.int64))
    weights = torch.cat([step[index], other[index]], 1)
    return weights, zero[index].sum(1) * tile**2


def quantise(
    y: Tensor, spreads: Spreads, bucket: int
) -> tuple[npt.NDArray[np.int64], RowArray, Tensor]:
    """What the encoder does with coefficients y (M, h, w), times their scales.

    Returns:
        Classes (th, tw); rows of the tables (h, w, M); symbols to code (h, w, M).
    """
    own, tile = spreads.rows[bucket], int(spreads.tile[bucket])
    whole = differences(y.round(), spreads.predicted)
    weights, constants = class_costs(own, tile)
    costs = torch.einsum("cf,fyx->cyx", weights, tile_features(whole, tile))
    chosen = (costs + constants[:, None, None]).argmin(0).numpy()
    rows = spread_rows(chosen, own, tile, (y.shape[1], y.shape[2]))
    each = torch.from_numpy(rows).permute(2, 0, 1)
    # At the highest rates a dead zone gains nothing; at quality 14 it saves 3 %.
    strength = 1 - (bucket / max(1, len(spreads.tile) - 1)) ** 2
    dead_zone = dead_zone_of(each.float()) * strength
    short = to_symbols(y, dead_zone)
    short.mul_(each >= FIRST_CODED)
    # A difference depends on its neighbour, which must be what the decoder has.
    predicted = torch.from_numpy(spreads.predicted)[:, None, None]
    return chosen, rows, torch.where(predicted, whole, short).permute(1, 2, 0)


def spread_rows(
    classes: npt.NDArray[np.int64], rows: RowArray, tile: int, shape: tuple[int, int]
) -> RowArray:
    """(h, w, M) table rows of all coefficients, from classes (th, tw) and rows (C, M)."""
    wide = classes.repeat(tile, 0).repeat(tile, 1)[: shape[0], : shape[1]]
    taken: RowArray = rows[wide]
    return taken
