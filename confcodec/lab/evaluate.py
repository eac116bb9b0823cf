"""`confcodec eval`: all codecs side by side on the same pictures, by whole bytes."""

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Give `parser` the options of `confcodec eval`."""
    parser.add_argument("folder", type=Path, help="folder of pictures")
    parser.add_argument(
        "--codecs",
        default="rt,jpeg,webp",
        help="comma-separated, the first is compared with the others (default rt,jpeg,webp)",
    )
    parser.add_argument(
        "--qualities",
        default="0,7,14,21,28,35,42,49,56,63",
        help="comma-separated, each 0..63 (default: ten of them)",
    )
    parser.add_argument(
        "--device", default="auto", help="auto, cpu or cuda (default auto)"
    )
    parser.add_argument("--threads", type=int, help="CPU threads of the transforms")
    parser.add_argument("--weights", type=Path, help="another weights file for rt")
    parser.add_argument("--json", type=Path, help="write the figures to this file, too")


def run(arguments: argparse.Namespace) -> int:
    """Code and decode every picture at every quality, print the table."""
    from confcodec.lab.evaluation import evaluate_command

    return evaluate_command(arguments)
