"""Untrusted bytes: an error or a picture, in bounded time and memory.

`CONFCODEC_FUZZ=100000 pytest tests/codec/test_fuzz.py` runs that many of each kind.
"""

import os
import random
import resource
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from confcodec.codec.bitstream import pack, slice_count, unpack
from confcodec.codec.cae.networks import CaeConfig, CaeModel
from confcodec.codec.interface import Codec
from confcodec.errors import BitstreamError
from tests.conftest import picture, save_cae

COUNT = int(os.environ.get("CONFCODEC_FUZZ", "200"))
MEMORY = 200_000  # KiB more than before
LONGEST = 20.0
"""Seconds, for 1920x1920 pixels: a bound against hanging, not a measure of speed."""


@pytest.fixture(scope="module", params=["rt", "cae"])
def tiny(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    tiny_weights: Path,
) -> Codec:
    name, weights = request.param, tiny_weights
    if name == "cae":
        nets = [CaeModel(CaeConfig(width2=4, width4=4, latent=4, blocks=1))] * 2
        weights = save_cae(nets, tmp_path_factory.mktemp("cae"))
    codec = Codec.load(name, "cpu-fp32", weights=weights)
    codec.decode(codec.encode(picture(1920, 1920), 30))
    return codec


@pytest.fixture(scope="module")
def bitstreams(tiny: Codec) -> list[bytes]:
    sizes = [(16, 16), (40, 70), (130, 64), (260, 48)]
    return [tiny.encode(picture(*size, i), 15 * i) for i, size in enumerate(sizes)]


def noise(draw: random.Random, bitstreams: list[bytes], codec: Codec) -> object:
    """Bytes out of nowhere, half of them with a beginning that is believed."""
    data = draw.randbytes(draw.randrange(300))
    if draw.random() < 0.5:
        data = draw.choice(bitstreams)[: draw.randrange(20)] + data
    return codec.decode(data)


def mutation(draw: random.Random, bitstreams: list[bytes], codec: Codec) -> object:
    """A bitstream with some bytes changed, cut off, doubled."""
    return codec.decode(_mutated(draw, draw.choice(bitstreams)))


def payload(draw: random.Random, bitstreams: list[bytes], codec: Codec) -> object:
    """The same inside the checksum, so that the entropy decoder sees it."""
    header, payloads = unpack(draw.choice(bitstreams))
    return codec.decode(pack(header, [_mutated(draw, part) for part in payloads]))


def header(draw: random.Random, bitstreams: list[bytes], codec: Codec) -> object:
    """Slices under a header that promises another picture; few are large, for they take longest."""
    own, payloads = unpack(draw.choice(bitstreams))
    sides = [16 + int(1904 * draw.random() ** 8) for _ in range(2)]
    other = replace(own, width=sides[0], height=sides[1], quality=draw.randrange(64))
    count = slice_count(other.height)
    return codec.decode(pack(other, draw.choices(payloads, k=count)))


def part(draw: random.Random, bitstreams: list[bytes], codec: Codec) -> object:
    """Slices that are lost, swapped or damaged."""
    parts: list[bytes | None] = list(codec.split(draw.choice(bitstreams)))
    for index, data in enumerate(parts):
        if data and draw.random() < 0.5:
            parts[index] = _mutated(draw, data) if draw.random() < 0.6 else None
    return codec.join(parts)


@pytest.mark.timeout(max(120, COUNT // 10))
@pytest.mark.parametrize("kind", [noise, mutation, payload, header, part])
def test_any_bytes_are_a_picture_or_the_documented_error(
    kind: Callable[[random.Random, list[bytes], Codec], object],
    tiny: Codec,
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
    print(
        f"{tiny.info.codec}, {kind.__name__}: {COUNT}, {refused} refused, {slowest:.2f} s, {more} KiB"
    )
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
