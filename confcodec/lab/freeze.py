"""Entropy tables from what a trained model really produces on its training pictures.

As in "Lossy image compression with compressive autoencoders" (arXiv:1703.00395)
the tables are histograms, smoothed: each count is mixed with a Laplace
distribution that stands for as much as `_PRIOR` symbols.
"""

import math
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from rich.console import Console
from rich.progress import track

from confcodec.codec.bands import compress, to_bands
from confcodec.codec.cae import CaeModel
from confcodec.codec.device import mixed_precision
from confcodec.codec.entropy import TOTAL, IntArray, Tables
from confcodec.codec.likelihood import row_scale
from confcodec.codec.quality import QUALITIES
from confcodec.codec.rt import RtModel, to_model
from confcodec.codec.scales import ROWS, Z_MAX
from confcodec.codec.weights import save_weights
from confcodec.lab.checkpoint import read_checkpoint
from confcodec.lab.data import Patches
from confcodec.lab.trainer import load_average

Z_BUCKETS = 8
"""Ranges of qualities with hyper-latent tables of their own."""
SUPPORT_MAX = 511
"""Latent symbols beyond a row's support, at most this, are escaped."""

_PRIOR = 200.0
FloatArray = npt.NDArray[np.float64]


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
        from confcodec.lab.freeze_cae import freeze_cae

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


def tables_from_counts(y_counts: FloatArray, z_counts: FloatArray) -> Tables:
    """Smoothed tables from how often each symbol occurred.

    Args:
        y_counts: (64, SUPPORT_MAX + 1), magnitudes of the latents by row.
        z_counts: (Z_BUCKETS, Z, 2 * Z_MAX + 1), hyper-latents by range of qualities and channel.
    """
    y, support = _y_tables(y_counts)
    return Tables(y, support, _z_tables(z_counts))


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


def _y_tables(counts: FloatArray) -> tuple[IntArray, IntArray]:
    """Symmetric rows: a residual is as likely as its negative."""
    scales = row_scale(torch.arange(ROWS) + 0.5).double().numpy()
    support = np.clip(np.ceil(14 * scales), 2, SUPPORT_MAX).astype(np.int32)
    table = np.zeros((ROWS, 2 * SUPPORT_MAX + 2), np.int32)
    for row, (scale, s) in enumerate(zip(scales, support, strict=True)):
        prior = _laplace(scale, SUPPORT_MAX)
        smooth = counts[row] + _PRIOR * prior
        inner, escape = smooth[: s + 1], smooth[s + 1 :].sum() + 1e-3
        halves = inner[1:] / 2
        weights = np.concatenate([halves[::-1], inner[:1], halves, [escape]])
        table[row, : 2 * s + 2] = integers(weights)
    return table, support


def _z_tables(counts: FloatArray) -> IntArray:
    """Per range of qualities and channel, smoothed by the channel's neighbouring ranges."""
    table = np.zeros(counts.shape, np.int32)
    values = np.abs(np.arange(-Z_MAX, Z_MAX + 1))
    for bucket, channels in enumerate(counts):
        for channel, own in enumerate(channels):
            mean = (own @ values + 1) / (own.sum() + 1)
            prior = np.exp(-values / max(mean, 0.05))
            table[bucket, channel] = integers(own + 2 * prior / prior.sum())
    return table


def _laplace(scale: float, limit: int) -> FloatArray:
    """Probability of magnitudes 0..limit of a rounded zero-mean Laplace."""
    edges = np.arange(limit + 1) + 0.5
    tail = np.exp(-edges / scale)
    mass = np.empty(limit + 1)
    mass[0] = -math.expm1(-0.5 / scale)
    mass[1:] = tail[:-1] - tail[1:]
    return mass


def integers(weights: FloatArray, least: int = 1) -> IntArray:
    """Integers from `least` on with sum 2**16, in proportion to `weights`."""
    spare = TOTAL - least * len(weights)
    share = weights / weights.sum() * spare
    whole: IntArray = np.floor(share).astype(np.int32)
    order = np.argsort(whole - share)
    whole[order[: spare - whole.sum()]] += 1
    whole += least
    return whole
