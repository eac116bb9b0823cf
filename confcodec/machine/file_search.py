"""Files below a folder, by how their names end."""

import os
from pathlib import Path

from confcodec.machine.file_targets import TEMPORARY


def files_below(folder: Path, endings: frozenset[str]) -> tuple[list[Path], list[Path]]:
    """The files of these endings, sorted, and the folders that may not be entered.

    Left out are pipes and devices, what a Mac notes on other files ("._x.png"), and what
    is not whole yet.
    """
    closed: list[Path] = []
    files: list[Path] = []
    for where, _, names in os.walk(
        folder, onerror=lambda error: closed.append(Path(error.filename))
    ):
        for name in names:
            path = Path(where) / name
            hidden = name.startswith(("._", TEMPORARY))
            if path.suffix.lower() in endings and not hidden and os.path.isfile(path):
                files.append(path)
    return sorted(files), sorted(closed)
