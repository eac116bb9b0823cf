"""Which files `encode`, `decode` and `info` read, and where they write."""

import glob
from collections.abc import Callable, Sequence
from pathlib import Path

from confcodec.errors import CaptureError, ConfcodecError
from confcodec.media.bitstream_file import SUFFIX, BitstreamReader
from confcodec.media.decode import VIDEOS
from confcodec.media.picture import PICTURES

Plan = list[tuple[Path, Path]]
"""Inputs, each with its output."""

DECODED = ".decoded"
"""What names of decoded files have beside the coded ones: the original may lie there, too."""

MATERIAL = PICTURES | VIDEOS
"""How names of what can be coded end."""


def encoding_plan(paths: Sequence[Path], output: Path | None) -> Plan:
    """What `encode` does with its paths: files, folders or patterns, then the target.

    Raises:
        CaptureError: no such file, no picture or video, or two with one target.
    """
    plan = _plan(paths, output, MATERIAL, lambda _: SUFFIX)
    for source, _ in plan:
        if source.suffix.lower() not in MATERIAL:
            raise CaptureError(
                f"{source} cannot be read as a picture or a video: its name ends in no known way"
            )
    return plan


def decoding_plan(paths: Sequence[Path], output: Path | None, png: bool) -> Plan:
    """What `decode` does with its paths: pictures become .png; videos .mp4, or folders with `png`.

    In a folder of its own x.ccb becomes x.png, beside the input x.decoded.png.

    Raises:
        CaptureError: no such file, or two with one target.
    """

    def ending(source: Path) -> str:
        try:
            with BitstreamReader(source) as reader:
                return ("" if png else ".mp4") if reader.header.fps else ".png"
        except ConfcodecError:
            return ".mp4"  # what is wrong is said when its turn comes, of it alone

    return _plan(paths, output, frozenset({SUFFIX}), ending, DECODED)


def expand(paths: Sequence[Path], endings: frozenset[str]) -> Plan:
    """The files that paths name, each with its path below the folder it was found in.

    Raises:
        CaptureError: a path that names no file.
    """
    found: Plan = []
    for path in paths:
        if path.is_dir():
            files = sorted(p for p in path.rglob("*") if p.suffix.lower() in endings)
            found += [(file, file.relative_to(path)) for file in files]
        elif path.exists() or not glob.has_magic(str(path)):
            files = [path] if path.exists() else []
            found += [(path, Path(path.name))] * len(files)
        else:
            files = [Path(name) for name in sorted(glob.glob(str(path)))]
            found += [(file, Path(file.name)) for file in files]
        if not files:
            raise CaptureError(
                f"{path} holds no file that ends in {', '.join(sorted(endings))}"
                if path.is_dir()
                else f"{path} does not exist"
            )
    return found


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
    if output is not None and output.suffix and not output.is_dir():
        if len(sources) > 1:
            raise CaptureError(
                f"{output} cannot hold {len(sources)} files; name a folder"
            )
        return [(sources[0][0], output)]
    plan: dict[Path, Path] = {}
    for source, below in sources:
        target = (output / below if output else source).with_suffix("")
        # with_suffix would take ".5" of "take.5" for an ending.
        target = target.with_name(
            target.name + ("" if output else beside) + ending(source)
        )
        if target in plan:
            raise CaptureError(
                f"{plan[target]} and {source} would both become {target}; rename one"
            )
        plan[target] = source
    return [(source, target) for target, source in plan.items()]


def _is_input(path: Path, endings: frozenset[str]) -> bool:
    return path.suffix.lower() in endings or glob.has_magic(str(path))
