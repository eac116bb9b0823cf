"""Rate-distortion plots, with marked points from elsewhere."""

import math
from collections.abc import Callable, Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from confcodec.lab.evaluation.curves import Curves
from confcodec.lab.evaluation.rows import Point, Row

SOURCE_BPP = 24.0
"""Bits of a pixel before compression."""

SEED = (SOURCE_BPP / 10.66, 43.4)
"""What the open re-implementation of the paper reports, on VoxCeleb2 frames."""

PAPER_ON_KODAK = ((0.25, 27.06), (0.5, 30.76), (0.75, 33.12), (1.0, 34.91), (1.5, 37.5))
"""(bpp, dB) of "Lossy image compression with compressive autoencoders" (arXiv:1703.00395)."""

_COLOURS = {
    "rt": "#d62728",
    "rt-s": "#ff9896",
    "cae": "#9467bd",
    "jpeg": "#7f7f7f",
    "jpeg:420": "#bdbdbd",
    "jpeg2000": "#8c564b",
    "webp": "#2ca02c",
    "avif": "#1f77b4",
    "avif:4": "#17becf",
}
_KODAK_SIZE = {768 * 512}


def plot(curves: Curves, rows: Sequence[Row], path: Path) -> None:
    """Draw PSNR over bpp and over compression ratio, and MS-SSIM over bpp, into a file.

    Raises:
        ValueError: matplotlib writes no files with such an ending.
    """
    figure = Figure(figsize=(18, 6), layout="constrained")
    FigureCanvasAgg(figure)
    by_rate, by_ratio, structure = figure.subplots(1, 3)
    _draw(by_rate, curves, lambda p: p.bpp, lambda p: p.psnr_db)
    _draw(by_ratio, curves, lambda p: SOURCE_BPP / p.bpp, lambda p: p.psnr_db)
    _draw(structure, curves, lambda p: p.bpp, lambda p: in_db(p.ms_ssim))
    _mark(by_rate, by_ratio, [SEED], "*", "seed project: 43.4 dB at 10.66 (VoxCeleb2)")
    if is_kodak(rows):
        _mark(by_rate, by_ratio, PAPER_ON_KODAK, "s", "compressive autoencoders, paper")
    _label(by_rate, "bits per pixel, whole bytes", "RGB PSNR, dB")
    _label(by_ratio, "compression ratio, 24 / bpp", "RGB PSNR, dB")
    _label(structure, "bits per pixel, whole bytes", "MS-SSIM, dB: -10 log10(1 - x)")
    by_rate.set_xlim(0, 2.6)
    structure.set_xlim(0, 2.6)
    by_ratio.set_xscale("log")
    by_ratio.set_xticks(ticks := (5, 10, 20, 50, 100, 200, 500), map(str, ticks))
    by_rate.legend(fontsize="small")
    count = len({row.digest for row in rows})
    figure.suptitle(f"means over {count} pictures, every frame on its own")
    figure.savefig(path, dpi=80)


def in_db(ms_ssim: float) -> float:
    """MS-SSIM spread out near 1; nan stays nan."""
    return -10 * math.log10(max(1 - ms_ssim, 1e-6)) if ms_ssim <= 1 else math.nan


def is_kodak(rows: Sequence[Row]) -> bool:
    """True for 24 pictures of 768x512: then the paper's points lie on the same terms."""
    pixels = {row.digest: round(8 * row.bytes / row.bpp) for row in rows}
    return len(pixels) == 24 and set(pixels.values()) == _KODAK_SIZE


def _draw(
    axes: Axes,
    curves: Curves,
    x: Callable[[Point], float],
    y: Callable[[Point], float],
) -> None:
    for name, points in curves.items():
        style = "-" if name in ("rt", "rt-s", "cae") else "--"
        values = [x(p) for p in points], [y(p) for p in points]
        colour = _COLOURS.get(name)
        axes.plot(*values, style, marker=".", color=colour, label=name, linewidth=1.4)


def _mark(
    by_rate: Axes,
    by_ratio: Axes,
    points: Sequence[tuple[float, float]],
    marker: str,
    label: str,
) -> None:
    rates, values = zip(*points, strict=True)
    ratios = tuple(SOURCE_BPP / rate for rate in rates)
    for axes, x in ((by_rate, rates), (by_ratio, ratios)):
        axes.scatter(x, values, 60, c="black", marker=marker, label=label, zorder=3)


def _label(axes: Axes, x: str, y: str) -> None:
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.grid(alpha=0.3)
