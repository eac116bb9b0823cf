"""Frames of many videos as training pictures, each person in one split alone.

    OUT/train/ID/VIDEO/UTTERANCE_0000.jpg    and so on, as the videos lie
    OUT/val/...
    OUT/manifest.csv                         every picture: where from, when, how large
    OUT/failed.csv                           videos that cannot be read, and why

A video that either table names is not read again: an interrupted run goes on.
"""

import csv
import hashlib
import logging
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
from PIL import Image
from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress, TimeRemainingColumn

from confcodec.codec.frame import Pixels
from confcodec.codec.size import MIN_SIDE
from confcodec.errors import CaptureError, ConfcodecError
from confcodec.machine.file_search import files_below
from confcodec.media.video_reader import VIDEOS, played_once, upright

logger = logging.getLogger(__name__)

_SPLITS = {"dev": "train", "train": "train", "val": "val", "test": "test"}
"""Names of a folder at the top that already splits the videos, and what they become."""
_MEDIA_FOLDERS = {"mp4", "mp4s", "video", "videos"}
"""A folder between split and identity that VoxCeleb2's archives unpack to."""
_ERRORS = "surrogateescape"
"""How tables hold names of files that are no UTF-8."""
_COLUMNS = ("file", "split", "identity", "source", "time", "width", "height")


@dataclass(frozen=True, slots=True)
class FrameSet:
    """Which frames are taken."""

    every: float = 10.0
    """Seconds between two frames of a video."""
    clips: int = 0
    """Videos of an identity, at most; 0 takes all."""
    val_share: float = 0.05
    """Of the identities, where the folder is not split already."""
    downscale: float = 1.0
    """How much smaller pictures get."""


@dataclass(frozen=True, slots=True)
class Clip:
    """One video file and who is in it."""

    source: str
    """Path below the folder."""
    split: str
    """train, val or test."""
    identity: str
    video: str
    """What the utterance was cut from: clips of one video look alike."""


def compile_frames(videos: Path, out: Path, settings: FrameSet, workers: int) -> None:
    """Write the frames of every video below a folder, with progress.

    Raises:
        ConfcodecError: no videos, bad settings, or `out` cannot be written.
    """
    if settings.every <= 0 or settings.downscale < 1 or workers < 1:
        raise ConfcodecError("give --every above 0, --downscale and --workers from 1")
    clips = choose_clips(find_clips(videos, settings.val_share), settings.clips)
    try:
        out.mkdir(parents=True, exist_ok=True)
        done = _sources(out / "manifest.csv") | _sources(out / "failed.csv")
        waiting = [clip for clip in clips if clip.source not in done]
        taken, failed = _compile(videos, out, settings, waiting, workers)
    except OSError as error:
        raise ConfcodecError(f"cannot write to {out}: {error}") from error
    console = Console(stderr=True)
    console.print(
        f"{taken} pictures of {len(waiting) - failed} videos; "
        f"{len(clips) - len(waiting)} videos were done before"
        + (f"; {failed} cannot be read: see {out / 'failed.csv'}" if failed else ""),
        highlight=False,
    )


def find_clips(folder: Path, val_share: float) -> list[Clip]:
    """Every video below a folder, each identity in one split.

    Raises:
        ConfcodecError: no such folder, or no video in it.
    """
    if not os.path.isdir(folder):
        raise ConfcodecError(f"{folder} is no folder; name one that holds videos")
    found, closed = files_below(folder, VIDEOS)
    for path in closed:
        logger.warning("%s may not be entered; left out", path)
    if not found:
        raise ConfcodecError(f"{folder} holds no video ({', '.join(sorted(VIDEOS))})")
    clips, splits = [], dict[str, str]()
    for path in found:
        clip = _clip(path.relative_to(folder), val_share)
        clips.append(clip)
        # A person whom the folder has in two splits is kept out of training.
        splits[clip.identity] = max(
            clip.split,
            splits.get(clip.identity, ""),
            key=("", "train", "val", "test").index,
        )
    return [
        Clip(clip.source, splits[clip.identity], clip.identity, clip.video)
        for clip in clips
    ]


def choose_clips(clips: Sequence[Clip], count: int) -> list[Clip]:
    """At most `count` clips of each identity, from as many videos as possible."""
    if not count:
        return list(clips)
    chosen = []
    for identity in dict.fromkeys(clip.identity for clip in clips):
        own = sorted(
            (clip for clip in clips if clip.identity == identity),
            key=lambda clip: _fraction(clip.source),
        )
        turns: dict[str, int] = {}
        ranked = []
        for clip in own:
            turns[clip.video] = turns.get(clip.video, 0) + 1
            ranked.append((turns[clip.video], clip.source, clip))
        chosen += [clip for _, _, clip in sorted(ranked)[:count]]
    return chosen


def _clip(path: Path, val_share: float) -> Clip:
    """What a path below the folder says of its video."""
    folders = list(path.parent.parts)
    split = _SPLITS.get(folders[0].lower()) if folders else None
    if split:
        del folders[0]
    if folders and folders[0].lower() in _MEDIA_FOLDERS:
        del folders[0]
    identity = folders[0] if folders else path.stem
    video = "/".join(folders[1:]) or path.stem
    if split in (None, "train") and _fraction(identity) < val_share:
        split = "val"
    return Clip(path.as_posix(), split or "train", identity, video)


def _fraction(text: str) -> float:
    """0 to 1, always the same for the same text: no new file moves another's place."""
    return int.from_bytes(hashlib.sha256(os.fsencode(text)).digest()[:4], "big") / 2**32


def _compile(
    videos: Path, out: Path, settings: FrameSet, clips: Sequence[Clip], workers: int
) -> tuple[int, int]:
    """Numbers of pictures written and of videos that cannot be read."""
    taken = failed = 0
    for clip, rows in _written(videos, out, settings, clips, workers):
        if isinstance(rows, CaptureError):
            logger.warning("%s", rows)
            _append(
                out / "failed.csv", ("source", "reason"), [(clip.source, str(rows))]
            )
            failed += 1
        else:
            _append(out / "manifest.csv", _COLUMNS, rows)
            taken += len(rows)
    return taken, failed


def _written(
    videos: Path, out: Path, settings: FrameSet, clips: Sequence[Clip], workers: int
) -> Iterator[tuple[Clip, list[tuple[object, ...]] | CaptureError]]:
    """The rows of each clip, or why there are none, under a progress bar on a terminal."""
    console = Console(stderr=True)
    columns = (*Progress.get_default_columns()[:2], MofNCompleteColumn())
    hidden = not console.is_terminal
    bar = Progress(*columns, TimeRemainingColumn(), console=console, disable=hidden)
    with bar as progress, ThreadPoolExecutor(workers) as pool:
        waiting = iter(clips)
        running: list[tuple[Clip, Future[list[tuple[object, ...]]]]] = []
        task = progress.add_task("videos", total=len(clips))
        while True:
            # No more than twice as many as there are workers: an interrupt waits for these.
            for clip in islice(waiting, 2 * workers - len(running)):
                running.append(
                    (clip, pool.submit(_write_clip, videos, out, settings, clip))
                )
            if not running:
                return
            clip, future = running.pop(0)
            try:
                yield clip, future.result()
            except CaptureError as error:
                yield clip, error
            progress.advance(task)


def _write_clip(
    videos: Path, out: Path, settings: FrameSet, clip: Clip
) -> list[tuple[object, ...]]:
    """Write the frames of one video; a manifest row for each.

    Raises:
        CaptureError: it cannot be read, or holds no picture of use.
    """
    rows: list[tuple[object, ...]] = []
    stem = (Path(clip.split) / clip.source).with_suffix("")
    for time, pixels in _taken(videos / clip.source, settings.every):
        small = _shrunk(pixels, settings.downscale)
        file = stem.with_name(f"{stem.name}_{len(rows):04d}.jpg")
        (out / file).parent.mkdir(parents=True, exist_ok=True)
        # 4:4:4 at 97: what JPEG adds is far below what the video's codec left.
        Image.fromarray(small).save(out / file, quality=97, subsampling=0)
        height, width = small.shape[:2]
        where = (clip.split, clip.identity, clip.source)
        rows.append((file.as_posix(), *where, round(time, 3), width, height))
    if not rows:
        raise CaptureError(f"{clip.source} holds no whole picture")
    return rows


def _taken(path: Path, every: float) -> Iterator[tuple[float, Pixels]]:
    """The frames that are due; in place of a damaged one the next that is whole."""
    start: float | None = None
    due = 0.0
    for stamp, frame in played_once(str(path)):
        start = stamp if start is None else start
        if stamp - start >= due and not frame.is_corrupt:
            due = (int((stamp - start) / every) + 1) * every
            yield stamp - start, upright(frame)


def _shrunk(pixels: Pixels, downscale: float) -> Pixels:
    size = [round(side / downscale) for side in (pixels.shape[1], pixels.shape[0])]
    if min(size) < MIN_SIDE:
        raise CaptureError(f"pictures of {size[0]}x{size[1]} are too small")
    if downscale == 1:
        return pixels
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)


def _sources(path: Path) -> set[str]:
    """Videos that a table names."""
    if not path.exists():
        return set()
    with path.open(encoding="utf-8", errors=_ERRORS, newline="") as file:
        return {row["source"] for row in csv.DictReader(file) if row.get("source")}


def _append(
    path: Path, columns: Sequence[str], rows: Sequence[Sequence[object]]
) -> None:
    new = not path.exists()
    with path.open("a", encoding="utf-8", errors=_ERRORS, newline="") as file:
        writer = csv.writer(file)
        if new:
            writer.writerow(columns)
        writer.writerows(rows)
