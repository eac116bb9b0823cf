"""The one interface every codec has, learned or classic."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from confcodec.codec.frame import Pixels
from confcodec.codec.registry import AUTO, give, loader_of
from confcodec.codec.size import MAX_SIDE
from confcodec.errors import BitstreamError


@dataclass(frozen=True, slots=True)
class CodecInfo:
    """What a report must say about the codec behind its figures."""

    codec: str
    """Its name: one of `CODECS`, or what somebody's own codec calls itself."""
    model: str = ""
    """The weights' file name without its suffix, or the library and its version."""
    device: str = "cpu"
    """cpu or cuda, with its number where there are several."""
    dtype: str = "uint8"
    """Number format of the transforms: fp32, bf16, fp16 or uint8."""
    threads: int = 1
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
    def add(codec: str) -> None:
        """Let this program load somebody's own codec; it is not imported yet.

        Args:
            codec: `package.module:Class`, or the name of an entry point in the group
                `confcodec.codecs`.

        Raises:
            ValueError: neither.
        """
        give(codec)

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
            name: one of `registry.CHOICES`, or of the codecs added.
            device: auto, cpu or cuda; a learned codec's only.
            weights: another weights file than the one that ships.
            threads: CPU threads for the transforms; torch's default, at most what may be used, if None.

        Raises:
            ValueError: no codec or device of that name.
            WeightsError: the weights cannot be used.
            ConfcodecError: the codec, or a library that it needs, cannot be imported.
        """
        if name == AUTO and weights is not None:
            name = "rt"  # or whatever model the file holds
        codec: Codec = loader_of(name)(
            name=name, device=device, weights=weights, threads=threads
        )
        return codec
