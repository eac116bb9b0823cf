"""The measure of a grid of blocks finds one where there is one."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from confcodec.codec.frame import Pixels
from confcodec.errors import CaptureError
from confcodec.lab.evaluation.grid import SIZE, border_steps, enlarged, main
from tests.conftest import picture


def in_blocks(pixels: Pixels, side: int) -> Pixels:
    """Every block of a picture in its mean colour."""
    height, width = pixels.shape[:2]
    small = cv2.resize(
        pixels, (width // side, height // side), interpolation=cv2.INTER_AREA
    )
    return np.asarray(small.repeat(side, 0).repeat(side, 1), np.uint8)


@pytest.mark.parametrize("side", [8, 16])
def test_blocks_show_and_smooth_content_does_not(side: int) -> None:
    smooth = enlarged(picture(170, 302))
    assert smooth.shape == (SIZE[1], SIZE[0], 3)
    assert border_steps(smooth, side) == pytest.approx(1, abs=0.02)
    mixed = (0.9 * smooth + 0.1 * in_blocks(smooth, side)).astype(np.uint8)
    assert border_steps(mixed, side) > 1.15
    assert border_steps(np.full((64, 64, 3), 7, np.uint8), side) == 1


def test_the_largest_part_of_a_picture_is_enlarged() -> None:
    tall, wide = picture(400, 160), picture(100, 500)
    assert enlarged(tall).shape == enlarged(wide).shape == (SIZE[1], SIZE[0], 3)


def test_a_sheet_and_a_table_come_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, sheet = tmp_path / "pictures", tmp_path / "sheet.png"
    folder.mkdir()
    Image.fromarray(picture(170, 302)).save(folder / "a.png")
    assert main([str(folder), str(sheet), "--codecs", "jpeg"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[1:]] == ["original", "jpeg,", "jpeg,"]
    before, after = (float(lines[i].split()[-2]) for i in (1, 2))
    assert before == pytest.approx(1, abs=0.05)
    assert after > 1.5, "JPEG at so few bits is nothing but blocks"
    with Image.open(sheet) as image:
        assert image.width == 3 * 640
    with pytest.raises(CaptureError, match="exists; --force"):
        main([str(folder), str(sheet)])
    with pytest.raises(CaptureError, match="is an input"):
        main([str(folder), str(folder / "a.png"), "--force"])
