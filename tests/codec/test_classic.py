"""JPEG, WebP, JPEG 2000 and AVIF behind the codec interface."""

import contextlib
import io
import struct
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from confcodec.codec.classic.codec import VARIANTS, load_classic
from confcodec.codec.interface import Codec
from confcodec.codec.metrics import psnr
from confcodec.codec.registry import codec_of, installed_codecs
from confcodec.errors import BitstreamError, ConfcodecError
from tests.conftest import picture

NAMES = ["jpeg", "webp", "jpeg2000", "avif"]


@pytest.mark.parametrize("name", NAMES)
def test_quality_raises_rate_and_psnr(name: str) -> None:
    codec, pixels = Codec.load(name), picture(120, 161)
    coded = [codec.encode(pixels, quality) for quality in (0, 20, 40, 63)]
    psnrs = [psnr(pixels, codec.decode(bitstream)) for bitstream in coded]
    assert [codec_of(bitstream) for bitstream in coded] == [name] * 4
    assert sorted(map(len, coded)) == [len(bitstream) for bitstream in coded]
    assert sorted(psnrs) == psnrs
    assert psnrs[-1] > 38


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("size", [(16, 16), (17, 333), (480, 640)])
def test_every_size_comes_back(name: str, size: tuple[int, int]) -> None:
    codec, pixels = Codec.load(name), picture(*size)
    # A part of a larger picture, as a crop is: its rows are not contiguous.
    wide = np.concatenate([pixels, pixels], 1)[:, : size[1]]
    assert psnr(pixels, codec.decode(codec.encode(wide, 50))) > 30


@pytest.mark.parametrize("name", VARIANTS)
def test_a_variant_is_the_same_format_in_other_bytes(name: str) -> None:
    plain, _, _ = name.partition(":")
    codec, pixels = load_classic(name), picture(96, 128)
    bitstream = codec.encode(pixels, 30)
    assert codec.info.codec == name
    assert codec_of(bitstream) == plain
    assert bitstream != Codec.load(plain).encode(pixels, 30)
    assert np.array_equal(
        codec.decode(bitstream), load_classic(plain).decode(bitstream)
    )


@pytest.mark.parametrize("name", NAMES)
def test_damaged_bytes_raise_the_documented_error(name: str) -> None:
    codec = Codec.load(name)
    whole = codec.encode(picture(64, 64), 40)
    for damaged in (
        b"",
        b"\xff\xd8",
        b"\xff\x4f\xff\x51",
        b"\0\0\0\x20ftypavif",
        *(whole[:cut] for cut in range(0, len(whole), 97)),
        whole[:-1],
        b"\xcc" + whole,
        b"RIFFxxxxWEBP",
    ):
        if damaged != whole[:-1] or name != "jpeg":  # Pillow forgives the last byte
            with pytest.raises(BitstreamError):
                codec.decode(damaged)


@pytest.mark.parametrize("name", ["jpeg2000", "avif"])
@settings(deadline=None, max_examples=150)
@given(changes=st.lists(st.tuples(st.integers(0, 10**6), st.integers(1, 255))))
def test_changed_bytes_are_a_picture_or_the_documented_error(
    name: str, changes: list[tuple[int, int]]
) -> None:
    codec = load_classic(name)
    damaged = bytearray(codec.encode(picture(48, 64), 20))
    for at, by in changes:
        damaged[at % len(damaged)] ^= by
    with contextlib.suppress(BitstreamError):
        assert codec.decode(bytes(damaged)).dtype == np.uint8


def test_a_picture_no_frame_can_be_is_refused_before_decoding() -> None:
    out = io.BytesIO()
    Image.fromarray(np.zeros((8, 4000, 3), np.uint8)).save(out, "JPEG")
    with pytest.raises(BitstreamError, match="4000x8"):
        Codec.load("jpeg").decode(out.getvalue())


def test_a_small_file_cannot_ask_for_a_large_picture() -> None:
    jpeg2000 = bytearray(Codec.load("jpeg2000").encode(picture(64, 64), 20))
    for at in (8, 12, 24, 28):  # picture and tile, both sides
        struct.pack_into("!I", jpeg2000, at, 60_000)
    with pytest.raises(BitstreamError, match="60000x60000"):
        Codec.load("jpeg2000").decode(bytes(jpeg2000))
    avif = bytearray(Codec.load("avif").encode(picture(64, 64), 20))
    struct.pack_into("!II", avif, avif.index(b"ispe") + 8, 60_000, 60_000)
    with pytest.raises(BitstreamError, match="60000x60000"):
        Codec.load("avif").decode(bytes(avif))


def test_an_av1_frame_cannot_be_larger_than_its_file_says() -> None:
    avif = bytearray(Codec.load("avif").encode(picture(64, 64), 20))
    # Delimiter (2 bytes), header and size (2), then profile, level and the sides' widths in bits.
    at = avif.index(b"mdat") + 4 + 4
    avif[at + 1] |= 0x3C
    with pytest.raises(BitstreamError, match="larger than the header"):
        Codec.load("avif").decode(bytes(avif))


def test_tiny_precincts_are_refused() -> None:
    bitstream = bytearray(Codec.load("jpeg2000").encode(picture(64, 64), 20))
    style = bitstream.index(b"\xff\x52")
    (length,) = struct.unpack_from("!H", bitstream, style + 2)
    if length == 12:  # default precincts: declare one size for each resolution
        levels = bitstream[style + 9]
        bitstream[style + 4] |= 1
        struct.pack_into("!H", bitstream, style + 2, 13 + levels)
        at = style + 2 + length
        bitstream[at:at] = b"\x11" * (levels + 1)
    else:
        bitstream[style + 2 + length - 1] = 0x11
    with pytest.raises(BitstreamError, match="precincts"):
        Codec.load("jpeg2000").decode(bytes(bitstream))


def test_a_missing_library_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert "avif" in installed_codecs()
    monkeypatch.setitem(sys.modules, "imagecodecs", None)
    with pytest.raises(ConfcodecError, match=r"pip install 'confcodec\[lab\]'"):
        Codec.load("avif")
    assert Codec.load("jpeg").info.codec == "jpeg"


def test_noise_is_more_than_a_picture_and_still_coded() -> None:
    """It does not fit into the one block that Pillow optimises JPEG's tables in."""
    noise = np.random.default_rng(0).integers(0, 256, (200, 200, 3), np.uint8)
    codec = Codec.load("jpeg")
    assert psnr(noise, codec.decode(codec.encode(noise, 63))) > 30
