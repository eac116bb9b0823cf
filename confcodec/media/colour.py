"""Decoded video frames as sRGB pixels: by the matrix and range of their tags, HDR made to fit.

HDR (PQ and HLG, ITU-R BT.2100) is brought to a screen of ordinary brightness: white is
203 cd/m2 (ITU-R BT.2408), up to half of that light is kept as it is, what is brighter is
pressed together up to 1000 cd/m2, and BT.2020's colours that sRGB lacks are cut off.
"""

from functools import cache, lru_cache

import av
import cv2
import numpy as np
import numpy.typing as npt
from av.video.reformatter import ColorRange, Colorspace, Interpolation

from confcodec.codec.frame import Pixels

FloatArray = npt.NDArray[np.float32]

# Numbers of ITU-T H.273, which FFmpeg uses.
_BT709, _YCGCO, _BT2020, _ICTCP = 1, 8, 9, 14
_PQ, _HLG = 16, 18
_MATRICES = {
    _BT709: Colorspace.ITU709,
    4: Colorspace.FCC,
    5: Colorspace.ITU601,
    6: Colorspace.ITU601,
    7: Colorspace.SMPTE240M,
    _BT2020: Colorspace.BT2020,
    10: Colorspace.BT2020,
}
_FULL = 2

_WHITE = 203.0
"""Light of a white sheet, cd/m2."""
_PEAK = 1000.0 / _WHITE
"""The brightest that is told apart, in whites."""
_KNEE = 0.5
"""Light up to which nothing changes, in whites."""
_TO_BT709 = np.array(
    [
        [1.6605, -0.5876, -0.0728],
        [-0.1246, 1.1329, -0.0083],
        [-0.0182, -0.1006, 1.1187],
    ],
    np.float32,
)
"""Linear light of BT.2020 to that of BT.709: ITU-R BT.2087."""
_LUMINANCE = np.array([[0.2627, 0.6780, 0.0593]], np.float32)
"""Of BT.2020's three colours."""


def to_srgb(frame: av.VideoFrame, enough: tuple[int, int] | None = None) -> Pixels:
    """(H, W, 3) uint8 of a decoded frame.

    Without tags, what is larger than 1024x576 is taken for BT.709, the rest for BT.601.

    Args:
        enough: width and height that the result need not exceed on both sides; HDR, which
            takes many times as long, is scaled down so far, the rest is left to the caller.

    Raises:
        ValueError: colours coded as ICtCp or YCgCo.
        av.error.FFmpegError: a pixel format that cannot be converted.
    """
    transfer = getattr(frame, "color_trc", 0)
    wide = getattr(frame, "color_primaries", 0) == _BT2020
    if transfer in (_PQ, _HLG) or wide:
        deep = np.asarray(_converted(frame, "rgb48le", enough, wide=True), np.uint16)
        return _shown(_light(deep, transfer))
    return np.asarray(_converted(frame, "rgb24", None, wide=False), np.uint8)


def _converted(
    frame: av.VideoFrame,
    format: str,
    enough: tuple[int, int] | None,
    *,
    wide: bool,
) -> npt.NDArray[np.generic]:
    width, height = frame.width, frame.height
    if enough:
        factor = max(1, min(width / enough[0], height / enough[1]))
        width, height = round(width / factor), round(height / factor)
    if not _has_chroma(frame.format.name):
        return frame.to_ndarray(format=format, width=width, height=height)
    if frame.colorspace in (_YCGCO, _ICTCP):
        raise ValueError("colours coded as YCgCo or ICtCp; convert it to BT.709 first")
    full = frame.color_range == _FULL or frame.format.name.startswith("yuvj")
    return frame.to_ndarray(
        format=format,
        width=width,
        height=height,
        interpolation=Interpolation.BILINEAR if enough is None else Interpolation.AREA,
        src_colorspace=_matrix(frame, wide=wide),
        src_color_range=ColorRange.JPEG if full else ColorRange.MPEG,
        dst_color_range=ColorRange.JPEG,
    )


def _matrix(frame: av.VideoFrame, *, wide: bool) -> int:
    """The tag's, or what such a size usually has."""
    large = frame.width > 1024 or frame.height > 576
    usual = Colorspace.ITU709 if large else Colorspace.ITU601
    if wide:
        usual = Colorspace.BT2020
    return _MATRICES.get(frame.colorspace, usual)


@lru_cache(maxsize=64)
def _has_chroma(name: str) -> bool:
    return any(part.is_chroma for part in av.VideoFormat(name).components)


def _light(deep: npt.NDArray[np.uint16], transfer: int) -> FloatArray:
    """(H, W, 3) linear light, 1 where a white sheet is."""
    light = _levels(transfer)[deep]
    if transfer == _HLG:
        # The system gamma of a display of 1000 cd/m2, 1.2, works on the luminance.
        luminance = cv2.transform(light, _LUMINANCE).reshape(light.shape[:2])
        light *= (_PEAK * np.power(luminance, 0.2))[..., None]
    return light


@cache
def _levels(transfer: int) -> FloatArray:
    """The light of each of 65,536 levels: display light, of HLG that of the scene."""
    level = np.linspace(0, 1, 1 << 16)
    if transfer == _PQ:  # SMPTE ST 2084
        power = level ** (32 / 2523)
        ratio = np.maximum(power - 107 / 128, 0) / (2413 / 128 - 2392 / 128 * power)
        light = 10_000 / _WHITE * ratio ** (8192 / 1305)
    elif transfer == _HLG:  # ARIB STD-B67
        a, b, c = 0.17883277, 0.28466892, 0.55991073
        light = np.where(level <= 0.5, level**2 / 3, (np.exp((level - c) / a) + b) / 12)
    else:
        light = np.where(
            level <= 0.04045, level / 12.92, ((level + 0.055) / 1.055) ** 2.4
        )
    return light.astype(np.float32)


def _shown(light: FloatArray) -> Pixels:
    """sRGB pixels of BT.2020 light, which is overwritten."""
    strongest = np.maximum(np.maximum(light[..., 0], light[..., 1]), light[..., 2])
    bright = strongest > _KNEE
    strongest = strongest[bright]
    power = (_PEAK - _KNEE) / (1 - _KNEE)  # makes the curve smooth at the knee
    over = np.minimum((strongest - _KNEE) / (_PEAK - _KNEE), 1)
    pressed = _KNEE + (1 - _KNEE) * (1 - (1 - over) ** power)
    # All three colours by one factor: hues stay.
    light[bright] *= (pressed / strongest)[:, None]
    light = np.asarray(cv2.transform(light, _TO_BT709), np.float32)
    np.clip(light, 0, 1, out=light)
    light *= (1 << 16) - 1
    return _srgb_levels()[light.astype(np.uint16)]


@cache
def _srgb_levels() -> Pixels:
    """The sRGB level of each of 65,536 steps of light."""
    light = np.linspace(0, 1, 1 << 16)
    level = np.where(
        light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055
    )
    return np.round(255 * level).astype(np.uint8)
