"""`rt` behind the `Codec` interface: pixels <-> bitstream.

encode: patches -> analysis -> y in bands -> z -> CDF rows, means -> symbols -> bytes
decode: bytes -> z -> CDF rows -> symbols; z, symbols -> means -> y_hat -> synthesis -> patches

All tensors are channels-last, so that bands, patches and the symbols' order in
the bitstream (band, y, x, channel) are views of memory, not copies.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from confcodec.codec.bitstream import SLICE_HEIGHT, Header, join, pack, split, unpack
from confcodec.codec.device import Device, choose_device, keep_memory, use_threads
from confcodec.codec.frame import Pixels, check_pixels
from confcodec.codec.interface import Codec, CodecInfo
from confcodec.codec.quality import QUALITIES, check_quality
from confcodec.codec.rt.bands import BAND, STRIDE, from_bands, to_bands
from confcodec.codec.rt.latents import LatentCoder
from confcodec.codec.rt.networks import RtModel
from confcodec.codec.rt.patches import SIDE, from_patches, to_patches
from confcodec.codec.rt.weights import Weights, find_weights, load_weights
from confcodec.codec.strips import Strip, strips
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
        self._latents = LatentCoder(weights, device, self._stage)
        self._written: tuple[bytes, Header, Tensor] | None = None
        self._shown: tuple[tuple[int, int], Tensor] | None = None
        threads = torch.get_num_threads() if self._device.type == "cpu" else 1
        name = model.config.name
        self.info = CodecInfo(
            name, weights.name, str(self._device), device.dtype_name, threads
        )

    @property
    def transforms(self) -> tuple[nn.Module, nn.Module]:
        """Analysis and synthesis, for those who count their work."""
        return self._model.analysis, self._model.synthesis

    @torch.inference_mode()
    def encode(self, pixels: Pixels, quality: int) -> bytes:
        """Code one picture; see `Codec.encode`."""
        check_pixels(pixels, self.max_side)
        check_quality(quality)
        height, width = pixels.shape[:2]
        header = Header(self._weights.model_hash, width, height, quality)
        payloads: list[bytes] = []
        parts = strips(width, height)
        y_hat = None
        for strip in parts:
            coded, y_hat = self._encode(pixels, header, strip)
            payloads += coded
        bitstream = pack(header, payloads)
        # Of a large picture only the last strip's y_hat is there.
        self._written = (
            (bitstream, header, y_hat)
            if len(parts) == 1 and y_hat is not None
            else None
        )
        return bitstream

    def _encode(
        self, pixels: Pixels, header: Header, strip: Strip
    ) -> tuple[list[bytes], Tensor]:
        """Payloads and y_hat of the slices of a strip."""
        quality = header.quality
        part = pixels[strip.outer(SLICE_HEIGHT)]
        patches = torch.from_numpy(to_patches(part, STRIDE)).to(self._device)
        # bf16 and fp16 hold 0..255 less 127.5 exactly.
        x = (
            patches.to(self._dtype).sub_(127.5)[None].permute(0, 3, 1, 2)
        )  # (1, 192, H/8, W/8)
        self._stage("patches")
        y = self._model.analysis(x, self._gains["analysis"][quality])
        self._stage("transform")
        y = y[:, :, strip.inner(BAND)]
        bands = to_bands(y.float() * self._gains["y"][quality])
        return self._latents.encode(bands, header, strip.first)

    @torch.inference_mode()
    def decode(self, bitstream: bytes) -> Pixels:
        """Read a picture back; see `Codec.decode`."""
        return self._decode(*unpack(bitstream, self.max_side))

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
        if len(strips(*size)) > 1:
            return self._decode_large(header, payloads)
        y_hat = self._latents.decode(header, payloads, arrived)
        y_hat.mul_(self._gains["inverse_y"][header.quality])
        if not whole:
            assert self._shown is not None
            y_hat = self._shown[1].index_copy_(
                0, torch.tensor(arrived, device=self._device), y_hat
            )
        self._shown = (size, y_hat)
        self._stage("hyper")
        return self._synthesise(header, y_hat)

    def _decode_large(self, header: Header, payloads: Sequence[bytes | None]) -> Pixels:
        """The pixels of a whole picture that is decoded in strips, from a file."""
        self._shown = None
        pixels = np.empty((header.height, header.width, 3), np.uint8)
        for strip in strips(header.width, header.height):
            with_margin = range(*strip.outer(1).indices(len(payloads)))
            y_hat = self._latents.decode(header, payloads, with_margin)
            y_hat.mul_(self._gains["inverse_y"][header.quality])
            rows = strip.outer(SLICE_HEIGHT).indices(header.height)
            part = self._synthesise(replace(header, height=rows[1] - rows[0]), y_hat)
            pixels[strip.own(SLICE_HEIGHT)] = part[strip.inner(SLICE_HEIGHT)]
        return pixels

    def _synthesise(self, header: Header, y_hat: Tensor) -> Pixels:
        """Pixels of all bands of y_hat (n, M, 8, w), its gain undone."""
        rows, columns = -(-header.height // STRIDE), -(-header.width // STRIDE)
        y_hat = from_bands(y_hat, torch.Size((1, y_hat.shape[1], rows, columns)))
        x_hat = self._model.synthesis(
            y_hat.to(self._dtype), self._gains["synthesis"][header.quality]
        )
        self._stage("transform")
        # 127.5 to undo the centring, 0.5 so that cutting the fraction off rounds.
        x_hat = x_hat[0].permute(1, 2, 0).float().add_(128).clamp_(0, 255)
        # NumPy's conversion takes a sixth of the time of torch's.
        patches = x_hat.cpu().numpy().astype(np.uint8)
        pixels = from_patches(patches, header.height, header.width)
        self._stage("patches")
        return pixels


def load_rt(
    device: str = "auto",
    *,
    name: str = "rt",
    weights: Path | None = None,
    threads: int | None = None,
) -> RtCodec:
    """Load the weights, choose the device, and code a grey frame to warm up.

    Raises:
        WeightsError: the weights cannot be used.
        ValueError: no such device.
    """
    use_threads(threads)
    codec = RtCodec(load_weights(weights or find_weights(name)), choose_device(device))
    info = codec.info
    logger.info(
        "%s on %s in %s, %d threads", info.model, info.device, info.dtype, info.threads
    )
    grey = np.full((480, 640, 3), 128, np.uint8)
    codec.decode(codec.encode(grey, QUALITIES // 2))
    return codec


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
