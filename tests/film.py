"""A film of screenshots as a small GIF: one palette, and only what really changes is written again."""

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

COLOURS = 250
INTERVAL = 125
"""Milliseconds that each frame stays."""
TOLERANCE = 10
"""Levels of 255 by which a pixel may differ from what is shown without being written again."""
CUT = 0.2
"""Share of changed pixels that makes a new picture, written whole: nothing of the old one shows through."""

Indices = npt.NDArray[np.uint8]


class Film:
    """Frames one after another, each as wide as the film."""

    def __init__(self, shoot: Callable[[], bytes], width: int) -> None:
        self.frames: list[Image.Image] = []
        self._shoot = shoot
        self._width = width

    def take(self, count: int = 1) -> None:
        """Add what there is to see now, so many times anew."""
        for _ in range(count):
            with Image.open(io.BytesIO(self._shoot())) as image:
                height = round(image.height * self._width / image.width)
                self.frames.append(
                    image.convert("RGB").resize(
                        (self._width, height), Image.Resampling.LANCZOS
                    )
                )

    def save(self, path: Path) -> None:
        """Write a GIF that goes round for ever."""
        palette = _palette(self.frames)
        first, *others = [
            _coloured(indices, palette) for indices in _steady(self.frames, palette)
        ]
        first.save(
            path,
            "GIF",
            save_all=True,
            append_images=others,
            duration=INTERVAL,
            loop=0,
            optimize=True,
            disposal=1,
        )


def _palette(frames: list[Image.Image]) -> Image.Image:
    """Colours for all of them, chosen from six that are spread evenly."""
    chosen = [frames[(len(frames) - 1) * i // 5] for i in range(6)]
    width, height = chosen[0].size
    sheet = Image.new("RGB", (width, height * len(chosen)))
    for i, frame in enumerate(chosen):
        sheet.paste(frame, (0, i * height))
    return sheet.quantize(COLOURS, method=Image.Quantize.MEDIANCUT)


def _steady(frames: list[Image.Image], palette: Image.Image) -> list[Indices]:
    """Palette indices (H, W) of each frame; pixels that hardly change keep theirs."""
    shown = np.asarray(frames[0]).astype(np.int16)  # (H, W, 3)
    indices: list[Indices] = []
    for frame in frames:
        now = np.asarray(frame).astype(np.int16)
        dithered = frame.quantize(palette=palette, dither=Image.Dither.FLOYDSTEINBERG)
        changed = np.abs(now - shown).max(-1) > TOLERANCE  # (H, W)
        changed |= changed.mean() > CUT
        if indices:
            shown = np.where(changed[..., None], now, shown)
            indices.append(np.where(changed, np.asarray(dithered), indices[-1]))
        else:
            indices.append(np.asarray(dithered))
    return indices


def _coloured(indices: Indices, palette: Image.Image) -> Image.Image:
    image = Image.fromarray(indices)
    image.putpalette(palette.getpalette() or [])
    return image
