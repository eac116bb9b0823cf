"""The scale network: hyper-latent -> row of the CDF table, exact on every machine.

    z (Z, 1/64) -> 1x1, x2 up -> depthwise 3x3 -> 1x1, x2 up -> depthwise 3x3 -> 1x1 -> rows (M, 1/16)

Weights and activations are integers held in float32. Every partial sum stays
below 2**24, so float32 adds them without rounding in any order, and only 1x1 and
depthwise convolutions occur, which no library computes through Winograd or an FFT.
The entropy decoder therefore reads the same rows on any device, with any number
of threads. Idea: "Integer networks for data compression with latent-variable
models" (ICLR 2019); here the output is the row itself.

Training runs the same integers: rounding passes its gradient straight through.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from confcodec.codec.gains import Anchors

ROWS = 64
"""Rows of the CDF table."""
FIRST_CODED = 8
"""Rows before this one say "certainly zero": their symbols are zero and cost nothing.

Where 1 symbol in 100 is not zero, coding it costs as much as it gains: over the
validation pictures the BD-rate against JPEG is -51.9 % from row 3, 6 or 8 on, and
-51.6 % from row 10; half as many symbols are coded from row 8 on as from row 3.
"""
Z_MAX = 31
"""Hyper-latent symbols lie in -Z_MAX .. Z_MAX."""

_WEIGHT_BITS = 6
"""An integer weight w stands for w / 2**6."""
_ACTIVATION_BITS = 4
"""An integer activation a stands for a / 2**4."""
_WEIGHT_MAX = 127
_ACTIVATION_MAX = 255
_BIAS_MAX = 1 << 20
_NOTHING_LEAVES = 1e6


class _BoundedIdentity(torch.autograd.Function):
    """Clamp whose gradient still pulls a value outside back in."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, low: float, high: float) -> Tensor:
        ctx.save_for_backward(x)
        ctx.low, ctx.high = low, high
        return x.clamp(low, high)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None]:
        (x,), (grad,) = ctx.saved_tensors, grads
        blocked = ((x < ctx.low) & (grad > 0)) | ((x > ctx.high) & (grad < 0))
        return grad.masked_fill(blocked, 0), None, None


def bounded(x: Tensor, low: float, high: float) -> Tensor:
    """Clamp to low..high; gradients that would leave the range are dropped."""
    out: Tensor = _BoundedIdentity.apply(x, low, high)  # type: ignore[no-untyped-call]
    return out


def straight_through(exact: Tensor, smooth: Tensor) -> Tensor:
    """The value of `exact` with the gradient of `smooth`."""
    return smooth + (exact - smooth).detach()


class ScaleNet(nn.Module):
    """Maps hyper-latents to CDF rows; see the module docstring."""

    def __init__(self, z_channels: int, latent_channels: int, hidden: int) -> None:
        super().__init__()
        self.up1 = nn.Conv2d(z_channels, 4 * hidden, 1, bias=False)
        self.up1_bias = Anchors(4 * hidden, 0.5, 2.0)
        self.mix1 = nn.Conv2d(hidden, hidden, 3, padding=1, groups=hidden)
        self.up2 = nn.Conv2d(hidden, 4 * hidden, 1)
        self.mix2 = nn.Conv2d(hidden, hidden, 3, padding=1, groups=hidden)
        self.out = nn.Conv2d(hidden, latent_channels, 1)
        with torch.no_grad():
            for mix in (self.mix1, self.mix2):
                mix.weight.mul_(0.2)
                mix.weight[:, :, 1, 1] += 0.7
            nn.init.constant_(self.out.bias, 15.0)  # type: ignore[arg-type]

    def forward(self, z_hat: Tensor, quality: Tensor) -> Tensor:
        """The rows, as training sees them: real-valued, differentiable.

        Args:
            z_hat: (B, Z, h, w) float32 integers in -Z_MAX..Z_MAX.
            quality: (B,) float, 0..63.

        Returns:
            (B, M, 4h, 4w) float32 in 0..64 (64 excluded); its floor is the row.
        """
        layers = self.integers()
        bias = self.bias_integers(quality)
        sums = self._sums(z_hat, bias, layers)
        return bounded(
            sums / (1 << (_WEIGHT_BITS + _ACTIVATION_BITS)), 0.0, ROWS - 1e-3
        )

    @torch.no_grad()
    def rows(self, z_hat: Tensor, bias: Tensor, layers: dict[str, Tensor]) -> Tensor:
        """The rows, exactly: the only thing an entropy coder may rely on.

        Args:
            z_hat: (B, Z, h, w) float32 integers in -Z_MAX..Z_MAX.
            bias: (4 * hidden,) the first layer's at this quality, from `fold_bias`.
            layers: what `fold` made of the frozen integers.

        Returns:
            (B, M, 4h, 4w) float32 integers in 0..63.
        """
        hidden = self.mix1.in_channels

        def layer(a: Tensor, name: str) -> Tensor:
            weight, bias = layers[f"{name}.weight"], layers[f"{name}.bias"]
            if name.startswith("mix"):
                a = F.conv2d(a, weight, bias, padding=1, groups=hidden)
            else:
                a = F.conv2d(a, weight, bias)
            return a

        def requantise(a: Tensor) -> Tensor:
            return a.floor_().clamp_(0, _ACTIVATION_MAX)

        a = requantise(F.conv2d(z_hat, layers["up1.weight"], bias))
        a = requantise(layer(F.pixel_shuffle(a, 2), "mix1"))
        a = requantise(layer(a, "up2"))
        a = requantise(layer(F.pixel_shuffle(a, 2), "mix2"))
        return layer(a, "out").floor_().clamp_(0, ROWS - 1)

    def integers(self) -> dict[str, Tensor]:
        """Every weight and bias but the first bias as float32 integers."""
        layers = {}
        for name in ("up1", "mix1", "up2", "mix2", "out"):
            layer: nn.Conv2d = getattr(self, name)
            layers[f"{name}.weight"] = _quantise(
                layer.weight, _WEIGHT_BITS, _WEIGHT_MAX
            )
            if layer.bias is not None:
                shift = _WEIGHT_BITS + _ACTIVATION_BITS
                layers[f"{name}.bias"] = _quantise(layer.bias, shift, _BIAS_MAX)
        return layers

    def bias_integers(self, quality: Tensor) -> Tensor:
        """(B, 4 * hidden) float32 integers: the first layer's bias per quality (B,)."""
        return _quantise(
            self.up1_bias(quality), _WEIGHT_BITS + _ACTIVATION_BITS, _BIAS_MAX
        )

    def _sums(self, z_hat: Tensor, bias: Tensor, layers: dict[str, Tensor]) -> Tensor:
        hidden = self.mix1.in_channels
        with torch.autocast(z_hat.device.type, enabled=False):
            a = z_hat.float() * (1 << _ACTIVATION_BITS)
            a = F.conv2d(a, layers["up1.weight"]) + bias[:, :, None, None]
            a = F.pixel_shuffle(_requantise(a), 2)  # (B, hidden, 2h, 2w)
            a = F.conv2d(
                a, layers["mix1.weight"], layers["mix1.bias"], padding=1, groups=hidden
            )
            a = F.conv2d(_requantise(a), layers["up2.weight"], layers["up2.bias"])
            a = F.pixel_shuffle(_requantise(a), 2)  # (B, hidden, 4h, 4w)
            a = F.conv2d(
                a, layers["mix2.weight"], layers["mix2.bias"], padding=1, groups=hidden
            )
            return F.conv2d(_requantise(a), layers["out.weight"], layers["out.bias"])


def dead_zone_of(rows: Tensor) -> Tensor:
    """How far a residual is moved towards zero before it is rounded: 0..0.2, or all the way.

    The narrower the table row, the more bits a larger symbol costs; half a step of error
    saved is not worth them. -2.0 % BD-rate against plain rounding, at the encoder alone.
    What is not coded gets a zone that nothing leaves.
    """
    coded = F.threshold(rows, FIRST_CODED - 1, -_NOTHING_LEAVES)
    return (40 - coded).clamp_(min=0).square_().mul_(0.2 / 40**2)


def to_symbols(x: Tensor, dead_zone: Tensor) -> Tensor:
    """Symbols of residuals `x`; zero within the dead zone."""
    return (x - x.clamp(-dead_zone, dead_zone)).round_()


def fold(layers: dict[str, Tensor]) -> dict[str, Tensor]:
    """Work the shifts between layers into the integers: exact, for they are powers of 2."""
    folded = {name: value * 2.0**-_WEIGHT_BITS for name, value in layers.items()}
    folded["up1.weight"] *= 1 << _ACTIVATION_BITS
    for name in ("out.weight", "out.bias"):
        folded[name] *= 2.0**-_ACTIVATION_BITS
    return folded


def fold_bias(bias: Tensor) -> Tensor:
    """The same for `bias_integers`."""
    return bias * 2.0**-_WEIGHT_BITS


def _quantise(x: Tensor, bits: int, limit: int) -> Tensor:
    x = bounded(x.float() * (1 << bits), -limit, limit)
    return straight_through(x.round(), x)


def _requantise(sums: Tensor) -> Tensor:
    scaled = (sums * 2.0**-_WEIGHT_BITS).clamp(0, _ACTIVATION_MAX)
    return straight_through(scaled.floor(), scaled)
