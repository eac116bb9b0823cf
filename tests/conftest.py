"""Small data of our own: a picture, and a model too small to be good but quick to load."""

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch

from confcodec.codec.cae.networks import CaeModel
from confcodec.codec.cae.spreads import CLASSES, TILES, Spreads
from confcodec.codec.cae.weights import save_cae_weights
from confcodec.codec.entropy import Tables
from confcodec.codec.frame import Pixels
from confcodec.codec.rt.networks import RtConfig, RtModel
from confcodec.codec.rt.weights import save_weights
from confcodec.codec.scales import FIRST_CODED, ROWS
from confcodec.lab.export.frozen_tables import (
    SUPPORT_MAX,
    Z_BUCKETS,
    tables_from_counts,
)

# Servers that tests start must not keep a secret in the state folder of whoever runs them.
os.environ.setdefault("CONFCODEC_SECRET", "of the tests")

TINY = RtConfig(
    width8=16,
    width16=16,
    latent=24,
    hyper=4,
    blocks8=1,
    blocks16=1,
    mean_width=8,
    features=8,
    context=8,
    scale_width=8,
)


def picture(height: int = 240, width: int = 320, seed: int = 0) -> Pixels:
    """A smooth scene with an edge, a gradient and some grain, (H, W, 3) uint8 RGB."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width] / max(height, width)
    waves = [np.sin(6 * x + i) * np.cos(5 * y - i) for i in range(3)]
    scene = 128 + 60 * np.stack(waves, -1)
    disc = (x - 0.4) ** 2 + (y - 0.35) ** 2 < 0.05
    scene[disc] = (205, 160, 140)
    return np.clip(scene + rng.normal(0, 2, scene.shape), 0, 255).astype(np.uint8)


def tiny_model(seed: int = 0) -> RtModel:
    """A model with random weights, its blocks not silent."""
    torch.manual_seed(seed)
    model = RtModel(TINY)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    return model.eval()


def flat_tables(hyper: int = TINY.hyper) -> Tables:
    """Tables of a model that has seen nothing: the smoothing alone."""
    y_counts = np.zeros((64, SUPPORT_MAX + 1))
    return tables_from_counts(y_counts, np.zeros((Z_BUCKETS, hyper, 63)))


def some_spreads(latent: int, buckets: int = 4) -> Spreads:
    """Classes of wider and wider spread, tiles of both sizes, one channel of differences."""
    rows = np.linspace(FIRST_CODED + 4, ROWS - 1, CLASSES).round().astype(np.uint8)
    whole = np.tile(rows[None, :, None], (buckets, 1, latent))
    tile = np.resize(np.array(TILES, np.int32), buckets)
    return Spreads(whole, tile, np.arange(latent) == 0)


def save_cae(models: Sequence[CaeModel], folder: Path) -> Path:
    """A weights file of nets with tables that have seen nothing."""
    y, z = np.zeros((64, SUPPORT_MAX + 1)), np.zeros((4, 1, 63))
    tables = [tables_from_counts(y, z) for _ in models]
    spreads = [some_spreads(model.config.latent) for model in models]
    return save_cae_weights(models, tables, spreads, (0.001, 0.1), folder)


@pytest.fixture(scope="session")
def tiny_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_weights(tiny_model(), flat_tables(), tmp_path_factory.mktemp("weights"))
