"""Untrusted bytes: an error or a picture, in bounded time and memory.

`CONFCODEC_FUZZ=100000 pytest tests/test_fuzz.py` runs that many of each kind.
"""

import os
import random
import resource
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from confcodec.codec.bitstream import pack, unpack
from confcodec.codec.rt_codec import RtCodec, load_rt
from confcodec.errors import BitstreamError
from tests.conftest import picture

COUNT = int(os.environ.get("CONFCODEC_FUZZ", "200"))
MEMORY = 200_000  # KiB more than before
LONGEST = 20.0
"""Seconds, for 1920x1920 pixels: a bound against hanging, not a measure of speed."""


@pytest.fixture(scope="module")
def tiny(tiny_weights: Path) -> RtCodec:
    codec = load_rt("cpu-fp32", weights=tiny_weights)
    codec.decode(codec.encode(picture(1920, 1920), 30))
    return codec


@pytest.fixture(scope="module")
def bitstreams(tiny: RtCodec) -> list[bytes]:
    sizes = [(16, 16), (40, 70), (130, 64), (260, 48)]
    return [tiny.encode(picture(*size, i), 15 * i) for i, size in enumerate(sizes)]


def noise(draw: random.Random, bitstreams: list[bytes], codec: RtCodec) -> object:
    """Bytes out of nowhere, half of them with a beginning that is believed."""
    data = draw.randbytes(draw.randrange(300))
    if draw.random() < 0.5:
        data = draw.choice(bitstreams)[: draw.randrange(20)] + data
    return codec.decode(data)


def mutation(draw: random.Random, bitstreams: list[bytes], codec: RtCodec) -> object:
    """A bitstream with some bytes changed, cut off, doubled."""
    return codec.decode(_mutated(draw, draw.choice(bitstreams)))


def payload(draw: random.Random, bitstreams: list[bytes], codec: RtCodec) -> object:
    """The same inside the checksum, so that the entropy decoder sees it."""
    header, payloads = unpack(draw.choice(bitstreams))
    return codec.decode(pack(header, [_mutated(draw, part) for part in payloads]))


def part(draw: random.Random, bitstreams: list[bytes], codec: RtCodec) -> object:
    """Slices that are lost, swapped or damaged."""
    parts: list[bytes | None] = list(codec.split(draw.choice(bitstreams)))
    for index, data in enumerate(parts):
        if data and draw.random() < 0.5:
            parts[index] = _mutated(draw, data) if draw.random() < 0.6 else None
    return codec.join(parts)


@pytest.mark.timeout(max(120, COUNT // 10))
@pytest.mark.parametrize("kind", [noise, mutation, payload, part])
def test_any_bytes_are_a_picture_or_the_documented_error(
    kind: Callable[[random.Random, list[bytes], RtCodec], object],
    tiny: RtCodec,
    bitstreams: list[bytes],
) -> None:
    draw = random.Random(kind.__name__)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    refused, slowest = 0, 0.0
    for _ in range(COUNT):
        began = time.monotonic()
        try:
            kind(draw, bitstreams, tiny)
        except BitstreamError:
            refused += 1
        slowest = max(slowest, time.monotonic() - began)
    more = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    print(f"{kind.__name__}: {COUNT}, {refused} refused, {slowest:.2f} s, {more} KiB")
    assert refused
    assert slowest < LONGEST
    assert more < MEMORY


def _mutated(draw: random.Random, data: bytes) -> bytes:
    out = bytearray(data)
    for _ in range(draw.randrange(1, 6)):
        if not out:
            break
        at = draw.randrange(len(out))
        match draw.randrange(4):
            case 0:
                out[at] = draw.randrange(256)
            case 1:
                out[at] ^= 1 << draw.randrange(8)
            case 2:
                del out[at : at + draw.randrange(1, 9)]
            case _:
                out[at:at] = draw.randbytes(draw.randrange(1, 9))
    return bytes(out)
