"""What `encode` codes: the frames of a picture or video file, from first to last."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from confcodec.codec.frame import Pixels
from confcodec.media.picture import read_picture
from confcodec.media.video_reader import kind_of, played_once, upright, video_facts

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Material:
    """The frames of a picture or video file."""

    fps: Fraction
    """0 for a picture."""
    count: int | None
    """How many frames, if the file says so."""
    frames: Iterator[tuple[float, Pixels]]
    """Seconds from the start, and pixels."""
    aspect: Fraction = Fraction(1)
    """Width of a pixel over its height."""


def open_material(path: Path) -> Material:
    """What `path` holds, by the same rules as a source of a call.

    Raises:
        CaptureError: no picture or video; later, while frames are taken, as well.
    """
    if kind_of(path) == "picture":
        return Material(Fraction(0), 1, iter([(0.0, read_picture(path))]))
    facts = video_facts(str(path))
    if facts.sound:
        logger.warning("%s: its sound is left out, a .ccb file holds pictures", path)
    frames = ((time, upright(picture)) for time, picture in played_once(str(path)))
    return Material(facts.fps, facts.count, frames, facts.aspect)
