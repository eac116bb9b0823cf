"""Several files, one after the other: one that fails does not hold up the rest."""

import logging
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import TypeVar

from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress, TimeRemainingColumn

from confcodec.errors import CaptureError, ConfcodecError
from confcodec.files.paths import Plan
from confcodec.files.pipes import STANDARD, standard_input, standard_output
from confcodec.machine.file_targets import Targets, make_folder

logger = logging.getLogger(__name__)

T = TypeVar("T")
Facts = dict[str, object]
Work = Callable[[Path, Path], Facts]
"""Reads the first path and writes the second, which may be `STANDARD`; what is to be told."""


def each(plan: Plan, work: Work, suffix: str | None = None) -> list[Facts]:
    """The facts of each file, or its `error` if there are others.

    Args:
        suffix: of what comes by standard input; None: as its kind has it.
    """
    return [_attempt(work, *pair, suffix, alone=len(plan) == 1) for pair in plan]


def _attempt(
    work: Work, source: Path, target: Path, suffix: str | None, *, alone: bool
) -> Facts:
    pair: Facts = {"input": str(source), "output": str(target)}
    reading: AbstractContextManager[Path] = nullcontext(source)
    if source == STANDARD:
        reading = standard_input(suffix)
    try:
        with reading as path:
            return pair | work(path, target)
    except ConfcodecError as error:
        if alone:
            raise
        logger.error("%s", error)
        return {"input": str(source), "error": str(error)}


def batch_targets(
    plan: Plan, *, inputs: Iterable[Path], force: bool, report: Path | None
) -> Targets:
    """What a plan may write; a single file that may not be written is refused at once.

    Args:
        inputs: files that are read besides those of the plan.
        report: where the figures go.

    Raises:
        CaptureError: the only target exists, or pictures and report both go to a pipe.
    """
    sources = [source for source, _ in plan]
    targets = Targets([*sources, *inputs], force=force)
    only = plan[0][1]
    if only == STANDARD and report == STANDARD:
        raise CaptureError("standard output takes one thing; name a file for --json")
    if len(plan) == 1 and only != STANDARD and not os.path.isdir(only):
        targets.check(only)
    return targets


@contextmanager
def writing(
    target: Path, targets: Targets, suffix: str, *, folder: bool = False
) -> Iterator[Path]:
    """A path to write to, a file or a new folder, which becomes `target` once it is whole.

    Args:
        suffix: of what goes to standard output.

    Raises:
        CaptureError: the target must not or cannot be written.
    """
    if target == STANDARD:
        if folder:
            raise CaptureError("--png needs a folder; name one in place of -")
        with standard_output(suffix) as part:
            yield part
        return
    make_folder(target.parent)
    with targets.folder(target) if folder else targets.file(target) as part:
        yield part


def report_of(files: list[Facts], common: Facts) -> Facts:
    """The facts of one file as they are; those of several in a list, with their means."""
    if len(files) == 1:
        return files[0] | common
    report: Facts = {"files": files, **common}
    for key in ("bpp", "psnr_db"):
        values = [float(str(facts[key])) for facts in files if key in facts]
        if values:
            report[f"mean_{key}"] = round(sum(values) / len(values), 4)
    return report


@contextmanager
def progress_bars() -> Iterator[Progress]:
    """A bar for each file, on a terminal."""
    console = Console(stderr=True)
    columns = (*Progress.get_default_columns()[:2], MofNCompleteColumn())
    with Progress(
        *columns,
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    ) as progress:
        yield progress


def counted(frames: Iterable[T], progress: Progress, task: object) -> Iterator[T]:
    """The frames; each moves a bar on."""
    for frame in frames:
        yield frame
        progress.advance(task)  # type: ignore[arg-type]
