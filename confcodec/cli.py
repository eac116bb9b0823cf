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
from types import FrameType
from typing import TYPE_CHECKING, Any, NoReturn, TextIO, TypeVar

from confcodec import __version__
from confcodec.ending import (
    Interrupted,
    handle,
    interruptible,
    lasting_streams,
    stop_signals,
)
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

FIRST_LINES = {
    "encode": "x.png or x.mp4 becomes x.ccb beside it, or the file or folder you name; "
    "nothing that exists is overwritten without --force.",
    "decode": "x.ccb becomes x.decoded.png or x.decoded.mp4 beside it, or the file or folder "
    "you name; nothing that exists is overwritten without --force.",
}
"""How the help of a verb begins: where its output goes."""

_LAB = {"data": "frames", "train": "train", "eval": "evaluate", "export": "export"}


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
        return _VERB_FUNCTIONS[options.verb](options)
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
    if verb in _LAB:
        import_module(f"confcodec.lab.{_LAB[verb]}").add_arguments(parser)
        return
    from confcodec.call import options

    match verb:
        case "serve":
            from confcodec.call import serve_options

            serve_options.add_serve_arguments(parser)
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
    if from_parent:  # the parent ends it, once it has said what it decoded
        for number in stop_signals():
            handle(number, signal.SIG_IGN)
    url = read_link() if from_parent else arguments.url
    if from_parent and not url:
        return 0
    call = Call(url, call_options(arguments), from_parent=from_parent)
    try:
        if from_parent:
            _on_the_quickest_loop(call.run(asyncio.Event()))
        else:
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
        # What was coded has standard output to itself.
        piped = str(report.get("output")) == "-"
        _print_facts(report, sys.stderr if piped else sys.stdout)
    _write_report(arguments, report)
    files = report.get("files", [report])
    return int(any("error" in facts or facts.get("damaged") for facts in files))


def _print_facts(report: dict[str, Any], out: TextIO) -> None:
    """A line for each file, and one for what they have in common."""
    from confcodec.printable import printable

    files = report.get("files", [])
    common = {name: value for name, value in report.items() if name != "files"}
    for facts in filter(None, [*files, common]):
        line = ", ".join(f"{name} {value}" for name, value in facts.items())
        print(printable(line), file=out)


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


def _ask_for_camera(source: str | None) -> None:
    """On a Mac only the main thread can ask whether a camera may be used; see there."""
    if sys.platform == "darwin" and source:
        from confcodec.media.camera_capture import ask_for_camera

        ask_for_camera(source)


def _run(job: Callable[[asyncio.Event], Coroutine[Any, Any, T]]) -> T:
    """Run a job on an event loop; the first signal to stop sets its event."""
    asked = set(stop_signals())

    async def with_signals() -> T:
        loop, stop = asyncio.get_running_loop(), asyncio.Event()

        def ask_to_stop() -> None:
            stop.set()
            # The second signal ends it the hard way.
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.remove_signal_handler(number)

        def hang_up(_number: int, _frame: FrameType | None) -> None:
            # Comes again when the loop has closed, which would take its own handler along.
            if not loop.is_closed():
                loop.call_soon_threadsafe(stop.set)

        if sys.platform != "win32":
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.add_signal_handler(number, ask_to_stop)
        for number in asked - {signal.SIGINT, signal.SIGTERM}:
            handle(number, hang_up)
        return await job(stop)

    return _on_the_quickest_loop(with_signals())


def _on_the_quickest_loop(job: Coroutine[Any, Any, T]) -> T:
    try:
        import uvloop
    except ImportError:
        return asyncio.run(job)
    return uvloop.run(job)


def _check_targets(options: argparse.Namespace) -> None:
    from confcodec.report_targets import check_report_targets

    # A child writes what its parent has looked at, before it came.
    if getattr(options, "url", "") != "-":
        check_report_targets(options)


def _write_report(
    arguments: argparse.Namespace, report: dict[str, object] | None
) -> None:
    if arguments.json and report is not None:
        from confcodec.call.report import write_json
        from confcodec.report_targets import report_targets

        write_json(report, arguments.json, report_targets(arguments))


def _has_display() -> bool:
    if sys.platform in ("win32", "darwin"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def _set_up_logging(arguments: argparse.Namespace) -> None:
    logging.basicConfig(
        format="confcodec: %(message)s", stream=sys.stderr, level=logging.WARNING
    )
    quiet = arguments.quiet or getattr(arguments, "receive_only", False)
    level = logging.WARNING if quiet else logging.INFO
    level = logging.DEBUG if arguments.debug else level
    logging.getLogger("confcodec").setLevel(level)
