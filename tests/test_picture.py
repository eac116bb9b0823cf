"""Picture files: upright, 8 bits, opaque, and bounded."""

from pathlib import Path

import cv2
import numpy as np
import PIL
import pytest
from PIL import Image

from confcodec.errors import CaptureError
from confcodec.media.picture import find_pictures, read_picture
from tests.conftest import picture


def test_a_picture_is_read_upright_and_in_colour(tmp_path: Path) -> None:
    path = tmp_path / "turned.jpg"
    image = Image.fromarray(np.full((40, 20), 90, np.uint8))
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by 90 degrees
    image.save(path, exif=exif)
    assert read_picture(path).shape == (20, 40, 3)


def test_sixteen_bits_keep_their_upper_eight(tmp_path: Path) -> None:
    path, levels = tmp_path / "deep.png", picture(30, 40).astype(np.uint16) * 256 + 99
    assert cv2.imwrite(str(path), levels[..., 0])
    assert np.array_equal(read_picture(path)[..., 1], levels[..., 0] >> 8)
    assert cv2.imwrite(str(path), levels[..., ::-1])
    assert np.array_equal(read_picture(path), levels >> 8)


def test_transparent_parts_show_white(tmp_path: Path) -> None:
    path, pixels = tmp_path / "clear.png", np.zeros((20, 20, 4), np.uint8)
    pixels[:10, :, 3] = 255
    Image.fromarray(pixels).save(path)
    read = read_picture(path)
    assert (read[:10] == 0).all()
    assert (read[10:] == 255).all()
    Image.fromarray(pixels).quantize(4).save(path)
    assert (read_picture(path)[10:] == 255).all()


@pytest.mark.parametrize("mode", ["1", "L", "P", "CMYK", "YCbCr"])
def test_other_colour_models_become_rgb(mode: str, tmp_path: Path) -> None:
    if mode == "YCbCr" and int(PIL.__version__.partition(".")[0]) < 13:
        pytest.skip("Pillow before 13 calls them cut off")
    path = tmp_path / "a.tiff"
    Image.fromarray(picture(30, 40)).convert(mode).save(path)
    assert read_picture(path).shape == (30, 40, 3)


def test_what_is_no_picture_or_too_large_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(CaptureError, match="does not exist"):
        read_picture(tmp_path / "a.png")
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n garbage")
    with pytest.raises(CaptureError, match="cannot be read as a picture"):
        read_picture(tmp_path / "a.png")
    Image.new("1", (10_000, 7_000)).save(tmp_path / "a.png")
    with pytest.raises(CaptureError, match="10000x7000 is too large"):
        read_picture(tmp_path / "a.png")


def test_pictures_are_found_in_folders_below_in_order(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    for name in ("b/c.PNG", "a.jpg", "notes.txt"):
        (tmp_path / name).touch()
    assert find_pictures(tmp_path) == [tmp_path / "a.jpg", tmp_path / "b" / "c.PNG"]
