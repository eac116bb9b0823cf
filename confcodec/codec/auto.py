"""`--codec auto`: the best learned codec that keeps up on this machine."""

import logging

from confcodec.codec.device import choose_device
from confcodec.codec.interface import Codec
from confcodec.codec.registry import AUTO, installed_codecs
from confcodec.machine.cores import usable_cores

logger = logging.getLogger(__name__)

CANDIDATES = ("rt", "rt-s")
"""From the best picture to the least work."""
SHARE = 0.8
"""Of a frame's time that its encoder, or its decoder, may take; the rest is for copies and others."""
CORES_SHARE = 0.5
"""Of the processor that both may take; the rest is for the call itself and a browser."""

_REST = 0.0105
"""Seconds of encoding or decoding 640x480 with `rt` that are alike on all machines measured."""
_LAYERS = (12.0, 10.6)
"""The rest of encoding, of decoding, in times of the layer that `choose_device` has timed.

A line through two machines (`bench --no-network --threads 1`): 20.0 and 19.1 ms where the layer
takes 0.80 ms (bf16), 45 and 41 ms where it takes 2.9 ms (fp32, AVX2 alone; 54 and 50 at 3.4).
"""
_MEASURED_SIZE = 640 * 480


def load_auto(
    device: str = "auto",
    *,
    name: str = AUTO,
    weights: None = None,
    threads: int | None = None,
    size: tuple[int, int] = (640, 480),
    fps: float = 30.0,
) -> Codec:
    """Load `rt` where it can code such frames both ways at once, else its small sibling.

    What the machine can do is taken from the measurement at start-up, not from frames coded
    on trial: those would take as long as loading a codec, and others at work would disturb them.

    Args:
        device: as of `Codec.load`.
        name: stands for them all.
        weights: those that ship.
        threads: CPU threads of the transforms.
        size: width and height of the frames.
        fps: frames a second.

    Raises:
        WeightsError: no candidate is installed.
        ValueError: no such device.
    """
    there = installed_codecs()
    best, *others = [n for n in CANDIDATES if n in there] or CANDIDATES[:1]
    if others:
        layer = choose_device(device).layer_seconds
        if layer is not None:
            scale = size[0] * size[1] / _MEASURED_SIZE
            encode, decode = (scale * (_REST + n * layer) for n in _LAYERS)
            fits = keeps_up(encode, decode, fps, threads or 1, usable_cores())
            logger.info(
                "%s would take about %.0f and %.0f ms to encode and decode %dx%d: %s",
                best,
                1e3 * encode,
                1e3 * decode,
                *size,
                "fast enough" if fits else f"too slow, taking {others[-1]}",
            )
            best = best if fits else others[-1]
    return Codec.load(best, device, threads=threads)


def keeps_up(
    encode: float, decode: float, fps: float, threads: int, cores: int
) -> bool:
    """Whether so many seconds for each frame, on one thread, leave time for everything else.

    Args:
        encode: seconds in the encoder.
        decode: in the decoder.
        fps: frames a second.
        threads: that each of them has.
        cores: of the processor, that this process may use.
    """
    alone = fps * max(encode, decode) / threads <= SHARE
    return alone and fps * (encode + decode) / cores <= CORES_SHARE
