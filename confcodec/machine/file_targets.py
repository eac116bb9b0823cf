"""Files that a run writes: never over its inputs, over others only by force, whole or not at all.

What is written goes to a hidden name beside its target and gets the target's name once it is
whole. A run that fails or is interrupted takes away what it made, and nothing else.
"""

import contextlib
import os
import secrets
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from confcodec.errors import CaptureError, ConfcodecError

TEMPORARY = ".confcodec-"
"""How the names of files begin that are not whole yet."""

_LONGEST_SUFFIX = 16


class Targets:
    """What one run may write."""

    def __init__(self, inputs: Iterable[Path] = (), *, force: bool = False) -> None:
        """Remember inputs by what they are on the disk, so that no name of theirs is written.

        Args:
            inputs: files that stay as they are; one that does not exist does not count.
            force: other files are replaced.
        """
        self.force = force
        self._inputs = {key for path in inputs if (key := _identity(path))}
        self._made: set[tuple[int, int]] = set()

    def check(self, target: Path) -> None:
        """Refuse a target that must not be written, before work is done for it.

        Raises:
            CaptureError: it exists, is an input, or cannot be.
        """
        with _speaking_of(target):
            self._check(target)

    def _check(self, target: Path) -> None:
        if not _exists(target):
            return
        key = _identity(target)
        if key in self._inputs:
            raise CaptureError(
                f"{target} is an input, which is never written; name another output"
            )
        if key in self._made:
            raise CaptureError(
                f"{target} was written by this run already; name another output"
            )
        if target.is_dir():
            raise CaptureError(f"{target} is a folder; name a file")
        if key and not target.is_file():
            raise CaptureError(f"{target} is no ordinary file; name another output")
        if not self.force:
            raise CaptureError(
                f"{target} exists; --force replaces it, or name another output"
            )

    def check_folder(self, target: Path) -> None:
        """Refuse a folder that holds something: the pictures of two videos must not mix.

        Raises:
            CaptureError: it does, or is no folder.
        """
        if not _exists(target):
            return
        with _speaking_of(target):
            used = any(target.iterdir())
        if used:
            raise CaptureError(
                f"{target} is not empty; name a new folder, or an empty one"
            )

    @contextmanager
    def file(self, target: Path) -> Iterator[Path]:
        """Give a path to write to, an empty file; without an exception it becomes `target`.

        Raises:
            CaptureError: the target must not or cannot be written.
        """
        self.check(target)
        # Where a link leads the file is replaced, not the link.
        linked = os.path.realpath(target) if target.is_symlink() else target
        place = Path(linked).absolute()
        suffix = target.suffix if len(target.suffix) <= _LONGEST_SUFFIX else ""
        part = place.with_name(f"{TEMPORARY}{secrets.token_hex(6)}{suffix}")
        try:
            with _speaking_of(target, part):
                part.open("xb").close()
                yield part
                key = _identity(part)
                _move(part, place, self.force)
        finally:
            with contextlib.suppress(OSError):
                part.unlink(missing_ok=True)
        if key:
            self._made.add(key)

    @contextmanager
    def folder(self, target: Path) -> Iterator[Path]:
        """Give a folder to write files to; without an exception it becomes `target`.

        Raises:
            CaptureError: the target is not empty, or cannot be written.
        """
        self.check_folder(target)
        there = os.path.isdir(target)
        within = target.absolute() if there else target.absolute().parent
        part = within / f"{TEMPORARY}{secrets.token_hex(6)}"
        try:
            with _speaking_of(target, part):
                part.mkdir()
                yield part
                if there:
                    for file in sorted(part.iterdir()):
                        _move(file, target / file.name, force=False)
                else:
                    part.rename(target)
        finally:
            _take_away(part)


def write_small(content: bytes, target: Path, targets: Targets) -> None:
    """Write a report, whole or not at all; a pipe or a device takes it as it is.

    Raises:
        CaptureError: it must not or cannot be written.
    """
    if is_special(target):
        with _speaking_of(target):
            target.write_bytes(content)
        return
    with targets.file(target) as part:
        part.write_bytes(content)


def is_special(path: Path) -> bool:
    """Whether a path is a pipe, a device or a socket: nothing is lost by writing to it."""
    return os.path.exists(path) and not (os.path.isfile(path) or os.path.isdir(path))


def make_folder(path: Path) -> None:
    """Make a folder and those above it.

    Raises:
        CaptureError: it cannot be made.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CaptureError(f"cannot make {path}: {error.strerror}") from error


def _exists(path: Path) -> bool:
    """Whether something has that name, if only a link that leads nowhere."""
    try:
        path.lstat()
    except FileNotFoundError:
        return False
    except OSError as error:
        raise _failed(path, error) from error
    return True


def _identity(path: Path) -> tuple[int, int] | None:
    """What a file is whatever its name: links and other spellings give the same."""
    try:
        facts = path.stat()
    except (OSError, ValueError):
        return None
    return (facts.st_dev, facts.st_ino) if not stat.S_ISDIR(facts.st_mode) else None


def _move(part: Path, place: Path, force: bool) -> None:
    if force:
        part.replace(place)
        return
    try:
        # Unlike a renaming, a link never takes the place of a file that came meanwhile.
        os.link(part, place)
    except FileExistsError as error:
        raise CaptureError(
            f"{place} was made by another program meanwhile and was kept"
        ) from error
    except OSError:  # a file system without links
        if _exists(place):
            raise CaptureError(
                f"{place} was made by another program meanwhile and was kept"
            ) from None
        part.rename(place)


def _take_away(folder: Path) -> None:
    with contextlib.suppress(OSError):
        for file in folder.iterdir():
            file.unlink()
        folder.rmdir()


@contextmanager
def _speaking_of(target: Path, part: Path | None = None) -> Iterator[None]:
    """Errors name the target, not what it is called until it is whole."""
    try:
        yield
    except OSError as error:
        raise _failed(target, error) from error
    except ConfcodecError as error:
        if part is None or str(part) not in str(error):
            raise
        raise type(error)(str(error).replace(str(part), str(target))) from error


def _failed(target: Path, error: OSError) -> CaptureError:
    reason = error.strerror or error
    return CaptureError(f"cannot write {target}: {reason}; choose another file")
