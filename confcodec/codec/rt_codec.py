"""`rt` behind the `Codec` interface: pixels <-> bitstream."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from confcodec.codec.bitstream import Header, pack, unpack
from confcodec.codec.codec import QUALITIES, Codec, CodecInfo, check_quality
from confcodec.codec.device import Device, choose_device, keep_memory
from confcodec.codec.entropy import (
    SYMBOL_MAX,
    EntropyCoder,
    IntArray,
    RowArray,
    SliceDecoder,
)
from confcodec.codec.frame import Pixels, check_pixels
from confcodec.codec.rt import (
    BAND,
    HYPER,
    STRIDE,
    checkerboard,
    compress,
    from_bands,
    to_bands,
)
from confcodec.codec.scales import Z_MAX
from confcodec.codec.weights import Weights, find_weights, load_weights
from confcodec.errors import BitstreamError

logger = logging.getLogger(__name__)


class RtCodec(Codec):
    """The real-time learned codec; loads, warms up and codes."""

    def __init__(
        self, weights: Weights, device: Device, threads: int | None = None
    ) -> None:
        keep_memory()
        if threads:
            torch.set_num_threads(threads)
        self._device = device
        self._weights = weights
        with torch.no_grad():
            # Pixels go in and out as 0..255, less 127.5.
            weights.model.analysis.embed.weight.div_(255)
            weights.model.synthesis.unembed.weight.mul_(255)
            weights.model.synthesis.unembed.bias.mul_(255)  # type: ignore[union-attr]
        model = weights.model.to(device.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        for part in (model.analysis, model.synthesis, model.hyper_analysis):
            part.to(device.dtype)
        for part in (model.means, model.context):
            part.to(device.dtype)
        self._model = model
        self._exact = {
            key: value.to(device.device) for key, value in weights.exact.items()
        }
        self._exact_bias = weights.exact_bias.to(device.device)
        self._coder = EntropyCoder(weights.tables)
        self._buckets = weights.tables.z.shape[0]
        self._gains = _gains(model, device)
        self._last: tuple[bytes, Header, Tensor] | None = None
        where = str(device.device)
        used = torch.get_num_threads() if where == "cpu" else 1
        self.info = CodecInfo(
            weights.model.config.name, weights.name, where, device.dtype_name, used
        )

    @classmethod
    def load(
        cls,
        device: str = "auto",
        *,
        weights: Path | None = None,
        threads: int | None = None,
    ) -> RtCodec:
        """Load the weights, choose the device, and code one grey frame to warm up.

        Raises:
            WeightsError: the weights cannot be used.
            ValueError: no such device.
        """
        if threads:
            torch.set_num_threads(threads)
        codec = cls(
            load_weights(weights or find_weights("rt")), choose_device(device), threads
        )
        info = codec.info
        logger.info(
            "%s on %s in %s, %d threads",
            info.model,
            info.device,
            info.dtype,
            info.threads,
        )
        grey = np.full((480, 640, 3), 128, np.uint8)
        codec.decode(codec.encode(grey, 32))
        return codec

    @torch.inference_mode()
    def encode(self, pixels: Pixels, quality: int) -> bytes:
        """Code one picture; see `Codec.encode`."""
        check_pixels(pixels)
        check_quality(quality)
        model, gains = self._model, self._gains
        height, width = pixels.shape[:2]
        header = Header(self._weights.model_hash, width, height, quality)
        y = model.analysis.transform(self._patches(pixels), gains["analysis"][quality])
        bands = to_bands(y.float() * gains["y"][quality])
        z_hat = model.hyper_analysis(compress(bands).to(self._device.dtype)).float()
        z_hat = z_hat.round_().clamp_(-Z_MAX, Z_MAX)
        rows = self._rows(z_hat, header)
        symbols, y_hat = self._quantise(bands, z_hat, rows)
        payloads = self._code(header, z_hat, rows, symbols)
        bitstream = pack(header, payloads)
        self._last = (bitstream, header, y_hat)
        return bitstream

    @torch.inference_mode()
    def decode(self, bitstream: bytes) -> Pixels:
        """Read a picture back; see `Codec.decode`."""
        header, payloads = unpack(bitstream)
        if header.model != self._weights.model_hash:
            raise BitstreamError(
                f"coded by model {header.model.hex()}, this is {self._weights.name}; "
                "use the same weights on both sides"
            )
        z_hat, symbols = self._read(header, payloads)
        return self._synthesise(header, self._y_hat(z_hat, symbols))

    @torch.inference_mode()
    def reconstruct(self, bitstream: bytes) -> Pixels:
        """What `decode` gives, without reading the bitstream that `encode` just wrote."""
        if self._last is None or self._last[0] is not bitstream:
            return self.decode(bitstream)
        return self._synthesise(self._last[1], self._last[2])

    def _patches(self, pixels: Pixels) -> Tensor:
        """(1, 192, H/8, W/8): pixels - 127.5, which bf16 holds exactly, in patches of 8x8."""
        height, width = pixels.shape[:2]
        x = torch.from_numpy(np.ascontiguousarray(pixels)).to(self._device.device)
        x = x.permute(2, 0, 1)[None].to(self._device.dtype).sub_(127.5)
        if height % STRIDE or width % STRIDE:
            x = F.pad(x, (0, -width % STRIDE, 0, -height % STRIDE), mode="replicate")
        return F.pixel_unshuffle(x, 8)

    def _rows(self, z_hat: Tensor, header: Header) -> Tensor:
        """(n, M, 8, w) CDF rows; 0, not coded, wherever a band is padding."""
        bias = self._exact_bias[header.quality : header.quality + 1]
        rows = self._model.scales.rows(z_hat, bias, self._exact)
        height, width = -(-header.height // STRIDE), -(-header.width // STRIDE)
        rows[-1, :, (height - 1) % BAND + 1 :] = 0
        rows[:, :, :, width:] = 0
        return rows

    def _means(self, z_hat: Tensor) -> tuple[Tensor, Tensor]:
        features, mean = self._model.means(z_hat.to(self._device.dtype))
        return features, mean.float()

    def _refine(
        self, mean: Tensor, features: Tensor, anchors: Tensor, mask: Tensor
    ) -> Tensor:
        correction = self._model.context(
            anchors.to(self._device.dtype), features
        ).float()
        return mean + correction * (1 - mask)

    def _quantise(
        self, bands: Tensor, z_hat: Tensor, rows: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Symbols (n, M, 8, w) int32 and the y_hat that a decoder builds from them."""
        coded = rows > 0
        mask = checkerboard(bands)
        features, mean = self._means(z_hat)
        first = (bands - mean).round_() * coded * mask
        mean = self._refine(mean, features, (mean + first) * mask, mask)
        symbols = ((bands - mean).round_() * coded).clamp_(-SYMBOL_MAX, SYMBOL_MAX)
        return symbols.to(torch.int32), mean + symbols

    def _y_hat(self, z_hat: Tensor, symbols: Tensor) -> Tensor:
        mask = checkerboard(symbols).float()
        features, mean = self._means(z_hat)
        first = symbols * mask
        mean = self._refine(mean, features, (mean + first) * mask, mask)
        return mean + symbols

    def _synthesise(self, header: Header, y_hat: Tensor) -> Pixels:
        gains, quality = self._gains, header.quality
        m = y_hat.shape[1]
        shape = torch.Size(
            (1, m, -(-header.height // STRIDE), -(-header.width // STRIDE))
        )
        y_hat = from_bands(y_hat, shape) * gains["inverse_y"][quality]
        patches = self._model.synthesis.transform(
            y_hat.to(self._device.dtype), gains["synthesis"][quality]
        )
        x_hat = F.pixel_shuffle(patches.float(), 8).add_(127.5).round_().clamp_(0, 255)
        pixels = x_hat.to(torch.uint8)[0, :, : header.height, : header.width].permute(
            1, 2, 0
        )
        return np.ascontiguousarray(pixels.cpu().numpy())

    def _code(
        self, header: Header, z_hat: Tensor, rows: Tensor, symbols: Tensor
    ) -> list[bytes]:
        n, channels = z_hat.shape[:2]
        z_array = z_hat.to(torch.int32).reshape(n, channels, -1).cpu().numpy()
        rows_array: RowArray = rows.reshape(n, -1).cpu().numpy()
        symbol_array: IntArray = symbols.reshape(n, -1).cpu().numpy()
        bucket = self._bucket(header)
        return [
            self._coder.encode(z_array[i], bucket, symbol_array[i], rows_array[i])
            for i in range(n)
        ]

    def _read(self, header: Header, payloads: list[bytes]) -> tuple[Tensor, Tensor]:
        """z_hat (n, Z, 2, w) and symbols (n, M, 8, 4 w) of all slices."""
        width = -(-header.width // (STRIDE * HYPER))
        decoders = [SliceDecoder(self._coder, payload) for payload in payloads]
        z = np.stack(
            [d.hyper(self._bucket(header), BAND // HYPER * width) for d in decoders]
        )
        z_hat = torch.from_numpy(z).view(len(z), -1, BAND // HYPER, width)
        z_hat = z_hat.to(self._device.device).float()
        rows = self._rows(z_hat, header)
        rows_array: RowArray = rows.reshape(len(z), -1).cpu().numpy()
        symbols = np.stack(
            [d.latents(r) for d, r in zip(decoders, rows_array, strict=True)]
        )
        return z_hat, torch.from_numpy(symbols).view(rows.shape).to(self._device.device)

    def _bucket(self, header: Header) -> int:
        return header.quality * self._buckets // QUALITIES


@torch.no_grad()
def _gains(model: torch.nn.Module, device: Device) -> dict[str, Tensor]:
    """(64, 1, C, 1, 1) factors of every quality."""
    qualities = torch.arange(QUALITIES, dtype=torch.float32, device=device.device)
    return {
        "analysis": model.analysis.gain8.float()(qualities)[:, None].to(device.dtype),
        "synthesis": model.synthesis.gain8.float()(qualities)[:, None].to(device.dtype),
        "y": model.gain_y(qualities)[:, None],
        "inverse_y": 1 / model.gain_y(qualities)[:, None],
    }
