"""Entropy tables of `cae`: smoothed histograms, and which coefficient is under which.

Published are histograms of each coefficient. Here the tiles of the training pictures are
sorted into classes, and every coefficient of a class is under the histogram of all that
spread as far, see `codec/cae/spreads.py`: 19 to 33 % fewer bits for the same symbols.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.progress import track
from torch import Tensor

from confcodec.codec.cae.networks import CaeModel
from confcodec.codec.cae.spreads import (
    CLASSES,
    TILES,
    Spreads,
    class_costs,
    differences,
    quantise,
    row_bits,
    tile_features,
)
from confcodec.codec.cae.weights import save_cae_weights
from confcodec.codec.device import mixed_precision
from confcodec.codec.entropy import RowArray, Tables
from confcodec.codec.quality import QUALITIES
from confcodec.codec.scales import FIRST_CODED, ROWS, Z_MAX
from confcodec.errors import ConfcodecError
from confcodec.lab.export.frozen_tables import SUPPORT_MAX, tables_from_counts
from confcodec.lab.training.checkpoint import read_checkpoint
from confcodec.lab.training.data import Patches
from confcodec.lab.training.loss import LMBDA_HIGH, LMBDA_LOW
from confcodec.lab.training.trainer import load_average

BUCKETS = 16
"""Ranges of qualities with spreads of their own."""
PREDICTED = 0.9
"""Channels whose steps are smaller than this share of themselves are coded as steps."""
ROUNDS = 10
"""Of sorting tiles into classes."""


def freeze_ensemble(
    checkpoints: Sequence[Path], data: Path, out: Path, batches: int
) -> Path:
    """Write the weights file of several nets; its path.

    Raises:
        ConfcodecError: no checkpoint, no usable pictures, or nets that do not go together.
    """
    models = [load_average(checkpoint) for checkpoint in checkpoints]
    nets = [model for model in models if isinstance(model, CaeModel)]
    if len(nets) < len(models) or len({net.config for net in nets}) > 1:
        raise ConfcodecError("an ensemble is made of cae checkpoints of one size")
    sides = [
        read_checkpoint(checkpoint, torch.device("cpu"))["settings"]["patch"]
        for checkpoint in checkpoints
    ]
    return freeze_cae(nets, Patches(data, min(sides)), batches, out)


def freeze_cae(
    models: Sequence[CaeModel], patches: Patches, batches: int, out: Path
) -> Path:
    """Write the weights file of one net or an ensemble; its path."""
    parts = [gather_spreads(model.eval(), patches, batches) for model in models]
    tables, spreads = zip(*parts, strict=True)
    out.mkdir(parents=True, exist_ok=True)
    return save_cae_weights(models, tables, spreads, (LMBDA_LOW, LMBDA_HIGH), out)


@torch.inference_mode()
def gather_spreads(
    model: CaeModel, patches: Patches, batches: int
) -> tuple[Tables, Spreads]:
    """Tables and spreads from `batches` random batches, each seen at all ranges of qualities."""
    generator = torch.Generator().manual_seed(1)
    console = Console(stderr=True)
    batched = []
    for _ in track(range(batches), "coding pictures", console=console):
        x = patches.batch(8, generator).float() / 255
        with mixed_precision(x.device):
            batched.append((model.analysis(x).float() * model.mask).half())
    y = torch.cat(batched)
    spreads = _fit_spreads(model, y, console)
    y_counts = np.zeros((ROWS, SUPPORT_MAX + 1))
    z_counts = np.zeros((BUCKETS, 1, 2 * Z_MAX + 1))
    for bucket in track(range(BUCKETS), "counting symbols", console=console):
        for picture in _scaled(model, y, bucket):
            classes, rows, symbols = quantise(picture, spreads, bucket)
            steps = np.diff(classes, axis=1, prepend=0) + Z_MAX
            z_counts[bucket, 0] += np.bincount(steps.ravel(), minlength=2 * Z_MAX + 1)
            magnitude = symbols.abs().clamp(max=SUPPORT_MAX).numpy().astype(np.int64)
            cell = rows.astype(np.int64) * (SUPPORT_MAX + 1) + magnitude
            y_counts += np.bincount(cell.ravel(), minlength=y_counts.size).reshape(
                y_counts.shape
            )
    return tables_from_counts(y_counts, z_counts), spreads


def _scaled(model: CaeModel, y: Tensor, bucket: int) -> Tensor:
    """(N, M, h, w) coefficients, the qualities of the range spread over the pictures."""
    step = QUALITIES // BUCKETS
    quality = bucket * step + torch.arange(len(y)) % step
    scale: Tensor = model.scale(quality.float())
    return y * scale


def _fit_spreads(model: CaeModel, y: Tensor, console: Console) -> Spreads:
    """The map of each range of qualities, with the size of tile that costs less."""
    steps = (y[..., 1:] - y[..., :-1]).abs().float().mean((0, 2, 3))
    predicted = (steps < PREDICTED * y.abs().float().mean((0, 2, 3))).numpy()
    fits = []
    for bucket in track(range(BUCKETS), "sorting tiles", console=console):
        symbols = differences(_scaled(model, y, bucket).round(), predicted)
        sizes = [(*fit_classes(symbols, tile), tile) for tile in TILES]
        fits.append(min(sizes, key=lambda fit: fit[0]))
    rows = np.stack([own for _, own, _ in fits])
    # A difference left out would be missed by all that lie to its right.
    rows[:, :, predicted] = np.maximum(rows[:, :, predicted], FIRST_CODED)
    return Spreads(rows, np.array([tile for *_, tile in fits], np.int32), predicted)


def fit_classes(symbols: Tensor, tile: int) -> tuple[float, RowArray]:
    """Sort the tiles of symbols (N, M, h, w) into classes, as k-means does, by their bits.

    Returns:
        Bits of all symbols and classes; rows (CLASSES, M) of the tables, the cheapest class first.
    """
    features = tile_features(symbols, tile).movedim(1, -1).flatten(0, 2)  # (T, 2M)
    channels = features.shape[1] // 2
    energy = features[:, :channels].sum(1)
    classes = (energy.argsort().argsort() * CLASSES) // len(energy)
    zero, other, step = row_bits()
    bits = 0.0
    rows = torch.zeros(CLASSES, channels, dtype=torch.long)
    for _ in range(ROUNDS):
        count = torch.bincount(classes, minlength=CLASSES)
        held = torch.zeros(CLASSES, 2 * channels).index_add_(0, classes, features)
        magnitude, nonzero = held[:, :channels, None], held[:, channels:, None]
        rows = (
            zero * (count * tile**2)[:, None, None] + magnitude * step + nonzero * other
        ).argmin(-1)
        rows = rows[zero[rows].sum(1).argsort()]
        weights, constants = class_costs(rows.numpy().astype(np.uint8), tile)
        costs = features @ weights.T + constants
        least, classes = costs.min(1)
        share = torch.bincount(classes, minlength=CLASSES) / len(classes)
        bits = float(least.sum() - (share[classes].log2()).sum())
    return bits, rows.numpy().astype(np.uint8)
