"""Checkpoints: a training run on disk, to go on as if it had never stopped."""

import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from confcodec.errors import ConfcodecError
from confcodec.lab.training.models import Model
from confcodec.lab.training.settings import TrainSettings
from confcodec.lab.training.soap import Soap
from confcodec.machine.file_targets import is_special


@dataclass(slots=True)
class TrainState:
    """All that a resumed run needs."""

    model: Model
    """The weights being trained."""
    average: Model
    """Their exponential moving average."""
    optimizer: torch.optim.AdamW | Soap
    """With its moments."""
    step: int = 0
    """Steps done."""
    seconds: float = 0.0
    """Time they took, over all parts of the run."""
    norm: float = 0.0
    """Running mean of the gradient's norm."""
    best: float = math.inf
    """Lowest validation loss so far."""


def save_checkpoint(
    state: TrainState, settings: TrainSettings, path: Path, processes: int = 1
) -> None:
    """Write everything `load_checkpoint` needs, whole or not at all.

    Args:
        processes: that share a step, each with a batch of its own.
    """
    bundle = {
        "settings": asdict(settings),
        "processes": processes,
        "model": state.model.state_dict(),
        "average": state.average.state_dict(),
        "optimizer": state.optimizer.state_dict(),
        "step": state.step,
        "seconds": state.seconds,
        "best": state.best,
    }
    partial = path.with_suffix(".partial")
    torch.save(bundle, partial)
    partial.replace(path)


def read_checkpoint(path: Path, device: torch.device) -> dict[str, Any]:
    """The contents of a checkpoint file; reading runs no code from it.

    Raises:
        ConfcodecError: the file is no checkpoint.
    """
    if is_special(path):  # a pipe would be waited for
        raise ConfcodecError(f"{path} is no ordinary file; name a checkpoint")
    try:
        bundle = torch.load(path, map_location=device, weights_only=True)
    except Exception as error:  # torch.load raises many kinds
        raise ConfcodecError(f"{path} is no checkpoint: {error}") from error
    if not isinstance(bundle, dict) or "optimizer" not in bundle:
        raise ConfcodecError(f"{path} is no checkpoint of a training run")
    return bundle


def load_checkpoint(state: TrainState, path: Path, device: torch.device) -> None:
    """Put a state back to where `save_checkpoint` left it.

    With another optimizer than the checkpoint's only the weights go on: moments do
    not carry over.

    Raises:
        ConfcodecError: no checkpoint, or one of another model.
    """
    bundle = read_checkpoint(path, device)
    try:
        state.model.load_state_dict(bundle["model"])
        state.average.load_state_dict(bundle["average"])
        if bundle["settings"].get("optimizer", "adam") == _name(state.optimizer):
            state.optimizer.load_state_dict(bundle["optimizer"])
        state.step, state.seconds = bundle["step"], bundle["seconds"]
        state.best = bundle["best"]
    except (KeyError, RuntimeError, ValueError) as error:
        raise ConfcodecError(
            f"{path} is no checkpoint of this model ({error}); remove it to start anew"
        ) from error


def _name(optimizer: torch.optim.Optimizer) -> str:
    return "soap" if isinstance(optimizer, Soap) else "adam"


def shrink_checkpoint(path: Path, out: Path) -> None:
    """Write a checkpoint at a third of its size, for the repository.

    Weights go to fp16, the optimizer's moments to bf16, which keeps their range;
    a run resumed from it goes on, but not bit by bit. The moments of SOAP, four
    times as large with their bases, are left out and gathered anew.
    """
    bundle = read_checkpoint(path, torch.device("cpu"))
    for key in ("model", "average"):
        bundle[key] = {name: value.half() for name, value in bundle[key].items()}
    if bundle["settings"].get("optimizer") == "soap":
        bundle["optimizer"]["state"] = {}
    for moments in bundle["optimizer"]["state"].values():
        for name in ("exp_avg", "exp_avg_sq"):
            moments[name] = moments[name].bfloat16()
    torch.save(bundle, out)
