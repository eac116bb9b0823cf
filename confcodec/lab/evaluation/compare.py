"""The work behind `confcodec eval`: what is missing is measured, the rest read back."""

import argparse
import csv
import io
import json
import logging
from collections.abc import Iterator, Sequence
from dataclasses import asdict, fields
from pathlib import Path

from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress, TimeRemainingColumn

from confcodec import __version__
from confcodec.codec.quality import QUALITIES
from confcodec.errors import ConfcodecError
from confcodec.files.report_targets import report_targets
from confcodec.lab.evaluation.curves import Curves, bd_rates, curves_of, groups_of
from confcodec.lab.evaluation.rows import (
    Job,
    Row,
    Settings,
    append_rows,
    codec_info,
    codecs_of,
    digest_of,
    read_codable,
    read_rows,
    run_jobs,
)
from confcodec.lab.evaluation.tables import print_differences, print_points
from confcodec.lab.pictures import readable_paths
from confcodec.machine.cores import usable_cores
from confcodec.machine.file_targets import Targets, write_small
from confcodec.machine.printable import printable

logger = logging.getLogger(__name__)

CLASSIC = ("jpeg", "webp", "jpeg2000", "avif")


def compare(arguments: argparse.Namespace) -> int:
    """Measure all codecs over a folder; print tables, write files."""
    asked = list(dict.fromkeys(arguments.codecs.split(",")))
    qualities = parse_qualities(arguments.qualities)
    settings = _settings(arguments)
    for path in arguments.weights:
        if path.name.rpartition("-")[0] not in asked:
            raise ConfcodecError(f"{path} is for none of the codecs {arguments.codecs}")
    # A codec that cannot be loaded fails here; somebody's own says what it is called.
    names = list(dict.fromkeys(codec_info(name, settings).codec for name in asked))
    pictures = readable_paths(arguments.folder, read_codable)
    rows = _measured(arguments, settings, asked, qualities, pictures)
    curves = curves_of(rows, names)
    # The learned codecs, or the first if there is none, against all others.
    tested = [n for n in names if n.partition(":")[0] not in CLASSIC] or names[:1]
    _print(rows, curves, tested, len(pictures), arguments.group_by)
    _write(arguments, settings, rows, curves, tested)
    return 0


def parse_qualities(text: str) -> tuple[int, ...]:
    """Qualities from a comma-separated list.

    Raises:
        ConfcodecError: not whole numbers from 0 to 63.
    """
    try:
        qualities = tuple(sorted({int(part) for part in text.split(",")}))
    except ValueError:
        qualities = (-1,)
    if not all(0 <= quality < QUALITIES for quality in qualities):
        raise ConfcodecError(
            f"--qualities {text}: give whole numbers from 0 to {QUALITIES - 1}"
        )
    return qualities


def _settings(arguments: argparse.Namespace) -> Settings:
    threads = arguments.threads
    if threads is None and arguments.workers > 1:
        threads = max(1, usable_cores() // arguments.workers)
    return Settings(arguments.device, threads, tuple(arguments.weights))


def _measured(
    arguments: argparse.Namespace,
    settings: Settings,
    names: Sequence[str],
    qualities: Sequence[int],
    pictures: Sequence[Path],
) -> list[Row]:
    """All rows asked for, in the order picture, codec, quality."""
    known = read_rows(arguments.rows)
    wanted: list[tuple[object, ...]] = []
    jobs: list[Job] = []
    labels: dict[str, str] = {}
    for path in pictures:
        label, digest = path.relative_to(arguments.folder).as_posix(), digest_of(path)
        labels[digest] = label
        for name in names:
            i = codec_info(name, settings)
            what = (i.codec, i.model, i.device, i.dtype, i.threads)
            keys = {quality: (digest, quality, *what) for quality in qualities}
            wanted += keys.values()
            missing = tuple(q for q, key in keys.items() if key not in known)
            if missing:
                jobs.append(Job(arguments.folder, label, name, missing, settings))
    if ready := sum(key in known for key in wanted):
        logger.info(
            "%d of %d figures, times too, are from earlier: %s",
            ready,
            len(wanted),
            arguments.rows,
        )
    for rows in _with_progress(jobs, arguments.workers):
        append_rows(arguments.rows, rows)
        known |= {row.key: row for row in rows}
    found = (asdict(known[key]) for key in wanted)
    return [Row(**facts | {"picture": labels[facts["digest"]]}) for facts in found]


def _with_progress(jobs: Sequence[Job], workers: int) -> Iterator[list[Row]]:
    """What `run_jobs` gives, under a progress bar on a terminal."""
    console = Console(stderr=True)
    columns = (*Progress.get_default_columns()[:2], MofNCompleteColumn())
    with Progress(
        *columns,
        TimeRemainingColumn(),
        console=console,
        disable=not console.is_terminal,
    ) as progress:
        total = sum(len(job.qualities) for job in jobs)
        task = progress.add_task("coding", total=total)
        for rows in run_jobs(jobs, workers):
            progress.advance(task, len(rows))
            yield rows


def _print(
    rows: Sequence[Row],
    curves: Curves,
    tested: Sequence[str],
    count: int,
    group_by: str | None,
) -> None:
    console = Console()
    print_points(console, curves, count)
    print_differences(console, curves, tested, f"{count} pictures")
    if group_by:
        for prefix, own in groups_of(rows).items():
            pictures = len({row.digest for row in own})
            title = f"{pictures} pictures {prefix}_*"
            print_differences(console, curves_of(own, list(curves)), tested, title)


def _write(
    arguments: argparse.Namespace,
    settings: Settings,
    rows: Sequence[Row],
    curves: Curves,
    tested: Sequence[str],
) -> None:
    targets = report_targets(arguments)
    try:
        if arguments.json:
            report = json.dumps(_report(rows, curves, tested), indent=2) + "\n"
            write_small(report.encode(), arguments.json, targets)
        if arguments.csv:
            write_small(_table(rows).encode(), arguments.csv, targets)
        if arguments.plot:
            _plot(curves, rows, arguments.plot, targets)
        if arguments.page:
            from confcodec.lab.evaluation.page import page_text

            plot = arguments.page.with_suffix(".png")
            _plot(curves, rows, plot, targets)
            text = page_text(plot.name, _command(arguments), rows, curves, tested)
            write_small(text.encode(), arguments.page, targets)
        if arguments.sheet:
            from confcodec.lab.evaluation.sheet import write_sheet

            pictures = list(dict.fromkeys(row.picture for row in rows))
            paths = [arguments.folder / picture for picture in pictures]
            with targets.file(arguments.sheet) as part:
                write_sheet(paths, list(curves), settings, arguments.bpp, part)
    except (OSError, ValueError) as error:
        raise ConfcodecError(f"the figures cannot be written: {error}") from error


def _table(rows: Sequence[Row]) -> str:
    """Each row as a line of comma-separated values."""
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, [field.name for field in fields(Row)])
    writer.writeheader()
    for row in rows:
        writer.writerow(asdict(row) | {"picture": printable(row.picture)})
    return out.getvalue()


def _plot(curves: Curves, rows: Sequence[Row], path: Path, targets: Targets) -> None:
    from confcodec.lab.evaluation.plots import plot

    with targets.file(path) as part:
        plot(curves, rows, part)


def _command(arguments: argparse.Namespace) -> str:
    """What to type to measure the same again."""
    words = ["confcodec eval PICTURES --codecs", arguments.codecs]
    if arguments.threads:
        words += ["--threads", str(arguments.threads)]
    return " ".join([*words, "--page", arguments.page.as_posix()])


def _report(
    rows: Sequence[Row], curves: Curves, tested: Sequence[str]
) -> dict[str, object]:
    groups = {
        prefix: {
            "pictures": len({row.digest for row in own}),
            "points": [asdict(p) for points in part.values() for p in points],
            "bd_rate_percent": bd_rates(part, tested),
        }
        for prefix, own in groups_of(rows).items()
        if (part := curves_of(own, list(curves)))
    }
    return {
        "version": __version__,
        "pictures": len({row.digest for row in rows}),
        "codecs": [asdict(info) for info in codecs_of(rows)],
        "points": [asdict(p) for points in curves.values() for p in points],
        "bd_rate_percent": bd_rates(curves, tested),
        "groups": groups,
    }
