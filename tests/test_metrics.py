"""Rate and distortion."""

import math

import numpy as np
import pytest

from confcodec.codec.metrics import bpp, psnr
from tests.conftest import picture


def test_psnr_of_a_known_difference() -> None:
    a = np.full((20, 20, 3), 100, np.uint8)
    assert psnr(a, a + 5) == pytest.approx(20 * math.log10(255 / 5))
    assert psnr(a + 5, a) == psnr(a, a + 5)


def test_psnr_of_the_largest_difference_is_zero() -> None:
    black = np.zeros((1080, 1920, 3), np.uint8)
    assert psnr(black, black + 255) == pytest.approx(0, abs=1e-4)


def test_psnr_of_equal_pictures_is_infinite() -> None:
    assert psnr(picture(), picture()) == math.inf


def test_psnr_refuses_pictures_of_two_sizes() -> None:
    with pytest.raises(ValueError, match="one size"):
        psnr(picture(16, 16), picture(16, 32))


def test_bpp_counts_whole_bytes_over_unpadded_pixels() -> None:
    assert bpp(b"12345", picture(10, 20)) == 40 / 200
