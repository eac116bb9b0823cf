"""Rate-distortion curves: means of rows, and the differences between two curves."""

import math
from collections.abc import Sequence

import bjontegaard
import numpy as np
from scipy.interpolate import PchipInterpolator

from confcodec.lab.evaluation.rows import Point, Row, mean_point

Curves = dict[str, list[Point]]
"""Points of each codec, from the lowest quality to the highest."""


def curves_of(rows: Sequence[Row], codecs: Sequence[str]) -> Curves:
    """Means over all pictures in `rows`."""
    curves: Curves = {}
    for codec in codecs:
        own = [row for row in rows if row.codec == codec]
        curves[codec] = [
            mean_point([row for row in own if row.quality == quality])
            for quality in sorted({row.quality for row in own})
        ]
    return curves


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


def bd_rates(curves: Curves, tested: Sequence[str]) -> dict[str, float]:
    """BD-rate of each of `tested` against every other codec, by "a against b"."""
    return {
        f"{test} against {anchor}": bd_rate(curves[anchor], curves[test])
        for test in tested
        for anchor in curves
        if anchor != test
    }


def psnr_at(points: Sequence[Point], rate: float) -> float:
    """PSNR of a curve at `rate` bpp, log-rate interpolated; nan outside the curve."""
    by_rate = dict(sorted((math.log(p.bpp), p.psnr_db) for p in points))
    rates = list(by_rate)
    if len(rates) < 2 or not rates[0] <= math.log(rate) <= rates[-1]:
        return math.nan
    curve = PchipInterpolator(rates, np.array(list(by_rate.values())))
    return float(curve(math.log(rate)))


def share_above(
    anchor: Sequence[Point], test: Sequence[Point], low: float, high: float
) -> tuple[float, float]:
    """Where `test` has the higher PSNR at equal rate, from `low` to `high` bpp.

    Returns:
        The share of the rates that both curves reach, and the share of all of them.
        nan for the first where they share none.
    """
    gains = np.array(
        [psnr_at(test, r) - psnr_at(anchor, r) for r in np.linspace(low, high, 281)]
    )
    above, shared = int((gains > 0).sum()), int((~np.isnan(gains)).sum())
    return above / shared if shared else math.nan, above / len(gains)


def groups_of(rows: Sequence[Row]) -> dict[str, list[Row]]:
    """Rows by what their pictures' names begin with, up to the first `_`."""
    groups: dict[str, list[Row]] = {}
    for row in rows:
        prefix = row.picture.rpartition("/")[2].partition("_")[0]
        groups.setdefault(prefix, []).append(row)
    return dict(sorted(groups.items()))
