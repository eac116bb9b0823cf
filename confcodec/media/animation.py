"""Animated pictures (GIF, APNG, WebP) as frames, each with its time."""

from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

from confcodec.codec.frame import Pixels
from confcodec.media.picture import open_image, to_pixels

ANIMATED = frozenset({".apng", ".gif"})
"""How names of pictures end that mostly move; .png and .webp may, too."""

_FORMATS = ("GIF", "PNG", "WEBP")
_SHORTEST = 0.011
"""Seconds; what is shorter means "as fast as you can" of old, and browsers show it for 0.1."""
_USUAL = 0.1


def is_animated(path: Path) -> bool | None:
    """Whether a picture file has several frames to show in turn; None: no picture."""
    try:
        with open_image(path) as image:
            return image.format in _FORMATS and getattr(image, "is_animated", False)
    except Exception:  # Pillow raises almost anything on damaged files
        return None


class Animation:
    """The frames of an animated picture, composed as a browser does, on white."""

    def __init__(self, path: Path) -> None:
        """Open a file; raises what Pillow raises."""
        self._image = open_image(path)
        # An APNG may begin with a picture for programs that know no animation.
        self._first = int(bool(self._image.info.get("default_image")))
        self.count: int = getattr(self._image, "n_frames", 1) - self._first
        """Frames."""
        self._image.seek(self._first)
        self.duration = self._duration()
        """Seconds that the first frame is shown."""

    def __iter__(self) -> Iterator[tuple[float, float, Pixels]]:
        """Start, duration, both in seconds, and pixels of each frame."""
        time = 0.0
        for number in range(self._first, self._first + self.count):
            self._image.seek(number)
            pixels = to_pixels(self._image)
            duration = self._duration()
            yield time, duration, pixels
            time += duration

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._image.close()

    def _duration(self) -> float:
        self._image.load()  # WebP tells the time of a frame no sooner
        seconds = float(self._image.info.get("duration") or 0) / 1000
        return seconds if seconds >= _SHORTEST else _USUAL
