"""Files that ship with the program beside its code: the page and the weights."""

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def share_path(name: str) -> Path:
    """The folder `web` or `weights`: in an installed wheel, else in the source tree."""
    installed = _PACKAGE / "_share" / name
    return installed if installed.is_dir() else _PACKAGE.parent / name
