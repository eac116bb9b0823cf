"""`confcodec export`: freeze a trained model and its entropy tables into a weights file."""

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Give `parser` the options of `confcodec export`."""
    parser.add_argument(
        "checkpoint", type=Path, help="best.pt or last.pt of a training run"
    )
    parser.add_argument(
        "data", type=Path, help="folder of training pictures, for the tables"
    )
    parser.add_argument(
        "--out", type=Path, default=Path("weights"), help="(default weights)"
    )
    parser.add_argument(
        "--batches",
        type=int,
        default=160,
        help="batches of 8 patches to count (default 160)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Count symbols over training patches, write the weights file, print its name."""
    from confcodec.lab.freeze import freeze

    path = freeze(
        arguments.checkpoint, arguments.data, arguments.out, arguments.batches
    )
    print(path)
    return 0
