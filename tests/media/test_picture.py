"""Picture files: upright, 8 bits, opaque, and bounded."""

import io
from pathlib import Path

import cv2
import numpy as np
import PIL
import pytest
from PIL import Image, ImageCms

from confcodec.codec.frame import Pixels
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


def profiled(profile: ImageCms.ImageCmsProfile, pixels: Pixels, path: Path) -> Path:
    """A picture file whose levels mean what `profile` says."""
    Image.fromarray(pixels).save(path, icc_profile=profile.tobytes())
    return path


def wide_profile(tmp_path: Path) -> ImageCms.ImageCmsProfile:
    """sRGB's curve over other colours: its red and green swapped."""
    content = bytearray(
        ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    )
    red, green = content.index(b"rXYZ"), content.index(b"gXYZ")
    content[red : red + 4], content[green : green + 4] = b"gXYZ", b"rXYZ"
    # Else it would be taken for sRGB's own by its name.
    content = bytearray(bytes(content).replace("sRGB".encode("utf-16-be"), b"\0W" * 4))
    return ImageCms.ImageCmsProfile(io.BytesIO(bytes(content)))


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.webp", "a.tiff"])
def test_a_colour_profile_is_obeyed(name: str, tmp_path: Path) -> None:
    pixels = np.full((40, 40, 3), (200, 40, 40), np.uint8)
    path = profiled(wide_profile(tmp_path), pixels, tmp_path / name)
    found = read_picture(path)[20, 20].astype(int)
    assert abs(found - (40, 200, 40)).max() <= 6


def test_a_colour_profile_of_a_clear_picture_is_obeyed(tmp_path: Path) -> None:
    pixels = np.full((40, 40, 4), (200, 40, 40, 255), np.uint8)
    pixels[20:, :, 3] = 0
    path = profiled(wide_profile(tmp_path), pixels, tmp_path / "a.png")
    found = read_picture(path).astype(int)
    assert abs(found[10, 10] - (40, 200, 40)).max() <= 6
    assert (found[30] == 255).all()


def test_srgb_and_damaged_profiles_change_nothing(tmp_path: Path) -> None:
    path, pixels = tmp_path / "a.png", picture(30, 40)
    own = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
    assert np.array_equal(read_picture(profiled(own, pixels, path)), pixels)
    for content in (b"no profile", own.tobytes()[:200], b"\0" * 500):
        Image.fromarray(pixels).save(path, icc_profile=content)
        assert np.array_equal(read_picture(path), pixels)
    Image.fromarray(pixels).convert("CMYK").save(
        tmp_path / "a.jpg", icc_profile=own.tobytes()
    )
    assert read_picture(tmp_path / "a.jpg").shape == (30, 40, 3)


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data:UserWarning")
@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.webp"])
def test_malformed_exif_data_is_no_reason_to_refuse_a_picture(
    name: str, tmp_path: Path
) -> None:
    pixels = np.full((40, 60, 3), 90, np.uint8)
    for exif in (b"Exif\0\0garbage", b"Exif\0\0II*\0\xff\xff\xff\xff", b"MM\0*", b"x"):
        Image.fromarray(pixels).save(tmp_path / name, exif=exif)
        assert abs(read_picture(tmp_path / name).astype(int) - 90).max() <= 2


def test_pictures_that_would_start_other_programs_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Image.new("RGB", (40, 40)).save(path, "EPS")
    with pytest.raises(CaptureError, match="cannot be read as a picture"):
        read_picture(path)
