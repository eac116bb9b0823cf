"""The options that name codecs; what a person names here may be loaded, and nothing else."""

import argparse

from confcodec.codec.registry import CHOICES, give


def add_codec_arguments(
    parser: argparse._ActionsContainer, default: str | None = None
) -> None:
    """Give `parser` the options that name codecs; no --codec without its default."""
    if default is not None:
        parser.add_argument(
            "--codec",
            type=parse_codec,
            default=default,
            metavar="CODEC",
            help=f"{', '.join(CHOICES)} (rt, or rt-s where rt is too slow), or your own as "
            "package.module:Class (default %(default)s)",
        )
    parser.add_argument(
        "--also-codec",
        type=parse_codec,
        action="append",
        default=[],
        metavar="CODEC",
        help="one more that may be used, where what comes is coded with somebody's own; repeatable",
    )


def parse_codec(text: str) -> str:
    """A codec that a person names: known to this process from now on, but not yet imported."""
    try:
        return give(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
