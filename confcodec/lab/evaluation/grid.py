"""Does a codec leave a grid of its blocks on smooth content? A sheet to look at, and a measure.

    python -m confcodec.lab.evaluation.grid PICTURES sheet.png

Pictures are enlarged to 1280x720, which makes them smooth, and coded at few bits. Blocks of a
transform show as steps between neighbouring pixels that are larger across the blocks'
borders than inside them.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageDraw

from confcodec.codec.frame import Pixels
from confcodec.codec.metrics import bpp, psnr
from confcodec.lab.evaluation.rows import Settings, load_codec
from confcodec.lab.evaluation.sheet import at_rate
from confcodec.lab.pictures import readable_paths
from confcodec.machine.file_targets import Targets
from confcodec.media.picture import read_picture

SIZE = (1280, 720)
"""Width and height of what is coded."""
SIDES = (8, 16)
"""Of the blocks that are looked for, in pixels."""
RATES = (0.05, 0.1)
"""bpp that are met from below."""
CROP = 320
"""Side of a crop on the sheet, pixels."""
STRETCH = 3.0
"""How much the sheet raises contrast around the local mean, so that weak grids show."""
USUAL = "rt,cae,jpeg2000,webp,avif"


def enlarged(pixels: Pixels) -> Pixels:
    """The largest 16:9 part of a picture, enlarged to 1280x720 by cubic interpolation."""
    height, width = pixels.shape[:2]
    rows = min(height, width * SIZE[1] // SIZE[0])
    columns = min(width, rows * SIZE[0] // SIZE[1])
    top, left = (height - rows) // 3, (width - columns) // 2
    part = pixels[top : top + rows, left : left + columns]
    return np.asarray(cv2.resize(part, SIZE, interpolation=cv2.INTER_CUBIC), np.uint8)


def border_steps(pixels: Pixels, side: int) -> float:
    """Mean absolute step across the borders of blocks, over that inside them; 1 is no grid.

    A border of 16x16 blocks is held against those between pixels that are no border
    of 8x8 blocks either.
    """
    across, inside = [], []
    for axis in (0, 1):
        steps = np.abs(np.diff(pixels.astype(np.int16), axis=axis))
        by_place = steps.mean(axis=(1 - axis, 2))
        places = np.arange(1, len(by_place) + 1)
        across.append(by_place[places % side == 0])
        inside.append(by_place[places % min(SIDES) != 0])
    mean_inside = float(np.concatenate(inside).mean())
    return float(np.concatenate(across).mean()) / mean_inside if mean_inside else 1.0


def measure(
    paths: Sequence[Path], names: Sequence[str], sheet: Path, *, force: bool = False
) -> list[str]:
    """Code all pictures at all rates; write the sheet of the first ones, give the table's lines.

    Raises:
        ConfcodecError: the sheet exists, without `force`, or is one of the pictures.
    """
    targets = Targets(paths, force=force)
    targets.check(sheet)
    pictures = [enlarged(read_picture(path)) for path in paths]
    rows = [_labelled(pixels, "original") for pixels in pictures]
    lines = [_line("original", [(0.0, 0.0, pixels) for pixels in pictures])]
    for name in names:
        codec = load_codec(name, Settings())
        for rate in RATES:
            results = []
            for pixels in pictures:
                bitstream, _ = at_rate(codec, pixels, rate)
                decoded = codec.decode(bitstream)
                facts = bpp(bitstream, pixels), psnr(pixels, decoded)
                results.append((*facts, decoded))
            lines.append(_line(f"{name}, {rate} bpp", results))
            for row, (spent, db, decoded) in zip(rows, results, strict=True):
                row += _labelled(decoded, f"{name} {spent:.3f} bpp {db:.1f} dB")
    with targets.file(sheet) as part:
        Image.fromarray(np.vstack([np.hstack(row) for row in rows[:6]])).save(part)
    return lines


def _line(name: str, results: Sequence[tuple[float, float, Pixels]]) -> str:
    spent, db = (float(np.mean([r[i] for r in results])) for i in range(2))
    steps = [np.mean([border_steps(r[2], side) for r in results]) for side in SIDES]
    figures = f"{spent:7.3f} {db:7.2f} " if spent else " " * 16
    return f"{name:20} {figures}" + "".join(f"{step:9.3f}" for step in steps)


def _labelled(pixels: Pixels, text: str) -> list[Pixels]:
    """A crop from the middle and, beside it, the same with its contrast raised."""
    top, left = (SIZE[1] - CROP) // 2, (SIZE[0] - CROP) // 2
    crop = pixels[top : top + CROP, left : left + CROP]
    mean = cv2.GaussianBlur(crop.astype(np.float32), (0, 0), 24)
    raised = np.clip(128 + STRETCH * (crop - mean), 0, 255).astype(np.uint8)
    image = Image.fromarray(np.ascontiguousarray(np.hstack([crop, raised])))
    ImageDraw.Draw(image).text(
        (3, 2), text, fill="white", stroke_width=2, stroke_fill="black"
    )
    return [np.asarray(image)]


def main(words: Sequence[str] | None = None) -> int:
    """Run the command line above."""
    parser = argparse.ArgumentParser(prog="python -m confcodec.lab.evaluation.grid")
    parser.add_argument("folder", type=Path)
    parser.add_argument("sheet", type=Path)
    parser.add_argument("--codecs", default=USUAL)
    parser.add_argument("--force", action="store_true", help="replace the sheet")
    arguments = parser.parse_args(words)
    print(f"{'':20} {'bpp':>7} {'PSNR':>7} " + "".join(f"{side:>9}" for side in SIDES))
    paths = readable_paths(arguments.folder)
    names, force = arguments.codecs.split(","), arguments.force
    print("\n".join(measure(paths, names, arguments.sheet, force=force)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
