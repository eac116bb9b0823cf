"""Weights files of `cae`: one net or several, each with its tables; named as those of `rt`.

Histograms are kept as they were counted, smoothed and made to sum to 2**16. A frequency
may be 0: the range coder works with 24 bits and leaves every symbol a share of those.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from safetensors.torch import load, save

from confcodec.codec.cae import CaeConfig, CaeModel
from confcodec.codec.entropy import TOTAL, IntArray
from confcodec.codec.weights import metadata_of, read_named, unusable, write_named

_FORMAT = "confcodec-cae-1"


@dataclass(frozen=True, slots=True)
class CaeWeights:
    """An ensemble ready to code, as its file holds it."""

    name: str
    """File name without its suffix."""
    model_hash: bytes
    """First 4 bytes of the file's SHA-256, the model's mark in every bitstream."""
    models: Sequence[CaeModel]
    """The nets, fp32; all of one size."""
    tables: Sequence[IntArray]
    """Of each net (B, M, 2 limit + 1): per range of qualities and coefficient."""
    lmbda: tuple[float, float]
    """What a bit is worth at quality 0 and at 63, log-spaced in between."""


def save_cae_weights(
    models: Sequence[CaeModel],
    tables: Sequence[IntArray],
    lmbda: tuple[float, float],
    folder: Path,
) -> Path:
    """Write an ensemble to `folder`; returns the file, named by its hash."""
    tensors = {}
    for i, (model, table) in enumerate(zip(models, tables, strict=True)):
        for key, value in model.state_dict().items():
            tensors[f"{i}.model.{key}"] = value.detach().half().contiguous()
        tensors[f"{i}.table"] = torch.from_numpy(table).to(torch.int32)
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
        models, tables = [], []
        for i in range(int(metadata["nets"])):
            table: IntArray = tensors.pop(f"{i}.table").numpy()
            _check(table, config)
            start = f"{i}.model."
            parts = {
                key.removeprefix(start): value.float()
                for key, value in tensors.items()
                if key.startswith(start)
            }
            model = CaeModel(config)
            model.load_state_dict(parts)
            models.append(model.eval())
            tables.append(table)
        if not models or not 0 < low <= high:
            raise ValueError("no net, or no sense in its lambda")
        name = path.name.removesuffix(".safetensors")
        return CaeWeights(name, model_hash, models, tables, (low, high))


def _check(table: IntArray, config: CaeConfig) -> None:
    sound = (
        table.ndim == 3
        and table.shape[1] == config.latent
        and table.shape[2] % 2 == 1
        and (table >= 0).all()
        and (table.sum(-1) == TOTAL).all()
    )
    if not sound:
        raise ValueError("entropy tables that do not add up")
