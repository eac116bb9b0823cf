"""The one interface every codec has, learned or classic."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from confcodec.codec.frame import MAX_SIDE, Pixels
from confcodec.errors import BitstreamError
from confcodec.share import share_path

QUALITIES = 64
"""Quality runs from 0, the fewest bits, to 63, the best picture."""

CODECS = ("rt", "rt-s", "cae", "jpeg", "webp", "jpeg2000", "avif")
"""The codecs, the default first."""

AUTO = "auto"
"""Stands for the learned one that keeps up on this machine."""
CHOICES = (*CODECS, AUTO)
"""The names `Codec.load` knows."""


@dataclass(frozen=True, slots=True)
class CodecInfo:
    """What a report must say about the codec behind its figures."""

    codec: str
    """One of `CODECS`."""
    model: str
    """The weights' file name without its suffix, or the library and its version."""
    device: str
    """cpu or cuda, with its number where there are several."""
    dtype: str
    """Number format of the transforms: fp32, bf16, fp16 or uint8."""
    threads: int
    """CPU threads the transforms use."""


class Codec(ABC):
    """Codes a picture to bytes and back; frames are independent of each other.

    Objects are not thread-safe: an encoder and a decoder running side by side
    each load their own.
    """

    info: CodecInfo
    max_side: int = MAX_SIDE
    """Pixels a side that are coded, and believed of a bitstream, which is untrusted: those
    of a call. Who reads and writes files sets it to `FILE_SIDE`."""
    on_stage: Callable[[str], None] | None = None
    """Called as a stage of the work ends, with its name; for those who measure."""

    @abstractmethod
    def encode(self, pixels: Pixels, quality: int) -> bytes:
        """Code one picture.

        Args:
            pixels: (H, W, 3) uint8 RGB, each side 16 to `max_side`.
            quality: 0 (fewest bits) to 63 (best picture).

        Raises:
            ValueError: pixels or quality are outside these limits.
        """

    @abstractmethod
    def decode(self, bitstream: bytes) -> Pixels:
        """Read a picture back, in its original size; `bitstream` is untrusted.

        Raises:
            BitstreamError: these bytes are no whole bitstream of this codec.
        """

    def _stage(self, name: str) -> None:
        if self.on_stage:
            self.on_stage(name)

    def split(self, bitstream: bytes) -> list[bytes]:
        """Cut what `encode` returned into parts that decode without each other.

        A network that loses a part loses that band of the picture, not the frame.
        """
        return [bitstream]

    def join(self, parts: Sequence[bytes | None]) -> Pixels:
        """Decode a frame from its parts, untrusted; None stands for a lost one.

        What is lost is shown as in the frame that this object decoded before.

        Raises:
            BitstreamError: the parts are no frame of this codec, or one is lost
                and nothing was decoded before that could be shown instead.
        """
        if len(parts) != 1 or parts[0] is None:
            raise BitstreamError("the frame is lost: this codec sends it in one part")
        return self.decode(parts[0])

    def reconstruct(self, bitstream: bytes) -> Pixels:
        """The pixels a receiver gets from the bitstream that `encode` returned last."""
        return self.decode(bitstream)

    @staticmethod
    def load(
        name: str,
        device: str = "auto",
        *,
        weights: Path | None = None,
        threads: int | None = None,
    ) -> Codec:
        """Make a codec ready to use; the learned ones measure and warm up first.

        Args:
            name: one of `CHOICES`.
            device: auto, cpu or cuda; a learned codec's only.
            weights: another weights file than the one that ships.
            threads: CPU threads for the transforms; torch's default if None.

        Raises:
            ValueError: no codec or device of that name.
            WeightsError: the weights cannot be used.
            ConfcodecError: the codec's library is not installed.
        """
        if name == AUTO and weights is None:
            from confcodec.codec.auto import load_auto

            return load_auto(device, threads=threads)
        if name in ("rt", "rt-s", AUTO):
            from confcodec.codec.rt_codec import load_rt

            return load_rt(device, name=name, weights=weights, threads=threads)
        if name == "cae":
            from confcodec.codec.cae_codec import load_cae

            return load_cae(device, weights=weights, threads=threads)
        if name in CODECS:
            from confcodec.codec.classic import load_classic

            return load_classic(name)
        raise ValueError(f"no codec {name!r}; choose one of {', '.join(CHOICES)}")


def check_quality(quality: int) -> None:
    """Refuse a quality outside 0..63 with a ValueError."""
    if not 0 <= quality < QUALITIES:
        raise ValueError(f"quality {quality} is outside 0..{QUALITIES - 1}")


def installed_codecs() -> tuple[str, ...]:
    """Those of `CODECS` whose weights or library are here."""
    there = {"jpeg", "webp", *_model_names().values()}
    if find_spec("imagecodecs") is not None:
        there |= {"jpeg2000", "avif"}
    return tuple(name for name in CODECS if name in there)


@cache
def _model_names() -> dict[str, str]:
    """The codec of each weights file that ships, by the 8 hex digits of its hash."""
    files = share_path("weights").glob("*-????????.safetensors")
    names = (path.stem.rpartition("-") for path in files)
    return {digits: name for name, _, digits in names}


def codec_of(bitstream: bytes) -> str:
    """Name the codec that wrote a bitstream, from its first bytes.

    The learned ones differ by their model; one that does not ship counts as the default.

    Raises:
        BitstreamError: no codec of `CODECS` starts its bitstreams like that.
    """
    from confcodec.codec.bitstream import MAGIC

    if bitstream[:1] == MAGIC:
        return _model_names().get(bitstream[2:6].hex(), CODECS[0])
    if bitstream[:2] == b"\xff\xd8":
        return "jpeg"
    if bitstream[:4] == b"RIFF" and bitstream[8:12] == b"WEBP":
        return "webp"
    if bitstream[:4] == b"\xff\x4f\xff\x51":
        return "jpeg2000"
    if bitstream[4:12] == b"ftypavif":
        return "avif"
    raise BitstreamError(
        "the bytes start like no bitstream of confcodec; was another program's file sent?"
    )
