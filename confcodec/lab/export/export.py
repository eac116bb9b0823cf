"""`confcodec export`: freeze a trained model and its entropy tables into a weights file."""

import argparse
from pathlib import Path

from confcodec.call.options.call import add_force_argument


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Give `parser` the options of `confcodec export`."""
    parser.add_argument(
        "checkpoint", type=Path, help="best.pt or last.pt of a training run"
    )
    parser.add_argument(
        "data", type=Path, help="folder of training pictures, for the tables"
    )
    parser.add_argument("--val", type=Path, help="folder to measure for the model card")
    parser.add_argument(
        "--out", type=Path, default=Path("weights"), help="(default weights)"
    )
    parser.add_argument(
        "--batches",
        type=int,
        default=160,
        help="batches of 8 patches to count (default 160)",
    )
    parser.add_argument(
        "--also",
        type=Path,
        action="append",
        default=[],
        metavar="CHECKPOINT",
        help="cae: a further net; the best of all codes each picture",
    )
    parser.add_argument(
        "--resume", type=Path, help="write a small checkpoint here, too"
    )
    add_force_argument(parser)


def run(arguments: argparse.Namespace) -> int:
    """Count symbols over training patches, write weights and model card, print their name."""
    from confcodec.files.report_targets import report_targets
    from confcodec.lab.export.card import card_text
    from confcodec.lab.export.freeze import freeze
    from confcodec.lab.training.checkpoint import shrink_checkpoint

    targets = report_targets(arguments)
    where = (arguments.data, arguments.out, arguments.batches)
    if arguments.also:
        from confcodec.lab.export.freeze_cae import freeze_ensemble

        path = freeze_ensemble([arguments.checkpoint, *arguments.also], *where)
    else:
        path = freeze(arguments.checkpoint, *where)
    print(path)
    with targets.file(path.with_suffix(".md")) as part:
        card = card_text(path, arguments.checkpoint, arguments.data, arguments.val)
        part.write_text(card)
    if arguments.resume:
        with targets.file(arguments.resume) as part:
            shrink_checkpoint(arguments.checkpoint, part)
    return 0
