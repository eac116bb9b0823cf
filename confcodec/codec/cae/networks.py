"""`cae`, the compressive autoencoder: its networks, x -> y and y_hat -> x_hat, and its rate.

    x (3, H, W)                                    x_hat (3, H, W)
      | normalise                                    ^ undo, clip
      | 5x5 stride 2                                 ^ 3x3 to 12, shuffle 2
    (64, H/2)                                      (64, H/2)
      | 5x5 stride 2                                 ^ 3x3 to 256, shuffle 2
    (128, H/4)  three residual blocks              (128, H/4)  three residual blocks
      | 5x5 stride 2                                 ^ 3x3 to 512, shuffle 2
    y (96, H/8) --- x scale, round, / scale --->   y_hat (96, H/8)

"Lossy image compression with compressive autoencoders" (arXiv:1703.00395). As there:
mirror padding before every convolution; rounding, and clipping to the range of pixels, whose
gradients are taken to be 1; the rate of a coefficient under a Gaussian scale mixture of
its own, with uniform noise for the rounding; a mask that
lets coefficients in one after the other; a scale for each coefficient and rate, which
can be trained while the networks rest, interpolated between rates.

Choices the text leaves open: pixels are centred at 0.5 and divided by 0.25; leaky
units have a slope of 0.2; blocks have one plain ReLU between their two layers. One thing is
not as there: the rate is that of a whole step, not its upper bound by Jensen's inequality,
which costs a silent coefficient a quarter of a bit: 0.37 bits a pixel for all 96.
"""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from confcodec.codec.gains import Gain
from confcodec.codec.rt.networks import RtOutput, to_pixels
from confcodec.codec.scales import straight_through

STRIDE = 8
"""Pixels a coefficient covers, each way."""

CENTRE, SPREAD = 0.5, 0.25
"""What pixels in [0, 1] are normalised by."""
SLOPE = 0.2
"""Of the leaky units."""


@dataclass(frozen=True, slots=True)
class CaeConfig:
    """The sizes of a model, as published; stored with its weights."""

    name: str = "cae"
    """What the weights file and reports call it."""
    width2: int = 64
    """Channels at 1/2."""
    width4: int = 128
    """Channels at 1/4, those of the residual blocks."""
    latent: int = 96
    """Coefficients of a place: channels of y."""
    blocks: int = 3
    """Residual blocks, on each side."""
    mixture: int = 6
    """Gaussians whose mixture is the prior of a coefficient."""
    scale_low: float = 0.5
    """Scale of y at quality 0, before training."""
    scale_high: float = 20.0
    """Scale of y at quality 63, before training."""


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions with a ReLU between them, added to their input."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = _conv(channels, channels, 3)
        self.second = _conv(channels, channels, 3)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, h, w) to the same."""
        out: Tensor = x + self.second(F.relu(self.first(x)))
        return out


class Analysis(nn.Module):
    """x -> y, before the scales that set the rate."""

    def __init__(self, config: CaeConfig) -> None:
        super().__init__()
        self.down2 = _conv(3, config.width2, 5, stride=2)
        self.down4 = _conv(config.width2, config.width4, 5, stride=2)
        self.blocks = _blocks(config)
        self.down8 = _conv(config.width4, config.latent, 5, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        """(B, 3, H, W) in [0, 1] to (B, M, H/8, W/8)."""
        h = F.leaky_relu(self.down2((x - CENTRE) / SPREAD), SLOPE)  # (B, 64, H/2)
        h = F.leaky_relu(self.down4(h), SLOPE)  # (B, 128, H/4)
        y: Tensor = self.down8(self.blocks(h))
        return y


class Synthesis(nn.Module):
    """y_hat, with its scale undone, -> x_hat."""

    def __init__(self, config: CaeConfig) -> None:
        super().__init__()
        self.up4 = _conv(config.latent, 4 * config.width4, 3)
        self.blocks = _blocks(config)
        self.up2 = _conv(config.width4, 4 * config.width2, 3)
        self.up1 = _conv(config.width2, 12, 3)

    def forward(self, y_hat: Tensor) -> Tensor:
        """(B, M, H/8, W/8) to (B, 3, H, W), not clipped."""
        h = self.blocks(F.pixel_shuffle(self.up4(y_hat), 2))  # (B, 128, H/4)
        h = F.leaky_relu(F.pixel_shuffle(self.up2(h), 2), SLOPE)  # (B, 64, H/2)
        return F.pixel_shuffle(self.up1(h), 2) * SPREAD + CENTRE


class ScaleMixture(nn.Module):
    """A zero-mean Gaussian scale mixture for each coefficient."""

    def __init__(self, channels: int, count: int) -> None:
        super().__init__()
        self.logits = nn.Parameter(torch.zeros(channels, count))
        # From far below one step of any rate to the widest coefficient.
        spread = torch.linspace(math.log(0.01), math.log(10.0), count)
        self.log_sigma = nn.Parameter(spread.repeat(channels, 1))

    @torch.no_grad()
    def fit(self, values: Tensor, rounds: int = 20) -> None:
        """Expectation-maximisation on values (M, N) of coefficients, a little noise added."""
        values = values.double() + 0.02 * torch.randn(values.shape, dtype=torch.float64)
        spread = torch.logspace(-1.5, 0.8, self.logits.shape[1], dtype=torch.float64)
        variance = values.square().mean(1, keepdim=True) * spread.square()  # (M, S)
        weight = torch.full_like(variance, 1 / variance.shape[1])
        for _ in range(rounds):
            squares = values.square()[:, None]  # (M, 1, N)
            density = (weight / variance.sqrt())[..., None] * torch.exp(
                -0.5 * squares / variance[..., None]
            )
            share = density / density.sum(1, keepdim=True).clamp_(min=1e-300)
            total = share.sum(2).clamp_(min=1e-6)
            variance = ((share * squares).sum(2) / total).clamp_(min=1e-4)
            weight = (total / total.sum(1, keepdim=True)).clamp_(min=1e-4)
        self.log_sigma.copy_(variance.log() / 2)
        self.logits.copy_(weight.log())

    def bits(self, values: Tensor, scale: Tensor) -> Tensor:
        """-log2 of the probability of values (B, M, h, w), coefficients times scale (B, M, 1, 1).

        A value stands for the step of width 1 around it.
        """
        sigma = self.log_sigma.exp()[None, :, None, None]  # (1, M, 1, 1, S)
        # Phi is even: on the left side of zero both terms are small, and nothing cancels.
        inner = (0.5 - values.abs())[..., None] / (sigma * scale[..., None])
        outer = (-0.5 - values.abs())[..., None] / (sigma * scale[..., None])
        weight = F.softmax(self.logits, 1)[None, :, None, None]
        probability = (
            weight * (torch.special.ndtr(inner) - torch.special.ndtr(outer))
        ).sum(-1)
        bits: Tensor = -probability.clamp(min=1e-9).log2()
        return bits


class CaeModel(nn.Module):
    """All networks of `cae`; `forward` is the training pass, the codec uses the parts."""

    def __init__(self, config: CaeConfig) -> None:
        super().__init__()
        self.config = config
        self.analysis = Analysis(config)
        self.synthesis = Synthesis(config)
        self.scale = Gain(config.latent, config.scale_low, config.scale_high)
        self.mixture = ScaleMixture(config.latent, config.mixture)
        self.mask: Tensor
        self.register_buffer("mask", torch.ones(config.latent, 1, 1))

    def admit(self, count: int) -> None:
        """Let the first `count` coefficients in; the others are zero, and cost nothing."""
        self.mask.copy_((torch.arange(self.config.latent) < count)[:, None, None])

    def rest_networks(self) -> None:
        """Let training change scales and mixtures alone, as when one rate is made many."""
        for part in (self.analysis, self.synthesis):
            part.requires_grad_(False)

    def forward(self, patches: Tensor, quality: Tensor) -> RtOutput:
        """One training pass, called as that of `rt`: (B, 192, H/8, W/8) at quality (B,)."""
        x = to_pixels(patches)
        scale = self.scale(quality)
        y = self.analysis(x).float() * self.mask
        scaled = y * scale
        rounded = straight_through(scaled.round(), scaled)
        noisy = scaled + torch.rand_like(scaled) - 0.5 if self.training else rounded
        bits = (self.mixture.bits(noisy, scale) * self.mask).sum((1, 2, 3))
        x_hat = self.synthesis(rounded / scale).float()
        x_hat = straight_through(x_hat.clamp(0, 1), x_hat)
        shown = F.pixel_unshuffle(x_hat - 0.5, STRIDE)
        return RtOutput(shown, bits, torch.zeros_like(bits))


def _blocks(config: CaeConfig) -> nn.Sequential:
    return nn.Sequential(*[ResidualBlock(config.width4) for _ in range(config.blocks)])


def _conv(inward: int, outward: int, size: int, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(
        inward, outward, size, stride, padding=size // 2, padding_mode="reflect"
    )
