"""The comparison at equal bytes is honest: whole files, close in size, PSNR on the same picture."""

import io
import math

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image

from confcodec.codec.equal_bytes import (
    MAX_ENCODES,
    TOLERANCE,
    formats,
    render,
    search,
)
from confcodec.codec.metrics import psnr
from confcodec.codec.registry import codec_of
from confcodec.media.demo.source import open_demo

PICTURE = open_demo((640, 480), 30).read().pixels


def test_this_machine_writes_all_four_formats() -> None:
    assert formats() == ("jpeg", "webp", "jpeg2000", "avif")


@pytest.mark.parametrize("size", [6000, 11_000, 24_000])
@pytest.mark.parametrize("codec", formats())
def test_a_file_is_at_most_as_long_as_asked_for_and_hardly_shorter(
    codec: str, size: int
) -> None:
    made = render(PICTURE, codec, size)
    assert (1 - TOLERANCE) * size <= len(made.file) <= size
    assert codec_of(made.file) == codec


@pytest.mark.parametrize("size", [5000, 5300])
def test_a_size_is_found_where_the_lengths_of_a_format_bend(size: int) -> None:
    assert (1 - TOLERANCE) * size <= len(render(PICTURE, "webp", size).file) <= size


def test_a_format_that_cannot_be_so_short_gives_its_shortest_file() -> None:
    assert len(render(PICTURE, "jpeg", 3000).file) > 3000


@pytest.mark.parametrize("codec", formats())
def test_the_psnr_is_that_of_the_whole_file_read_back(codec: str) -> None:
    made = render(PICTURE, codec, 12_000)
    with Image.open(io.BytesIO(made.file)) as image:
        decoded = np.array(image.convert("RGB"))
    assert np.array_equal(decoded, made.pixels)
    assert made.psnr == psnr(PICTURE, decoded)


def test_a_hint_finds_the_same_size_in_fewer_attempts() -> None:
    attempts: list[float] = []

    def encode(setting: float) -> bytes:
        attempts.append(setting)
        return bytes(round(1000 * math.exp(5 * setting)))

    _, setting = search(encode, 30_000)
    first = len(attempts)
    search(encode, 30_100, setting)
    assert len(attempts) - first < first


def test_where_even_the_coarsest_file_is_too_long_that_one_is_given() -> None:
    file, setting = search(lambda setting: bytes(round(500 + 1000 * setting)), 100)
    assert (len(file), setting) == (500, 0.0)


def test_where_even_the_finest_file_is_short_that_one_is_given() -> None:
    file, setting = search(lambda setting: bytes(round(10 + 100 * setting)), 5000)
    assert (len(file), setting) == (110, 1.0)


@given(
    st.floats(200, 1e5),
    st.floats(2, 8),
    st.floats(0, 1),
    st.one_of(st.none(), st.floats(0, 1)),
)
@example(18749.5, 8.0, 0.0, 1e-05)
def test_any_rising_scale_is_searched_to_within_the_tolerance(
    least: float, growth: float, wanted: float, hint: float | None
) -> None:
    calls = 0

    def encode(setting: float) -> bytes:
        nonlocal calls
        calls += 1
        return bytes(int(least * math.exp(growth * setting)))

    size = int(least * math.exp(growth * wanted)) + 1
    file, _ = search(encode, size, hint)
    assert calls <= MAX_ENCODES
    assert (1 - TOLERANCE) * size - 2 <= len(file) <= size
