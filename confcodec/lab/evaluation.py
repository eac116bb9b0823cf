"""Rate-distortion figures of the codecs, measured side by side."""

import argparse
import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import bjontegaard
import numpy as np
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from confcodec.codec.codec import CODECS, QUALITIES, Codec
from confcodec.codec.frame import Pixels
from confcodec.codec.metrics import bpp, psnr
from confcodec.errors import ConfcodecError
from confcodec.lab.data import find_pictures, read_picture


@dataclass(frozen=True, slots=True)
class Point:
    """One codec at one quality: means over the pictures."""

    codec: str
    quality: int
    bpp: float
    """Whole bytes over unpadded pixels."""
    psnr_db: float
    """RGB, 8 bits, mean of the pictures' values."""
    encode_ms: float
    decode_ms: float


def measure(codec: Codec, pictures: Sequence[Pixels], quality: int) -> Point:
    """Code and decode every picture once."""
    rows = []
    for pixels in pictures:
        began = time.perf_counter()
        bitstream = codec.encode(pixels, quality)
        encoded = time.perf_counter()
        decoded = codec.decode(bitstream)
        done = time.perf_counter()
        rows.append(
            (
                bpp(bitstream, pixels),
                psnr(pixels, decoded),
                1e3 * (encoded - began),
                1e3 * (done - encoded),
            )
        )
    rate, quality_db, encode_ms, decode_ms = (
        float(mean) for mean in np.mean(rows, axis=0)
    )
    return Point(codec.info.codec, quality, rate, quality_db, encode_ms, decode_ms)


def bd_rate(anchor: Sequence[Point], test: Sequence[Point]) -> float:
    """Mean rate difference, in percent, of `test` against `anchor` at equal PSNR.

    Bjontegaard's measure (VCEG-M33), log-rate interpolated by monotone cubics
    over the PSNR range that both curves cover; nan where they share none.
    """
    curves = []
    for points in (anchor, test):
        ordered = sorted({point.psnr_db: point.bpp for point in points}.items())
        curves += [[rate for _, rate in ordered], [quality for quality, _ in ordered]]
    low = max(curves[1][0], curves[3][0])
    if low >= min(curves[1][-1], curves[3][-1]):
        return float("nan")
    settings = {"method": "pchip", "require_matching_points": False, "min_overlap": 0}
    return float(bjontegaard.bd_rate(*curves, **settings))


def evaluate_command(arguments: argparse.Namespace) -> int:
    """Measure, print a table of points and of BD-rates, write the JSON file."""
    names = arguments.codecs.split(",")
    qualities = _qualities(arguments.qualities)
    if unknown := [name for name in names if name not in CODECS]:
        raise ConfcodecError(
            f"no codec {unknown[0]!r}; choose from {', '.join(CODECS)}"
        )
    pictures = [read_picture(path) for path in find_pictures(arguments.folder)]
    options = {"weights": arguments.weights, "threads": arguments.threads}
    codecs = [Codec.load(name, arguments.device, **options) for name in names]
    points: dict[str, list[Point]] = {name: [] for name in names}
    console = Console(stderr=True)
    with Progress(console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task("coding", total=len(codecs) * len(qualities))
        for codec in codecs:
            for quality in qualities:
                points[codec.info.codec].append(measure(codec, pictures, quality))
                progress.advance(task)
    differences = {name: bd_rate(points[name], points[names[0]]) for name in names[1:]}
    _print(points, differences, len(pictures))
    if arguments.json:
        report = {
            "pictures": len(pictures),
            "codecs": [asdict(codec.info) for codec in codecs],
            "points": [asdict(point) for name in names for point in points[name]],
            "bd_rate_percent": {
                f"{names[0]} against {k}": v for k, v in differences.items()
            },
        }
        arguments.json.write_text(json.dumps(report, indent=2) + "\n")
    return 0


def _qualities(text: str) -> list[int]:
    try:
        qualities = [int(part) for part in text.split(",")]
    except ValueError:
        qualities = [-1]
    if not all(0 <= quality < QUALITIES for quality in qualities):
        raise ConfcodecError(
            f"--qualities {text}: give whole numbers from 0 to {QUALITIES - 1}"
        )
    return qualities


def _print(
    points: dict[str, list[Point]], differences: dict[str, float], count: int
) -> None:
    table = Table(title=f"means over {count} pictures, whole bytes")
    for column in ("codec", "quality", "bpp", "PSNR dB", "encode ms", "decode ms"):
        table.add_column(column, justify="left" if column == "codec" else "right")
    for name, rows in points.items():
        for p in rows:
            cells = (
                f"{p.bpp:.4f}",
                f"{p.psnr_db:.2f}",
                f"{p.encode_ms:.1f}",
                f"{p.decode_ms:.1f}",
            )
            table.add_row(name, str(p.quality), *cells)
    console = Console()
    console.print(table)
    for other, percent in differences.items():
        console.print(
            f"BD-rate of {next(iter(points))} against {other}: {percent:+.1f} %"
        )
