"""Which files `encode`, `decode` and `info` read, and where they write."""

import glob
import os
import stat
from collections.abc import Callable, Sequence
from pathlib import Path

from confcodec.errors import CaptureError, ConfcodecError
from confcodec.files.bitstream_file import SUFFIX, BitstreamReader
from confcodec.files.pipes import STANDARD
from confcodec.machine.file_search import files_below
from confcodec.media.animation import ANIMATED
from confcodec.media.picture import PICTURES
from confcodec.media.video_reader import VIDEOS

Plan = list[tuple[Path, Path]]
"""Inputs, each with its output."""

DECODED = ".decoded"
"""What names of decoded files have beside the coded ones: the original may lie there, too."""

MATERIAL = PICTURES | ANIMATED | VIDEOS
"""How names end of what is looked for in a folder; a file that is named may end in anything."""


def encoding_plan(paths: Sequence[Path], output: Path | None) -> Plan:
    """What `encode` does with its paths: files, folders or patterns, then the target.

    Raises:
        CaptureError: no such file, or two with one target.
    """
    return _plan(paths, output, MATERIAL, lambda _: SUFFIX)


def decoding_plan(paths: Sequence[Path], output: Path | None, png: bool) -> Plan:
    """What `decode` does with its paths: pictures become .png; videos .mp4, or folders with `png`.

    In a folder of its own x.ccb becomes x.png, beside the input x.decoded.png.

    Raises:
        CaptureError: no such file, or two with one target.
    """

    def ending(source: Path) -> str:
        try:
            check_input(source, "decode")
            with BitstreamReader(source) as reader:
                return ("" if png else ".mp4") if reader.header.fps else ".png"
        except ConfcodecError:
            return ".mp4"  # what is wrong is said when its turn comes, of it alone

    return _plan(paths, output, frozenset({SUFFIX}), ending, DECODED)


def expand(paths: Sequence[Path], endings: frozenset[str]) -> Plan:
    """The files that paths name, each with its path below the folder it was found in.

    Folders that may not be entered are among them: whoever opens them says why not.

    Raises:
        CaptureError: a path that names no file.
    """
    found: Plan = []
    for path in paths:
        if path == STANDARD:
            found.append((path, path))
        elif os.path.isdir(path):
            files, closed = files_below(path, endings)
            files += closed
            found += [(file, file.relative_to(path)) for file in files]
            if not files:
                kinds = ", ".join(sorted(endings))
                raise CaptureError(f"{path} holds no file that ends in {kinds}")
        else:
            files = [path] if os.path.lexists(path) else _matching(path)
            found += [(file, Path(file.name)) for file in files]
            if not files:
                raise CaptureError(_why_not(path))
    return found


def check_input(path: Path, verb: str) -> None:
    """Refuse what is no ordinary file: to open a pipe waits for ever, a device does things.

    Raises:
        CaptureError: it is none, or may not be looked at.
    """
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            os.scandir(path).close()
    except OSError as error:
        raise CaptureError(f"{path} cannot be read: {error.strerror}") from error
    if stat.S_ISFIFO(mode):
        raise CaptureError(
            f"{path} is a pipe; read it by standard input: confcodec {verb} - OUTPUT < {path}"
        )
    if not stat.S_ISREG(mode):
        raise CaptureError(f"{path} is no ordinary file; name one")


def _matching(path: Path) -> list[Path]:
    """The files of a pattern; of a folder that is called like one, those in it."""
    text = str(path)
    if path.parent != path and os.path.isdir(path.parent):
        text = str(Path(glob.escape(str(path.parent))) / path.name)
    return [Path(name) for name in sorted(glob.glob(text))]


def _why_not(path: Path) -> str:
    try:
        path.lstat()
    except FileNotFoundError:
        pass
    except OSError as error:
        return f"{path} cannot be read: {error.strerror}"
    return f"{path} does not exist"


def _plan(
    paths: Sequence[Path],
    output: Path | None,
    endings: frozenset[str],
    ending: Callable[[Path], str],
    beside: str = "",
) -> Plan:
    """Inputs with their outputs.

    Args:
        ending: of an output's name, by its input.
        beside: comes before the ending where the output lies beside the input.
    """
    if output is None and len(paths) > 1 and not _is_input(paths[-1], endings):
        # As with `cp`, the last of several paths is where to.
        paths, output = paths[:-1], paths[-1]
    sources = expand(paths, endings)
    if output == STANDARD or (STANDARD, STANDARD) in sources:
        return [_piped(sources, output)]
    if output is not None and output.suffix and not os.path.isdir(output):
        if len(sources) > 1:
            raise CaptureError(
                f"{output} cannot hold {len(sources)} files; name a folder"
            )
        return [(sources[0][0], output)]
    plan: dict[Path, Path] = {}
    for source, below in sources:
        stem = (output / below if output else source).with_suffix("")
        # with_suffix would take ".5" of "take.5" for an ending.
        end = ("" if output else beside) + ending(source)
        target = stem.with_name(stem.name + end)
        if target in plan:
            raise CaptureError(
                f"{plan[target]} and {source} would both become {target}; rename one"
            )
        plan[target] = source
    return [(source, target) for target, source in plan.items()]


def _piped(sources: Plan, output: Path | None) -> tuple[Path, Path]:
    """Where one side at least is standard input or output: exactly one file on each."""
    if len(sources) > 1 or (output and output != STANDARD and not output.suffix):
        raise CaptureError(
            "- stands for one file; give it one other, or - for the output as well"
        )
    return sources[0][0], output or STANDARD


def _is_input(path: Path, endings: frozenset[str]) -> bool:
    """Whether the last of several paths is one more input, as it cannot be an output."""
    if path.suffix.lower() in endings:
        return True
    # "take[2]" is a name like others; with a star or a question mark a pattern is meant.
    return bool(set(path.name) & set("*?")) or (
        glob.has_magic(str(path))
        and not os.path.lexists(path)
        and bool(_matching(path))
    )
