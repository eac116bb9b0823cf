"""What each verb of the command line does: options in, work done, report written.

Each imports what it needs and no more, so that one verb does not wait for another's libraries.
"""

import argparse
import asyncio
import os
import signal
import sys
import threading
import webbrowser
from collections.abc import Callable, Coroutine
from importlib import import_module
from types import FrameType
from typing import TYPE_CHECKING, Any, TextIO, TypeVar

from confcodec.machine.ending import handle, stop_signals

if TYPE_CHECKING:
    from confcodec.server.serve import Server

T = TypeVar("T")

LAB = {
    "data": "dataset.frames",
    "train": "training.train",
    "eval": "evaluation.evaluate",
    "export": "export.export",
}
"""Verbs that are modules of `lab`."""


def _serve(arguments: argparse.Namespace) -> int:
    from confcodec.call.loopback.child import early_child
    from confcodec.call.options.call import call_options

    options = call_options(arguments)
    with early_child(options) as spare:
        from confcodec.server.serve import Server

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
    from confcodec.call.join import Call
    from confcodec.call.loopback.child import FROM_PARENT, read_link
    from confcodec.call.options.call import call_options

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
    from confcodec.call.options.call import call_options
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
        from confcodec.files.info import describe_files as work
    elif arguments.verb == "encode":
        from confcodec.files.transcode import encode_files as work
    else:
        from confcodec.files.transcode import decode_files as work
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
    from confcodec.machine.printable import printable

    files = report.get("files", [])
    common = {name: value for name, value in report.items() if name != "files"}
    for facts in filter(None, [*files, common]):
        line = ", ".join(f"{name} {value}" for name, value in facts.items())
        print(printable(line), file=out)


def _lab(arguments: argparse.Namespace) -> int:
    code: int = import_module(f"confcodec.lab.{LAB[arguments.verb]}").run(arguments)
    return code


def _run(job: Callable[[asyncio.Event], Coroutine[Any, Any, T]]) -> T:
    """Run a job on an event loop; the first signal to stop sets its event."""
    asked = set(stop_signals())

    async def with_signals() -> T:
        loop, stop = asyncio.get_running_loop(), asyncio.Event()

        def ask_to_stop() -> None:
            stop.set()
            # The second signal ends it at once.
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


def _write_report(
    arguments: argparse.Namespace, report: dict[str, object] | None
) -> None:
    if arguments.json and report is not None:
        from confcodec.call.figures.report import write_json
        from confcodec.files.report_targets import report_targets

        write_json(report, arguments.json, report_targets(arguments))


def _has_display() -> bool:
    if sys.platform in ("win32", "darwin"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


VERB_FUNCTIONS: dict[str, Callable[[argparse.Namespace], int]] = {
    "serve": _serve,
    "call": _call,
    "bench": _bench,
    "encode": _files,
    "decode": _files,
    "info": _files,
    **dict.fromkeys(LAB, _lab),
}
"""Each takes the options and gives the exit code."""
