"""The options of `serve` alone, as the command line spells them."""

import argparse
from pathlib import Path

from confcodec.call.options.call import (
    add_call_arguments,
    add_json_argument,
    parse_port,
)
from confcodec.call.options.reach import add_host_arguments, add_reach_arguments
from confcodec.errors import CaptureError


def add_serve_arguments(parser: argparse.ArgumentParser) -> None:
    """Give `parser` the options of `confcodec serve`."""
    web = parser.add_argument_group("server")
    web.add_argument(
        "--host",
        default="127.0.0.1",
        help="address to listen on (default: this machine alone; 0.0.0.0: all of IPv4, ::: all of IPv6)",
    )
    web.add_argument(
        "--port", type=parse_port, default=8080, help="(default 8080; 0: any free)"
    )
    web.add_argument(
        "--open",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="open the page in a browser (default: if there is a display)",
    )
    web.add_argument(
        "--media",
        action="append",
        default=[],
        type=_folder,
        metavar="FOLDER",
        help="let the host's page choose the pictures and videos of this folder, too; also repeated",
    )
    add_host_arguments(parser)
    add_reach_arguments(parser)
    add_call_arguments(parser, sink="null")
    add_json_argument(parser)


def _folder(text: str) -> Path:
    # Here, because it imports OpenCV, which --help need not.
    from confcodec.server.source_menu import check_folder

    try:
        return check_folder(text)
    except CaptureError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
