"""How many bits training expects symbols to cost, by the CDF row that codes them."""

import math

import torch
from torch import Tensor

from confcodec.codec.scales import ROWS

_LOG2_E = math.log2(math.e)
_LOG_SCALE_LOW = math.log(0.04)
_LOG_SCALE_HIGH = math.log(80.0)


def row_scale(rows: Tensor) -> Tensor:
    """Laplace scale that CDF rows (any shape, real-valued) stand for in training."""
    step = (_LOG_SCALE_HIGH - _LOG_SCALE_LOW) / (ROWS - 1)
    return torch.exp(_LOG_SCALE_LOW + step * rows)


def laplace_bits(x: Tensor, scale: Tensor) -> Tensor:
    """Bits of each x (an integer, or with uniform noise) under a zero-mean Laplace.

    Far out they grow linearly: a probability cut off at some small value would stop
    pulling back the latents that have run away, and has made training diverge.
    """
    x = x.abs()
    far = (x - 0.5) / scale * _LOG2_E + 1 - torch.log2(-torch.expm1(-1 / scale))
    near = x.clamp(max=0.5)
    mass = 1 - 0.5 * (
        torch.exp((near - 0.5) / scale) + torch.exp((-near - 0.5) / scale)
    )
    return torch.where(x > 0.5, far, -torch.log2(mass))
