"""Weights files of `cae`: one net or several, each with tables and spreads; named as those of `rt`."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load, save
from torch import Tensor

from confcodec.codec.cae.networks import CaeConfig, CaeModel
from confcodec.codec.cae.spreads import CLASSES, TILES, Spreads
from confcodec.codec.entropy import Tables
from confcodec.codec.rt.weights import (
    metadata_of,
    read_named,
    read_tables,
    unusable,
    write_named,
    write_tables,
)
from confcodec.codec.scales import ROWS, Z_MAX

_FORMAT = "confcodec-cae-2"


@dataclass(frozen=True, slots=True)
class CaeWeights:
    """An ensemble ready to code, as its file holds it."""

    name: str
    """File name without its suffix."""
    model_hash: bytes
    """First 4 bytes of the file's SHA-256, the model's mark in every bitstream."""
    models: Sequence[CaeModel]
    """The nets, fp32; all of one size."""
    tables: Sequence[Tables]
    """Of each net; its hyper-latents are one channel, the classes of the tiles."""
    spreads: Sequence[Spreads]
    """Of each net: which table codes what."""
    lmbda: tuple[float, float]
    """What a bit is worth at quality 0 and at 63, log-spaced in between."""


def save_cae_weights(
    models: Sequence[CaeModel],
    tables: Sequence[Tables],
    spreads: Sequence[Spreads],
    lmbda: tuple[float, float],
    folder: Path,
) -> Path:
    """Write an ensemble to `folder`; returns the file, named by its hash."""
    tensors = {}
    for i, (model, own, spread) in enumerate(zip(models, tables, spreads, strict=True)):
        for key, value in model.state_dict().items():
            tensors[f"{i}.model.{key}"] = value.detach().half().contiguous()
        tensors |= write_tables(own, f"{i}.tables.")
        for key in ("rows", "tile", "predicted"):
            tensors[f"{i}.spreads.{key}"] = torch.from_numpy(getattr(spread, key))
    config = models[0].config
    metadata = {
        "format": _FORMAT,
        "config": json.dumps(asdict(config)),
        "nets": str(len(models)),
        "lmbda": json.dumps(lmbda),
    }
    return write_named(save(tensors, metadata), config.name, folder)


def load_cae_weights(path: Path) -> CaeWeights:
    """Read and check a weights file.

    Raises:
        WeightsError: missing, damaged, renamed, or of another format.
    """
    content, model_hash = read_named(path)
    with unusable(path):
        metadata = metadata_of(content, _FORMAT)
        config = CaeConfig(**json.loads(metadata["config"]))
        low, high = (float(value) for value in json.loads(metadata["lmbda"]))
        tensors = load(content)
        models, tables, spreads = [], [], []
        for i in range(int(metadata["nets"])):
            model = CaeModel(config)
            floats = _part(tensors, f"{i}.model.")
            model.load_state_dict({key: value.float() for key, value in floats.items()})
            models.append(model.eval())
            tables.append(read_tables(_part(tensors, f"{i}.tables."), 1))
            spreads.append(
                _spreads(_part(tensors, f"{i}.spreads."), tables[-1], config)
            )
        if not models or not 0 < low <= high:
            raise ValueError("no network, or lambda out of range")
        name = path.name.removesuffix(".safetensors")
        return CaeWeights(name, model_hash, models, tables, spreads, (low, high))


def _part(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {
        key.removeprefix(prefix): value
        for key, value in tensors.items()
        if key.startswith(prefix)
    }


def _spreads(parts: dict[str, Tensor], tables: Tables, config: CaeConfig) -> Spreads:
    arrays = {key: value.numpy() for key, value in parts.items()}
    spreads = Spreads(arrays["rows"], arrays["tile"], arrays["predicted"])
    buckets = len(tables.z)
    sound = (
        spreads.rows.shape == (buckets, CLASSES, config.latent)
        and (spreads.rows < ROWS).all()
        and spreads.tile.shape == (buckets,)
        and np.isin(spreads.tile, TILES).all()
        and spreads.predicted.shape == (config.latent,)
        and tables.z.shape[2] == 2 * Z_MAX + 1
    )
    if not sound:
        raise ValueError("a map of spreads that fits no table")
    return spreads
