"""`confcodec encode` and `confcodec decode`: picture and video files to bitstream files and back.

Every frame is coded on its own and written at once, so a video of any length takes
the memory of one frame.
"""

import argparse
import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from PIL import Image
from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress, TimeRemainingColumn

from confcodec.codec.bitstream import MAGIC
from confcodec.codec.codec import Codec, codec_of
from confcodec.codec.frame import FILE_SIDE, Pixels, check_size
from confcodec.codec.metrics import psnr
from confcodec.errors import BitstreamError, CaptureError, ConfcodecError
from confcodec.file_paths import decoding_plan, encoding_plan
from confcodec.media.bitstream_file import (
    BitstreamReader,
    BitstreamWriter,
    FileHeader,
)
from confcodec.media.decode import sane_rate, steady
from confcodec.media.material import Material, open_material
from confcodec.media.record import FileSink

logger = logging.getLogger(__name__)

LOSSLESS_DB = 100.0
"""Stands for an infinite PSNR, so that means exist."""


def encode_files(arguments: argparse.Namespace) -> dict[str, object]:
    """Code pictures and videos into bitstream files; returns the figures.

    Of several files, one that fails has an `error` in place of figures.

    Raises:
        CaptureError: an input is no picture or video, or an output cannot be written.
        ConfcodecError: a frame is too small or large, or the codec cannot be used.
    """
    plan = encoding_plan(arguments.paths, arguments.output)
    codec = _load(arguments.codec, arguments)
    with _progress() as progress:

        def encode(source: Path, target: Path) -> dict[str, object]:
            frames = open_material(source)
            task = progress.add_task(source.name, total=frames.count)
            shown = replace(frames, frames=_counted(frames.frames, progress, task))
            return _encode(codec, arguments.quality, shown, source, target)

        files = [_attempt(encode, *pair, alone=len(plan) == 1) for pair in plan]
    common = {"quality": arguments.quality, "codec": codec.info.codec}
    return _report(files, common | {"model": codec.info.model})


def decode_files(arguments: argparse.Namespace) -> dict[str, object]:
    """Turn bitstream files back into pictures and videos; returns what was written.

    Of several files, one that fails has an `error` in place of facts.

    Raises:
        BitstreamError: an input is no bitstream file of ours.
        CaptureError: a file cannot be read or written.
    """
    codecs: dict[str, Codec] = {}
    plan = decoding_plan(arguments.paths, arguments.output, arguments.png)
    with _progress() as progress:

        def decode(source: Path, target: Path) -> dict[str, object]:
            task = progress.add_task(source.name, total=None)
            with BitstreamReader(source) as reader:
                pictures = _decoded(reader, codecs, arguments, source)
                shown = _counted(pictures, progress, task)
                count = _write_pictures(shown, reader.header, target, arguments.png)
                size = [reader.header.width, reader.header.height]
                if not count:
                    raise BitstreamError(f"{source} ends before its first frame does")
                return {"frames": count, "size": size, "truncated": reader.truncated}

        files = [_attempt(decode, *pair, alone=len(plan) == 1) for pair in plan]
    return _report(files, {"codec": ", ".join(codecs)})


def _attempt(
    work: Callable[[Path, Path], dict[str, object]],
    source: Path,
    target: Path,
    *,
    alone: bool,
) -> dict[str, object]:
    """The facts of one file, or what went wrong with it while others wait."""
    pair: dict[str, object] = {"input": str(source), "output": str(target)}
    try:
        return pair | work(source, target)
    except ConfcodecError as error:
        if alone:
            raise
        logger.error("%s", error)
        return {"input": str(source), "error": str(error)}


def _encode(
    codec: Codec,
    quality: int,
    material: Material,
    source: Path,
    target: Path,
) -> dict[str, object]:
    """Write one file; its figures."""
    writer: BitstreamWriter | None = None
    count, coded, pixel_count, total_db = 0, 0, 0, 0.0
    size, start = [0, 0], 0.0
    try:
        for time, pixels in material.frames:
            height, width = pixels.shape[:2]
            _check(width, height, source)
            if writer is None:
                size, start = [width, height], time
                header = FileHeader(
                    codec.info.codec, width, height, material.fps, material.aspect
                )
                writer = BitstreamWriter(target, header)
            bitstream = _coded(codec, pixels, quality, source)
            writer.write(bitstream, time - start)
            total_db += min(psnr(pixels, codec.reconstruct(bitstream)), LOSSLESS_DB)
            count += 1
            coded += len(bitstream)
            pixel_count += width * height
    finally:
        if writer is not None:
            writer.close()
    if writer is None:
        raise CaptureError(f"{source} holds no picture; choose another file")
    return {
        "frames": count,
        "size": size,
        "bytes": coded,
        "file_bytes": writer.bytes,
        "bpp": round(8 * coded / pixel_count, 4),
        "psnr_db": round(total_db / count, 3),
    }


def _decoded(
    reader: BitstreamReader,
    codecs: dict[str, Codec],
    arguments: argparse.Namespace,
    source: Path,
) -> Iterator[tuple[float, Pixels]]:
    for number, (time, bitstream) in enumerate(reader):
        try:
            name = codec_of(bitstream)
            if arguments.weights and bitstream[:1] == MAGIC:
                name = arguments.weights.name.rpartition("-")[0]
            if name not in codecs:
                codecs[name] = _load(name, arguments)
            pixels = codecs[name].decode(bitstream)
        except BitstreamError as error:
            raise BitstreamError(f"{source}, frame {number}: {error}") from error
        yield time, pixels


def _write_pictures(
    frames: Iterator[tuple[float, Pixels]], header: FileHeader, target: Path, png: bool
) -> int:
    """Write a picture, a video, or a folder of pictures; how many frames it has."""
    if header.fps and not png:
        return _write_video(frames, header, target)
    # Exact pixels; if they are not square, the file tells (in PNG: pHYs).
    dots = (72.0, 72.0 * float(header.aspect))
    density: dict[str, Any] = {"dpi": dots} if header.aspect != 1 else {}
    count = 0
    for _, pixels in frames:
        path = target / f"{count:06d}.png" if header.fps else target
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(path, **density)
        except (OSError, ValueError) as error:
            raise CaptureError(
                f"cannot write {path}: {error}; name a .png file"
            ) from error
        count += 1
    return count


def _write_video(
    frames: Iterator[tuple[float, Pixels]], header: FileHeader, target: Path
) -> int:
    fps = float(sane_rate(header.fps))
    sink = FileSink(str(target), fps, aspect=header.aspect)
    count = 0
    try:
        for time, pixels in steady((time, 1 / fps, pixels) for time, pixels in frames):
            sink.show(pixels, time)
            count += 1
    finally:
        sink.close()
    return count


def _coded(codec: Codec, pixels: Pixels, quality: int, source: Path) -> bytes:
    try:
        return codec.encode(pixels, quality)
    except ValueError as error:
        raise ConfcodecError(f"{source}: {error}") from error


def _check(width: int, height: int, source: Path) -> None:
    try:
        check_size(width, height, FILE_SIDE)
    except ValueError as error:
        raise ConfcodecError(f"{source}: {error}") from error


def _load(name: str, arguments: argparse.Namespace) -> Codec:
    weights: Path | None = arguments.weights
    try:
        codec = Codec.load(
            name, arguments.device, weights=weights, threads=arguments.threads
        )
    except ValueError as error:
        raise ConfcodecError(str(error)) from error
    codec.max_side = FILE_SIDE
    return codec


def _report(
    files: list[dict[str, object]], common: dict[str, object]
) -> dict[str, object]:
    """The facts of one file as they are; those of several in a list, with their means."""
    if len(files) == 1:
        return files[0] | common
    report: dict[str, object] = {"files": files, **common}
    for key in ("bpp", "psnr_db"):
        values = [float(str(facts[key])) for facts in files if key in facts]
        if values:
            report[f"mean_{key}"] = round(sum(values) / len(values), 4)
    return report


@contextmanager
def _progress() -> Iterator[Progress]:
    console = Console(stderr=True)
    columns = (*Progress.get_default_columns()[:2], MofNCompleteColumn())
    with Progress(
        *columns,
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    ) as progress:
        yield progress


def _counted(
    frames: Iterable[tuple[float, Pixels]], progress: Progress, task: object
) -> Iterator[tuple[float, Pixels]]:
    for frame in frames:
        yield frame
        progress.advance(task)  # type: ignore[arg-type]
