"""Validation while training: rate, PSNR and loss over pictures held back."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from confcodec.codec.device import mixed_precision
from confcodec.codec.rt.bands import STRIDE
from confcodec.codec.rt.networks import RtOutput, to_model, to_pixels
from confcodec.lab.training.data import to_batch
from confcodec.lab.training.distributed import Group
from confcodec.lab.training.loss import rate_distortion
from confcodec.lab.training.models import Model
from confcodec.media.picture import read_picture

QUALITIES_MEASURED = (0, 12, 24, 36, 48, 63)


@dataclass(frozen=True, slots=True)
class Point:
    """Means over the pictures at one quality."""

    bpp: float
    """Estimated from rounded symbols."""
    psnr: float
    """dB, of pictures rounded to 8 bits."""
    loss: float
    """What training minimises."""


def validate(
    model: Model, pictures: Sequence[Path], group: Group | None = None
) -> list[Point]:
    """One point for each of `QUALITIES_MEASURED`, the pictures shared out over a group."""
    group = group or Group()
    device = next(model.parameters()).device
    sums = [0.0] * (3 * len(QUALITIES_MEASURED))
    for path in pictures[group.rank :: group.size]:
        x = to_batch(read_picture(path)).to(device)
        for i, quality in enumerate(QUALITIES_MEASURED):
            for j, value in enumerate(_measure(model, x, quality)):
                sums[3 * i + j] += value
    means = [value / len(pictures) for value in group.total(sums)]
    return [Point(*means[3 * i : 3 * i + 3]) for i in range(len(QUALITIES_MEASURED))]


@torch.no_grad()
def reconstruct(model: Model, x: Tensor, quality: float) -> tuple[Tensor, RtOutput]:
    """x (1, 3, H, W) in [0, 1] as `model` shows it, rounded to 8 bits, and its bits."""
    model.eval()
    height, width = x.shape[2:]
    padded = F.pad(x, (0, -width % STRIDE, 0, -height % STRIDE), mode="replicate")
    levels = torch.tensor([float(quality)], device=x.device)
    with mixed_precision(x.device):
        out = model(to_model(padded), levels)
    x_hat = to_pixels(out.x_hat)[:, :, :height, :width].clamp(0, 1)
    return (x_hat * 255).round() / 255, out


def _measure(model: Model, x: Tensor, quality: float) -> tuple[float, float, float]:
    x_hat, out = reconstruct(model, x, quality)
    shown = RtOutput(x_hat, out.bits_y, out.bits_z)
    loss = rate_distortion(x, shown, torch.tensor([float(quality)], device=x.device))
    return loss.bpp, loss.psnr, float(loss.total)
