"""`cae` behind the `Codec` interface: pixels <-> bitstream.

The bytes are laid out as those of `rt`, by `bitstream`, with slices of 128 pixel rows. A
slice's payload is one byte, the number of the net that coded it, then what the entropy
coder of `rt` makes of it: as hyper-latents the classes of its tiles, as latents its
coefficients, under the rows that `spreads` tells from those classes.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from confcodec.codec.bitstream import (
    SLICE_HEIGHT,
    Header,
    join,
    pack,
    split,
    unpack,
)
from confcodec.codec.cae.networks import STRIDE, CaeModel
from confcodec.codec.cae.spreads import CLASSES, quantise, spread_rows, sums
from confcodec.codec.cae.weights import CaeWeights, load_cae_weights
from confcodec.codec.device import Device, choose_device, keep_memory, use_threads
from confcodec.codec.entropy import EntropyCoder, SliceDecoder
from confcodec.codec.frame import Pixels, check_pixels
from confcodec.codec.interface import Codec, CodecInfo
from confcodec.codec.quality import QUALITIES, check_quality
from confcodec.codec.rt.weights import find_weights
from confcodec.codec.size import MAX_SIDE
from confcodec.codec.strips import strips
from confcodec.errors import BitstreamError

logger = logging.getLogger(__name__)

BAND = SLICE_HEIGHT // STRIDE
"""Rows of coefficients of a slice."""
_STRIP = 1 << 21
"""Pixels of a strip of a large picture: these nets take twice as much for a pixel as `rt`."""


class CaeCodec(Codec):
    """The compressive autoencoder, or an ensemble of which the best codes each picture."""

    def __init__(self, weights: CaeWeights, device: Device) -> None:
        """Take over `weights`: their models are moved and converted in place."""
        keep_memory()
        self._device, self._dtype = device.device, device.dtype
        self._weights = weights
        self._scales = [_scales(model, self._device) for model in weights.models]
        self._models = [
            model.to(device.device, device.dtype, memory_format=torch.channels_last)  # type: ignore[call-overload]
            for model in weights.models
        ]
        self._coders = [EntropyCoder(tables) for tables in weights.tables]
        self._shown: Pixels | None = None
        threads = torch.get_num_threads() if self._device.type == "cpu" else 1
        name = weights.models[0].config.name
        self.info = CodecInfo(
            name, weights.name, str(self._device), device.dtype_name, threads
        )

    @torch.inference_mode()
    def encode(self, pixels: Pixels, quality: int) -> bytes:
        """Code one picture, with each net if there are several; see `Codec.encode`."""
        check_pixels(pixels, self.max_side)
        check_quality(quality)
        height, width = pixels.shape[:2]
        header = Header(self._weights.model_hash, width, height, quality)
        coded = [self._encode(pixels, header, net) for net in range(len(self._models))]
        if len(coded) == 1:
            return coded[0]
        return min(coded, key=lambda bitstream: self._cost(bitstream, pixels))

    @torch.inference_mode()
    def decode(self, bitstream: bytes) -> Pixels:
        """Read a picture back; see `Codec.decode`."""
        return self._join(*unpack(bitstream, self.max_side))

    def split(self, bitstream: bytes) -> list[bytes]:
        """One part for each slice; see `Codec.split`."""
        return split(bitstream)

    @torch.inference_mode()
    def join(self, parts: Sequence[bytes | None]) -> Pixels:
        """Decode the slices that arrived; see `Codec.join`."""
        return self._join(*join(parts))

    def _tensor(self, pixels: Pixels) -> Tensor:
        """(1, 3, H, W) in [0, 1], mirrored to a multiple of 8."""
        x = torch.from_numpy(np.ascontiguousarray(pixels)).to(self._device)
        x = x.permute(2, 0, 1)[None].float() / 255
        height, width = x.shape[2:]
        padding = (0, -width % STRIDE, 0, -height % STRIDE)
        return F.pad(x, padding, mode="reflect").to(self._dtype)

    def _encode(self, pixels: Pixels, header: Header, net: int) -> bytes:
        model, bucket = self._models[net], self._bucket(header)
        payloads: list[bytes] = []
        for strip in strips(header.width, header.height, _STRIP):
            x = self._tensor(pixels[strip.outer(SLICE_HEIGHT)])
            y = model.analysis(x).float() * model.mask.float()
            y = y[0, :, strip.inner(BAND)]
            y = (y * self._scales[net][header.quality]).cpu()  # (M, H/8, W/8)
            payloads += [self._encode_slice(b, bucket, net) for b in y.split(BAND, 1)]
        return pack(header, [bytes([net]) + payload for payload in payloads])

    def _encode_slice(self, y: Tensor, bucket: int, net: int) -> bytes:
        classes, rows, symbols = quantise(y, self._weights.spreads[net], bucket)
        steps = np.diff(classes, axis=1, prepend=0).reshape(1, -1).astype(np.int32)
        flat = symbols.reshape(-1).numpy()
        return self._coders[net].encode(steps, bucket, flat, rows.reshape(-1))

    def _cost(self, bitstream: bytes, pixels: Pixels) -> float:
        """R + lmbda x D, as in training."""
        header, payloads = unpack(bitstream, self.max_side)
        decoded = self._decode(header, payloads).astype(np.float32)
        rate = 8 * len(bitstream) / (header.width * header.height)
        low, high = self._weights.lmbda
        lmbda = low * (high / low) ** (header.quality / (QUALITIES - 1))
        return float(rate + lmbda * np.square(decoded - pixels).mean())

    def _join(self, header: Header, payloads: Sequence[bytes | None]) -> Pixels:
        """As `_decode`; where slices are lost, the pixels shown last stay."""
        lost = [i for i, payload in enumerate(payloads) if payload is None]
        shape = (header.height, header.width, 3)
        last = self._shown
        if lost and (last is None or last.shape != shape):
            raise BitstreamError(
                "slices are lost, and no frame of this size was decoded before"
            )
        pixels = self._decode(header, payloads)
        if (
            max(shape) > MAX_SIDE
        ):  # from a file: nothing follows that it could stand for
            return pixels
        if last is not None:
            for i in lost:
                rows = slice(i * SLICE_HEIGHT, (i + 1) * SLICE_HEIGHT)
                pixels[rows] = last[rows]
        self._shown = pixels
        return pixels.copy()

    def _decode(self, header: Header, payloads: Sequence[bytes | None]) -> Pixels:
        """The picture, grey where a slice is None."""
        if header.model != self._weights.model_hash:
            raise BitstreamError(
                f"coded by model {header.model.hex()}, this is {self._weights.name}; "
                "use the same weights on both sides"
            )
        numbers = {payload[:1] for payload in payloads if payload is not None}
        net = int.from_bytes(numbers.pop() or b"\xff")
        if numbers or net >= len(self._models):
            raise BitstreamError("coded by several nets, or one that is not here")
        rows, columns = -(-header.height // STRIDE), -(-header.width // STRIDE)
        y_hat = torch.zeros(self._models[net].config.latent, rows, columns)
        bucket = self._bucket(header)
        for i, payload in enumerate(payloads):
            if payload is not None:
                band = y_hat[:, i * BAND : (i + 1) * BAND]
                band[:] = self._decode_slice(payload[1:], band.shape[1:], bucket, net)
        pixels = np.empty((header.height, header.width, 3), np.uint8)
        for strip in strips(header.width, header.height, _STRIP):
            part = self._synthesise(y_hat[:, strip.outer(BAND)], header, net)
            own = pixels[strip.own(SLICE_HEIGHT)]
            own[:] = part[strip.inner(SLICE_HEIGHT)][: len(own), : header.width]
        return pixels

    def _synthesise(self, y_hat: Tensor, header: Header, net: int) -> Pixels:
        y_hat = y_hat.to(self._device)[None]
        y_hat = (y_hat / self._scales[net][header.quality]).to(self._dtype)
        x_hat = self._models[net].synthesis(y_hat)[0].float().permute(1, 2, 0)
        x_hat = x_hat.mul(255).round_().clamp_(0, 255).to(torch.uint8)
        return np.asarray(x_hat.cpu().numpy(), np.uint8)

    def _decode_slice(
        self, payload: bytes, shape: torch.Size, bucket: int, net: int
    ) -> Tensor:
        """(M, h, w) symbols of one slice."""
        spreads = self._weights.spreads[net]
        (height, width), tile = shape, int(spreads.tile[bucket])
        decoder = SliceDecoder(self._coders[net], payload)
        down, across = -(-height // tile), -(-width // tile)
        steps = decoder.hyper(bucket, down * across).reshape(down, across)
        classes = steps.cumsum(1, dtype=np.int64)
        if classes.min() < 0 or classes.max() >= CLASSES:
            raise BitstreamError("a slice names classes that do not exist")
        rows = spread_rows(classes, spreads.rows[bucket], tile, (height, width))
        symbols = torch.from_numpy(decoder.latents(rows.reshape(-1)))
        return sums(symbols.reshape(rows.shape).permute(2, 0, 1), spreads.predicted)

    def _bucket(self, header: Header) -> int:
        return int(header.quality * len(self._weights.tables[0].z) // QUALITIES)


def load_cae(
    device: str = "auto",
    *,
    name: str = "cae",
    weights: Path | None = None,
    threads: int | None = None,
) -> CaeCodec:
    """Load the weights, choose the device, and code a grey frame to warm up.

    Raises:
        WeightsError: the weights cannot be used.
        ValueError: no such device.
    """
    use_threads(threads)
    path = weights or find_weights(name)
    codec = CaeCodec(load_cae_weights(path), choose_device(device))
    info = codec.info
    logger.info(
        "%s on %s in %s, %d threads", info.model, info.device, info.dtype, info.threads
    )
    grey = np.full((128, 128, 3), 128, np.uint8)
    codec.decode(codec.encode(grey, QUALITIES // 2))
    return codec


@torch.no_grad()
def _scales(model: CaeModel, device: torch.device) -> Tensor:
    """(64, M, 1, 1) scales of every quality."""
    qualities = torch.arange(QUALITIES, dtype=torch.float32)
    scales: Tensor = model.scale.cpu()(qualities)
    return scales.to(device)
