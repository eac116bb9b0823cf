"""Weights files: safetensors whose name ends in 8 hex digits of their SHA-256.

A file holds the float weights in fp16, the integers of the scale network and
the entropy tables as they are, and the model's settings as JSON metadata.
Reading one runs no code.
"""

import hashlib
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from confcodec.codec.entropy import TOTAL, Tables
from confcodec.codec.rt.networks import RtConfig, RtModel
from confcodec.codec.scales import ROWS
from confcodec.errors import WeightsError
from confcodec.machine.file_targets import Targets, is_special
from confcodec.shipped_files import share_path

_FORMAT = "confcodec-weights-1"
_NAME = re.compile(r"(?P<name>[a-z][a-z0-9-]*)-(?P<hash>[0-9a-f]{8})\.safetensors")


@dataclass(frozen=True, slots=True)
class Weights:
    """A model ready to code, as its file holds it."""

    name: str
    """File name without its suffix."""
    model_hash: bytes
    """First 4 bytes of the file's SHA-256, the model's mark in every bitstream."""
    model: RtModel
    """Float networks, fp32."""
    exact: dict[str, Tensor]
    """Integers of the scale network, float32."""
    exact_bias: Tensor
    """(64, 4 * hidden) float32 integers: its first bias at each quality."""
    tables: Tables
    """Entropy tables."""


def find_weights(name: str) -> Path:
    """The weights file that ships for a codec.

    Raises:
        WeightsError: there is none, or more than one.
    """
    folder = share_path("weights")
    pattern = re.compile(rf"{re.escape(name)}-[0-9a-f]{{8}}\.safetensors")
    found = sorted(path for path in folder.glob("*") if pattern.fullmatch(path.name))
    if not found:
        raise WeightsError(
            f"no weights for {name} in {folder}; restore the file from the repository, or pass --weights"
        )
    if len(found) > 1:
        names = ", ".join(path.name for path in found)
        raise WeightsError(
            f"several weights for {name}: {names}; pass --weights or delete all but one"
        )
    return found[0]


def save_weights(model: RtModel, tables: Tables, folder: Path) -> Path:
    """Write a model and its tables to `folder`; returns the file, named by its hash."""
    tensors = {
        f"model.{key}": value.detach().to(torch.float16).contiguous()
        for key, value in model.state_dict().items()
        if not key.startswith("scales.")
    }
    qualities = torch.arange(64, dtype=torch.float32)
    with torch.no_grad():
        exact = model.scales.integers() | {
            "bias": model.scales.bias_integers(qualities)
        }
    for key, value in exact.items():
        tensors[f"exact.{key}"] = value.to(torch.int32).contiguous()
    tensors |= write_tables(tables, "tables.")
    metadata = {"format": _FORMAT, "config": json.dumps(asdict(model.config))}
    return write_named(save(tensors, metadata), model.config.name, folder)


def write_tables(tables: Tables, prefix: str) -> dict[str, Tensor]:
    """Tables as tensors of a weights file, their names after `prefix`."""
    return {
        f"{prefix}{key}": torch.from_numpy(getattr(tables, key)).to(torch.int32)
        for key in ("y", "y_support", "z")
    }


def write_named(content: bytes, name: str, folder: Path) -> Path:
    """Write a weights file to `folder`, named by its hash; the file."""
    digest = hashlib.sha256(content).hexdigest()
    path = folder / f"{name}-{digest[:8]}.safetensors"
    if not path.exists() or path.read_bytes() != content:
        with Targets(force=True).file(path) as part:
            part.write_bytes(content)
    return path


def load_weights(path: Path) -> Weights:
    """Read and check a weights file.

    Raises:
        WeightsError: missing, damaged, renamed, or of another format.
    """
    content, model_hash = read_named(path)
    with unusable(path):
        config = RtConfig(**json.loads(metadata_of(content, _FORMAT)["config"]))
        return _assemble(
            path.name.removesuffix(".safetensors"), model_hash, config, load(content)
        )


def read_named(path: Path) -> tuple[bytes, bytes]:
    """A weights file whose name fits its hash, and the first 4 bytes of that.

    Raises:
        WeightsError: missing, damaged or renamed.
    """
    try:
        if is_special(path):  # a pipe would be waited for
            raise WeightsError(f"{path} is no ordinary file; pass --weights")
        content = path.read_bytes()
    except OSError as error:
        raise WeightsError(
            f"{path} cannot be read: {error.strerror}; pass --weights"
        ) from error
    digest = hashlib.sha256(content).digest()
    match = _NAME.fullmatch(path.name)
    if not match or match["hash"] != digest[:4].hex():
        raise WeightsError(
            f"{path} is damaged or renamed: its SHA-256 begins with {digest[:4].hex()}, "
            "its name should end in that; restore the file from the repository"
        )
    return content, digest[:4]


def metadata_of(content: bytes, expected: str) -> dict[str, str]:
    """The metadata of a safetensors file of the format `expected`; ValueError for others."""
    length = int.from_bytes(content[:8], "little")
    metadata: dict[str, str] = json.loads(content[8 : 8 + length])["__metadata__"]
    if metadata["format"] != expected:
        raise ValueError(f"format {metadata['format']}, this release reads {expected}")
    return metadata


@contextmanager
def unusable(path: Path) -> Iterator[None]:
    """Whatever goes wrong with the contents of a weights file becomes a WeightsError."""
    try:
        yield
    except (SafetensorError, KeyError, ValueError, TypeError, RuntimeError) as error:
        raise WeightsError(
            f"{path} holds no weights this release can use ({error}); pass the file of this release"
        ) from error


def _assemble(
    name: str, model_hash: bytes, config: RtConfig, tensors: dict[str, Tensor]
) -> Weights:
    parts: dict[str, dict[str, Tensor]] = {"model": {}, "exact": {}, "tables": {}}
    for key, value in tensors.items():
        part, _, rest = key.partition(".")
        parts[part][rest] = value
    model = RtModel(config)
    floats = {key: value.float() for key, value in parts["model"].items()}
    missing, unexpected = model.load_state_dict(floats, strict=False)
    wrong = [key for key in missing if not key.startswith("scales.")] + unexpected
    if wrong:
        raise ValueError(f"other tensors than this model's: {', '.join(wrong[:3])}")
    exact = {key: value.float() for key, value in parts["exact"].items()}
    bias = exact.pop("bias")
    for key, value in model.scales.integers().items():
        if exact[key].shape != value.shape:
            raise ValueError(
                f"scale network tensor {key} has shape {tuple(exact[key].shape)}"
            )
    return Weights(
        name,
        model_hash,
        model.eval(),
        exact,
        bias,
        read_tables(parts["tables"], config.hyper),
    )


def read_tables(tensors: dict[str, Tensor], hyper: int) -> Tables:
    """Tables of `hyper` channels, by the names of their fields.

    Raises:
        KeyError, ValueError: one is missing, or they do not add up.
    """
    arrays = {key: value.numpy() for key, value in tensors.items()}
    tables = Tables(arrays["y"], arrays["y_support"], arrays["z"])
    sound = (
        tables.y.shape[0] == len(tables.y_support) == ROWS
        and tables.z.shape[1] == hyper
        and (tables.z > 0).all()
        and (tables.z.sum(-1) == TOTAL).all()
        and (tables.y.sum(-1) == TOTAL).all()
        and all(
            (row[: 2 * s + 2] > 0).all()
            for row, s in zip(tables.y, tables.y_support, strict=True)
        )
    )
    if not sound:
        raise ValueError("entropy tables that do not add up")
    return tables
