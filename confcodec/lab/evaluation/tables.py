"""The evaluator's tables on the terminal."""

import math
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from confcodec.lab.evaluation.curves import Curves, bd_rate, psnr_at

RATES = (0.05, 0.1, 0.2, 0.5, 1.0)
"""bpp at which the curves are read off."""


def print_points(console: Console, curves: Curves, count: int) -> None:
    """Every codec at every quality."""
    columns = ("quality", "bpp", "PSNR dB", "MS-SSIM", "encode ms", "decode ms")
    table = _table(columns)
    for name, points in curves.items():
        for p in points:
            cells = (
                f"{p.bpp:.4f}",
                f"{p.psnr_db:.2f}",
                _number(p.ms_ssim, ".4f"),
                f"{p.encode_ms:.1f}",
                f"{p.decode_ms:.1f}",
            )
            table.add_row(name, str(p.quality), *cells)
        table.add_section()
    console.print(
        f"means over {count} pictures, whole bytes", table, sep="\n", highlight=False
    )


def print_differences(
    console: Console, curves: Curves, tested: Sequence[str], title: str
) -> None:
    """BD-rates, and PSNR at some rates."""
    table = _table([f"of {name}" for name in tested])
    for anchor, points in curves.items():
        if [anchor] == list(tested):
            continue
        cells = (
            "" if test == anchor else _number(bd_rate(points, curves[test]), "+.1f")
            for test in tested
        )
        table.add_row(f"against {anchor}", *cells)
    console.print(f"BD-rate over {title}, %", table, sep="\n", highlight=False)
    table = _table([f"{rate} bpp" for rate in RATES])
    for name, points in curves.items():
        cells = (_number(psnr_at(points, rate), ".2f") for rate in RATES)
        table.add_row(name, *cells)
    console.print(f"PSNR over {title}, dB", table, sep="\n", highlight=False)


def _table(columns: Sequence[str]) -> Table:
    table = Table()
    table.add_column("codec")
    for column in columns:
        table.add_column(column, justify="right")
    return table


def _number(value: float, form: str) -> str:
    return "-" if math.isnan(value) else format(value, form)
