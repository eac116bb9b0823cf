"""Rate and distortion, as all figures of this project mean them."""

import math

import cv2
import numpy as np
import numpy.typing as npt

from confcodec.codec.frame import Pixels

FloatArray = npt.NDArray[np.float32]

_WINDOW = 11
_MS_SSIM_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)


def psnr(a: Pixels, b: Pixels) -> float:
    """PSNR in dB over RGB, 8 bits, peak 255; infinite for equal pictures."""
    if a.shape != b.shape:
        raise ValueError(
            f"PSNR needs pictures of one size, not {a.shape} and {b.shape}"
        )
    # Squares of bytes, added up in integers: exact, whatever the processor.
    rows = (a.reshape(len(a), -1), b.reshape(len(b), -1))
    mse = cv2.norm(*rows, cv2.NORM_L2SQR) / a.size
    return 10.0 * math.log10(255.0 * 255.0 / mse) if mse else math.inf


def bpp(bitstream: bytes, pixels: Pixels) -> float:
    """Bits per pixel: all bytes of the bitstream over the unpadded picture."""
    height, width = pixels.shape[:2]
    return 8.0 * len(bitstream) / int(height * width)


def ms_ssim(a: Pixels, b: Pixels) -> float:
    """MS-SSIM over RGB, the mean of the colours; 1 for equal pictures.

    "Multiscale structural similarity for image quality assessment" (Wang, Simoncelli and
    Bovik, 2003): five scales, a Gaussian window of 11x11. nan below 176 pixels a side,
    where the window no longer fits the coarsest scale.
    """
    if a.shape != b.shape:
        raise ValueError(
            f"MS-SSIM needs pictures of one size, not {a.shape} and {b.shape}"
        )
    if min(a.shape[:2]) < _WINDOW << (len(_MS_SSIM_WEIGHTS) - 1):
        return math.nan
    x, y = a.astype(np.float32), b.astype(np.float32)
    product = np.ones(3)
    for scale, weight in enumerate(_MS_SSIM_WEIGHTS):
        if scale:
            x, y = _halve(x), _halve(y)
        luminance, contrast = _ssim_terms(x, y)
        last = scale == len(_MS_SSIM_WEIGHTS) - 1
        # Brightness counts at the coarsest scale alone.
        term = luminance * contrast if last else contrast
        product *= np.maximum(term.mean((0, 1)), 0.0) ** weight
    return float(product.mean())


def _ssim_terms(x: FloatArray, y: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Luminance and contrast-structure comparisons, wherever the whole window fits."""
    mean_x, mean_y = _blur(x), _blur(y)
    variance_x = _blur(x * x) - mean_x * mean_x
    variance_y = _blur(y * y) - mean_y * mean_y
    covariance = _blur(x * y) - mean_x * mean_y
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    luminance = (2 * mean_x * mean_y + c1) / (mean_x * mean_x + mean_y * mean_y + c1)
    contrast = (2 * covariance + c2) / (variance_x + variance_y + c2)
    return luminance.astype(np.float32), contrast.astype(np.float32)


def _blur(x: FloatArray) -> FloatArray:
    margin = _WINDOW // 2
    blurred = cv2.GaussianBlur(x, (_WINDOW, _WINDOW), 1.5)
    return np.asarray(blurred[margin:-margin, margin:-margin], np.float32)


def _halve(x: FloatArray) -> FloatArray:
    height, width = x.shape[0] // 2 * 2, x.shape[1] // 2 * 2
    size = (width // 2, height // 2)
    half = cv2.resize(x[:height, :width], size, interpolation=cv2.INTER_AREA)
    return np.asarray(half, np.float32)
