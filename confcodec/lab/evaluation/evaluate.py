"""`confcodec eval`: all codecs side by side on the same pictures, by whole bytes."""

import argparse
from pathlib import Path

from confcodec.call.options.call import add_force_argument

USUAL = "rt,jpeg,jpeg2000,webp,avif"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Give `parser` the options of `confcodec eval`."""
    parser.add_argument("folder", type=Path, help="folder of pictures")
    _add_measuring(parser.add_argument_group("what is measured"))
    _add_output(parser.add_argument_group("where figures go"))
    add_force_argument(parser)


def _add_measuring(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--codecs",
        default=USUAL,
        help="comma-separated, your own as package.module:Class; jpeg:420 is JPEG 4:2:0, avif:4 AVIF at libaom's "
        f"speed 4 instead of 8 (default {USUAL})",
    )
    group.add_argument(
        "--qualities",
        default="0,7,14,21,28,35,42,49,56,63",
        help="comma-separated, each 0..63 (default: ten of them)",
    )
    group.add_argument(
        "--device", default="auto", help="auto, cpu or cuda (default auto)"
    )
    group.add_argument("--threads", type=int, help="CPU threads of the transforms")
    group.add_argument(
        "--weights",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="another weights file, for the codec its name begins with",
    )
    group.add_argument(
        "--workers",
        type=int,
        default=1,
        metavar="N",
        help="processes; more than one makes the times longer than they are (default 1)",
    )
    group.add_argument(
        "--rows",
        type=Path,
        default=Path(".cache/eval.jsonl"),
        metavar="FILE",
        help="figures of each picture as they come; those with the same picture, codec, "
        "weights and device are not measured again (default .cache/eval.jsonl)",
    )


def _add_output(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--json", type=Path, metavar="FILE", help="means, differences")
    group.add_argument(
        "--csv", type=Path, metavar="FILE", help="each picture's figures"
    )
    group.add_argument(
        "--plot", type=Path, metavar="FILE", help="rate-distortion curves"
    )
    group.add_argument(
        "--page",
        type=Path,
        metavar="FILE.md",
        help="all of it as a page of text, its plot beside it",
    )
    group.add_argument(
        "--group-by",
        choices=("prefix",),
        help="a table for each group of pictures, too: those whose names share what is before the first _",
    )
    group.add_argument(
        "--sheet",
        type=Path,
        metavar="FILE",
        help="one crop of some pictures by every codec, at equal bpp",
    )
    group.add_argument(
        "--bpp",
        type=float,
        default=0.1,
        help="of the sheet (default 0.1): the best quality that stays below",
    )


def run(arguments: argparse.Namespace) -> int:
    """Code and decode every picture at every quality, print and write what was asked for."""
    from confcodec.lab.evaluation.compare import compare

    return compare(arguments)
