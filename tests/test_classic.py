"""JPEG and WebP behind the codec interface."""

import io

import numpy as np
import pytest
from PIL import Image

from confcodec.codec.codec import Codec, codec_of
from confcodec.codec.metrics import psnr
from confcodec.errors import BitstreamError
from tests.conftest import picture


@pytest.mark.parametrize("name", ["jpeg", "webp"])
def test_quality_raises_rate_and_psnr(name: str) -> None:
    codec, pixels = Codec.load(name), picture(120, 161)
    coded = [codec.encode(pixels, quality) for quality in (0, 20, 40, 63)]
    psnrs = [psnr(pixels, codec.decode(bitstream)) for bitstream in coded]
    assert [codec_of(bitstream) for bitstream in coded] == [name] * 4
    assert sorted(map(len, coded)) == [len(bitstream) for bitstream in coded]
    assert sorted(psnrs) == psnrs
    assert psnrs[-1] > 38


@pytest.mark.parametrize("name", ["jpeg", "webp"])
def test_damaged_bytes_raise_the_documented_error(name: str) -> None:
    codec = Codec.load(name)
    whole = codec.encode(picture(64, 64), 40)
    for damaged in (
        b"",
        b"\xff\xd8",
        whole[: len(whole) // 2],
        b"\xcc" + whole,
        b"RIFFxxxxWEBP",
    ):
        with pytest.raises(BitstreamError):
            codec.decode(damaged)


def test_a_picture_no_frame_can_be_is_refused_before_decoding() -> None:
    out = io.BytesIO()
    Image.fromarray(np.zeros((8, 4000, 3), np.uint8)).save(out, "JPEG")
    with pytest.raises(BitstreamError, match="4000x8"):
        Codec.load("jpeg").decode(out.getvalue())
