"""Somebody's own codec behind the `Codec` interface: labelled, checked, its failures caught.

What such a class has:

    info          its name, 1 to 12 of a-z 0-9 . _ -, or a `CodecInfo`
    encode        (pixels, quality) -> bytes
    decode        bytes, untrusted -> pixels
    qualities     optional: its own settings from fewest bits to best picture, as `range(1, 9)`;
                  `encode` is given one of them, else 0..63
    split, join   optional, both or neither: bytes -> parts; parts, None where lost -> pixels
    reconstruct   optional: what `encode` returned last -> the pixels that a receiver gets

Pixels are (H, W, 3) uint8 RGB. `__init__` is given `device` and `threads` if it has
arguments of these names. Each of encoder and decoder gets an object of its own.
"""

import hashlib
import inspect
import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from confcodec.codec.frame import Pixels, check_pixels
from confcodec.codec.interface import Codec, CodecInfo
from confcodec.codec.plugin.label import (
    MAX_PARTS,
    TOGETHER,
    WHOLE,
    Label,
    pack,
    pack_parts,
    unpack,
    unpack_parts,
    unpack_together,
)
from confcodec.codec.quality import QUALITIES, check_quality
from confcodec.codec.registry import plugin_of
from confcodec.errors import BitstreamError, ConfcodecError

logger = logging.getLogger(__name__)

MAX_BYTES = 8 << 20
"""Of a coded frame, labels included: more cannot be sent."""

T = TypeVar("T")


def load_plugin(
    name: str,
    *,
    device: str = "auto",
    weights: Path | None = None,
    threads: int | None = None,
) -> "PluginCodec":
    """Make a codec that `registry.give` was told of.

    Raises:
        ValueError: no such codec was given.
        ConfcodecError: it cannot be imported or made, or lacks what every codec has.
    """
    name, reference, made_by = plugin_of(name)
    if weights:
        raise ConfcodecError(f"{reference} takes no --weights; it finds its own")
    wanted: dict[str, object] = {"device": device, "threads": threads}
    own = _tried(
        lambda: made_by(**_accepted(made_by, wanted)), f"{reference}: making it"
    )
    return PluginCodec(own, name, reference)


class PluginCodec(Codec):
    """Labels what another's object writes, and believes nothing that it returns."""

    def __init__(self, own: Any, name: str, reference: str) -> None:
        """`own` is the object; `name` what its class calls itself.

        Raises:
            ConfcodecError: it lacks what every codec has.
        """
        lacking = [m for m in ("encode", "decode") if not callable(_of(own, m))]
        if _of(own, "split") and not _of(own, "join"):
            lacking.append("join, as it has split")
        if lacking:
            raise ConfcodecError(f"{reference} has no {', no '.join(lacking)}; add it")
        self._own = own
        self._name = name
        self._qualities: Sequence[Any] = _of(own, "qualities") or range(QUALITIES)
        self.info = _info(own, name, reference)

    def encode(self, pixels: Pixels, quality: int) -> bytes:
        """Code one picture; see `Codec.encode`.

        Raises:
            ConfcodecError: the codec failed, or what it returned is of no use.
        """
        check_pixels(pixels)
        check_quality(quality)
        last = len(self._qualities) - 1
        setting = self._qualities[round(quality * last / (QUALITIES - 1))]
        # A copy: others look at this picture too, and the codec may write into it.
        content = _tried(
            lambda: self._own.encode(pixels.copy(), setting), f"{self._name}: encode"
        )
        label = Label(self._name, pixels.shape[1], pixels.shape[0])
        return self._sized([pack(label, WHOLE, _bytes(content, self._name, "encode"))])[
            0
        ]

    def decode(self, bitstream: bytes) -> Pixels:
        """Read a picture back; see `Codec.decode`."""
        label, kind, content = self._opened(bitstream)
        if kind == TOGETHER:
            return self._joined(label, list(unpack_together(content)))
        if kind != WHOLE:
            raise BitstreamError("damaged bitstream: a part of a frame on its own")
        return self._shown(label, lambda: self._own.decode(content), "decode")

    def split(self, bitstream: bytes) -> list[bytes]:
        """The parts that the codec cuts a bitstream of its own into, or it whole.

        Raises:
            ConfcodecError: the codec failed, or its parts are of no use.
        """
        label, _, content = self._opened(bitstream)
        if not _of(self._own, "split"):
            return [bitstream]
        parts = list(_tried(lambda: self._own.split(content), f"{self._name}: split"))
        if not 0 < len(parts) <= MAX_PARTS:
            raise ConfcodecError(
                f"{self._name}: split gave {len(parts)} parts; 1 to {MAX_PARTS} can be sent"
            )
        parts = [_bytes(part, self._name, "split") for part in parts]
        return self._sized(pack_parts(label, parts))

    def join(self, parts: Sequence[bytes | None]) -> Pixels:
        """Decode a frame from its parts; see `Codec.join`."""
        if not _of(self._own, "join"):
            return super().join(parts)
        label, contents = unpack_parts(parts)
        return self._joined(self._mine(label), contents)

    def reconstruct(self, bitstream: bytes) -> Pixels:
        """The pixels a receiver gets from the bitstream that `encode` returned last."""
        if not _of(self._own, "reconstruct"):
            return self.decode(bitstream)
        label, _, content = self._opened(bitstream)
        return self._shown(label, lambda: self._own.reconstruct(content), "reconstruct")

    def _joined(self, label: Label, contents: list[bytes | None]) -> Pixels:
        if not _of(self._own, "join"):
            raise BitstreamError(f"damaged bitstream: {self._name} has no parts")
        return self._shown(label, lambda: self._own.join(contents), "join")

    def _opened(self, bitstream: bytes) -> tuple[Label, int, bytes]:
        label, kind, content = unpack(bitstream)
        return self._mine(label), kind, content

    def _mine(self, label: Label) -> Label:
        if label.name != self._name:
            raise BitstreamError(f"these bytes are of {label.name}, not {self._name}")
        return label

    def _shown(self, label: Label, work: Callable[[], object], what: str) -> Pixels:
        """The picture that the codec makes, which must be as its label says."""
        try:
            pixels = _tried(work, f"{self._name}: {what}")
        except ConfcodecError as error:
            raise BitstreamError(str(error)) from error
        shape = (label.height, label.width, 3)
        if not isinstance(pixels, np.ndarray):
            got = type(pixels).__name__
        elif pixels.dtype != np.uint8 or pixels.shape != shape:
            got = f"{pixels.dtype} {pixels.shape}"
        else:
            # A copy: the codec may use its buffer again while this picture is still shown.
            return pixels.copy(order="C")
        raise BitstreamError(f"{self._name}: {what} gave {got}, not uint8 {shape}")

    def _sized(self, parts: list[bytes]) -> list[bytes]:
        size = sum(map(len, parts))
        if size > MAX_BYTES:
            raise ConfcodecError(
                f"{self._name} made {size} bytes of a frame; {MAX_BYTES} can be sent at most"
            )
        return parts


def _of(own: Any, name: str) -> Any:
    return getattr(own, name, None)


def _accepted(made_by: Any, wanted: dict[str, object]) -> dict[str, object]:
    """Those of the wanted arguments that a constructor has."""
    try:
        there = inspect.signature(made_by).parameters
    except (TypeError, ValueError):  # one written in C does not tell
        return {}
    return {name: value for name, value in wanted.items() if name in there}


def _info(own: Any, name: str, reference: str) -> CodecInfo:
    """What the object says of itself; the version of its code where it says none."""
    said = _of(own, "info")
    info = said if isinstance(said, CodecInfo) else CodecInfo(name)
    if info.codec != name:
        raise ConfcodecError(
            f"{reference} is called {name} before it is made and {info.codec} after; "
            "let its info name it alike"
        )
    return info if info.model else replace(info, model=_version(own, reference))


def _version(own: Any, reference: str) -> str:
    """The reference and 8 digits of its file's hash, so that changed code is told apart."""
    try:
        code = Path(inspect.getfile(type(own))).read_bytes()
    except (OSError, TypeError):
        return reference
    return f"{reference} {hashlib.sha256(code).hexdigest()[:8]}"


def _bytes(value: object, name: str, what: str) -> bytes:
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value)
    raise ConfcodecError(f"{name}: {what} gave {type(value).__name__}, not bytes")


def _tried(work: Callable[[], T], what: str) -> T:
    """What code of others returns; whatever it raises becomes a ConfcodecError of one line."""
    try:
        return work()
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # a panic of a Rust library is no Exception
        logger.debug("%s failed", what, exc_info=True)
        text = (str(error).strip().splitlines() or [""])[0][:200]
        said = f": {text}" if text else ""
        raise ConfcodecError(f"{what} failed: {type(error).__name__}{said}") from error
