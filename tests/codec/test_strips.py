"""Pictures larger than a call's: in strips without a seam, from files alone."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from confcodec.codec.bitstream import pack, slice_count, unpack
from confcodec.codec.cae.networks import CaeConfig, CaeModel
from confcodec.codec.interface import Codec
from confcodec.codec.metrics import psnr
from confcodec.codec.size import FILE_SIDE, MAX_SIDE
from confcodec.codec.strips import strips
from confcodec.errors import BitstreamError
from tests.conftest import picture, save_cae


@pytest.fixture(scope="module", params=["rt", "cae"])
def learned(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    tiny_weights: Path,
) -> Codec:
    weights = tiny_weights
    if request.param == "cae":
        net = CaeModel(CaeConfig(width2=4, width4=4, latent=4, blocks=1))
        weights = save_cae([net], tmp_path_factory.mktemp("cae"))
    codec = Codec.load(request.param, "cpu-fp32", weights=weights)
    codec.max_side = FILE_SIDE
    return codec


@given(st.integers(16, FILE_SIDE), st.integers(16, FILE_SIDE))
def test_strips_cover_every_slice_once_and_no_more_than_a_call(
    width: int, height: int
) -> None:
    cut = strips(width, height)
    assert cut[0].first == 0
    assert cut[-1].last == slice_count(height)
    assert all(a.last == b.first for a, b in pairwise(cut))
    assert cut[0].above == cut[-1].below == 0
    assert all(a.below == b.above == 1 for a, b in pairwise(cut))
    for strip in cut:
        own = (strip.last - strip.first) * 128 * width
        assert own <= max(MAX_SIDE * MAX_SIDE, 128 * width) or len(cut) == 1


def test_strips_join_without_a_seam(
    learned: Codec, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In strips or in one go, the same picture comes out, to the rounding of floats."""
    pixels = picture(1000, 310)
    bitstream = learned.encode(pixels, 30)
    whole = learned.decode(bitstream).astype(int)
    # As if a call's largest frame had no more pixels than two slices of this one.
    monkeypatch.setattr("confcodec.codec.strips._WHOLE", 256 * 310)
    assert len(strips(310, 1000)) == 4
    in_strips = learned.decode(bitstream)
    assert np.abs(in_strips - whole).max() <= 1
    coded = learned.encode(pixels, 30)
    assert len(coded) == pytest.approx(len(bitstream), rel=1e-3)
    assert np.array_equal(learned.reconstruct(coded), learned.decode(coded))
    assert psnr(learned.decode(coded), whole.astype(np.uint8)) > 45


@pytest.mark.parametrize("name", ["jpeg", "webp", "jpeg2000", "avif"])
def test_classic_codecs_take_large_pictures_from_files_alone(name: str) -> None:
    codec = Codec.load(name)
    pixels = picture(40, 5000)
    with pytest.raises(ValueError, match="5000x40 is outside"):
        codec.encode(pixels, 30)
    codec.max_side = FILE_SIDE
    bitstream = codec.encode(pixels, 50)
    assert psnr(codec.decode(bitstream), pixels) > 25
    with pytest.raises(BitstreamError, match=r"5000|1920"):
        Codec.load(name).decode(bitstream)


def test_a_call_refuses_a_large_bitstream_before_it_allocates(
    learned: Codec, tiny_weights: Path
) -> None:
    bitstream = learned.encode(picture(16, 2000), 30)
    with pytest.raises(BitstreamError, match="2000x16 is outside"):
        unpack(bitstream)
    header, payloads = unpack(bitstream, FILE_SIDE)
    assert pack(header, payloads) == bitstream
    learned.max_side = MAX_SIDE
    try:
        with pytest.raises(BitstreamError, match="2000x16 is outside"):
            learned.decode(bitstream)
        with pytest.raises(BitstreamError, match="2000x16 is outside"):
            learned.split(bitstream)
        part = bytearray(learned.split(learned.encode(picture(16, 64), 30))[0])
        part[6:8] = (2000).to_bytes(2, "big")
        with pytest.raises(BitstreamError, match="2000x16 is outside"):
            learned.join([bytes(part)])
    finally:
        learned.max_side = FILE_SIDE


def test_a_fresh_codec_has_the_limit_of_a_call() -> None:
    assert Codec.load("jpeg").max_side == MAX_SIDE == 1920


def test_no_picture_is_larger_than_a_file_may_hold() -> None:
    codec = Codec.load("jpeg")
    codec.max_side = FILE_SIDE
    with pytest.raises(ValueError, match=r"8193x16 is outside 16x16 \.\. 8192x8192"):
        codec.encode(np.zeros((16, 8193, 3), np.uint8), 30)


def test_a_slice_that_is_too_long_for_its_table_is_refused(tiny_weights: Path) -> None:
    codec = Codec.load("rt", "cpu-fp32", weights=tiny_weights)
    header, _ = unpack(codec.encode(picture(16, 64), 30))
    with pytest.raises(ValueError, match="lower the quality"):
        pack(header, [bytes(1 << 20)])
