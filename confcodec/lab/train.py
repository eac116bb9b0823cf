"""`confcodec train`: its command line; the loop is in `trainer`."""

import argparse
from dataclasses import fields
from pathlib import Path

from confcodec.lab.train_settings import CHOICES, TrainSettings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Give `parser` the options of `confcodec train`."""
    parser.add_argument("data", type=Path, help="folder of training pictures")
    parser.add_argument("--val", type=Path, help="folder of validation pictures")
    parser.add_argument(
        "--out",
        type=Path,
        help="folder for checkpoints and logs (default .training/MODEL)",
    )
    parser.add_argument(
        "--resume",
        type=Path,
        help="go on from this checkpoint (default: OUT/last.pt if there)",
    )
    for setting in fields(TrainSettings):
        parser.add_argument(
            "--" + setting.name.replace("_", "-"),
            type=type(setting.default),
            choices=CHOICES.get(setting.name),
            default=setting.default,
            metavar=None if setting.name in CHOICES else "N",
            help=f"{setting.metadata['help']} (default {setting.default})",
        )


def run(arguments: argparse.Namespace) -> int:
    """Train until the steps or the minutes are over; an interrupt saves first."""
    from confcodec.lab.distributed import leave
    from confcodec.lab.trainer import train

    names = [setting.name for setting in fields(TrainSettings)]
    settings = TrainSettings(**{name: getattr(arguments, name) for name in names})
    out = arguments.out or Path(".training") / settings.model
    train(settings, arguments.data, arguments.val, out, arguments.resume)
    return leave(0)
