"""Standard input and output in place of files, for pipes: `-` on the command line.

Both go through a temporary file: pictures and videos are read to and fro, and nothing leaves
by standard output that turns out to be half a file.
"""

import io
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from PIL import Image

from confcodec.errors import CaptureError, ConfcodecError

STANDARD = Path("-")
"""Standard input, or standard output."""

_HEAD = 1 << 16
_SUFFIXES = {"JPEG": ".jpg", "MPO": ".jpg"}


@contextmanager
def standard_input(suffix: str | None = None) -> Iterator[Path]:
    """A temporary file with all that standard input holds.

    Args:
        suffix: its ending; None: that of the kind of picture or video which it is.

    Raises:
        CaptureError: there is nothing, or no room for it.
    """
    with tempfile.TemporaryDirectory(prefix="confcodec-") as folder:
        if sys.stdin.buffer.isatty():
            raise CaptureError(
                "- reads from a pipe; write: ... | confcodec VERB - or < FILE"
            )
        head = sys.stdin.buffer.read(_HEAD)
        path = Path(folder) / f"standard input{suffix or _suffix_of(head)}"
        try:
            with path.open("wb") as file:
                file.write(head)
                shutil.copyfileobj(sys.stdin.buffer, file)
        except OSError as error:
            raise CaptureError(
                f"standard input cannot be kept: {error.strerror}"
            ) from error
        if not head:
            raise CaptureError("standard input is empty; pipe a file into it")
        with _without(path):
            yield path


@contextmanager
def standard_output(suffix: str) -> Iterator[Path]:
    """A temporary file whose content goes to standard output, if nothing is raised.

    Raises:
        CaptureError: that is a terminal, or nobody reads it any more.
    """
    if sys.stdout.buffer.isatty():
        raise CaptureError(
            "- writes to a pipe; write: confcodec VERB ... - | ... or > FILE"
        )
    with tempfile.TemporaryDirectory(prefix="confcodec-") as folder:
        path = Path(folder) / f"standard output{suffix}"
        with _without(path):
            yield path
        try:
            with path.open("rb") as file, _bytes_out() as out:
                shutil.copyfileobj(file, out)
                out.flush()
        except OSError as error:
            reason = error.strerror or error
            raise CaptureError(
                f"standard output cannot be written: {reason}"
            ) from error


@contextmanager
def _bytes_out() -> Iterator[IO[bytes]]:
    """Standard output itself, whatever stands between it and `print`."""
    sys.stdout.flush()
    try:
        number = sys.stdout.fileno()
    except io.UnsupportedOperation:  # it is kept in memory
        yield sys.stdout.buffer
        return
    with open(number, "wb", closefd=False) as out:
        yield out


def _suffix_of(head: bytes) -> str:
    """How the name of a file of this kind ends, by its first bytes."""
    try:
        with Image.open(io.BytesIO(head)) as image:
            kind = image.format or ""
    except Exception:  # Pillow raises almost anything on what is no picture
        return ".mkv"
    return _SUFFIXES.get(kind, f".{kind.lower()}")


@contextmanager
def _without(path: Path) -> Iterator[None]:
    """Errors speak of standard input or output, not of the file that stands in for it."""
    try:
        yield
    except ConfcodecError as error:
        text = str(error).replace(str(path), path.stem)
        raise type(error)(text) from error
