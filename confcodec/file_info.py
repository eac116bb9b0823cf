"""`confcodec info`: what a bitstream file holds, without decoding it."""

import argparse
from collections import Counter
from pathlib import Path

from confcodec.codec.bitstream import MAGIC, unpack
from confcodec.codec.codec import codec_of
from confcodec.codec.frame import FILE_SIDE
from confcodec.errors import BitstreamError
from confcodec.file_paths import expand
from confcodec.media.bitstream_file import SUFFIX, BitstreamReader, FileHeader


def describe_files(arguments: argparse.Namespace) -> dict[str, object]:
    """Facts of bitstream files.

    Raises:
        CaptureError: a file cannot be read.
        BitstreamError: a file is not ours, or damaged.
    """
    files = [describe(path) for path, _ in expand(arguments.paths, frozenset({SUFFIX}))]
    return files[0] if len(files) == 1 else {"files": files}


def describe(path: Path) -> dict[str, object]:
    """Facts of one file; every frame's header is checked, its pixels are not decoded.

    Raises:
        CaptureError: the file cannot be read.
        BitstreamError: it is not ours, or damaged.
    """
    codecs: Counter[str] = Counter()
    models: Counter[str] = Counter()
    qualities: Counter[int] = Counter()
    lengths: list[int] = []
    last = 0.0
    with BitstreamReader(path) as reader:
        header = reader.header
        for time, bitstream in reader:
            last = time
            try:
                codecs[codec_of(bitstream)] += 1
                if bitstream[:1] == MAGIC:
                    frame, _ = unpack(bitstream, FILE_SIDE)
                    models[frame.model.hex()] += 1
                    qualities[frame.quality] += 1
            except BitstreamError as error:
                where = f"{path}, frame {len(lengths)}"
                raise BitstreamError(f"{where}: {error}") from error
            lengths.append(len(bitstream))
    facts: dict[str, object] = {
        "file": str(path),
        "file_bytes": path.stat().st_size,
        "codec": ", ".join(codecs) or header.codec,
        "size": [header.width, header.height],
        **({"pixel_aspect": str(header.aspect)} if header.aspect != 1 else {}),
        "frames": len(lengths),
        "truncated": reader.truncated,
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
