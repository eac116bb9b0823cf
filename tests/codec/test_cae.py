"""The compressive autoencoder: what is published, and what any codec here promises."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from confcodec.codec.cae.codec import CaeCodec
from confcodec.codec.cae.networks import STRIDE, CaeConfig, CaeModel
from confcodec.codec.cae.weights import load_cae_weights
from confcodec.codec.device import choose_device
from confcodec.codec.metrics import psnr
from confcodec.codec.registry import _model_names, codec_of, installed_codecs
from confcodec.codec.rt.networks import to_model, to_pixels
from confcodec.errors import BitstreamError, WeightsError
from tests.conftest import picture, save_cae, some_spreads

SMALL = CaeConfig(width2=8, width4=8, latent=6, blocks=1)


def model(seed: int = 0) -> CaeModel:
    torch.manual_seed(seed)
    return CaeModel(SMALL).eval()


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    nets = [model(0), model(1)]
    folder = tmp_path_factory.mktemp("weights")
    return save_cae(nets, folder)


@pytest.fixture
def codec(weights: Path) -> CaeCodec:
    return CaeCodec(load_cae_weights(weights), choose_device("cpu-fp32"))


def test_sizes_are_the_published_ones() -> None:
    published = CaeModel(CaeConfig())
    convolutions = [
        (layer.in_channels, layer.out_channels, layer.kernel_size[0], layer.stride[0])
        for layer in published.modules()
        if isinstance(layer, torch.nn.Conv2d)
    ]
    block = [(128, 128, 3, 1)] * 6
    assert convolutions == [
        (3, 64, 5, 2),
        (64, 128, 5, 2),
        *block,
        (128, 96, 5, 2),
        (96, 512, 3, 1),
        *block,
        (128, 256, 3, 1),
        (64, 12, 3, 1),
    ]
    y = published.analysis(torch.rand(1, 3, 64, 48))
    assert y.shape == (1, 96, 8, 6)
    assert published.synthesis(y).shape == (1, 3, 64, 48)


def test_rounding_and_clipping_pass_gradients_on() -> None:
    net = model().train()
    x = torch.rand(1, 3, 32, 32)
    with torch.no_grad():
        net.synthesis.up1.bias.fill_(40.0)  # type: ignore[union-attr]
    out = net(to_model(x), torch.tensor([30.0]))
    assert (to_pixels(out.x_hat) == 1).all()
    out.x_hat.sum().backward()
    assert net.analysis.down2.weight.grad is not None
    assert net.analysis.down2.weight.grad.abs().sum() > 0


def test_the_rate_bounds_what_a_mixture_really_costs() -> None:
    mixture = model().mixture
    scale = torch.full((1, SMALL.latent, 1, 1), 8.0)
    values = torch.zeros(1, SMALL.latent, 64, 64)
    noisy = values + torch.rand_like(values) - 0.5
    bound = mixture.bits(noisy, scale).mean()
    steps = torch.linspace(-0.5, 0.5, 2001)[None, None, None]
    density = torch.exp2(-mixture.bits(steps.expand(1, SMALL.latent, 1, -1), scale))
    exact = -torch.log2(torch.trapezoid(density, steps[0, 0, 0], dim=-1)).mean()
    assert bound >= exact - 0.02


def test_coefficients_that_are_not_let_in_are_zero_and_cost_nothing() -> None:
    net, quality = model(), torch.tensor([40.0])
    x = to_model(torch.rand(1, 3, 32, 32))
    whole = net(x, quality).bits_y
    net.admit(0)
    none = net(x, quality)
    assert none.bits_y == 0
    flat = net.synthesis(torch.zeros(1, SMALL.latent, 4, 4)).clamp(0, 1)
    assert torch.allclose(to_pixels(none.x_hat), flat, atol=1e-6)
    net.admit(2)
    assert 0 < net(x, quality).bits_y < whole


def test_networks_at_rest_leave_scales_and_mixtures_to_train() -> None:
    net = model()
    net.rest_networks()
    moving = {
        name.partition(".")[0] for name, p in net.named_parameters() if p.requires_grad
    }
    assert moving == {"scale", "mixture"}


@pytest.mark.parametrize("size", [(16, 16), (17, 23), (128, 40), (300, 129)])
@pytest.mark.parametrize("quality", [0, 33, 63])
def test_every_size_is_decoded_to_what_the_net_makes_of_it(
    size: tuple[int, int], quality: int, codec: CaeCodec
) -> None:
    pixels = picture(*size)
    bitstream = codec.encode(pixels, quality)
    decoded = codec.decode(bitstream)
    assert decoded.shape == pixels.shape
    net = model(bitstream[16 + 3 * bitstream[11]])
    padding = (0, -size[1] % STRIDE, 0, -size[0] % STRIDE)
    x = torch.from_numpy(pixels).permute(2, 0, 1)[None].float() / 255
    x = torch.nn.functional.pad(x, padding, mode="reflect")
    with torch.no_grad():
        x_hat = to_pixels(net(to_model(x), torch.tensor([float(quality)])).x_hat)[0]
    expected = (255 * x_hat[:, : size[0], : size[1]]).round().permute(1, 2, 0)
    difference = np.abs(expected.numpy() - decoded)
    # Weights lie in half precision, and a dead zone moves coefficients towards zero.
    assert np.median(difference) <= 1


def test_a_lost_slice_keeps_what_was_shown_and_spoils_nothing_far_away(
    codec: CaeCodec,
) -> None:
    first, second = picture(300, 64, 1), picture(300, 64, 2)
    whole = codec.decode(codec.encode(second, 40))
    shown = codec.decode(codec.encode(first, 40))
    parts: list[bytes | None] = [*codec.split(codec.encode(second, 40))]
    assert len(parts) == 3
    parts[1] = None
    codec.decode(codec.encode(first, 40))
    joined = codec.join(parts)
    assert np.array_equal(joined[128:256], shown[128:256])
    assert psnr(joined[:96], whole[:96]) > 40
    assert np.array_equal(joined[290:], whole[290:])


def test_the_ensemble_takes_the_better_net(weights: Path, tmp_path: Path) -> None:
    both = CaeCodec(load_cae_weights(weights), choose_device("cpu-fp32"))
    pixels = picture(64, 64)
    costs = []
    for i in range(2):
        path = save_cae([model(i)], tmp_path)
        alone = CaeCodec(load_cae_weights(path), choose_device("cpu-fp32"))
        bitstream = alone.encode(pixels, 50)
        costs.append(alone._cost(bitstream, pixels))
    bitstream = both.encode(pixels, 50)
    assert bitstream[16 + 3] == int(np.argmin(costs))
    assert both._cost(bitstream, pixels) == pytest.approx(min(costs))


@settings(deadline=None, max_examples=60)
@given(
    changes=st.lists(st.tuples(st.integers(0, 10**6), st.integers(1, 255)), min_size=1)
)
def test_changed_bytes_are_the_documented_error(
    weights: Path, changes: list[tuple[int, int]]
) -> None:
    codec = CaeCodec(load_cae_weights(weights), choose_device("cpu-fp32"))
    damaged = bytearray(codec.encode(picture(64, 48), 30))
    for at, by in changes:
        damaged[at % len(damaged)] ^= by
    if damaged != codec.encode(picture(64, 48), 30):
        with pytest.raises(BitstreamError):
            codec.decode(bytes(damaged))


def test_parts_of_no_use_are_the_documented_error(codec: CaeCodec) -> None:
    part = codec.split(codec.encode(picture(64, 48), 30))[0]
    for damaged in (part[:12], part[:12] + b"\x07" + part[13:], part[:-1], part[:5]):
        with pytest.raises(BitstreamError):
            codec.join([damaged])
    with pytest.raises(BitstreamError, match="lost"):
        codec.join([None])


def test_weights_of_another_codec_are_refused(tiny_weights: Path) -> None:
    with pytest.raises(WeightsError, match="holds no weights"):
        load_cae_weights(tiny_weights)


def test_weights_come_back_as_they_were(weights: Path) -> None:
    loaded = load_cae_weights(weights)
    assert len(loaded.models) == 2
    expected = some_spreads(SMALL.latent)
    assert np.array_equal(loaded.spreads[1].rows, expected.rows)
    assert np.array_equal(loaded.spreads[1].tile, expected.tile)
    assert np.array_equal(loaded.spreads[1].predicted, expected.predicted)
    for one, other in zip(
        model(1).parameters(), loaded.models[1].parameters(), strict=True
    ):
        assert torch.allclose(one, other, atol=1e-3, rtol=1e-3)


def test_a_bitstream_names_its_codec_where_the_weights_are(
    weights: Path, codec: CaeCodec, monkeypatch: pytest.MonkeyPatch
) -> None:
    bitstream = codec.encode(picture(32, 32), 20)
    assert codec_of(bitstream) == "rt", "the default, where nobody knows the model"
    monkeypatch.setattr("confcodec.codec.registry.share_path", lambda _: weights.parent)
    _model_names.cache_clear()
    assert codec_of(bitstream) == "cae"
    assert "cae" in installed_codecs()
    assert "rt" not in installed_codecs()
    _model_names.cache_clear()
