"""What a verb's options name as inputs and as files to write, checked before any work is done."""

import argparse
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from confcodec.errors import CaptureError
from confcodec.machine.file_targets import Targets, is_special

_FOLDERS = ("paths", "folder", "data", "videos", "val")
_INPUTS = (
    *_FOLDERS,
    *("checkpoint", "also", "weights", "resume", "source", "audio", "cert", "key"),
)
_TARGETS = ("json", "csv", "plot", "page", "sheet", "sink", "speaker")
_NO_FILES = {"window", "null", "auto", "-"}
"""What --sink, --speaker and --json may be besides files."""


def report_targets(options: argparse.Namespace) -> Targets:
    """What the verb may write besides its main output."""
    names = [name for name in _INPUTS if (options.verb, name) != ("export", "resume")]
    return Targets(_paths(options, names), force=getattr(options, "force", False))


def check_report_targets(options: argparse.Namespace) -> None:
    """Refuse, before the work, what could not be written after it.

    Raises:
        CaptureError: a file to write exists, is an input, or is named twice.
    """
    targets = report_targets(options)
    named = {os.path.abspath(path) for path in _paths(options, ("paths", "output"))}
    for path in _outputs(options):
        if os.path.abspath(path) in named:
            raise CaptureError(f"{path} is named twice; name another output")
        named.add(os.path.abspath(path))
        # A report may go to a pipe or a device, in one piece.
        if path != getattr(options, "json", None) or not is_special(path):
            targets.check(path)
            _refuse_below(path, list(_paths(options, _FOLDERS)))


def _outputs(options: argparse.Namespace) -> list[Path]:
    # --resume is written by export, and read elsewhere.
    names = (*_TARGETS, "resume") if options.verb == "export" else _TARGETS
    found = [path for path in _paths(options, names) if str(path) not in _NO_FILES]
    if page := getattr(options, "page", None):
        found.append(page.with_suffix(".png"))
    return found


def _refuse_below(target: Path, folders: list[Path]) -> None:
    """Whatever a folder holds that the verb reads is an input."""
    if not target.exists():
        return
    for folder in folders:
        if os.path.isdir(folder) and target.resolve().is_relative_to(folder.resolve()):
            raise CaptureError(
                f"{target} lies in {folder}, which is read; name another output"
            )


def _paths(options: argparse.Namespace, names: Iterable[str]) -> Iterator[Path]:
    for name in names:
        value = getattr(options, name, None)
        if isinstance(value, str | Path):
            yield Path(value)
        elif isinstance(value, list):
            yield from map(Path, value)
