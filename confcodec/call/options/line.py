"""The options about the line: how fast to send, and --net, an emulated network under it."""

import argparse
import re

from confcodec.codec.quality import QUALITIES
from confcodec.wire.control.rate import LOWEST
from confcodec.wire.emulator import Impairment, parse_phases

DEFAULT_BITRATE = 4e6
"""Bits a second that a call takes at most, unless told otherwise."""
HIGHEST_BITRATE = 100e6


def add_line_arguments(parser: argparse.ArgumentParser) -> None:
    """Give `parser` the options of a call that choose its rate, and --net."""
    group = parser.add_argument_group("line")
    choice = group.add_mutually_exclusive_group()
    choice.add_argument(
        "--quality",
        type=parse_quality,
        metavar="Q",
        help=f"fixed: 0, fewest bits, to {QUALITIES - 1}, best picture "
        "(default: as the network allows)",
    )
    choice.add_argument(
        "--bitrate",
        type=parse_bitrate,
        metavar="RATE",
        help="fixed bits a second, as 2M or 800k; quality follows the pictures",
    )
    choice.add_argument(
        "--max-bitrate",
        type=parse_bitrate,
        default=DEFAULT_BITRATE,
        metavar="RATE",
        help="never more than this where the network allows it (default 4M)",
    )
    group.add_argument(
        "--stock",
        action="store_true",
        help="for comparison: aiortc as it is, no parity, no rate control, no pacing "
        "(with --quality)",
    )
    group.add_argument(
        "--net",
        type=_phases,
        default=(),
        metavar="TEXT",
        help='emulate a network: "loss=5%%,burst=3,delay=20ms,rate=2M"; in phases: '
        '"rate=4M; 8s rate=1M; 18s down"',
    )


def mode_of(arguments: argparse.Namespace) -> tuple[str, float]:
    """(mode, bits a second) that `add_line_arguments` was told; see `SendSettings`."""
    if arguments.stock:
        return "stock", arguments.max_bitrate
    if arguments.quality is not None:
        return "quality", arguments.max_bitrate
    if arguments.bitrate is not None:
        return "bitrate", arguments.bitrate
    return "auto", arguments.max_bitrate


def parse_quality(text: str) -> int:
    """A quality from its decimal digits."""
    if not text.isdecimal() or int(text) >= QUALITIES:
        raise argparse.ArgumentTypeError(f"{text!r} is outside 0..{QUALITIES - 1}")
    return int(text)


def parse_bitrate(text: str) -> float:
    """Bits a second from `2M`, `800k` or plain digits."""
    found = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)([kM]?)", text)
    if not found:
        raise argparse.ArgumentTypeError(f"{text!r} is no bitrate; write 2M or 800k")
    try:
        return check_bitrate(float(found[1]) * {"": 1, "k": 1e3, "M": 1e6}[found[2]])
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def check_bitrate(rate: float) -> float:
    """Give back a number of bits a second that a call can keep to.

    Raises:
        ValueError: it cannot.
    """
    if not LOWEST <= rate <= HIGHEST_BITRATE:
        raise ValueError(f"{rate:g} bits a second are outside 100k..100M")
    return rate


def _phases(text: str) -> tuple[tuple[float, Impairment], ...]:
    try:
        return tuple(parse_phases(text))
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
