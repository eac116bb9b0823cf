"""`confcodec train`: its command line; the loop is in `trainer`."""

import argparse
from dataclasses import fields
from pathlib import Path

from confcodec.errors import ConfcodecError
from confcodec.lab.training.settings import CHOICES, TrainSettings


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
    parser.add_argument(
        "--force", action="store_true", help="replace the checkpoints of another run"
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
    from confcodec.lab.training.distributed import leave
    from confcodec.lab.training.trainer import train

    names = [setting.name for setting in fields(TrainSettings)]
    settings = TrainSettings(**{name: getattr(arguments, name) for name in names})
    out = arguments.out or Path(".training") / settings.model
    if not arguments.force:
        _keep_another_run(out, arguments.resume)
    train(settings, arguments.data, arguments.val, out, arguments.resume)
    return leave(0)


def _keep_another_run(out: Path, resume: Path | None) -> None:
    """Refuse a folder with checkpoints that this run does not go on from."""
    if resume is not None and resume.resolve().parent == out.resolve():
        return
    last, best = out / "last.pt", out / "best.pt"
    found = [path for path in (last, best) if path.exists()]
    # Without --resume a run goes on from its last checkpoint.
    if found and (resume is not None or not last.exists()):
        raise ConfcodecError(
            f"{found[0]} is of another run; name another --out, or --force replaces it"
        )
