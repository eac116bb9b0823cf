"""`confcodec train`: its settings and its command line; the loop is in `trainer`."""

import argparse
from dataclasses import dataclass, fields
from pathlib import Path


@dataclass(frozen=True, slots=True)
class TrainSettings:
    """Everything a training run depends on besides its pictures."""

    model: str = "rt"
    """rt, or rt-s, its small sibling."""
    steps: int = 1_000_000
    """The step the run ends at, counted over all resumed parts."""
    decay_steps: int = 0
    """The last so many steps lower the learning rate to its floor, by a cosine."""
    batch: int = 8
    """Patches a step."""
    patch: int = 256
    """Side of a patch, in pixels; a multiple of 128."""
    lr: float = 8e-4
    """Learning rate once warmed up."""
    lr_floor: float = 0.03
    """What is left of it at the end of the decay."""
    warmup_steps: int = 300
    """Steps over which the learning rate rises from zero."""
    clip: float = 1.0
    """Largest norm of the gradient."""
    ema: float = 0.999
    """Decay of the averaged weights, the ones validated and exported."""
    seed: int = 0
    """Of the first weights, the patches, the qualities and the noise."""
    threads: int = 0
    """CPU threads; 0 takes torch's default."""
    minutes: float = 0.0
    """Stop after so long, wherever the steps are; 0 means no limit."""
    checkpoint_minutes: float = 5.0
    """Time between checkpoints."""
    validate_minutes: float = 15.0
    """Time between validations."""
    device: str = "auto"
    """auto, cpu or cuda."""


_SHORT = {"model": ("rt", "rt-s"), "device": ("auto", "cpu", "cuda")}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Give `parser` the options of `confcodec train`."""
    parser.add_argument("data", type=Path, help="folder of training pictures")
    parser.add_argument("--val", type=Path, help="folder of validation pictures")
    parser.add_argument(
        "--out",
        type=Path,
        default=Path(".training/rt"),
        help="folder for checkpoints and logs",
    )
    parser.add_argument(
        "--resume",
        type=Path,
        help="go on from this checkpoint (default: OUT/last.pt if there)",
    )
    for field in fields(TrainSettings):
        parser.add_argument(
            "--" + field.name.replace("_", "-"),
            type=type(field.default),
            choices=_SHORT.get(field.name),
            default=field.default,
            help=f"(default {field.default})",
        )


def run(arguments: argparse.Namespace) -> int:
    """Train until the steps or the minutes are over; an interrupt saves first."""
    from confcodec.lab.trainer import train

    names = [field.name for field in fields(TrainSettings)]
    settings = TrainSettings(**{name: getattr(arguments, name) for name in names})
    train(settings, arguments.data, arguments.val, arguments.out, arguments.resume)
    return 0
