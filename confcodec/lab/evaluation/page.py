"""The results as a page of the documentation: written by the evaluator, not by hand."""

import math
import os
import platform
from collections.abc import Sequence
from pathlib import Path

from confcodec import __version__
from confcodec.lab.evaluation.curves import (
    Curves,
    bd_rate,
    curves_of,
    groups_of,
    psnr_at,
    share_above,
)
from confcodec.lab.evaluation.rows import Row, codecs_of
from confcodec.lab.evaluation.tables import RATES
from confcodec.machine.cores import usable_cores

SPAN = (0.1, 1.5)
"""bpp between which it is counted where a curve lies above another."""

_PAGE = """# Results

Written by `confcodec eval --page`; edit `confcodec/lab/evaluation/page.py`, not this page.

    {command}

{count} pictures, {sizes}. Every figure counts whole bytes, as they would lie in a file, over the unpadded
pixels; PSNR is over 8-bit RGB, the mean of the pictures' values. Machine: {machine}.

![Rate-distortion curves]({plot})

The left plot has rate, the middle one compression ratio, 24 / bpp: the same points. The right one shows MS-SSIM.
Solid lines are this project's codecs. The star is what the project this one grew from reports for its autoencoder on
frames of VoxCeleb2: 43.4 dB at a ratio of 10.66. It was measured on other pictures, so it marks a place, not a
rival. Where the folder is Kodak's, squares are the points of arXiv:1703.00395.

## Rate at equal quality

BD-rate: how many percent more (+) or fewer (-) bits than the codec on the left for the same PSNR, as a mean
over the range of PSNR that both curves cover (Bjontegaard, VCEG-M33; log-rate, monotone cubics).

{differences}

{leads}

## Quality at equal rate

PSNR in dB, read off the curves of means; "-" where a codec does not go that low or high.

{readings}

## Every point

{points}

## What was compared

{codecs}

JPEG and WebP are Pillow's (4:4:4 with optimised tables; WebP method 4), JPEG 2000 is a bare OpenJPEG codestream, AVIF is
libaom in 4:4:4 at speed 8, `avif:4` at speed 4, `jpeg:420` JPEG with halved colour. None keeps anything between pictures.
AVIF as imagecodecs writes it suits the eye; it can do better by PSNR, see experiments.md. It pays about 280 bytes of file
structure a picture, which counts below 0.1 bpp on small pictures. Times are means over the pictures, each coded once, on a
machine that may have done other work; what was measured before is not measured again (`--rows`). For times to compare, measure
all codecs in one run on a quiet machine.
"""


def page_text(
    plot: str,
    command: str,
    rows: Sequence[Row],
    curves: Curves,
    tested: Sequence[str],
) -> str:
    """The page, Markdown; its plot lies beside it and is called `plot`."""
    groups = {"all": curves}
    for prefix, own in groups_of(rows).items():
        groups[f"{prefix}_*"] = curves_of(own, list(curves))
    if len(groups) > 4:  # names without a system
        groups = {"all": curves}
    facts = {
        "command": command,
        "count": len({row.digest for row in rows}),
        "sizes": ", ".join(_sizes(rows)),
        "machine": machine(),
        "plot": plot,
        "differences": _differences(groups, tested),
        "leads": _leads(curves, tested),
        "readings": _readings(groups),
        "points": _points(curves),
        "codecs": _codecs(rows),
    }
    return _PAGE.format(**facts)


def machine() -> str:
    """Processor and number of its cores, as the system names them."""
    name = platform.processor() or platform.machine()
    information = Path("/proc/cpuinfo")
    if information.exists():
        lines = information.read_text().splitlines()
        models = [
            line.partition(":")[2] for line in lines if line.startswith("model name")
        ]
        name = models[0].strip() if models else name
    there, used = os.cpu_count() or 1, usable_cores()
    share = f", {used} of them for this process" if used < there else ""
    return f"{name}, {there} logical processors{share}"


def _sizes(rows: Sequence[Row]) -> list[str]:
    """How many pictures each group has, by its rows."""
    pictures = {name: {r.digest for r in own} for name, own in groups_of(rows).items()}
    if len(pictures) > 3:
        return ["of all kinds"]
    return [f"{len(digests)} named {name}_*" for name, digests in pictures.items()]


def _differences(groups: dict[str, Curves], tested: Sequence[str]) -> str:
    header = [f"{test}, {group}" for test in tested for group in groups]
    lines = []
    for anchor in next(iter(groups.values())):
        if [anchor] == list(tested):
            continue
        cells = [
            "" if anchor == test else _number(bd_rate(part[anchor], part[test]), "+.1f")
            for test in tested
            for part in groups.values()
        ]
        lines.append([f"against {anchor}", *cells])
    return _table(["BD-rate, %", *header], lines)


def _leads(curves: Curves, tested: Sequence[str]) -> str:
    low, high = SPAN
    lines = [
        f"Above it at equal rate, share of {low} to {high} bpp: of the rates that both "
        "curves reach, and of all.\n"
    ]
    rows = []
    for anchor, points in curves.items():
        if [anchor] == list(tested):
            continue
        cells = []
        for test in tested:
            shared, whole = share_above(points, curves[test], low, high)
            missing = math.isnan(shared) or anchor == test
            cells.append("" if missing else f"{shared:.0%}, {whole:.0%}")
        rows.append([f"than {anchor}", *cells])
    return "\n".join([*lines, _table(["higher PSNR", *tested], rows)])


def _readings(groups: dict[str, Curves]) -> str:
    tables = []
    for group, curves in groups.items():
        lines = [
            [name, *(_number(psnr_at(points, rate), ".2f") for rate in RATES)]
            for name, points in curves.items()
        ]
        header = [f"pictures: {group}", *(f"{rate} bpp" for rate in RATES)]
        tables.append(_table(header, lines))
    return "\n\n".join(tables)


def _points(curves: Curves) -> str:
    lines = [
        [
            name,
            str(p.quality),
            f"{p.bpp:.4f}",
            f"{24 / p.bpp:.1f}",
            f"{p.psnr_db:.2f}",
            _number(p.ms_ssim, ".4f"),
            f"{p.encode_ms:.1f}",
            f"{p.decode_ms:.1f}",
        ]
        for name, points in curves.items()
        for p in points
    ]
    header = ["codec", "quality", "bpp", "ratio", "PSNR, dB", "MS-SSIM"]
    return _table([*header, "encode, ms", "decode, ms"], lines)


def _codecs(rows: Sequence[Row]) -> str:
    lines = [
        [info.codec, info.model, info.device, info.dtype, str(info.threads)]
        for info in codecs_of(rows)
    ]
    header = ["codec", "weights or library", "device", "numbers", "threads"]
    return _table(header, lines) + f"\n\nconfcodec {__version__}."


def _table(header: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    rule = ["---"] + ["--:"] * (len(header) - 1)
    return "\n".join("| " + " | ".join(line) + " |" for line in (header, rule, *lines))


def _number(value: float, form: str) -> str:
    return "-" if math.isnan(value) else format(value, form)
