"""What a page can choose as the source: names there, and here what they open.

A page never sees nor says where a file of this machine lies. It picks a name of the list: the
demo, the cameras, what `--source` named, and the files of the folders that `--media` lends.
"""

import re
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

from confcodec.errors import CaptureError
from confcodec.files.paths import MATERIAL
from confcodec.media.cameras.devices import cameras

MAX_FILES = 500
"""Of all lent folders together, in the order of their names."""
_NO_FILES = ("auto", "demo")
_FOLDERS = re.compile(r"(?<![\w:/.])/(?!dev/video)(?:[^\s/:;,'\"()]+/)+")
"""The folders of an absolute path in a sentence."""


class Menu:
    """The sources that pages can choose from."""

    def __init__(self, given: str | None, folders: Sequence[Path] = ()) -> None:
        """Args:
        given: what `--source` named.
        folders: those that `--media` lends.
        """
        self._given = given
        self._folders = folders

    def names(self) -> list[str]:
        """What a page can choose now."""
        return list(self._entries())

    def spec(self, name: str) -> str:
        """What a name that a page chose, untrusted, opens.

        Raises:
            ValueError: it is not in the list.
        """
        spec = self._entries().get(name)
        if spec is None:
            raise ValueError(
                "there is no such source in the list; a page can choose the demo, a camera, what "
                "--source named and the files of folders that --media lends"
            )
        return spec

    def name(self, spec: str) -> str:
        """How pages call what was opened as `spec`."""
        entries = self._entries()
        return next((n for n, s in entries.items() if s == spec), _short(spec))

    def without_paths(self, text: str) -> str:
        """A sentence for pages: files by their names alone, without their folders."""
        given = [self._given] if self._given and not _is_device(self._given) else []
        for spec in given:
            text = text.replace(spec, _short(spec))
        for folder in (*self._folders, Path.cwd(), _home()):
            text = text.replace(f"{str(folder).rstrip('/')}/", "")
        return _FOLDERS.sub("", text)

    def _entries(self) -> dict[str, str]:
        """Specs by name, in the order of the list."""
        entries = {"demo": "demo", **{number: number for number in cameras()}}
        given = self._given
        files = [str(file) for file in islice(self._lent(), MAX_FILES)]
        for spec in [given, *files] if given and given != "auto" else files:
            name, again = _short(spec), 1
            while entries.get(name, spec) != spec and not _is_device(spec):
                again += 1
                name = f"{_short(spec)} ({again})"
            entries.setdefault(name, spec)
        return entries

    def _lent(self) -> list[Path]:
        """The pictures and videos in the lent folders; links that lead out of them are not."""
        found = []
        for folder in self._folders:
            try:
                files = sorted(folder.iterdir())
            except OSError:  # taken away since the start
                continue
            found += [file for file in files if _is_lent(file, folder)]
        return found


def check_folder(text: str) -> Path:
    """The folder that `--media` names.

    Raises:
        CaptureError: it is none that can be read.
    """
    folder = Path(text).expanduser().resolve()
    try:
        next(folder.iterdir(), None)
    except OSError as error:
        raise CaptureError(
            f"{text} cannot be lent: {error.strerror}; name a folder of pictures and videos"
        ) from error
    return folder


def _is_lent(file: Path, folder: Path) -> bool:
    return (
        file.suffix.lower() in MATERIAL
        and not file.name.startswith(".")
        and file.is_file()
        and file.resolve().is_relative_to(folder)
    )


def _is_device(spec: str) -> bool:
    return spec in _NO_FILES or spec.isdecimal() or spec.startswith("/dev/")


def _short(spec: str) -> str:
    """A camera by its number, a file by its name."""
    if spec in _NO_FILES or spec.isdecimal():
        return spec
    return (
        Path(spec).name.removeprefix("video") if _is_device(spec) else Path(spec).name
    )


def _home() -> Path:
    try:
        return Path.home()
    except RuntimeError:  # a user without one
        return Path.cwd()
