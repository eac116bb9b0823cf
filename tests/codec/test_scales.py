"""The scale network gives the same rows whatever computes it."""

from collections.abc import Iterator

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from confcodec.codec.scales import ROWS, Z_MAX, ScaleNet, bounded, fold, fold_bias

QUALITY = torch.tensor([37.0])


@pytest.fixture(autouse=True)
def restore_threads() -> Iterator[None]:
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


def network(seed: int, spread: float) -> ScaleNet:
    torch.manual_seed(seed)
    net = ScaleNet(8, 24, 16)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.add_(spread * torch.randn_like(parameter))
    return net


def frozen(net: ScaleNet) -> tuple[Tensor, dict[str, Tensor]]:
    return fold_bias(net.bias_integers(QUALITY))[0], fold(net.integers())


def reference(net: ScaleNet, z: Tensor) -> Tensor:
    """The rows by 64-bit integers, slowly."""
    layers = {key: value.to(torch.int64) for key, value in net.integers().items()}

    def pointwise(a: Tensor, name: str) -> Tensor:
        out = torch.einsum("bchw,oc->bohw", a, layers[f"{name}.weight"][:, :, 0, 0])
        bias = layers.get(f"{name}.bias")
        return out if bias is None else out + bias[:, None, None]

    def depthwise(a: Tensor, name: str) -> Tensor:
        padded = torch.nn.functional.pad(a, (1, 1, 1, 1))
        h, w = a.shape[2:]
        weight = layers[f"{name}.weight"][:, 0]
        out = layers[f"{name}.bias"][:, None, None].expand_as(a).clone()
        for dy in range(3):
            for dx in range(3):
                out += (
                    padded[:, :, dy : dy + h, dx : dx + w]
                    * weight[:, dy, dx, None, None]
                )
        return out

    def requantise(a: Tensor) -> Tensor:
        return (a >> 6).clamp(0, 255)

    def shuffle(a: Tensor) -> Tensor:
        return torch.nn.functional.pixel_shuffle(a, 2)

    a = pointwise(z.to(torch.int64) * 16, "up1")
    a = a + net.bias_integers(QUALITY).to(torch.int64)[:, :, None, None]
    a = depthwise(shuffle(requantise(a)), "mix1")
    a = depthwise(shuffle(requantise(pointwise(requantise(a), "up2"))), "mix2")
    return (pointwise(requantise(a), "out") >> 10).clamp(0, ROWS - 1)


@given(st.integers(0, 10_000), st.sampled_from([0.05, 0.5, 5.0]))
@settings(max_examples=25, deadline=None)
def test_rows_are_those_of_integer_arithmetic(seed: int, spread: float) -> None:
    net = network(seed, spread)
    generator = torch.Generator().manual_seed(seed)
    z = torch.randint(-Z_MAX, Z_MAX + 1, (2, 8, 2, 5), generator=generator).float()
    z[0] = z[0].sign() * Z_MAX  # the edge of the integer range
    rows = net.rows(z, *frozen(net))
    torch.testing.assert_close(rows.to(torch.int64), reference(net, z))


@pytest.mark.filterwarnings(
    "ignore:TF32 acceleration"
)  # torch warns when oneDNN is switched
@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("mkldnn", [True, False])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_rows_do_not_depend_on_how_they_are_computed(
    threads: int, mkldnn: bool, layout: torch.memory_format
) -> None:
    torch.set_num_threads(threads)
    net = network(3, 0.5)
    z = torch.randint(-Z_MAX, Z_MAX + 1, (4, 8, 2, 10)).float()
    bias, layers = frozen(net)
    expected = reference(net, z)
    with torch.backends.mkldnn.flags(enabled=mkldnn):
        for batch in (z, z[1:2]):
            rows = net.rows(batch.contiguous(memory_format=layout), bias, layers)
            wanted = expected if len(batch) == 4 else expected[1:2]
            torch.testing.assert_close(rows.to(torch.int64), wanted)


def test_training_sees_the_rows_it_will_get() -> None:
    net = network(5, 0.3)
    z = torch.randint(-Z_MAX, Z_MAX + 1, (2, 8, 2, 4)).float()
    with torch.no_grad():
        smooth = net(z, QUALITY.expand(2))
    rows = net.rows(z, *frozen(net))
    torch.testing.assert_close(smooth.floor(), rows)


def test_partial_sums_stay_below_two_to_the_24() -> None:
    net = network(7, 50.0)  # every weight at its limit
    layers = net.integers()
    for name in ("up2", "out", "mix1", "mix2"):
        largest = 255 * layers[f"{name}.weight"].abs().flatten(1).sum(1).max()
        assert largest + layers[f"{name}.bias"].abs().max() < 2**24


def test_a_bounded_value_is_pulled_back_but_not_pushed_out() -> None:
    x = torch.tensor([-2.0, 0.5, 3.0], requires_grad=True)
    bounded(x, 0.0, 1.0).sum().backward()  # type: ignore[no-untyped-call]  # descending lowers all three
    assert x.grad is not None
    assert x.grad.tolist() == [0.0, 1.0, 1.0]
