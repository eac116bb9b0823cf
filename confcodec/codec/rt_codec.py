"""`rt` behind the `Codec` interface: pixels <-> bitstream.

encode: patches -> analysis -> y in bands -> z -> CDF rows, means -> symbols -> bytes
decode: bytes -> z -> CDF rows -> symbols; z, symbols -> means -> y_hat -> synthesis -> patches

All tensors are channels-last, so that bands, patches and the symbols' order in
the bitstream (band, y, x, channel) are views of memory, not copies.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from confcodec.codec.bands import (
    BAND,
    HYPER,
    STRIDE,
    checkerboard,
    compress,
    from_bands,
    to_bands,
)
from confcodec.codec.bitstream import Header, join, pack, slice_count, split, unpack
from confcodec.codec.codec import QUALITIES, Codec, CodecInfo, check_quality
from confcodec.codec.device import Device, choose_device, keep_memory
from confcodec.codec.entropy import (
    EntropyCoder,
    IntArray,
    RowArray,
    SliceDecoder,
    SymbolArray,
)
from confcodec.codec.frame import Pixels, check_pixels
from confcodec.codec.patches import SIDE, from_patches, to_patches
from confcodec.codec.rt import RtModel
from confcodec.codec.scales import FIRST_CODED, Z_MAX
from confcodec.codec.weights import Weights, find_weights, load_weights
from confcodec.errors import BitstreamError

logger = logging.getLogger(__name__)

_CHANNELS_LAST = torch.channels_last


class RtCodec(Codec):
    """The real-time learned codec on one device, in one number format."""

    def __init__(self, weights: Weights, device: Device) -> None:
        """Take over `weights`: their model is moved and converted in place."""
        keep_memory()
        self._device = device.device
        self._dtype = device.dtype
        self._weights = weights
        self._model = model = weights.model.to(
            self._device, memory_format=_CHANNELS_LAST
        )  # type: ignore[call-overload]
        self._gains = _gains(model, device)
        _fold_pixels(model)
        model.to(self._dtype)
        self._exact = {
            key: value.to(self._device).contiguous(memory_format=_CHANNELS_LAST)
            if value.ndim == 4
            else value.to(self._device)
            for key, value in weights.exact.items()
        }
        self._exact_bias = weights.exact_bias.to(self._device)
        self._coder = EntropyCoder(weights.tables)
        self._buckets = weights.tables.z.shape[0]
        self._written: tuple[bytes, Header, Tensor] | None = None
        self._shown: tuple[tuple[int, int], Tensor] | None = None
        threads = torch.get_num_threads() if self._device.type == "cpu" else 1
        name = model.config.name
        self.info = CodecInfo(
            name, weights.name, str(self._device), device.dtype_name, threads
        )

    @torch.inference_mode()
    def encode(self, pixels: Pixels, quality: int) -> bytes:
        """Code one picture; see `Codec.encode`."""
        check_pixels(pixels)
        check_quality(quality)
        height, width = pixels.shape[:2]
        header = Header(self._weights.model_hash, width, height, quality)
        patches = torch.from_numpy(to_patches(pixels, STRIDE)).to(self._device)
        # bf16 and fp16 hold 0..255 less 127.5 exactly.
        x = (
            patches.to(self._dtype).sub_(127.5)[None].permute(0, 3, 1, 2)
        )  # (1, 192, H/8, W/8)
        y = self._model.analysis.transform(x, self._gains["analysis"][quality])
        bands = to_bands(y.float() * self._gains["y"][quality])
        z = self._model.hyper_analysis(compress(bands).to(self._dtype))
        z_hat = z.float().round_().clamp_(-Z_MAX, Z_MAX)
        rows = self._rows(z_hat, header, range(len(bands)))
        symbols, y_hat = self._quantise(bands, z_hat, rows)
        bitstream = pack(header, self._write(header, z_hat, rows, symbols))
        self._written = (bitstream, header, y_hat)
        return bitstream

    @torch.inference_mode()
    def decode(self, bitstream: bytes) -> Pixels:
        """Read a picture back; see `Codec.decode`."""
        return self._decode(*unpack(bitstream))

    def split(self, bitstream: bytes) -> list[bytes]:
        """One part for each slice; see `Codec.split`."""
        return split(bitstream)

    @torch.inference_mode()
    def join(self, parts: Sequence[bytes | None]) -> Pixels:
        """Decode the slices that arrived; see `Codec.join`."""
        return self._decode(*join(parts))

    @torch.inference_mode()
    def reconstruct(self, bitstream: bytes) -> Pixels:
        """What `decode` gives, without reading the bitstream that `encode` just wrote."""
        if self._written is None or self._written[0] is not bitstream:
            return self.decode(bitstream)
        _, header, y_hat = self._written
        return self._synthesise(
            header, y_hat * self._gains["inverse_y"][header.quality]
        )

    def _decode(self, header: Header, payloads: Sequence[bytes | None]) -> Pixels:
        if header.model != self._weights.model_hash:
            raise BitstreamError(
                f"coded by model {header.model.hex()}, this is {self._weights.name}; "
                "use the same weights on both sides"
            )
        arrived = [i for i, payload in enumerate(payloads) if payload is not None]
        size = (header.width, header.height)
        whole = len(arrived) == len(payloads)
        if not whole and (self._shown is None or self._shown[0] != size):
            raise BitstreamError(
                "slices are lost, and no frame of this size was decoded before"
            )
        z_hat, symbols = self._read(header, payloads, arrived)
        anchor, _ = _masks(symbols.shape, self._device)
        mean, features = self._means(z_hat)
        mean = self._refine(mean, features, symbols * anchor)
        y_hat = mean.add_(symbols).mul_(self._gains["inverse_y"][header.quality])
        if not whole:
            assert self._shown is not None
            y_hat = self._shown[1].index_copy_(
                0, torch.tensor(arrived, device=self._device), y_hat
            )
        self._shown = (size, y_hat)
        return self._synthesise(header, y_hat)

    def _rows(self, z_hat: Tensor, header: Header, slices: Sequence[int]) -> Tensor:
        """(n, M, 8, w) CDF rows; 0, not coded, wherever a band is padding."""
        bias = self._exact_bias[header.quality : header.quality + 1]
        rows: Tensor = self._model.scales.rows(z_hat, bias, self._exact)
        height, width = -(-header.height // STRIDE), -(-header.width // STRIDE)
        if slices[-1] == slice_count(header.height) - 1:
            rows[-1, :, (height - 1) % BAND + 1 :] = 0
        rows[:, :, :, width:] = 0
        return rows

    def _means(self, z_hat: Tensor) -> tuple[Tensor, Tensor]:
        features, mean = self._model.means(z_hat.to(self._dtype))
        return mean.float(), features

    def _refine(self, mean: Tensor, features: Tensor, first: Tensor) -> Tensor:
        """The mean of all latents, given the symbols of the anchors (0 elsewhere)."""
        anchor, other = _masks(mean.shape, self._device)
        anchors = torch.addcmul(first, mean, anchor).to(self._dtype)
        correction: Tensor = self._model.context(anchors, features).float()
        return mean.addcmul_(correction, other)

    def _quantise(
        self, bands: Tensor, z_hat: Tensor, rows: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Symbols (n, M, 8, w) float32 and the y_hat that a decoder builds from them."""
        coded = (rows >= FIRST_CODED).float()
        anchor, _ = _masks(bands.shape, self._device)
        mean, features = self._means(z_hat)
        first = (bands - mean).round_().mul_(coded * anchor)
        mean = self._refine(mean, features, first)
        symbols = (bands - mean).round_().mul_(coded)
        return symbols, mean.add_(symbols)

    def _synthesise(self, header: Header, y_hat: Tensor) -> Pixels:
        """Pixels of all bands of y_hat (n, M, 8, w), its gain undone."""
        rows, columns = -(-header.height // STRIDE), -(-header.width // STRIDE)
        y_hat = from_bands(y_hat, torch.Size((1, y_hat.shape[1], rows, columns)))
        x_hat = self._model.synthesis.transform(
            y_hat.to(self._dtype), self._gains["synthesis"][header.quality]
        )
        # 127.5 to undo the centring, 0.5 so that cutting the fraction off rounds.
        x_hat = x_hat[0].permute(1, 2, 0).float().add_(128).clamp_(0, 255)
        return from_patches(
            x_hat.to(torch.uint8).cpu().numpy(), header.height, header.width
        )

    def _write(
        self, header: Header, z_hat: Tensor, rows: Tensor, symbols: Tensor
    ) -> list[bytes]:
        n, channels = z_hat.shape[:2]
        z: IntArray = z_hat.to(torch.int32).reshape(n, channels, -1).cpu().numpy()
        all_rows: RowArray = _flat(rows).cpu().numpy()
        all_symbols: SymbolArray = _flat(symbols).cpu().numpy()
        bucket = self._bucket(header)
        return [
            self._coder.encode(z[i], bucket, all_symbols[i], all_rows[i])
            for i in range(n)
        ]

    def _read(
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
        rows = self._rows(z_hat, header, arrived)
        all_rows: RowArray = _flat(rows).cpu().numpy()
        symbols = np.stack(
            [d.latents(r) for d, r in zip(decoders, all_rows, strict=True)]
        )
        n, m, h, w = rows.shape
        symbols_nhwc = torch.from_numpy(symbols).to(self._device).view(n, h, w, m)
        return z_hat, symbols_nhwc.permute(0, 3, 1, 2)

    def _bucket(self, header: Header) -> int:
        return int(header.quality * self._buckets // QUALITIES)


def load_rt(
    device: str = "auto", *, weights: Path | None = None, threads: int | None = None
) -> RtCodec:
    """Load the weights, choose the device, and code a grey frame to warm up.

    Raises:
        WeightsError: the weights cannot be used.
        ValueError: no such device.
    """
    if threads:
        torch.set_num_threads(threads)
    codec = RtCodec(load_weights(weights or find_weights("rt")), choose_device(device))
    info = codec.info
    logger.info(
        "%s on %s in %s, %d threads", info.model, info.device, info.dtype, info.threads
    )
    grey = np.full((480, 640, 3), 128, np.uint8)
    codec.decode(codec.encode(grey, QUALITIES // 2))
    return codec


def _flat(bands: Tensor) -> Tensor:
    """(n, 8 * w * M), in the order (y, x, channel)."""
    return bands.permute(0, 2, 3, 1).reshape(len(bands), -1)


@lru_cache(maxsize=8)
def _masks(shape: torch.Size, device: torch.device) -> tuple[Tensor, Tensor]:
    """1 where a latent is an anchor, and 1 where it is not, spread over all bands."""
    anchor = checkerboard(torch.empty(shape, device=device)).expand(shape)
    anchor = anchor.contiguous(memory_format=_CHANNELS_LAST)
    return anchor, 1 - anchor


@torch.no_grad()
def _fold_pixels(model: RtModel) -> None:
    """Let the outer layers take pixels 0..255 in the order (row, column, colour)."""
    embed, unembed = model.analysis.embed, model.synthesis.unembed
    order = torch.arange(3 * SIDE * SIDE).view(3, SIDE, SIDE).permute(1, 2, 0).flatten()
    embed.weight.copy_(embed.weight[:, order] / 255)
    unembed.weight.copy_(unembed.weight[order] * 255)
    assert unembed.bias is not None
    unembed.bias.copy_(unembed.bias[order] * 255)


@torch.no_grad()
def _gains(model: RtModel, device: Device) -> dict[str, Tensor]:
    """(64, 1, C, 1, 1) factors of every quality."""
    qualities = torch.arange(QUALITIES, dtype=torch.float32, device=device.device)
    gain_y: Tensor = model.gain_y(qualities)[:, None]
    return {
        "analysis": model.analysis.gain8(qualities)[:, None].to(device.dtype),
        "synthesis": model.synthesis.gain8(qualities)[:, None].to(device.dtype),
        "y": gain_y,
        "inverse_y": 1 / gain_y,
    }
