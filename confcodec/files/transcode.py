"""`confcodec encode` and `confcodec decode`: picture and video files to bitstream files and back.

Every frame is coded on its own and written at once, so a video of any length takes
the memory of one frame.
"""

import argparse
from collections.abc import Iterator
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any

from PIL import Image
from rich.markup import escape

from confcodec.codec.bitstream import MAGIC
from confcodec.codec.frame import Pixels
from confcodec.codec.interface import Codec
from confcodec.codec.metrics import psnr
from confcodec.codec.registry import codec_of
from confcodec.codec.size import FILE_SIDE, check_size
from confcodec.errors import BitstreamError, CaptureError, ConfcodecError
from confcodec.files.batch import (
    batch_targets,
    counted,
    each,
    progress_bars,
    report_of,
    writing,
)
from confcodec.files.bitstream_file import (
    SUFFIX,
    BitstreamReader,
    BitstreamWriter,
    FileHeader,
)
from confcodec.files.info import damage
from confcodec.files.material import Material, open_material
from confcodec.files.paths import (
    Plan,
    check_input,
    decoding_plan,
    encoding_plan,
)
from confcodec.files.pipes import STANDARD
from confcodec.machine.file_targets import Targets
from confcodec.media.video_reader import sane_rate, steady
from confcodec.media.video_writer import FileSink

LOSSLESS_DB = 100.0
"""Stands for an infinite PSNR, so that means exist."""
STREAMED = ".mkv"
"""Of videos that go to standard output: MP4 cannot be read before its end."""


def encode_files(arguments: argparse.Namespace) -> dict[str, object]:
    """Code pictures and videos into bitstream files; returns the figures.

    Of several files, one that fails has an `error` in place of figures.

    Raises:
        CaptureError: an input is no picture or video, or an output cannot be written.
        ConfcodecError: a frame is too small or large, or the codec cannot be used.
    """
    plan = encoding_plan(arguments.paths, arguments.output)
    targets = _targets(plan, arguments)
    opened: dict[Path, Material] = {}
    if len(plan) == 1 and plan[0][0] != STANDARD:
        # What is wrong with it is said before a codec takes its time to load.
        check_input(plan[0][0], "encode")
        opened[plan[0][0]] = open_material(plan[0][0])
    codec = _load(arguments.codec, arguments)
    with progress_bars() as progress:

        def encode(source: Path, target: Path) -> dict[str, object]:
            check_input(source, "encode")
            frames = opened.pop(source, None) or open_material(source)
            task = progress.add_task(escape(source.name), total=frames.count)
            shown = replace(frames, frames=counted(frames.frames, progress, task))
            with writing(target, targets, SUFFIX) as part:
                return _encode(codec, arguments.quality, shown, source, part)

        files = each(plan, encode)
    common = {"quality": arguments.quality, "codec": codec.info.codec}
    return report_of(files, common | {"model": codec.info.model})


def decode_files(arguments: argparse.Namespace) -> dict[str, object]:
    """Turn bitstream files back into pictures and videos; returns what was written.

    Of several files, one that fails has an `error` in place of facts.

    Raises:
        BitstreamError: an input is no bitstream file of ours.
        CaptureError: a file cannot be read or written.
    """
    codecs: dict[str, Codec] = {}
    plan = decoding_plan(arguments.paths, arguments.output, arguments.png)
    targets = _targets(plan, arguments)
    with progress_bars() as progress:

        def decode(source: Path, target: Path) -> dict[str, object]:
            check_input(source, "decode")
            task = progress.add_task(escape(source.name), total=None)
            faults: list[BitstreamError] = []
            with BitstreamReader(source) as reader:
                header, png = reader.header, arguments.png
                pictures = _decoded(reader, codecs, arguments, faults)
                shown = counted(pictures, progress, task)
                shown = _at_least_one(shown, source, faults)
                folder = bool(png and header.fps)
                suffix = STREAMED if header.fps else ".png"
                with writing(target, targets, suffix, folder=folder) as part:
                    count = _write_pictures(shown, header, part, png)
                size = [header.width, header.height]
                return {"frames": count, "size": size} | damage(reader, faults)

        files = each(plan, decode, SUFFIX)
    return report_of(files, {"codec": ", ".join(codecs)})


def _targets(plan: Plan, arguments: argparse.Namespace) -> Targets:
    return batch_targets(
        plan,
        inputs=[arguments.weights] if arguments.weights else [],
        force=arguments.force,
        report=arguments.json,
    )


def _at_least_one(
    frames: Iterator[tuple[float, Pixels]], source: Path, faults: list[BitstreamError]
) -> Iterator[tuple[float, Pixels]]:
    """The frames; the first is decoded now, so that nothing is made for a file without any."""
    first = next(frames, None)
    if first is None and faults:
        raise faults[0]
    if first is None:
        raise BitstreamError(f"{source} ends before its first frame does")
    return chain([first], frames)


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
    faults: list[BitstreamError],
) -> Iterator[tuple[float, Pixels]]:
    """The frames that can be decoded; of others, `faults` gets to know why not."""
    for number, (time, bitstream) in enumerate(reader):
        try:
            name = codec_of(bitstream)
            if arguments.weights and bitstream[:1] == MAGIC:
                name = arguments.weights.name.rpartition("-")[0]
            if name not in codecs:
                codecs[name] = _load(name, arguments)
            pixels = codecs[name].decode(bitstream)
        except BitstreamError as error:
            faults.append(BitstreamError(f"{reader.path}, frame {number}: {error}"))
            continue
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
            Image.fromarray(pixels).save(path, **density)
        except ValueError as error:
            raise CaptureError(
                f"cannot write {path}: {error}; name a .png file"
            ) from error
        except OSError as error:
            reason = error.strerror or error
            raise CaptureError(f"cannot write {path}: {reason}") from error
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
