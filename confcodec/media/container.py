"""Media files as PyAV opens them: one place to read, one to write."""

from collections.abc import Mapping
from pathlib import Path
from typing import IO

import av
import av.error
from av.container import InputContainer, OutputContainer

_SAYS_HOW_TO_READ_TAGS = int(av.__version__.partition(".")[0]) < 19
"""Up to PyAV 18 a tag that is no UTF-8 stops the opening, unless asked to be replaced."""


def open_media(
    file: str | Path | IO[bytes], *, options: Mapping[str, str] | None = None
) -> InputContainer:
    """Open a media file to read; its tags may be of any encoding.

    Args:
        file: a path, whatever characters it is of, or a file open for reading.
        options: of its format, by FFmpeg's names.

    Raises:
        av.error.FFmpegError, OSError: no media file, or none that may be read.
    """
    try:
        if _SAYS_HOW_TO_READ_TAGS:
            return av.open(
                _local(file),
                "r",
                options=dict(options or {}),
                metadata_errors="replace",
            )
        return av.open(_local(file), "r", options=dict(options or {}))
    except av.error.FFmpegError as error:
        _name(error, file)
        raise


def open_device(node: str, format: str) -> InputContainer:
    """Open a device, such as a camera, as FFmpeg's input `format`.

    Raises:
        av.error.FFmpegError, OSError, ValueError: none there, or this build has no such input.
    """
    return av.open(node, format=format)


def create_media(
    file: str | Path | IO[bytes],
    *,
    format: str | None = None,
    options: Mapping[str, str] | None = None,
) -> OutputContainer:
    """Open a media file to write, over an older one of that name.

    FFmpeg creates it with the first packet, not here: write to it first where that matters.

    Args:
        file: a path, whatever characters it is of, or a file open for writing.
        format: FFmpeg's name of it; None: as the path ends.
        options: of that format, by FFmpeg's names.

    Raises:
        ValueError: the path ends in no known way.
    """
    options = dict(options or {})
    return av.open(_local(file), "w", format, container_options=options)


def _local(file: str | Path | IO[bytes]) -> str | IO[bytes]:
    # FFmpeg takes what stands before a colon for a protocol: "Re: talk.mp4", "http:x".
    return f"file:{file}" if isinstance(file, str | Path) else file


def _name(error: av.error.FFmpegError, file: str | Path | IO[bytes]) -> None:
    """Let an error speak of the file by the name that the caller knows."""
    if isinstance(file, str | Path) and len(error.args) > 2:
        code, message, _, *log = error.args
        error.args = (code, message, str(file), *log)
