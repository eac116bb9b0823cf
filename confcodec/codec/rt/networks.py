"""`rt`, the real-time codec: the networks, x -> y and y_hat -> x_hat.

    x (3, H, W)                                          x_hat (3, H, W)
      | unshuffle 8, 1x1                                   ^ 1x1, shuffle 8
    (C, H/8)  blocks, gain                               (C, H/8)  gain, blocks
      | 2x2 stride 2                                       ^ 1x1, shuffle 2
    (M, H/16)  blocks on the first C', gain              (M, H/16)  1/gain, blocks on C'
      | y (M, H/16) ------ round(y - mean) + mean ------> y_hat
      |  bands of 8 latent rows, each with its own z       ^ means: z, then checkerboard
      v                                                    |
    z (Z, H/64) -- round --> z_hat --+-- mean network -----+   float
                                     +-- scale network --> CDF rows   integer-exact

No feature map is larger than H/8 x W/8: at 640x480 the whole transform stays in
the processor's cache. The M - C' fine channels are what a block transform would
call its high frequencies: mostly zero, of mean zero, and so worth no network;
without them the linear part alone would stop at 42.8 dB (192 channels; 48.5 dB at
288, mean over the validation pictures). The hyperprior is that of "Variational image compression
with a scale hyperprior" (arXiv:1802.01436), the two-pass context that of
"Checkerboard context model for efficient learned image compression"
(arXiv:2103.15306), the gains those of "Asymmetric gained deep image compression
with continuous rate adaptation" (arXiv:2003.02012).
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from confcodec.codec.gains import Anchors, Gain
from confcodec.codec.likelihood import laplace_bits, row_scale
from confcodec.codec.rt.bands import checkerboard, compress, from_bands, to_bands
from confcodec.codec.scales import (
    Z_MAX,
    ScaleNet,
    bounded,
    dead_zone_of,
    straight_through,
    to_symbols,
)


@dataclass(frozen=True, slots=True)
class RtConfig:
    """The sizes of a model; stored with its weights."""

    name: str = "rt"
    """What the weights file and reports call it."""
    width8: int = 128
    """C, channels at 1/8."""
    width16: int = 192
    """C', channels at 1/16 that pass through blocks and have means."""
    latent: int = 288
    """M, channels of y; C' of them and the fine ones."""
    hyper: int = 48
    """Z, channels of z."""
    blocks8: int = 2
    """Blocks at 1/8, on each side."""
    blocks16: int = 2
    """Blocks at 1/16, on each side."""
    growth: float = 1.0
    """Width of a block's feed-forward over its own."""
    mean_width: int = 64
    """Channels inside the mean network."""
    features: int = 96
    """Channels the mean network hands to the context network."""
    context: int = 128
    """Channels inside the context network."""
    scale_width: int = 64
    """Channels inside the scale network."""

    @property
    def fine(self) -> int:
        """Channels of y without blocks and means."""
        return self.latent - self.width16


class Block(nn.Module):
    """1x1 to `growth` times the width, depthwise 3x3, 1x1 back; residual."""

    def __init__(self, channels: int, growth: float) -> None:
        super().__init__()
        hidden = round(growth * channels)
        self.expand = nn.Conv2d(channels, hidden, 1)
        self.depthwise = nn.Conv2d(hidden, hidden, 3, padding=1, groups=hidden)
        self.contract = nn.Conv2d(hidden, channels, 1)
        # Branches start silent, so that training starts from the linear warm start.
        nn.init.zeros_(self.contract.weight)
        nn.init.zeros_(self.contract.bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, h, w) to the same."""
        out: Tensor = x + self.contract(self.depthwise(_activate(self.expand(x))))
        return out


class Analysis(nn.Module):
    """x -> y, before the gain that sets the rate."""

    def __init__(self, config: RtConfig) -> None:
        super().__init__()
        self.embed = nn.Conv2d(3 * 64, config.width8, 1)
        self.blocks8 = _blocks(config.blocks8, config.width8, config.growth)
        self.gain8 = Gain(config.width8, 1.0, 1.0)
        self.down = nn.Conv2d(config.width8, config.width16, 2, stride=2)
        self.down_fine = nn.Conv2d(config.width8, config.fine, 2, stride=2)
        self.blocks16 = _blocks(config.blocks16, config.width16, config.growth)

    def forward(self, patches: Tensor, gain8: Tensor) -> Tensor:
        """(B, 192, H/8, W/8) to (B, M, H/16, W/16); gain8 is (B, C, 1, 1)."""
        h = self.embed(patches)  # (B, C, H/8, W/8)
        h = self.blocks8(h) * gain8.to(h.dtype)
        coarse = self.blocks16(self.down(h))  # (B, C', H/16, W/16)
        return torch.cat([coarse, self.down_fine(h)], 1)


class Synthesis(nn.Module):
    """y_hat, with its gain undone, -> x_hat."""

    def __init__(self, config: RtConfig) -> None:
        super().__init__()
        self.width16 = config.width16
        self.blocks16 = _blocks(config.blocks16, config.width16, config.growth)
        self.up = nn.Conv2d(config.latent, 4 * config.width8, 1)
        self.gain8 = Gain(config.width8, 1.0, 1.0)
        self.blocks8 = _blocks(config.blocks8, config.width8, config.growth)
        self.unembed = nn.Conv2d(config.width8, 3 * 64, 1)

    def forward(self, y_hat: Tensor, gain8: Tensor) -> Tensor:
        """(B, M, H/16, W/16) to (B, 192, H/8, W/8); gain8 is (B, C, 1, 1)."""
        coarse = self.blocks16(y_hat[:, : self.width16])
        h = self.up(torch.cat([coarse, y_hat[:, self.width16 :]], 1))
        h = self.blocks8(F.pixel_shuffle(h, 2) * gain8.to(h.dtype))  # (B, C, H/8, W/8)
        out: Tensor = self.unembed(h)
        return out


class MeanNet(nn.Module):
    """z_hat -> features at 1/16 and a first mean."""

    def __init__(self, config: RtConfig) -> None:
        super().__init__()
        width = config.mean_width
        self.up1 = nn.Conv2d(config.hyper, 4 * width, 1)
        self.mix1 = nn.Conv2d(width, width, 3, padding=1, groups=width)
        self.up2 = nn.Conv2d(width, 4 * config.features, 1)
        self.mix2 = nn.Conv2d(
            config.features, config.features, 3, padding=1, groups=config.features
        )
        self.mean = nn.Conv2d(config.features, config.width16, 1)

    def forward(self, z_hat: Tensor) -> tuple[Tensor, Tensor]:
        """(B, Z, h, w) to features (B, F, 4h, 4w) and means (B, C', 4h, 4w)."""
        h = self.mix1(_activate(F.pixel_shuffle(self.up1(z_hat), 2)))
        h = _activate(self.mix2(_activate(F.pixel_shuffle(self.up2(_activate(h)), 2))))
        return h, self.mean(h)


class ContextNet(nn.Module):
    """Half the latents, decoded, refine the means of the other half."""

    def __init__(self, config: RtConfig) -> None:
        super().__init__()
        width = config.context
        self.inward = nn.Conv2d(config.width16 + config.features, width, 1)
        self.depthwise = nn.Conv2d(width, width, 3, padding=1, groups=width)
        self.middle = nn.Conv2d(width, width, 1)
        self.outward = nn.Conv2d(width, config.width16, 1)

    def forward(self, anchors: Tensor, features: Tensor) -> Tensor:
        """Anchors (B, C', h, w), zero elsewhere; the correction to the mean, same shape."""
        h = self.inward(torch.cat([anchors, features], 1))
        h = _activate(self.middle(self.depthwise(_activate(h))))
        out: Tensor = self.outward(h)
        return out


@dataclass(frozen=True, slots=True)
class RtOutput:
    """What the loss needs of one training batch."""

    x_hat: Tensor
    """(B, 192, H/8, W/8) float32, not clipped; `to_pixels` makes pictures of it."""
    bits_y: Tensor
    """(B,) estimated bits of the latents."""
    bits_z: Tensor
    """(B,) estimated bits of the hyper-latents."""


class RtModel(nn.Module):
    """All networks of `rt`; `forward` is the training pass, the codec uses the parts."""

    def __init__(self, config: RtConfig) -> None:
        super().__init__()
        self.config = config
        self.analysis = Analysis(config)
        self.synthesis = Synthesis(config)
        self.gain_y = Gain(config.latent, 2.0, 80.0)
        self.hyper_analysis = nn.Sequential(
            nn.Conv2d(config.latent, 2 * config.hyper, 3, 2, 1),
            nn.LeakyReLU(0.1),
            nn.Conv2d(2 * config.hyper, config.hyper, 3, 2, 1),
        )
        self.means = MeanNet(config)
        self.context = ContextNet(config)
        self.scales = ScaleNet(config.hyper, config.latent, config.scale_width)
        self.z_log_scale = Anchors(config.hyper, 0.0, 0.0)

    def forward(self, x: Tensor, quality: Tensor) -> RtOutput:
        """One training pass over x, as `to_model` makes it, at quality (B,)."""
        gain = self.gain_y(quality)
        y = self.analysis(x, self.analysis.gain8(quality)).float() * gain
        bands = to_bands(y)
        repeat = bands.shape[0] // y.shape[0]
        band_quality = quality.repeat_interleave(repeat)
        # Without this bound z runs away beyond what can be coded, and takes all along.
        z = bounded(self.hyper_analysis(compress(bands)).float(), -Z_MAX, Z_MAX)
        z_hat = straight_through(z.round(), z)
        rows = self.scales(z_hat, band_quality)
        residual, symbols, y_hat = self.split(bands, z_hat, rows)
        if self.training:
            z = z + torch.rand_like(z) - 0.5
            residual = residual + torch.rand_like(residual) - 0.5
        else:
            z, residual = z_hat, symbols
        z_scale = self.z_log_scale(band_quality).exp()[:, :, None, None]
        bits_z = laplace_bits(z, z_scale).sum((1, 2, 3)).view(-1, repeat).sum(1)
        rows_hw = from_bands(rows, y.shape)
        residual_hw = from_bands(residual, y.shape)
        bits_y = laplace_bits(residual_hw, row_scale(rows_hw)).sum((1, 2, 3))
        y_hat_hw = from_bands(y_hat, y.shape)
        x_hat = self.synthesis(y_hat_hw / gain, self.synthesis.gain8(quality)).float()
        return RtOutput(x_hat, bits_y, bits_z)

    def split(
        self, bands: Tensor, z_hat: Tensor, rows: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """(residual, symbols, y_hat), all (B, M, h, w).

        The residual is what is left of y after the two means, the symbols what the
        encoder makes of it.
        """
        features, mean = self.means(z_hat)
        mean = mean.float()
        coarse, fine = bands[:, : mean.shape[1]], bands[:, mean.shape[1] :]
        mask = checkerboard(coarse)
        count = mean.shape[1]
        anchors = (mean + _quantise(coarse - mean, rows[:, :count])) * mask
        correction = self.context(anchors.to(features.dtype), features).float()
        mean = mean + correction * (1 - mask)
        residual = torch.cat([coarse - mean, fine], 1)
        symbols = _quantise(residual, rows)
        coarse = mean + symbols[:, :count]
        return residual, symbols, torch.cat([coarse, symbols[:, count:]], 1)


def to_model(x: Tensor) -> Tensor:
    """Pictures (B, 3, H, W) as the transforms see them: (B, 192, H/8, W/8), -0.5..0.5.

    uint8 counts 0..255, float32 0..1. Channels-last in, channels-last out.
    """
    b, _, height, width = x.shape
    x = x.permute(0, 2, 3, 1).reshape(b, height // 8, 8, width // 8, 8, 3)
    x = x.permute(0, 1, 3, 5, 2, 4).reshape(b, height // 8, width // 8, 3 * 64)
    scale = 255 if x.dtype == torch.uint8 else 1
    return (x.float() / scale - 0.5).permute(0, 3, 1, 2)


def to_pixels(x_hat: Tensor) -> Tensor:
    """The inverse of `to_model` for float32: (B, 192, H/8, W/8) to (B, 3, H, W)."""
    return F.pixel_shuffle(x_hat, 8) + 0.5


def _quantise(x: Tensor, rows: Tensor) -> Tensor:
    """Symbols as the encoder makes them; the gradient passes all the same."""
    symbols = to_symbols(x, dead_zone_of(rows.detach().floor()))
    return straight_through(symbols, x)


def _activate(x: Tensor) -> Tensor:
    return F.leaky_relu(x, 0.1, inplace=True)


def _blocks(count: int, channels: int, growth: float) -> nn.Sequential:
    return nn.Sequential(*[Block(channels, growth) for _ in range(count)])
