"""One network for all rates: per-channel values interpolated over quality."""

import torch
from torch import Tensor, nn

from confcodec.codec.quality import QUALITIES

ANCHORS = 8


class Anchors(nn.Module):
    """A value per channel at each of 8 qualities, linear in between."""

    def __init__(self, channels: int, low: float, high: float) -> None:
        super().__init__()
        ramp = torch.linspace(low, high, ANCHORS)
        self.values = nn.Parameter(ramp[:, None].repeat(1, channels))

    def forward(self, quality: Tensor) -> Tensor:
        """(B, C) float32 for (B,) qualities in 0..63."""
        position = quality.float().clamp(0, QUALITIES - 1) * (
            (ANCHORS - 1) / (QUALITIES - 1)
        )
        below = position.floor().long().clamp(max=ANCHORS - 2)
        fraction = (position - below)[:, None]
        return torch.lerp(self.values[below], self.values[below + 1], fraction)


class Gain(nn.Module):
    """A positive factor per channel, log-interpolated over quality."""

    def __init__(self, channels: int, low: float, high: float) -> None:
        super().__init__()
        lo, hi = torch.tensor([low, high]).log().tolist()
        self.log = Anchors(channels, lo, hi)

    def forward(self, quality: Tensor) -> Tensor:
        """(B, C, 1, 1) float32 for (B,) qualities in 0..63."""
        gain: Tensor = self.log(quality).exp()
        return gain[:, :, None, None]
