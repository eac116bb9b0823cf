"""The command line: one sub-command for each verb, each a short call into a module.

Only the module of the verb that was asked for is imported, and torch only by the verbs
that need it, so that `--help` is quick.
"""

import argparse
import asyncio
import logging
import os
import signal
import sys
import threading
import webbrowser
from collections.abc import Callable, Coroutine, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from confcodec import __version__
from confcodec.errors import ConfcodecError

if TYPE_CHECKING:
    from confcodec.call.serve import Server

T = TypeVar("T")

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

_LAB = {"data": "frames", "train": "train", "eval": "evaluate", "export": "export"}


_ENCODE_READS = (
    "Whatever --source takes is read, up to 8192 pixels a side; animated GIF, PNG and WebP are videos. "
    "Transparent parts become white; HDR and colour profiles become sRGB; sound is left out."
)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """One line, not the whole usage."""
        self.exit(2, f"{self.prog}: error: {message}; see {self.prog} --help\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code."""
    words = sys.argv[1:] if arguments is None else list(arguments)
    options = _parser(words).parse_args(words)
    _set_up_logging(options)
    try:
        return _VERB_FUNCTIONS[options.verb](options)
    except ConfcodecError as error:
        if options.debug:
            raise
        print(f"confcodec: error: {error}", file=sys.stderr)
        return 1
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
            _add_arguments(verb, sub)
        sub.add_argument(
            "--debug", action="store_true", help="show the traceback of an error"
        )
        sub.add_argument(
            "--quiet", action="store_true", help="only warnings and errors"
        )
    return parser


def _add_arguments(verb: str, parser: argparse.ArgumentParser) -> None:
    if verb in _LAB:
        import_module(f"confcodec.lab.{_LAB[verb]}").add_arguments(parser)
        return
    from confcodec.call import options

    match verb:
        case "serve":
            options.add_serve_arguments(parser)
        case "call":
            options.add_join_arguments(parser)
        case "bench":
            from confcodec.lab import bench

            bench.add_arguments(parser)
        case "encode" | "decode" | "info":
            options.add_file_arguments(parser, verb)
            parser.epilog = _ENCODE_READS if verb == "encode" else None


def _serve(arguments: argparse.Namespace) -> int:
    from confcodec.call.child import early_child
    from confcodec.call.options import call_options

    options = call_options(arguments)
    with early_child(options) as spare:
        from confcodec.call.serve import Server

        server = Server(options, arguments.host, arguments.port, spare)
        return _serve_until_stopped(arguments, server)


def _serve_until_stopped(arguments: argparse.Namespace, server: "Server") -> int:
    def announce(link: str) -> None:
        print(link, flush=True)
        if _has_display() if arguments.open is None else arguments.open:
            threading.Thread(target=webbrowser.open, args=(link,), daemon=True).start()

    try:
        _run(lambda stop: server.run(stop, announce))
    finally:
        _write_report(arguments, server.report)
    return 0


def _call(arguments: argparse.Namespace) -> int:
    from confcodec.call.child import FROM_PARENT, read_link
    from confcodec.call.join import Call
    from confcodec.call.options import call_options

    from_parent = arguments.url == FROM_PARENT
    url = read_link() if from_parent else arguments.url
    if from_parent and not url:
        return 0
    call = Call(url, call_options(arguments), from_parent=from_parent)
    try:
        _run(call.run)
    finally:
        _write_report(arguments, call.report)
    return 0


def _bench(arguments: argparse.Namespace) -> int:
    from confcodec.call.options import call_options
    from confcodec.lab import bench

    options = call_options(arguments)
    if arguments.no_network:
        from confcodec.lab import breakdown

        report, text = breakdown.measure(options), breakdown.describe
    else:
        report = _run(lambda stop: bench.measure(options, stop))
        text = bench.describe
    if str(arguments.json) != "-":
        print(text(report))
    _write_report(arguments, report)
    return 0


def _files(arguments: argparse.Namespace) -> int:
    if arguments.verb == "info":
        from confcodec.file_info import describe_files as work
    elif arguments.verb == "encode":
        from confcodec.files import encode_files as work
    else:
        from confcodec.files import decode_files as work
    report: dict[str, Any] = work(arguments)
    if str(arguments.json) != "-":
        _print_facts(report)
    _write_report(arguments, report)
    files = report.get("files", [])
    return int(any("error" in facts for facts in files))


def _print_facts(report: dict[str, Any]) -> None:
    """A line for each file, and one for what they have in common."""
    files = report.get("files", [])
    common = {name: value for name, value in report.items() if name != "files"}
    for facts in filter(None, [*files, common]):
        print(", ".join(f"{name} {value}" for name, value in facts.items()))


def _lab(arguments: argparse.Namespace) -> int:
    code: int = import_module(f"confcodec.lab.{_LAB[arguments.verb]}").run(arguments)
    return code


_VERB_FUNCTIONS: dict[str, Callable[[argparse.Namespace], int]] = {
    "serve": _serve,
    "call": _call,
    "bench": _bench,
    "encode": _files,
    "decode": _files,
    "info": _files,
    **dict.fromkeys(_LAB, _lab),
}


def _run(job: Callable[[asyncio.Event], Coroutine[Any, Any, T]]) -> T:
    """Run a job on the quickest event loop here; the first SIGINT or SIGTERM sets its event."""

    async def with_signals() -> T:
        loop, stop = asyncio.get_running_loop(), asyncio.Event()

        def ask_to_stop() -> None:
            stop.set()
            # The second signal ends it the hard way.
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.remove_signal_handler(number)

        if sys.platform != "win32":
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.add_signal_handler(number, ask_to_stop)
        return await job(stop)

    try:
        import uvloop
    except ImportError:
        return asyncio.run(with_signals())
    return uvloop.run(with_signals())


def _write_report(
    arguments: argparse.Namespace, report: dict[str, object] | None
) -> None:
    if arguments.json and report is not None:
        from confcodec.call.report import write_json

        write_json(report, arguments.json)


def _has_display() -> bool:
    if sys.platform in ("win32", "darwin"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def _set_up_logging(arguments: argparse.Namespace) -> None:
    logging.basicConfig(
        format="confcodec: %(message)s", stream=sys.stderr, level=logging.WARNING
    )
    quiet = arguments.quiet or getattr(arguments, "receive_only", False)
    logging.getLogger("confcodec").setLevel(logging.WARNING if quiet else logging.INFO)
