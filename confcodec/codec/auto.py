"""`--codec auto`: the best learned codec that keeps up on this machine."""

import logging
import time

import numpy as np

from confcodec.codec.codec import Codec, installed_codecs

logger = logging.getLogger(__name__)

CANDIDATES = ("rt", "rt-s")
"""From the best picture to the least work."""
SHARE = 0.8
"""Of a frame's time that its encoder, or its decoder, may take; the rest is for copies and others."""
_RUNS = 5


def load_auto(
    device: str = "auto",
    *,
    threads: int | None = None,
    size: tuple[int, int] = (640, 480),
    fps: float = 30.0,
) -> Codec:
    """Load the first candidate whose encoder and decoder keep up with such frames.

    The last of those that are installed is taken unmeasured: nothing needs less work.

    Args:
        device: as of `Codec.load`.
        threads: CPU threads of the transforms.
        size: width and height of the frames.
        fps: frames a second.

    Raises:
        WeightsError: no candidate is installed.
        ValueError: no such device.
    """
    there = installed_codecs()
    *first, last = [n for n in CANDIDATES if n in there] or CANDIDATES[:1]
    for name in first:
        codec = Codec.load(name, device, threads=threads)
        seconds = seconds_a_frame(codec, size)
        fits = seconds <= SHARE / fps
        logger.info(
            "%s takes %.0f ms a frame of %dx%d: %s for %g frames a second",
            name,
            1e3 * seconds,
            *size,
            "fast enough" if fits else "too slow",
            fps,
        )
        if fits:
            return codec
    return Codec.load(last, device, threads=threads)


def seconds_a_frame(codec: Codec, size: tuple[int, int]) -> float:
    """The slower of encoder and decoder, at its best of some runs."""
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 256, (size[1] // 8 + 1, size[0] // 8 + 1, 3), np.uint8)
    pixels = coarse.repeat(8, 0).repeat(8, 1)[: size[1], : size[0]].copy()
    slower = []
    for _ in range(_RUNS):
        began = time.perf_counter()
        bitstream = codec.encode(pixels, 32)
        encoded = time.perf_counter()
        codec.decode(bitstream)
        slower.append(max(encoded - began, time.perf_counter() - encoded))
    return min(slower)
