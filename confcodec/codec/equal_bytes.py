"""The same picture through other formats in the same number of bytes.

A format's own quality scale is searched until the file is as long as asked for: at
most 2 % shorter and never longer, where its scale has a step there. AVIF's has 64
steps of up to 13 %; between two of them its sharpness and quantisation matrices are
searched, which trade bytes for PSNR as its quality does, and if that is not enough at the
speeds next to 8. All formats are told to aim at PSNR
where they know how: AVIF's own preference, for the eye, costs it 0.5 dB.
"""

import io
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from itertools import product

import numpy as np
from PIL import Image, features

from confcodec.codec.frame import Pixels
from confcodec.codec.metrics import psnr

TOLERANCE = 0.02
"""Share of the bytes asked for by which a file may be shorter without another attempt."""
MAX_ENCODES = 10
IDENTICAL_PSNR = 100.0
"""dB that stand for equal pictures, whose PSNR is infinite."""

_SLOPE = 4.0
"""Growth of log(bytes) over the whole scale, roughly, until two attempts are known."""
_STEPS = {"avif": 1 / 63}
"""Settings closer than this give the same file."""
_SHARPNESS = 7
_SPEEDS = (8, 7, 9)
_MATRICES: dict[str, str] = {"enable-qm": "1", "qm-min": "14", "qm-max": "14"}
"""Each step of sharpness lengthens a file of AVIF by 1 to 4 %, these matrices by 1 to 3 %."""
_JPEG2000_RATIO = 2000.0
"""Raw bytes for each coded one at the lowest setting of JPEG 2000."""


@dataclass(frozen=True, slots=True)
class Rendition:
    """A picture through one format."""

    codec: str
    file: bytes
    """The whole file of that format, every header included."""
    pixels: Pixels
    """What a decoder makes of it."""
    psnr: float
    """dB against the original, RGB, at most `IDENTICAL_PSNR`."""
    setting: float
    """Where on the format's scale it lies, 0 to 1."""


def formats() -> tuple[str, ...]:
    """The formats that this machine's Pillow writes."""
    needs = {"jpeg": "jpg", "webp": "webp", "jpeg2000": "jpg_2000", "avif": "avif"}
    return tuple(name for name, feature in needs.items() if features.check(feature))


def render(
    pixels: Pixels, codec: str, size: int, hint: float | None = None
) -> Rendition:
    """Code a picture in at most `size` bytes, as close to them as the format comes.

    Args:
        pixels: (H, W, 3) uint8 RGB.
        codec: one of `formats()`.
        size: bytes of the file; where even the coarsest file is longer, that one is given.
        hint: the setting that did for the picture before.
    """
    image, encode = Image.fromarray(pixels), _ENCODERS[codec]
    step = _STEPS.get(codec, 1e-4)
    file, setting = search(lambda setting: encode(image, setting), size, hint, step)
    if codec == "avif" and len(file) < (1 - TOLERANCE) * size:
        file = _finer_avif(image, setting, size)
    with Image.open(io.BytesIO(file)) as opened:
        decoded = np.array(opened.convert("RGB"))
    value = min(psnr(pixels, decoded), IDENTICAL_PSNR)
    return Rendition(codec, file, decoded, value, setting)


def search(
    encode: Callable[[float], bytes],
    size: int,
    hint: float | None = None,
    step: float = 1e-4,
) -> tuple[bytes, float]:
    """The longest file of at most `size` bytes, and its setting, in few attempts.

    Args:
        encode: makes a file from a setting, 0 to 1, longer for higher ones.
        size: bytes asked for.
        hint: where to begin.
        step: settings closer than this make no difference.
    """
    aim = math.log(size * (1 - TOLERANCE / 2))
    below: tuple[float, bytes] | None = None
    above: tuple[float, bytes] | None = None
    setting = 0.5 if hint is None else hint
    longer: list[bool] = []  # of each attempt
    for attempt in range(MAX_ENCODES):
        file = encode(setting)
        longer.append(len(file) > size)
        if longer[-1]:
            above = (setting, file)
        elif below is None or len(file) >= len(below[1]):
            below = (setting, file)
            if len(file) >= (1 - TOLERANCE) * size:
                break
        if below and above and above[0] - below[0] <= step:
            break
        if below and above:
            # Where the lengths bend, one end would stay for ever: then halve.
            stalled = len(longer) > 2 and len(set(longer[-3:])) == 1
            share = 0.5 if stalled else _share(aim, below[1], above[1])
            following = below[0] + share * (above[0] - below[0])
        else:
            # Ever further out: the scale may be flatter than it should be.
            off = (aim - math.log(len(file))) / _SLOPE
            stride = max(abs(off), 0.02) * 2**attempt
            following = min(1.0, max(0.0, setting + math.copysign(stride, off)))
        if following == setting:  # an end of the scale
            break
        setting = following
    found = below or above
    assert found is not None
    return found[1], found[0]


def _share(aim: float, below: bytes, above: bytes) -> float:
    """How far from one to the other to try next, by the logarithms of their lengths."""
    low, high = math.log(len(below)), math.log(len(above))
    return min(0.9, max(0.1, (aim - low) / max(high - low, 1e-9)))


def _save(image: Image.Image, form: str, options: dict[str, object]) -> bytes:
    out = io.BytesIO()
    image.save(out, form, **options)
    return out.getvalue()


@cache
def _jpeg_tables() -> list[list[int]]:
    """The two tables of JPEG at quality 50, which all others are multiples of."""
    file = _save(Image.new("RGB", (8, 8)), "JPEG", {"quality": 50, "subsampling": 0})
    with Image.open(io.BytesIO(file)) as image:
        tables: dict[int, list[int]] = image.quantization  # type: ignore[attr-defined]
        return [list(table) for table in tables.values()]


def _jpeg(image: Image.Image, setting: float) -> bytes:
    """4:4:4 with optimised tables; fractions of a quality make steps of under 2 %."""
    quality = 1 + 98.9 * setting
    scale = 50 / quality if quality < 50 else 2 - quality / 50
    tables = [
        [min(255, max(1, round(entry * scale))) for entry in table]
        for table in _jpeg_tables()
    ]
    options = {"qtables": tables, "subsampling": 0, "optimize": True}
    return _save(image, "JPEG", options)


def _webp(image: Image.Image, setting: float) -> bytes:
    return _save(image, "WEBP", {"quality": 100 * setting, "method": 4})


def _jpeg2000(image: Image.Image, setting: float) -> bytes:
    ratio = _JPEG2000_RATIO ** (1 - setting)
    options = {"quality_mode": "rates", "quality_layers": [ratio]}
    return _save(image, "JPEG2000", options | {"irreversible": True, "no_jp2": True})


def _avif(
    image: Image.Image,
    setting: float,
    matrices: dict[str, str] | None = None,
    sharpness: float = 0.0,
    *,
    speed: int = _SPEEDS[0],
) -> bytes:
    """libaom at the speed that takes about as long as the learned codec."""
    advanced = {"tune": "psnr", "sharpness": str(round(_SHARPNESS * sharpness))}
    options: dict[str, object] = {"quality": round(round(63 * setting) * 100 / 63)}
    options |= {"advanced": advanced | (matrices or {}), "subsampling": "4:4:4"}
    return _save(image, "AVIF", options | {"speed": speed, "max_threads": 1})


def _finer_avif(image: Image.Image, setting: float, size: int) -> bytes:
    """The longest file of at most `size` bytes, tuned finely at this quality or those below."""
    step, best = 1 / _SHARPNESS, b""
    for speed, below, matrices in product(_SPEEDS, range(4), ({}, _MATRICES)):
        coarse = max(0.0, setting - below * _STEPS["avif"])
        hint = step * (1 + 2 * below)
        encode = partial(_avif, image, coarse, matrices, speed=speed)
        file, _ = search(encode, size, min(1.0, hint), step)
        if len(best) < len(file) <= size:
            best = file
        if len(best) >= (1 - TOLERANCE) * size:
            break
    return best


_ENCODERS = {"jpeg": _jpeg, "webp": _webp, "jpeg2000": _jpeg2000, "avif": _avif}
