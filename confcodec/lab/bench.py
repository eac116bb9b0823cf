"""`confcodec bench`: a loopback call between two processes, measured.

The very pipe of `serve`, without a page: capture, encode and send here; receive and decode
in the child, over a real data channel. Measuring starts with the first frame after both
codecs are warm, and counts real bytes.
"""

import argparse
import asyncio
import sys

from confcodec.call.options.call import (
    CallOptions,
    add_call_arguments,
    add_json_argument,
)
from confcodec.codec.registry import CODECS

DEFAULT_SECONDS = 10.0

LINES = (
    (
        "frames",
        "{captured} captured, {sent} sent, {decoded} decoded, {dropped} dropped",
    ),
    ("", "{dropped_after_first_second} of them dropped after the first second"),
    ("speed", "{fps} frames a second decoded"),
    ("encode", "{encode_ms[p50]} ms median, {encode_ms[p95]} ms 95th percentile"),
    ("decode", "{decode_ms[p50]} ms median, {decode_ms[p95]} ms 95th percentile"),
    ("latency", "{latency_ms[p50]} ms median, {latency_ms[p95]} ms 95th percentile"),
    (
        "rate",
        "{bitrate_bps} bits a second on the wire, {bpp} bits a pixel, quality {mean_quality}",
    ),
    (
        "loss",
        "{loss:.1%} of packets, {parity} of {packets} were parity; {concealed_share:.2%} "
        "of slices concealed",
    ),
    ("PSNR", "{psnr_db} dB, mean of {psnr_samples} frames"),
    ("codec", "{codec} ({model}) on {device}, {dtype}, threads: {threads}"),
)
"""How the report reads for people."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Give `parser` the options of `confcodec bench`."""
    add_call_arguments(parser, sink="null", codec=CODECS[0])
    parser.set_defaults(source="demo", seconds=DEFAULT_SECONDS)
    parser.add_argument(
        "--no-network",
        action="store_true",
        help="no call: time the codec alone, stage by stage",
    )
    add_json_argument(parser)


async def measure(options: CallOptions, stop: asyncio.Event) -> dict[str, object]:
    """Run the call, under a progress bar on a terminal, and return its report.

    Raises:
        ConfcodecError: source or codec cannot be used, or no call came about.
    """
    from confcodec.errors import TransportError
    from confcodec.server.serve import Server

    server, measuring = Server(options, "127.0.0.1", 0), asyncio.Event()
    bar = asyncio.create_task(
        _show_progress(measuring, options.seconds or DEFAULT_SECONDS)
    )
    try:
        await server.run(stop, lambda _link: None, measuring)
    finally:
        bar.cancel()
        await asyncio.gather(bar, return_exceptions=True)
    if not server.report["captured"]:
        raise TransportError("stopped before the first frame; nothing was measured")
    return {k: v for k, v in server.report.items() if k not in ("calls", "peer")}


async def _show_progress(measuring: asyncio.Event, seconds: float) -> None:
    if not sys.stderr.isatty():
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as progress:
        bar = progress.add_task("warming up", total=None)
        await measuring.wait()
        progress.update(bar, description="measuring", total=seconds)
        while True:
            await asyncio.sleep(0.1)
            progress.advance(bar, 0.1)


def describe(report: dict[str, object]) -> str:
    """The report as lines of text."""
    lines = [f"{name:8} {text.format_map(report)}" for name, text in LINES]
    if trouble := report.get("sink_trouble"):
        lines.append(f"sink     {trouble}")
    return "\n".join(lines)
