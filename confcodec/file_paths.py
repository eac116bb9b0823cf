"""Which files `encode`, `decode` and `info` read, and where they write."""

import glob
from collections.abc import Callable, Sequence
from pathlib import Path

from confcodec.errors import CaptureError
from confcodec.media.animation import ANIMATED
from confcodec.media.bitstream_file import SUFFIX, BitstreamReader
from confcodec.media.decode import VIDEOS, kind_of, video_facts
from confcodec.media.picture import PICTURES

Plan = list[tuple[Path, Path]]
"""Inputs, each with its output."""

MATERIAL = PICTURES | ANIMATED | VIDEOS
"""How names end of what is looked for in a folder; a file that is named may end in anything."""


def encoding_plan(paths: Sequence[Path], output: Path | None) -> Plan:
    """What `encode` does with its paths: files, folders or patterns, then the target.

    Raises:
        CaptureError: no such file, no picture or video, or two with one target.
    """
    plan = _plan(paths, output, MATERIAL, lambda _: SUFFIX)
    for source, _ in plan:
        if source.suffix.lower() not in MATERIAL and kind_of(source) == "video":
            try:
                video_facts(str(source))
            except CaptureError as error:
                raise CaptureError(
                    f"{source} cannot be read as a picture or a video; choose another file"
                ) from error
    return plan


def decoding_plan(paths: Sequence[Path], output: Path | None, png: bool) -> Plan:
    """What `decode` does with its paths: pictures become .png; videos .mp4, or folders with `png`.

    Raises:
        CaptureError: no such file, or two with one target.
        BitstreamError: a file that is not ours.
    """

    def ending(source: Path) -> str:
        with BitstreamReader(source) as reader:
            return ("" if png else ".mp4") if reader.header.fps else ".png"

    return _plan(paths, output, frozenset({SUFFIX}), ending)


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
) -> Plan:
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
        target = output / below if output else source
        target = target.with_suffix(ending(source))
        if target in plan:
            raise CaptureError(
                f"{plan[target]} and {source} would both become {target}; rename one"
            )
        plan[target] = source
        _make_folder(target.parent)
    return [(source, target) for target, source in plan.items()]


def _is_input(path: Path, endings: frozenset[str]) -> bool:
    return path.suffix.lower() in endings or glob.has_magic(str(path))


def _make_folder(path: Path) -> None:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CaptureError(f"cannot make {path}: {error.strerror}") from error
