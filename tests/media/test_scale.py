import numpy as np
import pytest

from confcodec.codec.frame import Pixels
from confcodec.codec.metrics import psnr
from confcodec.media.scale import can_halve, cover, double, fit, halve
from tests.conftest import picture


def test_a_halved_and_doubled_picture_has_its_size_and_place() -> None:
    rows = np.linspace(20, 220, 128)[:, None, None]
    smooth = np.broadcast_to(rows, (128, 96, 3)).astype(np.uint8)
    there_and_back = double(halve(smooth))
    assert halve(smooth).shape == (64, 48, 3)
    assert there_and_back.shape == smooth.shape
    assert psnr(smooth, there_and_back) > 45  # a shift by half a pixel: below that


def test_only_pictures_of_even_sides_and_some_size_are_halved() -> None:
    assert can_halve(picture(32, 64))
    assert not can_halve(picture(33, 64))
    assert not can_halve(picture(64, 65))
    assert not can_halve(picture(30, 64))


def marked(width: int, height: int) -> Pixels:
    """A white picture whose four edges are red, green, blue and grey."""
    pixels = np.full((height, width, 3), 255, np.uint8)
    edge = max(width, height) // 20
    pixels[:edge], pixels[-edge:] = (255, 0, 0), (0, 255, 0)
    pixels[edge:-edge, :edge], pixels[edge:-edge, -edge:] = (0, 0, 255), (90, 90, 90)
    return pixels


@pytest.mark.parametrize(
    ("shape", "size"),
    [
        ((480, 640), (640, 480)),
        ((1080, 1920), (1280, 720)),
        ((640, 480), (480, 640)),
        ((2560, 1080), (640, 480)),
        ((720, 720), (1280, 720)),
        ((16, 1920), (640, 480)),
    ],
)
def test_a_picture_of_quite_another_shape_is_whole_between_bars(
    shape: tuple[int, int], size: tuple[int, int]
) -> None:
    fitted = fit(marked(*shape), size)
    assert fitted.shape == (size[1], size[0], 3)
    rows = np.flatnonzero(fitted.max(axis=(1, 2)) > 20)
    columns = np.flatnonzero(fitted.max(axis=(0, 2)) > 20)
    inner = fitted[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    assert inner.shape[1] / inner.shape[0] == pytest.approx(
        shape[0] / shape[1], rel=0.08
    )
    assert inner.shape[0] == size[1] or inner.shape[1] == size[0]
    before, after = rows[0] + columns[0], size[1] + size[0] - rows[-1] - columns[-1] - 2
    assert abs(before - after) <= 1
    if min(shape) > 100:
        middle = inner[inner.shape[0] // 2], inner[:, inner.shape[1] // 2]
        corners = [middle[1][1], middle[1][-2], middle[0][1], middle[0][-2]]
        expected = [(255, 0, 0), (0, 255, 0), (0, 0, 255), (90, 90, 90)]
        assert np.abs(np.array(corners, int) - expected).max() < 40


@pytest.mark.parametrize(
    ("shape", "size"),
    [
        ((640, 480), (1280, 720)),
        ((1280, 720), (640, 480)),
        ((720, 576), (640, 480)),
        ((480, 640), (720, 1280)),
        ((600, 600), (640, 480)),
        ((640, 480), (320, 240)),
    ],
)
def test_a_picture_of_almost_the_same_shape_fills_the_frame(
    shape: tuple[int, int], size: tuple[int, int]
) -> None:
    pixels = marked(*shape)
    assert (fit(pixels, size) == cover(pixels, size)).all()
    assert fit(pixels, size).max(axis=2).min() > 60
