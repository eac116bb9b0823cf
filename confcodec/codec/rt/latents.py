"""Latents <-> the payloads of a frame's slices: everything between the transforms.

encode: y in bands -> z -> CDF rows, means -> symbols -> bytes
decode: bytes -> z -> CDF rows -> symbols; z, symbols -> means -> y_hat

All tensors are channels-last, so that the symbols' order in the bitstream (band,
y, x, channel) is a view of memory, not a copy.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from confcodec.codec.bitstream import Header, slice_count
from confcodec.codec.device import Device
from confcodec.codec.entropy import (
    EntropyCoder,
    IntArray,
    RowArray,
    SliceDecoder,
    SymbolArray,
)
from confcodec.codec.quality import QUALITIES
from confcodec.codec.rt.bands import BAND, HYPER, STRIDE, checkerboard, compress
from confcodec.codec.rt.weights import Weights
from confcodec.codec.scales import (
    Z_MAX,
    dead_zone_of,
    fold,
    fold_bias,
    to_symbols,
)

_CHANNELS_LAST = torch.channels_last


class LatentCoder:
    """The hyper networks and the entropy coder of one model on one device."""

    def __init__(
        self, weights: Weights, device: Device, stage: Callable[[str], None]
    ) -> None:
        """Use the networks in `weights`, which are on the device already.

        Args:
            stage: called with the name of each stage of the work as it ends.
        """
        self._model, self._stage = weights.model, stage
        self._device, self._dtype = device.device, device.dtype
        self._exact = {
            key: value.to(self._device).contiguous(memory_format=_CHANNELS_LAST)
            if value.ndim == 4
            else value.to(self._device)
            for key, value in fold(weights.exact).items()
        }
        self._exact_bias = fold_bias(weights.exact_bias).to(self._device)
        self._coder = EntropyCoder(weights.tables)
        self._buckets = weights.tables.z.shape[0]

    def encode(
        self, bands: Tensor, header: Header, first: int = 0
    ) -> tuple[list[bytes], Tensor]:
        """Code (n, M, 8, w) latents, which are overwritten; slice `first` and those below it.

        Returns:
            The payload of each slice, and the y_hat (n, M, 8, w) that `decode` gives.
        """
        z = self._model.hyper_analysis(compress(bands.to(self._dtype)))
        z_hat = z.float().round_().clamp_(-Z_MAX, Z_MAX)
        rows = self._rows(z_hat, header, range(first, first + len(bands)))
        symbols, y_hat = self._quantise(bands, z_hat, rows)
        self._stage("hyper")
        payloads = self._write(header, z_hat, rows, symbols)
        self._stage("entropy")
        return payloads, y_hat

    def decode(
        self,
        header: Header,
        payloads: Sequence[bytes | None],
        arrived: Sequence[int],
    ) -> Tensor:
        """y_hat (n, M, 8, w) of the slices whose numbers are in `arrived`.

        Raises:
            BitstreamError: a payload fits no symbols.
        """
        z_hat, y_hat = self.read(header, payloads, arrived)
        self._stage("entropy")
        mean, features = self.means(z_hat)
        coarse = y_hat[:, : mean.shape[1]]
        anchor, _ = _masks(mean.shape, self._device)
        coarse.add_(self._refine(mean, features, coarse * anchor))
        self._stage("hyper")
        return y_hat

    def read(
        self,
        header: Header,
        payloads: Sequence[bytes | None],
        arrived: Sequence[int],
    ) -> tuple[Tensor, Tensor]:
        """z_hat (n, Z, 2, w) and symbols (n, M, 8, 4 w), float32, of the slices there."""
        width = -(-header.width // (STRIDE * HYPER))
        decoders = [SliceDecoder(self._coder, payloads[i] or b"") for i in arrived]
        z = np.stack(
            [d.hyper(self._bucket(header), BAND // HYPER * width) for d in decoders]
        )
        z_hat = torch.from_numpy(z).to(self._device).float()
        z_hat = z_hat.view(len(z), -1, BAND // HYPER, width)
        z_hat = z_hat.contiguous(memory_format=_CHANNELS_LAST)
        self._stage("entropy")
        rows = self._rows(z_hat, header, arrived)
        self._stage("hyper")
        all_rows: RowArray = _flat(rows).cpu().numpy().astype(np.uint8)
        symbols = np.stack(
            [d.latents(r) for d, r in zip(decoders, all_rows, strict=True)]
        )
        n, m, h, w = rows.shape
        symbols_nhwc = torch.from_numpy(symbols).to(self._device).view(n, h, w, m)
        return z_hat, symbols_nhwc.permute(0, 3, 1, 2)

    def means(self, z_hat: Tensor) -> tuple[Tensor, Tensor]:
        """The first mean (n, C', 8, w) float32 and the features for the second."""
        features, mean = self._model.means(z_hat.to(self._dtype))
        return mean.float(), features

    def _rows(self, z_hat: Tensor, header: Header, slices: Sequence[int]) -> Tensor:
        """(n, M, 8, w) float32 CDF rows; 0, not coded, wherever a band is padding."""
        bias = self._exact_bias[header.quality]
        rows: Tensor = self._model.scales.rows(z_hat, bias, self._exact)
        height, width = -(-header.height // STRIDE), -(-header.width // STRIDE)
        if slices[-1] == slice_count(header.height) - 1:
            rows[-1, :, (height - 1) % BAND + 1 :] = 0
        rows[:, :, :, width:] = 0
        return rows

    def _refine(self, mean: Tensor, features: Tensor, first: Tensor) -> Tensor:
        """The mean of all latents, given the symbols of the anchors (0 elsewhere)."""
        anchor, other = _masks(mean.shape, self._device)
        anchors = torch.addcmul(first, mean, anchor).to(self._dtype)
        correction: Tensor = self._model.context(anchors, features).float()
        return mean.addcmul_(correction, other)

    def _quantise(
        self, bands: Tensor, z_hat: Tensor, rows: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Symbols (n, M, 8, w) float32, in place of `bands`, and a decoder's y_hat."""
        mean, features = self.means(z_hat)
        count = mean.shape[1]
        coarse, anchor = bands[:, :count], _masks(mean.shape, self._device)[0]
        dead_zone = dead_zone_of(rows)
        first = to_symbols(coarse - mean, dead_zone[:, :count])
        mean = self._refine(mean, features, first.mul_(anchor))
        coarse.sub_(mean)
        symbols = to_symbols(bands, dead_zone)
        y_hat = symbols.clone()
        y_hat[:, :count].add_(mean)
        return symbols, y_hat

    def _write(
        self, header: Header, z_hat: Tensor, rows: Tensor, symbols: Tensor
    ) -> list[bytes]:
        n, channels = z_hat.shape[:2]
        z: IntArray = z_hat.to(torch.int32).reshape(n, channels, -1).cpu().numpy()
        all_rows: RowArray = _flat(rows).cpu().numpy().astype(np.uint8)
        all_symbols: SymbolArray = _flat(symbols).cpu().numpy()
        bucket = self._bucket(header)
        return [
            self._coder.encode(z[i], bucket, all_symbols[i], all_rows[i])
            for i in range(n)
        ]

    def _bucket(self, header: Header) -> int:
        return int(header.quality * self._buckets // QUALITIES)


def _flat(bands: Tensor) -> Tensor:
    """(n, 8 * w * M), in the order (y, x, channel)."""
    return bands.permute(0, 2, 3, 1).reshape(len(bands), -1)


@lru_cache(maxsize=8)
def _masks(shape: torch.Size, device: torch.device) -> tuple[Tensor, Tensor]:
    """1 where a latent is an anchor, and 1 where it is not, spread over all bands."""
    anchor = checkerboard(torch.empty(shape, device=device)).expand(shape)
    anchor = anchor.contiguous(memory_format=_CHANNELS_LAST)
    return anchor, 1 - anchor
