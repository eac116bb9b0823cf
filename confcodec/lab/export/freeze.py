"""`freeze`: the weights file of a checkpoint, with tables of what the model really produces."""

from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.progress import track

from confcodec.codec.cae.networks import CaeModel
from confcodec.codec.device import mixed_precision
from confcodec.codec.entropy import Tables
from confcodec.codec.quality import QUALITIES
from confcodec.codec.rt.bands import compress, to_bands
from confcodec.codec.rt.networks import RtModel, to_model
from confcodec.codec.rt.weights import save_weights
from confcodec.codec.scales import ROWS, Z_MAX
from confcodec.lab.export.freeze_cae import freeze_cae
from confcodec.lab.export.frozen_tables import (
    SUPPORT_MAX,
    Z_BUCKETS,
    FloatArray,
    tables_from_counts,
)
from confcodec.lab.training.checkpoint import read_checkpoint
from confcodec.lab.training.data import Patches
from confcodec.lab.training.trainer import load_average


def freeze(
    checkpoint: Path, data: Path, out: Path, batches: int, patch: int = 256
) -> Path:
    """Write the weights file of a checkpoint into `out`; returns its path.

    Raises:
        ConfcodecError: no checkpoint, or no usable pictures.
    """
    model = load_average(checkpoint)
    trained = read_checkpoint(checkpoint, torch.device("cpu"))["settings"]["patch"]
    # What it was trained on may be smaller than the usual patches.
    patch = min(patch, trained)
    model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    if isinstance(model, CaeModel):
        return freeze_cae([model], Patches(data, patch), batches, out)
    tables = gather_tables(model, Patches(data, patch), batches)
    out.mkdir(parents=True, exist_ok=True)
    return save_weights(model, tables, out)


@torch.inference_mode()
def gather_tables(model: RtModel, patches: Patches, batches: int) -> Tables:
    """Count the symbols of `batches` random batches over all qualities."""
    generator = torch.Generator().manual_seed(1)
    z_counts = np.zeros((Z_BUCKETS, model.config.hyper, 2 * Z_MAX + 1))
    y_counts = np.zeros((ROWS, SUPPORT_MAX + 1))
    console = Console(stderr=True)
    for i in track(range(batches), "counting symbols", console=console):
        x = to_model(patches.batch(8, generator))
        # All patches of a batch at one quality, the qualities spread evenly.
        quality = (i * 37 + 5) % QUALITIES
        _count(model, x, quality, y_counts, z_counts[quality * Z_BUCKETS // QUALITIES])
    return tables_from_counts(y_counts, z_counts)


def _count(
    model: RtModel,
    x: torch.Tensor,
    quality: int,
    y_counts: FloatArray,
    z_counts: FloatArray,
) -> None:
    levels = torch.full((x.shape[0],), float(quality))
    with mixed_precision(x.device):
        y = model.analysis(x, model.analysis.gain8(levels)).float() * model.gain_y(
            levels
        )
        bands = to_bands(y)
        z = model.hyper_analysis(compress(bands)).float()
        z_hat = z.round().clamp(-Z_MAX, Z_MAX)
        repeated = levels.repeat_interleave(z.shape[0] // x.shape[0])
        rows = model.scales(z_hat, repeated)
        _, symbols, _ = model.split(bands, z_hat, rows)
    magnitude = symbols.abs().clamp(max=SUPPORT_MAX).to(torch.int64)
    cell = rows.floor().to(torch.int64) * (SUPPORT_MAX + 1) + magnitude
    y_counts += np.bincount(cell.flatten().numpy(), minlength=y_counts.size).reshape(
        y_counts.shape
    )
    z_symbols = (z_hat.to(torch.int64) + Z_MAX).movedim(1, 0).flatten(1)
    for channel, values in enumerate(z_symbols.numpy()):
        z_counts[channel] += np.bincount(values, minlength=2 * Z_MAX + 1)
