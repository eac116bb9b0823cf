"""`confcodec encode` and `confcodec decode`: picture and video files to bitstream files and back.

Every frame is coded on its own and written at once, so a video of any length takes
the memory of one frame.
"""

import argparse
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain
from pathlib import Path

from PIL import Image
from rich.markup import escape

from confcodec.codec.bitstream import MAGIC
from confcodec.codec.frame import Pixels, check_size
from confcodec.codec.interface import Codec
from confcodec.codec.metrics import psnr
from confcodec.codec.registry import codec_of
from confcodec.errors import BitstreamError, CaptureError, ConfcodecError
from confcodec.file_batch import (
    batch_targets,
    counted,
    each,
    progress_bars,
    report_of,
    writing,
)
from confcodec.file_info import damage
from confcodec.file_paths import (
    Plan,
    check_input,
    check_material,
    decoding_plan,
    encoding_plan,
)
from confcodec.file_pipes import STANDARD
from confcodec.file_targets import Targets
from confcodec.media.bitstream_file import (
    SUFFIX,
    BitstreamReader,
    BitstreamWriter,
    FileHeader,
)
from confcodec.media.decode import played_once, upright, video_facts
from confcodec.media.picture import PICTURES, read_picture
from confcodec.media.record import FileSink

LOSSLESS_DB = 100.0
"""Stands for an infinite PSNR, so that means exist."""
STREAMED = ".mkv"
"""Of videos that go to standard output: MP4 cannot be read before its end."""


@dataclass(frozen=True, slots=True)
class Material:
    """The frames of a picture or video file."""

    fps: Fraction
    """0 for a picture."""
    count: int | None
    """How many frames, if the file says so."""
    frames: Iterator[tuple[float, Pixels]]
    """Seconds from the start, and pixels."""


def encode_files(arguments: argparse.Namespace) -> dict[str, object]:
    """Code pictures and videos into bitstream files; returns the figures.

    Of several files, one that fails has an `error` in place of figures.

    Raises:
        CaptureError: an input is no picture or video, or an output cannot be written.
        ConfcodecError: a frame is too small or large, or the codec cannot be used.
    """
    plan = encoding_plan(arguments.paths, arguments.output)
    targets = _targets(plan, arguments)
    if len(plan) == 1 and plan[0][0] != STANDARD:
        check_material(plan[0][0])  # before a codec takes its time to load
    codec = _load(arguments.codec, arguments)
    with progress_bars() as progress:

        def encode(source: Path, target: Path) -> dict[str, object]:
            check_material(source)
            frames = _open(source)
            task = progress.add_task(escape(source.name), total=frames.count)
            shown = counted(frames.frames, progress, task)
            quality, fps = arguments.quality, frames.fps
            with writing(target, targets, SUFFIX) as part:
                return _encode(codec, quality, fps, shown, source, part)

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


def _open(path: Path) -> Material:
    if path.suffix.lower() in PICTURES:
        return Material(Fraction(0), 1, iter([(0.0, read_picture(path))]))
    fps, count = video_facts(str(path))
    frames = ((time, upright(frame)) for time, frame in played_once(str(path)))
    return Material(fps, count, frames)


def _encode(
    codec: Codec,
    quality: int,
    fps: Fraction,
    frames: Iterable[tuple[float, Pixels]],
    source: Path,
    target: Path,
) -> dict[str, object]:
    """Write one file; its figures."""
    writer: BitstreamWriter | None = None
    count, coded, pixel_count, total_db = 0, 0, 0, 0.0
    size, start = [0, 0], 0.0
    try:
        for time, pixels in frames:
            height, width = pixels.shape[:2]
            if writer is None:
                _check(width, height, source)
                size, start = [width, height], time
                header = FileHeader(codec.info.codec, width, height, fps)
                writer = BitstreamWriter(target, header)
            bitstream = codec.encode(pixels, quality)
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
        return _write_video(frames, header.fps, target)
    count = 0
    for _, pixels in frames:
        path = target / f"{count:06d}.png" if header.fps else target
        try:
            Image.fromarray(pixels).save(path)
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
    frames: Iterator[tuple[float, Pixels]], fps: Fraction, target: Path
) -> int:
    sink = FileSink(str(target), float(fps))
    count = 0
    try:
        for time, pixels in frames:
            sink.show(pixels, time)
            count += 1
    finally:
        sink.close()
    return count


def _check(width: int, height: int, source: Path) -> None:
    try:
        check_size(width, height)
    except ValueError as error:
        raise ConfcodecError(f"{source}: {error}") from error


def _load(name: str, arguments: argparse.Namespace) -> Codec:
    weights: Path | None = arguments.weights
    try:
        return Codec.load(
            name, arguments.device, weights=weights, threads=arguments.threads
        )
    except ValueError as error:
        raise ConfcodecError(str(error)) from error
