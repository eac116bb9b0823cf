"""`confcodec info`: what a bitstream file holds, without decoding it."""

import argparse
import logging
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from confcodec.codec.bitstream import MAGIC, unpack
from confcodec.codec.registry import codec_of
from confcodec.codec.size import FILE_SIDE
from confcodec.errors import BitstreamError, ConfcodecError
from confcodec.files.bitstream_file import SUFFIX, BitstreamReader, FileHeader
from confcodec.files.paths import check_input, expand
from confcodec.files.pipes import STANDARD, standard_input

logger = logging.getLogger(__name__)


def describe_files(arguments: argparse.Namespace) -> dict[str, object]:
    """Facts of bitstream files.

    Raises:
        CaptureError: a file cannot be read.
        BitstreamError: a file is not ours, or damaged.
    """
    paths = [path for path, _ in expand(arguments.paths, frozenset({SUFFIX}))]
    files = [_attempt(path, alone=len(paths) == 1) for path in paths]
    return files[0] if len(files) == 1 else {"files": files}


def damage(
    reader: BitstreamReader, faults: Sequence[BitstreamError]
) -> dict[str, object]:
    """What is missing of a file whose frames were read, once for people and once as facts.

    Args:
        faults: why frames could not be used, each on its own.
    """
    damaged = reader.gaps + len(faults)
    if damaged:
        logger.warning(
            "%s is damaged, %d time%s; its other frames are whole%s",
            reader.path,
            damaged,
            "" if damaged == 1 else "s",
            f" ({faults[0]})" if faults else "",
        )
    facts: dict[str, object] = {"truncated": reader.truncated, "damaged": damaged}
    return facts | ({"skipped_bytes": reader.skipped} if reader.gaps else {})


def _attempt(path: Path, *, alone: bool) -> dict[str, object]:
    """The facts of one file, or what is wrong with it while others wait."""
    try:
        if path == STANDARD:
            with standard_input(SUFFIX) as kept:
                return describe(kept) | {"file": str(path)}
        check_input(path, "info")
        return describe(path)
    except ConfcodecError as error:
        if alone:
            raise
        logger.error("%s", error)
        return {"file": str(path), "error": str(error)}


def describe(path: Path) -> dict[str, object]:
    """Facts of one file; every frame's header is checked, its pixels are not decoded.

    Raises:
        CaptureError: the file cannot be read.
        BitstreamError: it is not ours, or all of it is damaged.
    """
    codecs, models = Counter[str](), Counter[str]()
    qualities = Counter[int]()
    lengths: list[int] = []
    faults: list[BitstreamError] = []
    last = 0.0
    with BitstreamReader(path) as reader:
        header = reader.header
        for number, (time, bitstream) in enumerate(reader):
            try:
                codec = codec_of(bitstream)
                if bitstream[:1] == MAGIC:
                    frame, _ = unpack(bitstream, FILE_SIDE)
                    models[frame.model.hex()] += 1
                    qualities[frame.quality] += 1
            except BitstreamError as error:
                faults.append(BitstreamError(f"{path}, frame {number}: {error}"))
                continue
            last = time
            codecs[codec] += 1
            lengths.append(len(bitstream))
    if faults and not lengths:
        raise faults[0]
    facts: dict[str, object] = {
        "file": str(path),
        "file_bytes": path.stat().st_size,
        "codec": ", ".join(codecs) or header.codec,
        "size": [header.width, header.height],
        **({"pixel_aspect": str(header.aspect)} if header.aspect != 1 else {}),
        "frames": len(lengths),
        **damage(reader, faults),
    }
    if models:
        facts |= {"model": ", ".join(models), "quality": _span(qualities)}
    return facts | (_rates(header, lengths, last) if lengths else {})


def _rates(header: FileHeader, lengths: list[int], last: float) -> dict[str, object]:
    """What frames of these lengths cost, the last one shown at second `last`."""
    total, count, fps = sum(lengths), len(lengths), float(header.fps)
    facts: dict[str, object] = {"bytes": total, "largest_frame_bytes": max(lengths)}
    facts["bpp"] = round(8 * total / (count * header.width * header.height), 4)
    if fps:
        # The last frame is shown for as long as the others.
        seconds = max(last * count / max(count - 1, 1), 1 / fps)
        facts |= {"fps": round(fps, 3), "seconds": round(seconds, 3)}
        facts["bitrate_bps"] = round(8 * total / seconds)
    return facts


def _span(values: Counter[int]) -> str:
    low, high = min(values), max(values)
    return str(low) if low == high else f"{low} to {high}"
