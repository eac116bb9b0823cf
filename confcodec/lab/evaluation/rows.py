"""Figures of codecs, one row for each picture, codec and quality, by whole bytes."""

import hashlib
import json
import math
import multiprocessing
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from confcodec.codec.classic.codec import VARIANTS, load_classic
from confcodec.codec.frame import Pixels
from confcodec.codec.interface import Codec, CodecInfo
from confcodec.codec.metrics import bpp, ms_ssim, psnr
from confcodec.codec.registry import give, is_known
from confcodec.codec.size import check_size
from confcodec.errors import ConfcodecError
from confcodec.media.picture import read_picture

LOSSLESS_DB = 100.0
"""Stands for an infinite PSNR, so that means exist."""


@dataclass(frozen=True, slots=True)
class Row:
    """One picture coded and decoded once."""

    picture: str
    """Path below the folder."""
    digest: str
    """Of the picture's file, which may move or be renamed."""
    codec: str
    """One of `CODECS`, of the variants, or what somebody's own calls itself."""
    model: str
    """Weights with their hash, or the library and its version."""
    device: str
    dtype: str
    threads: int
    quality: int
    bytes: int
    bpp: float
    """Whole bytes over unpadded pixels."""
    psnr_db: float
    """RGB, 8 bits."""
    ms_ssim: float
    """RGB; nan where the picture is too small."""
    encode_ms: float
    decode_ms: float

    @property
    def key(self) -> tuple[object, ...]:
        """Equal for two rows that measure the same thing."""
        codec = (self.codec, self.model, self.device, self.dtype, self.threads)
        return (self.digest, self.quality, *codec)


@dataclass(frozen=True, slots=True)
class Point:
    """One codec at one quality: means over pictures."""

    codec: str
    quality: int
    bpp: float
    psnr_db: float
    """Mean of the pictures' values."""
    ms_ssim: float
    encode_ms: float
    decode_ms: float


def codecs_of(rows: Iterable[Row]) -> list[CodecInfo]:
    """The codecs that rows were measured with, in the order they come."""
    infos = [CodecInfo(r.codec, r.model, r.device, r.dtype, r.threads) for r in rows]
    return list(dict.fromkeys(infos))


@dataclass(frozen=True, slots=True)
class Settings:
    """How codecs are loaded, in every process alike."""

    device: str = "auto"
    threads: int | None = None
    weights: tuple[Path, ...] = ()
    """Each is for the codec that its file name begins with."""


def load_codec(name: str, settings: Settings) -> Codec:
    """A codec as `--codecs` names it: `registry.give` says how; or a variant of a classic one.

    Raises:
        ConfcodecError: no such codec, device, library or weights.
    """
    if name in VARIANTS:
        return load_classic(name)
    mine = [p for p in settings.weights if p.name.rpartition("-")[0] == name]
    try:
        return Codec.load(
            name if is_known(name) else give(name),
            settings.device,
            weights=mine[0] if mine else None,
            threads=settings.threads,
        )
    except ValueError as error:
        raise ConfcodecError(str(error)) from error


def measure_row(
    codec: Codec, pixels: Pixels, quality: int, picture: str = "", digest: str = ""
) -> Row:
    """Code and decode one picture once."""
    began = time.perf_counter()
    bitstream = codec.encode(pixels, quality)
    encoded = time.perf_counter()
    decoded = codec.decode(bitstream)
    done = time.perf_counter()
    info = codec.info
    return Row(
        picture,
        digest,
        info.codec,
        info.model,
        info.device,
        info.dtype,
        info.threads,
        quality,
        len(bitstream),
        bpp(bitstream, pixels),
        min(psnr(pixels, decoded), LOSSLESS_DB),
        ms_ssim(pixels, decoded),
        1e3 * (encoded - began),
        1e3 * (done - encoded),
    )


def measure(codec: Codec, pictures: Sequence[Pixels], quality: int) -> Point:
    """Means over pictures, each coded and decoded once."""
    return mean_point([measure_row(codec, pixels, quality) for pixels in pictures])


def mean_point(rows: Sequence[Row]) -> Point:
    """The mean of rows of one codec and quality."""
    figures = [(r.bpp, r.psnr_db, r.ms_ssim, r.encode_ms, r.decode_ms) for r in rows]
    columns = list(zip(*figures, strict=True))
    # Small pictures have no MS-SSIM; the others' mean stands for all.
    columns[2] = tuple(v for v in columns[2] if not math.isnan(v)) or (math.nan,)
    means = [float(np.mean(column)) for column in columns]
    return Point(rows[0].codec, rows[0].quality, *means)


@dataclass(frozen=True, slots=True)
class Job:
    """One picture by one codec, at the qualities that are still missing."""

    folder: Path
    picture: str
    codec: str
    qualities: tuple[int, ...]
    settings: Settings


def read_codable(path: Path) -> Pixels:
    """A picture file that every codec can code.

    Raises:
        CaptureError: no picture.
        ConfcodecError: too small or too large.
    """
    pixels = read_picture(path)
    try:
        check_size(pixels.shape[1], pixels.shape[0])
    except ValueError as error:
        raise ConfcodecError(f"{path}: {error}") from error
    return pixels


def digest_of(path: Path) -> str:
    """12 hex digits that tell files apart."""
    return hashlib.sha256(path.read_bytes()).hexdigest()[:12]


def run_job(job: Job) -> list[Row]:
    """The rows of a job; runs in a worker process, which keeps its codecs."""
    pixels = read_codable(job.folder / job.picture)
    codec = _codec_of_this_process(job.codec, job.settings)
    digest = digest_of(job.folder / job.picture)
    return [
        measure_row(codec, pixels, quality, job.picture, digest)
        for quality in job.qualities
    ]


def run_jobs(jobs: Sequence[Job], workers: int) -> Iterator[list[Row]]:
    """The rows of all jobs as they are done, measured by some processes or by this one."""
    if workers <= 1:
        yield from map(run_job, jobs)
        return
    # A forked child would share torch's thread pools, and hang.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, context) as pool:
        futures = [pool.submit(run_job, job) for job in jobs]
        try:
            for future in as_completed(futures):
                yield future.result()
        finally:
            pool.shutdown(cancel_futures=True)


def read_rows(path: Path) -> dict[tuple[object, ...], Row]:
    """Rows that an earlier run left, by key; a line cut off by its end is passed over.

    Raises:
        ConfcodecError: it holds other things; rows are not to be added to these.
    """
    rows = {}
    lines = path.read_text(errors="replace").splitlines() if path.exists() else []
    for line in lines:
        try:
            row = Row(**json.loads(line))
        except (ValueError, TypeError):
            continue
        rows[row.key] = row
    if lines and not rows and not lines[0].startswith('{"picture"'):
        raise ConfcodecError(f"{path} holds no rows of eval; name another --rows")
    return rows


def append_rows(path: Path, rows: Iterable[Row]) -> None:
    """Add rows to a JSON-lines file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        file.writelines(json.dumps(asdict(row)) + "\n" for row in rows)


_codecs: dict[tuple[str, Settings], Codec] = {}


def _codec_of_this_process(name: str, settings: Settings) -> Codec:
    key = (name, settings)
    if key not in _codecs:
        _codecs[key] = load_codec(name, settings)
    return _codecs[key]


def codec_info(name: str, settings: Settings) -> CodecInfo:
    """What a codec, loaded in this process, says of itself."""
    return _codec_of_this_process(name, settings).info
