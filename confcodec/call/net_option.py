"""The option --net: an emulated network under the call, in phases."""

import argparse

from confcodec.wire.emulator import Impairment, parse_phases


def add_net_argument(parser: argparse._ActionsContainer) -> None:
    """Give `parser` the option --net."""
    parser.add_argument(
        "--net",
        type=_phases,
        default=(),
        metavar="TEXT",
        help='emulate a network: "loss=5%%,burst=3,delay=20ms,rate=2M"; in phases: '
        '"rate=4M; 8s rate=1M; 18s down"',
    )


def _phases(text: str) -> tuple[tuple[float, Impairment], ...]:
    try:
        return tuple(parse_phases(text))
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
