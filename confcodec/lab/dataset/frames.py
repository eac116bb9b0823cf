"""`confcodec data`: a set of training pictures from a folder of videos."""

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Give `parser` the options of `confcodec data`."""
    parser.add_argument(
        "videos",
        type=Path,
        help="folder of videos: VoxCeleb2's split/identity/video/utterance, a folder "
        "for each person, or plain files",
    )
    parser.add_argument("out", type=Path, help="folder for train/, val/, manifest.csv")
    _add_choice(parser)
    parser.add_argument(
        "--workers", type=int, default=2, help="videos read at a time (default 2)"
    )


def _add_choice(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--every",
        type=float,
        default=10.0,
        metavar="SECONDS",
        help="the first frame, then one every so often (default 10)",
    )
    parser.add_argument(
        "--clips",
        type=int,
        default=0,
        metavar="N",
        help="of each identity, from different videos first (default 0: all)",
    )
    parser.add_argument(
        "--val-share",
        type=float,
        default=0.05,
        metavar="X",
        help="of the identities that go to val/ (default 0.05)",
    )
    parser.add_argument(
        "--downscale",
        type=float,
        default=1.0,
        metavar="X",
        help="1.5 or more hides what the videos' own codec did (default 1)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Write the frames of every video that is not in the manifest yet."""
    from confcodec.lab.dataset.frame_set import FrameSet, compile_frames

    settings = FrameSet(
        arguments.every, arguments.clips, arguments.val_share, arguments.downscale
    )
    compile_frames(arguments.videos, arguments.out, settings, arguments.workers)
    return 0
