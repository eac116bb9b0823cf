"""Pictures of folders that may hold other things, too: what is none is left out, and said."""

import logging
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from confcodec.codec.frame import Pixels
from confcodec.errors import CaptureError, ConfcodecError
from confcodec.media.picture import find_pictures, read_picture

logger = logging.getLogger(__name__)

Reader = Callable[[Path], Pixels]


def readable(
    folder: Path, read: Reader = read_picture
) -> Iterator[tuple[Path, Pixels]]:
    """Every picture below a folder that can be read, sorted by path.

    Args:
        read: raises a ConfcodecError for a picture that is of no use.

    Raises:
        CaptureError: no such folder, or not one such picture in it.
    """
    yield from _some(folder, _read(find_pictures(folder), read))


def readable_paths(folder: Path, read: Reader = read_picture) -> list[Path]:
    """The paths of `readable`; every picture is read once to know."""
    return [path for path, _ in readable(folder, read)]


def _read(paths: Iterable[Path], read: Reader) -> Iterator[tuple[Path, Pixels]]:
    for path in paths:
        try:
            pixels = read(path)
        except ConfcodecError as error:
            logger.warning("%s; left out", error)
            continue
        yield path, pixels


def _some(
    folder: Path, found: Iterator[tuple[Path, Pixels]]
) -> Iterator[tuple[Path, Pixels]]:
    first = next(found, None)
    if first is None:
        raise CaptureError(f"{folder} holds no picture that can be used")
    yield first
    yield from found
