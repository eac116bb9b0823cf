"""Latents cut into bands, the slices that are coded without each other."""

import torch
import torch.nn.functional as F
from torch import Tensor

STRIDE = 16
"""Pixels a latent column or row covers; frames are padded to a multiple."""
HYPER = 4
"""Latents a hyper-latent covers, each way."""
BAND = 8
"""Latent rows of a slice: 128 pixel rows, coded without any other band."""


def to_bands(y: Tensor) -> Tensor:
    """Cut (B, M, h, w) into slices: (B * n, M, 8, w'), zero-padded, w' a multiple of 4."""
    b, m, h, w = y.shape
    y = F.pad(y, (0, -w % HYPER, 0, -h % BAND))
    n = y.shape[2] // BAND
    y = y.view(b, m, n, BAND, y.shape[3]).transpose(1, 2)
    return y.reshape(b * n, m, BAND, y.shape[-1])


def from_bands(bands: Tensor, shape: torch.Size) -> Tensor:
    """Undo `to_bands`: the (B, M, h, w) of `shape` again."""
    b, _, h, w = shape
    m = bands.shape[1]
    y = bands.view(b, -1, m, BAND, bands.shape[3]).transpose(1, 2)
    return y.reshape(b, m, -1, bands.shape[3])[:, :, :h, :w]


def checkerboard(y: Tensor) -> Tensor:
    """(1, M, h, w), 1 where a latent is an anchor; half the channels start with the other colour."""
    _, m, h, w = y.shape
    rows = torch.arange(h, device=y.device)[:, None]
    channels = torch.arange(m, device=y.device)[:, None, None] // (m // 2)
    colour = (rows + torch.arange(w, device=y.device) + channels) % 2
    return (1 - colour).to(y.dtype)[None]


def compress(y: Tensor) -> Tensor:
    """Latents with their magnitude on a log scale, so that one network fits all gains."""
    return y.abs().log1p() * y.sign()
