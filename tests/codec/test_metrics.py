"""Rate and distortion."""

import math

import numpy as np
import numpy.typing as npt
import pytest

from confcodec.codec.metrics import bpp, ms_ssim, psnr
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


def test_ms_ssim_is_one_for_equal_pictures_and_falls_with_damage() -> None:
    a = picture(200, 230)
    rng = np.random.default_rng(0)
    noisy = [
        np.clip(a + rng.normal(0, sigma, a.shape), 0, 255).astype(np.uint8)
        for sigma in (4, 12, 40)
    ]
    values = [ms_ssim(a, b) for b in (a, *noisy)]
    assert values[0] == pytest.approx(1.0, abs=1e-6)
    assert values == sorted(values, reverse=True)
    assert values[-1] < 0.9


def test_ms_ssim_is_the_published_formula() -> None:
    a, b = picture(176, 193, 0), picture(176, 193, 3)
    x, y = (p.astype(np.float64).transpose(2, 0, 1) for p in (a, b))
    taps = np.exp(-(np.arange(-5, 6) ** 2) / (2 * 1.5**2))
    window = np.outer(taps, taps) / taps.sum() ** 2

    def mean(z: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        views = np.lib.stride_tricks.sliding_window_view(z, (11, 11), (1, 2))
        return np.asarray((views * window).sum((-1, -2)))

    expected = np.ones(3)
    for scale, weight in enumerate((0.0448, 0.2856, 0.3001, 0.2363, 0.1333)):
        mx, my = mean(x), mean(y)
        vx, vy = mean(x * x) - mx**2, mean(y * y) - my**2
        term = (2 * (mean(x * y) - mx * my) + 58.5225) / (vx + vy + 58.5225)
        if scale == 4:
            term *= (2 * mx * my + 6.5025) / (mx**2 + my**2 + 6.5025)
        expected *= term.mean((1, 2)) ** weight
        even = [z[:, : z.shape[1] // 2 * 2, : z.shape[2] // 2 * 2] for z in (x, y)]
        x, y = (
            (z[:, ::2, ::2] + z[:, 1::2, ::2] + z[:, ::2, 1::2] + z[:, 1::2, 1::2]) / 4
            for z in even
        )
    assert ms_ssim(a, b) == pytest.approx(expected.mean(), abs=1e-5)


def test_ms_ssim_of_a_small_picture_does_not_exist() -> None:
    assert math.isnan(ms_ssim(picture(100, 300), picture(100, 300)))
