"""The demo's moving picture: a person cut out of a photograph, before her own background.

    face (eyes, mouth) -> texture -> warp (sway, head) -> blend over background -> grain

All positions are pixels of the 512x512 photograph; ORIGIN.md says where it is from.
The warp is the backward one: for each pixel shown, where in the photograph to look.
"""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from confcodec.codec.frame import Pixels
from confcodec.codec.size import check_size
from confcodec.media.demo.face import Face
from confcodec.media.demo.pose import Pose

_FOLDER = Path(__file__).parent / "photographs"
_PHOTO = 512
_HEAD = (222.0, 165.0)
"""What the head turns about."""
_GRAIN_MARGIN = 61
"""Room for the grain to move in; prime, so that it takes long to repeat."""

_Field = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class _Weights:
    """How much of each movement a place takes part in, 0 to 1."""

    sway: _Field
    breath: _Field
    head: _Field


class Scene:
    """Draws the person in any pose; the same pose and number give the same pixels."""

    def __init__(self, size: tuple[int, int]) -> None:
        check_size(*size)
        self._width, self._height = size
        scale = max(size) / _PHOTO
        # Bilinear look-up in a texture of twice the size shown is as sharp wherever it
        # lands; the photograph has nothing to give beyond 2.5.
        detail = min(2 * scale, 2.5) if scale >= 1 else scale
        side = round(_PHOTO * detail)
        self._detail = side / _PHOTO
        self._texture = _texture(side)
        self._face = Face(self._texture, self._detail)
        left, top = self._window(scale)
        self._background = self._backdrop(scale, left, top)
        x = (left + np.arange(self._width, dtype=np.float32) + 0.5) / scale - 0.5
        y = (top + np.arange(self._height, dtype=np.float32) + 0.5) / scale - 0.5
        self._x, self._y = np.meshgrid(x, y)
        self._weights = _weights(self._x, self._y)
        self._grain = _grain(self._width + _GRAIN_MARGIN, self._height + _GRAIN_MARGIN)
        self._prepare()

    def picture(self, pose: Pose, number: int) -> Pixels:
        """(H, W, 3) uint8 RGB of the person in `pose`, with the grain of frame `number`."""
        self._face.express(pose.blink, pose.mouth)
        x, y = self._maps(pose)
        figure = cv2.remap(
            self._texture, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
        person = cv2.cvtColor(figure, cv2.COLOR_BGRA2BGR)
        behind = cv2.cvtColor(cv2.extractChannel(figure, 3), cv2.COLOR_GRAY2BGR)
        shown = cv2.add(person, cv2.multiply(self._background, behind, scale=1 / 255))
        column, row = number * 23 % _GRAIN_MARGIN, number * 41 % (_GRAIN_MARGIN - 1)
        place = np.s_[row : row + self._height, column : column + self._width]
        brighter, darker = self._grain
        return np.asarray(cv2.subtract(cv2.add(shown, brighter[place]), darker[place]))

    def _window(self, scale: float) -> tuple[int, int]:
        """Left and top of what is shown: the head is near the top of the photograph."""
        spare = round(_PHOTO * scale) - self._width
        return min(max(round(_HEAD[0] * scale) - self._width // 2, 0), spare), 0

    def _backdrop(self, scale: float, left: int, top: int) -> Pixels:
        whole = _photo("background.jpg", round(_PHOTO * scale))
        return np.ascontiguousarray(
            whole[top : top + self._height, left : left + self._width]
        )

    def _prepare(self) -> None:
        """Turn places and weights into texture units, once for all frames."""
        detail, weights = self._detail, self._weights
        self._turn_x = np.ascontiguousarray(
            (self._x - _HEAD[0]) * weights.head * detail
        )
        self._turn_y = np.ascontiguousarray(
            (self._y - _HEAD[1]) * weights.head * detail
        )
        self._x = (self._x + 0.5) * detail - 0.5
        self._y = (self._y + 0.5) * detail - 0.5
        self._weights = _Weights(
            weights.sway * detail, weights.breath * detail, weights.head * detail
        )

    def _maps(self, pose: Pose) -> tuple[_Field, _Field]:
        x, y, weights = self._x, self._y, self._weights
        for field, amount in (
            (weights.sway, pose.sway),
            (weights.head, pose.head_x),
            (self._turn_x, pose.lean),
            (self._turn_y, -pose.roll),
        ):
            x = cv2.scaleAdd(field, -amount, x)
        for field, amount in (
            (weights.breath, pose.breath),
            (weights.head, pose.head_y),
            (self._turn_y, pose.lean),
            (self._turn_x, pose.roll),
        ):
            y = cv2.scaleAdd(field, -amount, y)
        return x, y


def _texture(side: int) -> Pixels:
    """(side, side, 4): the person times her mask, and how much of the background is seen."""
    mask = _photo("mask.png", side)
    person = cv2.multiply(
        _photo("person.jpg", side),
        cv2.cvtColor(mask, cv2.COLOR_GRAY2BGR),
        scale=1 / 255,
    )
    return np.dstack([person, cv2.bitwise_not(mask)])


def _photo(name: str, side: int) -> Pixels:
    """A layer of the photograph, scaled to a square of `side`."""
    with Image.open(_FOLDER / name) as image:
        picture = np.asarray(image, np.uint8)
    how = cv2.INTER_CUBIC if side > _PHOTO else cv2.INTER_AREA
    return np.asarray(cv2.resize(picture, (side, side), interpolation=how), np.uint8)


def _weights(x: _Field, y: _Field) -> _Weights:
    # The trunk leans from the hips; the helmet rests on a table and stays.
    helmet = _ramp(np.hypot(x - 388, y - 455), 112, 190)
    trunk = np.clip((_PHOTO - y) / _PHOTO, 0, 1) ** 1.3 * helmet
    # Below the hair the collar stands beside the neck and must not go with the head.
    neck = 1 - _ramp(np.abs(x - _HEAD[0]), 34, 74) * _ramp(y, 128, 152)
    head = (1 - _ramp(y, 142, 206)) * neck
    breath = np.exp(-(((y - 260) / 130) ** 2)) * helmet
    return _Weights(
        *(np.ascontiguousarray(w, np.float32) for w in (trunk, breath, head))
    )


def _ramp(value: _Field, low: float, high: float) -> _Field:
    """0 below `low`, 1 above `high`, smooth between."""
    t = np.clip((value - low) / (high - low), 0, 1)
    return np.asarray(t * t * (3 - 2 * t), np.float32)


def _grain(width: int, height: int) -> tuple[Pixels, Pixels]:
    """Sensor noise of about one grey level: what it adds, and what it takes away."""
    rng = np.random.default_rng(1703)
    grey = rng.normal(0, 0.8, (height, width, 1))
    noise = np.rint(grey + rng.normal(0, 0.5, (height, width, 3)))
    return np.maximum(noise, 0).astype(np.uint8), np.maximum(-noise, 0).astype(np.uint8)
