"""Entropy tables from how often each symbol occurred.

As in "Lossy image compression with compressive autoencoders" (arXiv:1703.00395)
the tables are histograms, smoothed: each count is mixed with a Laplace
distribution that stands for as much as `_PRIOR` symbols.
"""

import math

import numpy as np
import numpy.typing as npt
import torch

from confcodec.codec.entropy import TOTAL, IntArray, Tables
from confcodec.codec.likelihood import row_scale
from confcodec.codec.scales import ROWS, Z_MAX

Z_BUCKETS = 8
"""Ranges of qualities with hyper-latent tables of their own."""
SUPPORT_MAX = 511
"""Latent symbols beyond a row's support, at most this, are escaped."""

_PRIOR = 200.0
FloatArray = npt.NDArray[np.float64]


def tables_from_counts(y_counts: FloatArray, z_counts: FloatArray) -> Tables:
    """Smoothed tables from how often each symbol occurred.

    Args:
        y_counts: (64, SUPPORT_MAX + 1), magnitudes of the latents by row.
        z_counts: (Z_BUCKETS, Z, 2 * Z_MAX + 1), hyper-latents by range of qualities and channel.
    """
    y, support = _y_tables(y_counts)
    return Tables(y, support, _z_tables(z_counts))


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
