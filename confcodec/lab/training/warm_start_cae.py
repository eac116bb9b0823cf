"""KLT warm start of `cae`: it begins as a transform of 8x8 blocks, not as noise.

Not in the paper, which trains for weeks from noise. Its convolutions can hold a linear
transform exactly: each value v travels through the leaky units as the pair v and -v, for
leaky(v) - leaky(-v) = (1 + slope) v. The residual blocks start silent. Layers narrower than
the pairs need (24 at 1/2, 96 at 1/4) keep their random start. The priors are fitted to what
comes out.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from confcodec.codec.cae.networks import CENTRE, SLOPE, SPREAD, CaeModel
from confcodec.lab.training.warm_start import components

_HALF, _QUARTER = 12, 48
"""Values of a place at 1/2 and at 1/4: blocks of 2x2 and 4x4 pixels."""


@torch.no_grad()
def klt_warm_start_cae(model: CaeModel, x: Tensor) -> None:
    """Set the layers of `model` from sample patches x (B, 3, H, W) in [0, 1]."""
    config, analysis, synthesis = model.config, model.analysis, model.synthesis
    if config.width2 < 2 * _HALF or config.width4 < 2 * _QUARTER:
        return
    blocks = (x - CENTRE) / SPREAD
    for _ in range(3):
        blocks = F.pixel_unshuffle(blocks, 2)
    basis = components(blocks, config.latent)  # (192, M)
    for residual in (*analysis.blocks, *synthesis.blocks):
        residual.second.weight.zero_()
        residual.second.bias.zero_()
    _gather(analysis.down2, torch.eye(_HALF), 3, paired=False)
    _gather(analysis.down4, torch.eye(_QUARTER), _HALF, paired=True)
    _gather(analysis.down8, basis.T, _QUARTER, paired=True, double=False)
    _spread(synthesis, basis)
    y = torch.cat([analysis(part) for part in torch.split(x, 8)])
    model.mixture.fit(y.transpose(0, 1).flatten(1)[:, ::13])


def _gather(
    layer: nn.Conv2d, matrix: Tensor, inward: int, paired: bool, double: bool = True
) -> None:
    """Rows of `matrix` (N, 4 * inward) over blocks of 2x2; with `double`, their negatives, too."""
    taps = matrix.view(len(matrix), inward, 2, 2)
    if paired:
        taps = torch.cat([taps, -taps], 1) / (1 + SLOPE)
    if double:
        taps = torch.cat([taps, -taps])
    count = len(taps)
    layer.weight[:count] = 0
    # A stride of 2 puts a block's first pixel under the middle of the 5x5.
    layer.weight[:count, : taps.shape[1], 2:4, 2:4] = taps
    _clear_bias(layer)


def _spread(synthesis: nn.Module, basis: Tensor) -> None:
    """The transpose of the analysis, by layers whose outputs are shuffled."""
    assert isinstance(synthesis.up4, nn.Conv2d)
    assert isinstance(synthesis.up2, nn.Conv2d)
    assert isinstance(synthesis.up1, nn.Conv2d)
    synthesis.up4.weight[: len(basis)] = 0
    synthesis.up4.weight[: len(basis), :, 1, 1] = basis
    values = torch.eye(_QUARTER)
    synthesis.up2.weight[: 2 * _QUARTER] = 0
    synthesis.up2.weight[: 2 * _QUARTER, :_QUARTER, 1, 1] = torch.cat([values, -values])
    pairs = torch.eye(_HALF) / (1 + SLOPE)
    synthesis.up1.weight.zero_()
    synthesis.up1.weight[:, : 2 * _HALF, 1, 1] = torch.cat([pairs, -pairs], 1)
    for layer in (synthesis.up4, synthesis.up2, synthesis.up1):
        _clear_bias(layer)


def _clear_bias(layer: nn.Conv2d) -> None:
    assert layer.bias is not None
    layer.bias.zero_()
