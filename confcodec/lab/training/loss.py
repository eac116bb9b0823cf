"""The training loss, R + lmbda x D, for one network at all qualities."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from confcodec.codec.quality import QUALITIES
from confcodec.codec.rt.networks import RtOutput

LMBDA_LOW = 0.0003
LMBDA_HIGH = 0.4
_BALANCE = 0.35


@dataclass(frozen=True, slots=True)
class Loss:
    """Means over one batch."""

    total: Tensor
    """What is minimised."""
    bpp: float
    """Estimated bits per pixel, latents and hyper-latents."""
    psnr: float
    """dB of the mean MSE."""


def lmbda_of(quality: Tensor) -> Tensor:
    """The weight of the MSE (on the 0..255 scale) at qualities 0..63, log-spaced."""
    ratio = math.log(LMBDA_HIGH / LMBDA_LOW)
    return LMBDA_LOW * torch.exp(ratio * quality / (QUALITIES - 1))


def rate_distortion(x: Tensor, out: RtOutput, quality: Tensor) -> Loss:
    """The loss of one batch x, coded at quality (B,).

    x and `out.x_hat` are pictures, or patches as `to_model` makes them.
    """
    pixels = x[0].numel() // 3
    mse = (out.x_hat - x).square().mean((1, 2, 3))
    bpp = (out.bits_y + out.bits_z) / pixels
    lmbda = lmbda_of(quality)
    # A plain sum would be ruled by the high rates, whose loss is 30 times larger.
    weight = (lmbda / math.sqrt(LMBDA_LOW * LMBDA_HIGH)) ** -_BALANCE
    total = (weight * (bpp + lmbda * 255**2 * mse)).mean()
    psnr = -10 * math.log10(max(float(mse.detach().mean()), 1e-10))
    return Loss(total, float(bpp.detach().mean()), psnr)
