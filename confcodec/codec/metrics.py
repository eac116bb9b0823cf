"""Rate and distortion, as all figures of this project mean them."""

import math

import numpy as np

from confcodec.codec.frame import Pixels


def psnr(a: Pixels, b: Pixels) -> float:
    """PSNR in dB over RGB, 8 bits, peak 255; infinite for equal pictures."""
    if a.shape != b.shape:
        raise ValueError(
            f"PSNR needs pictures of one size, not {a.shape} and {b.shape}"
        )
    difference = np.subtract(a, b, dtype=np.int16).ravel()
    # int16 holds a difference but not its square: add the squares up in float32 by BLAS.
    as_float = difference.astype(np.float32)
    mse = float(as_float @ as_float) / as_float.size
    return 10.0 * math.log10(255.0 * 255.0 / mse) if mse else math.inf


def bpp(bitstream: bytes, pixels: Pixels) -> float:
    """Bits per pixel: all bytes of the bitstream over the unpadded picture."""
    height, width = pixels.shape[:2]
    return 8.0 * len(bitstream) / int(height * width)
