"""The command line: one sub-command for each verb, each a short call into a module.

Only the module of the verb that was asked for is imported, and torch only by the verbs
that need it, so that `--help` is quick.
"""

import argparse
import logging
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import NoReturn

from confcodec import __version__
from confcodec.errors import ConfcodecError
from confcodec.machine.ending import (
    Interrupted,
    interruptible,
    lasting_streams,
)
from confcodec.verbs import LAB, VERB_FUNCTIONS

VERBS = {
    "serve": "open the page and the call on this machine",
    "call": "join a call that serve has opened, from another process or machine",
    "bench": "measure speed, latency, rate and quality of a call between two processes",
    "encode": "code pictures and videos into bitstream files",
    "decode": "turn bitstream files back into pictures and videos",
    "info": "tell what bitstream files hold",
    "data": "make training pictures from a folder of videos",
    "train": "train a codec on a folder of pictures",
    "eval": "compare codecs by rate and quality over a folder of pictures",
    "export": "make a weights file from a training checkpoint",
}

FIRST_LINES = {
    "encode": "x.png or x.mp4 becomes x.ccb beside it, or the file or folder you name; "
    "nothing that exists is overwritten without --force.",
    "decode": "x.ccb becomes x.decoded.png or x.decoded.mp4 beside it, or the file or folder "
    "you name; nothing that exists is overwritten without --force.",
}
"""How the help of a verb begins: where its output goes."""


_ENCODE_READS = (
    "Whatever --source takes is read, up to 8192 pixels a side; animated GIF, PNG and WebP are videos. "
    "Transparent parts become white; HDR and colour profiles become sRGB; sound is left out."
)


class _Parser(argparse.ArgumentParser):
    first_line = ""
    """What --help says before all else."""

    def format_help(self) -> str:
        """The usual help, after the first line."""
        return (self.first_line and f"{self.first_line}\n\n") + super().format_help()

    def error(self, message: str) -> NoReturn:
        """One line, not the whole usage."""
        self.exit(2, f"{self.prog}: error: {message}; see {self.prog} --help\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code."""
    words = sys.argv[1:] if arguments is None else list(arguments)
    with lasting_streams() as lost, interruptible():
        code = _main(words)
        if (reason := lost()) and code == 0:
            print(f"confcodec: error: output was lost: {reason}", file=sys.stderr)
            code = 1
    return code


def _main(words: list[str]) -> int:
    options = _parser(words).parse_args(words)
    _set_up_logging(options)
    _ask_for_camera(getattr(options, "source", None))
    try:
        _check_targets(options)
        return VERB_FUNCTIONS[options.verb](options)
    except ConfcodecError as error:
        if options.debug:
            raise
        print(f"confcodec: error: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        # What no boundary has seen coming: a place that is full, forbidden, or impossible.
        if options.debug:
            raise
        where = f"{error.filename}: " if error.filename else ""
        reason = error.strerror or error
        print(f"confcodec: error: {where}{reason}", file=sys.stderr)
        return 1
    except Interrupted as interrupted:
        return interrupted.code
    except KeyboardInterrupt:
        return 130


def _parser(words: Sequence[str]) -> argparse.ArgumentParser:
    """The parser, with the options of the verb among `words` alone filled in."""
    parser = _Parser(
        prog="confcodec",
        description="Live video calls whose every frame is coded by a learned autoencoder.",
        epilog="confcodec VERB --help tells the options of a verb.",
    )
    parser.add_argument(
        "--version", action="version", version=f"confcodec {__version__}"
    )
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    asked = next((word for word in words if word in VERBS), None)
    for verb, help_text in VERBS.items():
        sub = verbs.add_parser(
            verb, help=help_text, description=help_text.capitalize() + "."
        )
        if verb == asked:
            sub.first_line = FIRST_LINES.get(verb, "")
            _add_arguments(verb, sub)
        sub.add_argument(
            "--debug", action="store_true", help="show tracebacks of errors, and more"
        )
        sub.add_argument(
            "--quiet", action="store_true", help="only warnings and errors"
        )
    return parser


def _add_arguments(verb: str, parser: argparse.ArgumentParser) -> None:
    if verb in LAB:
        import_module(f"confcodec.lab.{LAB[verb]}").add_arguments(parser)
        return
    from confcodec.call.options import call as options

    match verb:
        case "serve":
            from confcodec.server import options as serve_options

            serve_options.add_serve_arguments(parser)
        case "call":
            options.add_join_arguments(parser)
        case "bench":
            from confcodec.lab import bench

            bench.add_arguments(parser)
        case "encode" | "decode" | "info":
            options.add_file_arguments(parser, verb)
            parser.epilog = _ENCODE_READS if verb == "encode" else None


def _ask_for_camera(source: str | None) -> None:
    """On a Mac only the main thread can ask whether a camera may be used; see there."""
    if sys.platform == "darwin" and source:
        from confcodec.media.cameras.opening import ask_for_camera

        ask_for_camera(source)


def _check_targets(options: argparse.Namespace) -> None:
    from confcodec.files.report_targets import check_report_targets

    # A child writes what its parent has looked at, before it came.
    if getattr(options, "url", "") != "-":
        check_report_targets(options)


def _set_up_logging(arguments: argparse.Namespace) -> None:
    logging.basicConfig(
        format="confcodec: %(message)s", stream=sys.stderr, level=logging.WARNING
    )
    quiet = arguments.quiet or getattr(arguments, "receive_only", False)
    level = logging.WARNING if quiet else logging.INFO
    level = logging.DEBUG if arguments.debug else level
    logging.getLogger("confcodec").setLevel(level)
