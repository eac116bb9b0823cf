"""Entropy tables of `cae`: histograms of each coefficient, smoothed a little.

As published, but for the smoothing: what a range coder cannot tell from zero need not be
added to every count, because constriction leaves each symbol a share of 2**-24.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.progress import track

from confcodec.codec.cae import CaeModel
from confcodec.codec.cae_weights import save_cae_weights
from confcodec.codec.codec import QUALITIES
from confcodec.codec.entropy import IntArray
from confcodec.errors import ConfcodecError
from confcodec.lab.checkpoint import read_checkpoint
from confcodec.lab.data import Patches
from confcodec.lab.freeze import FloatArray, integers
from confcodec.lab.loss import LMBDA_HIGH, LMBDA_LOW
from confcodec.lab.trainer import load_average

LIMIT = 255
"""Symbols lie in -LIMIT .. LIMIT; what is beyond is clipped."""
BUCKETS = 16
"""Ranges of qualities with tables of their own."""

_SMOOTHING = 0.02


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
    tables = [gather_tables(model.eval(), patches, batches) for model in models]
    out.mkdir(parents=True, exist_ok=True)
    return save_cae_weights(models, tables, (LMBDA_LOW, LMBDA_HIGH), out)


@torch.inference_mode()
def gather_tables(model: CaeModel, patches: Patches, batches: int) -> IntArray:
    """(BUCKETS, M, 2 LIMIT + 1) from `batches` random batches, each seen at all ranges."""
    generator = torch.Generator().manual_seed(1)
    size = 2 * LIMIT + 1
    counts = np.zeros((BUCKETS, model.config.latent, size))
    step = QUALITIES // BUCKETS
    console = Console(stderr=True)
    for i in track(range(batches), "counting symbols", console=console):
        x = patches.batch(8, generator).float() / 255
        with torch.autocast("cpu", torch.bfloat16):
            y = model.analysis(x).float() * model.mask
        for bucket in range(BUCKETS):
            quality = torch.tensor([float(bucket * step + i % step)])
            symbols = (y * model.scale(quality)).round().clamp(-LIMIT, LIMIT)
            values = (symbols.long() + LIMIT).movedim(1, 0).flatten(1).numpy()
            for channel, own in enumerate(values):
                counts[bucket, channel] += np.bincount(own, minlength=size)
    return tables_of(counts)


def tables_of(counts: FloatArray) -> IntArray:
    """Integers that sum to 2**16, from counts of any shape (..., symbols)."""
    flat = counts.reshape(-1, counts.shape[-1]) + _SMOOTHING
    rows = [integers(row, least=0) for row in flat]
    return np.stack(rows).reshape(counts.shape)
