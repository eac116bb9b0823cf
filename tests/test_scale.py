import numpy as np

from confcodec.codec.metrics import psnr
from confcodec.media.scale import can_halve, double, halve
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
