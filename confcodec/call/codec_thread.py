"""A codec in its own thread, so that neither the event loop nor the other half waits."""

import asyncio
import math
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol, TypeVar

import numpy as np

from confcodec.codec.frame import Pixels
from confcodec.codec.interface import Codec, CodecInfo
from confcodec.codec.metrics import psnr
from confcodec.codec.registry import (
    AUTO,
    CODECS,
    codec_of,
    is_known,
    is_reference,
    learn,
)
from confcodec.codec.size import check_size
from confcodec.errors import BitstreamError, ConfcodecError
from confcodec.media.scale import double, halve

T = TypeVar("T")

IDENTICAL_PSNR = 100.0
"""dB that stand for equal pictures, whose PSNR is infinite."""


@dataclass(frozen=True, slots=True)
class Coded:
    """What came out of the encoder."""

    bitstream: bytes
    parts: Sequence[bytes]
    """The same, cut into slices that decode without each other."""
    seconds: float
    """Time in the encoder."""
    quality: int
    """What it was coded at; a sharer gets what another has asked for."""
    halved: bool = False
    """It was coded at half of its width and height; likewise."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """What came out of the decoder."""

    pixels: Pixels
    codec: str
    seconds: float
    """Time in the decoder."""
    time: float
    """When it was done, on this machine's monotonic clock."""


class Encoder(Protocol):
    """What a sender needs of a coder, or of its share of one."""

    async def encode(
        self, name: str, pixels: Pixels, quality: int, *, halved: bool = False
    ) -> Coded:
        """Code one frame."""

    async def measure(self, name: str, pixels: Pixels, bitstream: bytes) -> float:
        """PSNR in dB of the receiver's picture."""


class Coder:
    """One worker thread with the codecs used in it so far, each loaded once."""

    def __init__(self, role: str, device: str, threads: int | None) -> None:
        self._device = device
        self._threads = threads
        self._codecs: dict[str, Codec] = {}
        self._warm_sizes: set[tuple[str, tuple[int, int]]] = set()
        self._pool = ThreadPoolExecutor(1, thread_name_prefix=role)

    async def choose(self, asked: str, size: tuple[int, int], fps: float) -> str:
        """Name the codec that was asked for by name, by reference or as `auto`.

        The codecs of others that this process was given are known from then on.

        Raises:
            ConfcodecError: one of those cannot be used; or for `auto` no such device, or no
                learned codec here.
        """
        return await self._run(lambda: self._choose(asked, size, fps))

    async def load(self, name: str, size: tuple[int, int]) -> CodecInfo:
        """Load a codec and code one frame of (width, height) once, so that no later one waits.

        Raises:
            ConfcodecError: no such codec, device or frame size, or unusable weights.
        """
        return await self._run(lambda: self._warm(name, size))

    async def load_theirs(
        self, name: str, reference: str | None, size: tuple[int, int]
    ) -> CodecInfo:
        """The same for what the other side says it sends, untrusted: only a codec known here.

        Raises:
            ConfcodecError: besides, it is not known here.
        """
        return await self._run(lambda: self._warm(_known(name, reference), size))

    async def encode(
        self, name: str, pixels: Pixels, quality: int, *, halved: bool = False
    ) -> Coded:
        """Code one frame with a codec that `load` has loaded; `halved`, at half its size."""
        return await self._run(lambda: self._encode(name, pixels, quality, halved))

    async def measure(self, name: str, pixels: Pixels, bitstream: bytes) -> float:
        """PSNR in dB of the receiver's picture; right after `encode` gave `bitstream`."""
        return await self._run(lambda: self._measure(name, pixels, bitstream))

    async def decode(
        self, parts: Sequence[bytes | None], *, halved: bool = False
    ) -> Decoded:
        """Decode with the codec that wrote the slices, untrusted, loading it if new.

        Args:
            parts: the slices; None stands for a lost one, see `Codec.join`.
            halved: the picture is to be twice as wide and high.

        Raises:
            BitstreamError: nothing that a codec of ours wrote, or too much is lost.
            WeightsError: the codec's weights are missing here.
        """
        return await self._run(lambda: self._decode(parts, halved))

    async def decode_bitstream(
        self, bitstream: bytes, *, halved: bool = False
    ) -> Decoded:
        """The same for a whole frame in one piece, as `Coded` and recordings have it."""
        return await self._run(
            lambda: self._timed(bitstream, lambda c: c.decode(bitstream), halved)
        )

    async def close(self) -> None:
        """Let the job in hand finish and end the thread."""
        await asyncio.to_thread(self._pool.shutdown, wait=True, cancel_futures=True)

    async def _run(self, job: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._pool, job)

    def _codec(self, name: str) -> Codec:
        if name not in self._codecs:
            with _refusals():
                codec = Codec.load(name, self._device, threads=self._threads)
            self._codecs[name] = codec
        return self._codecs[name]

    def _choose(self, asked: str, size: tuple[int, int], fps: float) -> str:
        learn()
        if asked in CODECS:
            return asked
        if asked != AUTO:
            codec = self._codec(asked)
            return self._codecs.setdefault(codec.info.codec, codec).info.codec
        from confcodec.codec.auto import load_auto  # with it comes torch, a second

        with _refusals():
            codec = load_auto(self._device, threads=self._threads, size=size, fps=fps)
        return self._codecs.setdefault(codec.info.codec, codec).info.codec

    def _warm(self, name: str, size: tuple[int, int]) -> CodecInfo:
        with _refusals():
            check_size(*size)
        codec = self._codec(name)
        if (name, size) in self._warm_sizes:
            return codec.info
        self._warm_sizes.add((name, size))
        noise = np.random.default_rng(0).integers(
            0, 256, (size[1], size[0], 3), np.uint8
        )
        codec.decode(codec.encode(noise, 32))
        return codec.info

    def _encode(self, name: str, pixels: Pixels, quality: int, halved: bool) -> Coded:
        began = time.perf_counter()
        codec = self._codecs[name]
        pixels = halve(pixels) if halved else pixels
        bitstream = codec.encode(pixels, quality)
        parts = codec.split(bitstream)
        return Coded(bitstream, parts, time.perf_counter() - began, quality, halved)

    def _measure(self, name: str, pixels: Pixels, bitstream: bytes) -> float:
        shown = self._codecs[name].reconstruct(bitstream)
        shown = shown if shown.shape == pixels.shape else double(shown)
        value = psnr(pixels, shown)
        return IDENTICAL_PSNR if math.isinf(value) else value

    def _decode(self, parts: Sequence[bytes | None], halved: bool) -> Decoded:
        some = next((part for part in parts if part), b"")
        return self._timed(some, lambda codec: codec.join(parts), halved)

    def _timed(
        self, start: bytes, decode: Callable[[Codec], Pixels], halved: bool
    ) -> Decoded:
        name = codec_of(start)
        codec = self._codec(name)
        began = time.perf_counter()
        pixels = decode(codec)
        if halved:
            pixels = _doubled(pixels)
        return Decoded(pixels, name, time.perf_counter() - began, time.monotonic())


def _doubled(pixels: Pixels) -> Pixels:
    height, width = pixels.shape[:2]
    try:
        check_size(2 * width, 2 * height)
    except ValueError as error:
        raise BitstreamError(f"a halved picture: {error}") from error
    return double(pixels)


def _known(name: str, reference: str | None) -> str:
    """Give back the name of a codec, untrusted, if it is known here.

    Raises:
        BitstreamError: it is not.
    """
    learn()
    if is_known(name):
        return name
    if reference and is_reference(reference):
        raise BitstreamError(
            f"the other side sends {name!r} ({reference}), a codec that is not known here; "
            f"if you have it and trust it, start with --also-codec {reference}"
        )
    raise BitstreamError(f"the other side sends {name!r}, a codec this release lacks")


@contextmanager
def _refusals() -> Iterator[None]:
    """What was wrong with a name, device or size becomes an error that people read."""
    try:
        yield
    except ValueError as error:
        raise ConfcodecError(str(error)) from error
