"""`rt` as users meet it: pixels to bytes and back."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from confcodec.codec.bitstream import Header, unpack
from confcodec.codec.device import choose_device
from confcodec.codec.interface import Codec
from confcodec.codec.metrics import psnr
from confcodec.codec.registry import codec_of
from confcodec.codec.rt.bands import to_bands
from confcodec.codec.rt.codec import RtCodec, load_rt
from confcodec.codec.rt.latents import LatentCoder
from confcodec.codec.rt.networks import to_model
from confcodec.codec.rt.weights import load_weights
from confcodec.errors import BitstreamError, ConfcodecError
from tests.conftest import picture, tiny_model
from tests.paths import ROOT


@pytest.fixture(autouse=True)
def restore_threads() -> Iterator[None]:
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def tiny(tiny_weights: Path) -> RtCodec:
    return load_rt("cpu-fp32", weights=tiny_weights)


@pytest.mark.parametrize(
    "size", [(16, 16), (17, 33), (16, 1920), (130, 47), (481, 641), (1080, 1920)]
)
def test_every_size_comes_back_as_it_went(tiny: RtCodec, size: tuple[int, int]) -> None:
    pixels = picture(*size)
    bitstream = tiny.encode(pixels, 30)
    decoded = tiny.decode(bitstream)
    assert decoded.shape == pixels.shape
    assert decoded.dtype == np.uint8
    assert codec_of(bitstream) == "rt"


@pytest.mark.parametrize("quality", [0, 20, 63])
def test_the_sender_knows_the_pixels_the_receiver_gets(
    tiny: RtCodec, quality: int
) -> None:
    bitstream = tiny.encode(picture(200, 300), quality)
    known = tiny.reconstruct(bitstream)
    np.testing.assert_array_equal(known, tiny.decode(bitstream))
    # Of an older bitstream, too.
    tiny.encode(picture(64, 64), 5)
    np.testing.assert_array_equal(tiny.reconstruct(bitstream), known)


def test_a_lost_slice_shows_its_band_of_the_frame_before(tiny_weights: Path) -> None:
    codec = load_rt("cpu-fp32", weights=tiny_weights)
    before, now = picture(384, 160), picture(384, 160)[::-1].copy()
    old = codec.decode(codec.encode(before, 30))
    parts: list[bytes | None] = list(codec.split(codec.encode(now, 30)))
    whole = codec.join(parts)
    codec.join(codec.split(codec.encode(before, 30)))
    pixels = codec.join([None, *parts[1:]])
    far = 128 - 64, 128 + 64  # the synthesis looks less than 64 rows across the edge
    np.testing.assert_array_equal(pixels[: far[0]], old[: far[0]])
    np.testing.assert_array_equal(pixels[far[1] :], whole[far[1] :])
    assert not np.array_equal(pixels[: far[0]], whole[: far[0]])
    # What arrived is remembered: losing the rest next time changes nothing.
    np.testing.assert_array_equal(codec.join([None, None, parts[2]]), pixels)


def test_slices_that_cannot_make_a_picture_are_refused(tiny_weights: Path) -> None:
    codec = load_rt("cpu-fp32", weights=tiny_weights)
    one, two = codec.split(codec.encode(picture(200, 160), 30))
    with pytest.raises(BitstreamError, match="no frame of this size"):
        codec.join([one, None])
    codec.decode(codec.encode(picture(200, 64), 30))
    with pytest.raises(BitstreamError, match="no frame of this size"):
        codec.join([one, None])
    with pytest.raises(BitstreamError, match="all slices"):
        codec.join([None, None])
    with pytest.raises(BitstreamError, match="different frames"):
        codec.join([two, one])
    with pytest.raises(BitstreamError, match="1 slices for 200 rows"):
        codec.join([one])
    with pytest.raises(BitstreamError, match=r"version 1\.0"):
        codec.join([codec.encode(picture(200, 160), 30), two])


@pytest.mark.filterwarnings(
    "ignore:TF32 acceleration"
)  # torch warns when oneDNN is switched
@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("reader", ["cpu-fp32", "cpu-bf16"])
@pytest.mark.parametrize("mkldnn", [True, False])
def test_symbols_do_not_depend_on_the_reader(
    tiny_weights: Path, tiny: RtCodec, threads: int, reader: str, mkldnn: bool
) -> None:
    bitstream = tiny.encode(picture(150, 210), 45)
    header_and_payloads = unpack(bitstream)
    z_hat, symbols = tiny._latents.read(*header_and_payloads, range(2))
    torch.set_num_threads(threads)
    other = load_rt(reader, weights=tiny_weights)
    with torch.backends.mkldnn.flags(enabled=mkldnn):
        other_z, other_symbols = other._latents.read(*header_and_payloads, range(2))
    assert torch.equal(z_hat, other_z)
    assert torch.equal(symbols, other_symbols)


def test_perturbed_means_move_pixels_by_one_level_at_most(
    tiny: RtCodec, monkeypatch: pytest.MonkeyPatch
) -> None:
    bitstream = tiny.encode(picture(150, 210), 45)
    pixels = tiny.decode(bitstream)
    _, symbols = tiny._latents.read(*unpack(bitstream), range(2))
    means = tiny._latents.means

    def perturbed(z_hat: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        mean, features = means(z_hat)
        return mean + 1e-3 * torch.randn_like(mean), features

    monkeypatch.setattr(tiny._latents, "means", perturbed)
    moved = tiny.decode(bitstream)
    assert np.abs(moved.astype(int) - pixels).max() <= 1
    assert torch.equal(tiny._latents.read(*unpack(bitstream), range(2))[1], symbols)


@pytest.mark.parametrize("quality", [0, 30, 63])
def test_training_sees_the_symbols_that_are_coded(
    tiny_weights: Path, quality: int
) -> None:
    weights = load_weights(tiny_weights)
    model = weights.model
    x = torch.from_numpy(picture(256, 256).transpose(2, 0, 1)[None])
    level = torch.tensor([float(quality)])
    with torch.inference_mode():
        y = model.analysis(to_model(x), model.analysis.gain8(level))
        bands = to_bands(y * model.gain_y(level))
        coder = LatentCoder(weights, choose_device("cpu-fp32"), lambda _: None)
        header = Header(weights.model_hash, 256, 256, quality)
        payloads, known = coder.encode(bands.clone(), header)
        z_hat, coded = coder.read(header, payloads, range(2))
        rows = tiny_model().scales(z_hat, level.expand(2))
        _, symbols, y_hat = model.split(bands, z_hat, rows)
    assert coded.any()
    assert (coded == 0).any()
    # The order of sums differs, so that a residual may fall on the other side.
    assert (symbols != coded).float().mean() < 1e-3
    assert ((y_hat - known).abs() > 1e-3).float().mean() < 1e-3


def test_two_processes_write_the_same_bytes(tiny_weights: Path, tiny: RtCodec) -> None:
    script = (
        "import sys; from pathlib import Path; from confcodec.codec.rt.codec import load_rt\n"
        "from tests.conftest import picture, tiny_model\n"
        "codec = load_rt('cpu-fp32', weights=Path(sys.argv[1]))\n"
        "sys.stdout.buffer.write(codec.encode(picture(100, 140), 33))"
    )
    command = [sys.executable, "-c", script, str(tiny_weights)]
    root = ROOT
    other = subprocess.run(
        command, capture_output=True, check=True, cwd=root, timeout=100
    )
    assert other.stdout == tiny.encode(picture(100, 140), 33)


def test_another_model_is_refused_with_a_name(tiny: RtCodec) -> None:
    bitstream = bytearray(tiny.encode(picture(32, 32), 10))
    header, payloads = unpack(bytes(bitstream))
    from confcodec.codec.bitstream import Header, pack

    stranger = Header(b"\0\0\0\0", header.width, header.height, header.quality)
    with pytest.raises(BitstreamError, match="same weights"):
        tiny.decode(pack(stranger, payloads))


@given(st.binary(max_size=200), st.integers(0, 63))
@settings(max_examples=60, deadline=None)
def test_any_payload_is_a_picture_or_the_documented_error(
    tiny: RtCodec, payload: bytes, quality: int
) -> None:
    from confcodec.codec.bitstream import Header, pack

    header = Header(tiny._weights.model_hash, 40, 30, quality)
    try:
        pixels = tiny.decode(pack(header, [payload]))
    except BitstreamError:
        return
    assert pixels.shape == (30, 40, 3)


@pytest.mark.parametrize(
    ("shape", "quality"),
    [
        ((15, 16, 3), 10),
        ((16, 1921, 3), 10),
        ((16, 16), 10),
        ((16, 16, 3), 64),
        ((16, 16, 3), -1),
    ],
)
def test_a_callers_mistake_is_a_value_error(
    tiny: RtCodec, shape: tuple[int, ...], quality: int
) -> None:
    with pytest.raises(ValueError, match=r"outside|uint8"):
        tiny.encode(np.zeros(shape, np.uint8), quality)


@pytest.mark.gpu
def test_cuda_decodes_what_the_cpu_wrote(tiny_weights: Path, tiny: RtCodec) -> None:
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    pixels = picture(240, 320)
    bitstream = tiny.encode(pixels, 40)
    other = load_rt("cuda", weights=tiny_weights).decode(bitstream)
    assert np.abs(other.astype(int) - tiny.decode(bitstream)).max() <= 2


def test_the_weights_that_ship_beat_jpeg_on_a_picture() -> None:
    """A floor for the whole path, on a synthetic picture no training has seen."""
    pixels = picture(480, 640)
    rt, jpeg = Codec.load("rt"), Codec.load("jpeg")
    coded = rt.encode(pixels, 30)
    quality = max(
        q for q in range(64) if len(jpeg.encode(pixels, q)) <= len(coded) or q == 0
    )
    ours, theirs = rt.decode(coded), jpeg.decode(jpeg.encode(pixels, quality))
    assert psnr(pixels, ours) > 33
    assert psnr(pixels, ours) > psnr(pixels, theirs)


def test_an_unknown_codec_is_named() -> None:
    with pytest.raises(ValueError, match="h264"):
        Codec.load("h264")


def test_an_unknown_device_is_named(tiny_weights: Path) -> None:
    with pytest.raises((ValueError, ConfcodecError), match="tpu"):
        load_rt("tpu", weights=tiny_weights)
