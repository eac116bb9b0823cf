"""Pictures <-> patches."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from confcodec.codec.rt.patches import from_patches, to_patches
from tests.conftest import picture


@pytest.mark.parametrize("size", [(16, 16), (48, 64), (17, 33), (31, 16), (129, 255)])
def test_every_size_round_trips(size: tuple[int, int]) -> None:
    pixels = picture(*size)
    np.testing.assert_array_equal(from_patches(to_patches(pixels, 16), *size), pixels)


def test_patches_are_those_of_pixel_unshuffle() -> None:
    pixels = picture(32, 48)
    expected = F.pixel_unshuffle(
        torch.from_numpy(pixels).permute(2, 0, 1)[None].float(), 8
    )
    expected = expected.view(3, 8, 8, 4, 6).permute(3, 4, 1, 2, 0).reshape(4, 6, 192)
    np.testing.assert_array_equal(to_patches(pixels, 16), expected.numpy())


def test_padding_repeats_the_edge() -> None:
    pixels = picture(17, 16)
    padded = from_patches(to_patches(pixels, 16), 32, 16)
    assert (padded[17:] == pixels[16]).all()
