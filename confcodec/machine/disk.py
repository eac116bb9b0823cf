"""Room on the disk for what is being recorded, and what is left of a file when there is none."""

import contextlib
import os
import shutil
from pathlib import Path

from confcodec.errors import CaptureError

RESERVE = 1 << 20
"""Bytes that a recording leaves free: room to finish its files, and for whoever else writes."""
ROOM_TO_START = 2 * RESERVE
"""Bytes that must be free before one begins."""

_HEADER = 8
_LONG_HEADER = 16


def free_bytes(path: Path) -> int | None:
    """Bytes that may still be written beside `path`; None where the system does not say."""
    try:
        return shutil.disk_usage(path.parent).free
    except OSError:
        return None


def check_room(path: Path, needed: int = RESERVE) -> None:
    """Nothing, if so many bytes are free on the disk of `path`.

    Raises:
        CaptureError: they are not.
    """
    free = free_bytes(path)
    if free is not None and free < needed:
        raise CaptureError(
            f"the disk of {path.parent} is nearly full, {free / 1e6:.1f} MB are free; "
            "make room, or choose another folder"
        )


def keep_whole(path: Path) -> None:
    """Cut a fragmented MP4 after its last whole box.

    A player that meets the torn box at the end might refuse what comes before.
    """
    with contextlib.suppress(OSError), path.open("r+b") as file:
        size, end = file.seek(0, os.SEEK_END), 0
        while end + _HEADER <= size:
            file.seek(end)
            head = file.read(_LONG_HEADER)
            length = int.from_bytes(head[:4], "big")
            if length == 1:
                length = int.from_bytes(head[8:16], "big")
            if length < _HEADER or end + length > size:
                break
            end += length
        file.truncate(end)
