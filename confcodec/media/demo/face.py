"""The demo's eyes and mouth: small patches of the texture, drawn anew for each frame."""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from confcodec.codec.frame import Pixels

_Field = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class _Eye:
    """Where an eye is, in pixels of the photograph."""

    x: float
    y: float
    half_width: float
    tilt: float
    up: float = 4.7
    """Height of the upper lid above the corners."""
    down: float = 3.5
    """Depth of the lower lid below them."""


_EYES = (_Eye(202.6, 101.3, 10.5, 0.15), _Eye(247.6, 103.4, 11.5, -0.08))
_LID = 6.0
"""Skin above the upper lid that stretches when it closes."""
# The lower edge of the teeth: its middle, half its width, its rise to the corners.
_TEETH_X, _TEETH_Y, _TEETH_HALF, _TEETH_RISE = 223.4, 149.6, 20.5, 9.0
_SOFT = 0.8
"""Pixels over which the edge of the teeth fades."""
_INSIDE = (58, 22, 24)
"""RGB of what shows between the teeth and the lower lip."""


class _Patch:
    """A rectangle of the texture with a copy of what it was."""

    def __init__(
        self, texture: Pixels, detail: float, box: tuple[float, float, float, float]
    ) -> None:
        left, top, right, bottom = (round(side * detail) for side in box)
        self.target = texture[top:bottom, left:right]
        self._detail = detail
        self._still = self.target.copy()
        columns = np.arange(right - left, dtype=np.float32)
        rows = np.arange(bottom - top, dtype=np.float32)
        self._columns, self._rows = np.meshgrid(columns, rows)
        self.x: _Field = (self._columns + left + 0.5) / detail - 0.5
        self.y: _Field = (self._rows + top + 0.5) / detail - 0.5

    def draw(self, down: _Field, amount: float) -> None:
        """Show each place's picture moved `amount` times `down` photograph pixels."""
        rows = cv2.scaleAdd(down, -amount * self._detail, self._rows)
        self.target[:] = cv2.remap(
            self._still,
            self._columns,
            rows,
            cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REPLICATE,
        )


class Face:
    """Changes the face inside `texture`, (H, W, 4) with RGB first, in place."""

    def __init__(self, texture: Pixels, detail: float) -> None:
        self._eyes = [
            (
                eye,
                _Patch(
                    texture, detail, (eye.x - 16, eye.y - 15, eye.x + 16, eye.y + 12)
                ),
            )
            for eye in _EYES
        ]
        self._mouth = _Mouth(texture, detail)
        self._blink, self._open = 0.0, 0.0

    def express(self, blink: float, mouth: float) -> None:
        """Close the eyes by `blink`, 0 to 1, and lower the jaw by `mouth` pixels."""
        if blink != self._blink:
            for eye, patch in self._eyes:
                patch.draw(_lid_shift(eye, patch, blink), 1)
        if mouth != self._open:
            self._mouth.open(mouth)
        self._blink, self._open = blink, mouth


class _Mouth:
    """The mouth, and the lower face that goes with the jaw."""

    def __init__(self, texture: Pixels, detail: float) -> None:
        patch = _Patch(texture, detail, (172, 132, 276, 206))
        across = np.minimum(np.abs(patch.x - _TEETH_X) / _TEETH_HALF, 1)
        teeth = _TEETH_Y - _TEETH_RISE * across**2 + 0.03 * (patch.x - _TEETH_X)
        below = np.clip((patch.y - teeth) / _SOFT, 0, 1)
        # Lip and chin go down together; cheeks, neck and corners stay.
        chin = np.clip(1 - np.abs(patch.x - _TEETH_X) / 46, 0, 1) ** 0.8
        chin = chin * np.clip((patch.y - _TEETH_Y) / 14, 0, 1)
        lip = 1 - across**2
        fade = np.clip((203 - patch.y) / 26, 0, 1)
        self._patch = patch
        self._jaw = np.ascontiguousarray(
            np.maximum(lip, chin) * below * fade, np.float32
        )
        rows = slice(round(5 * detail), round(28 * detail))
        columns = slice(round(28 * detail), round(76 * detail))
        inner = (rows, columns)  # the lips: nowhere else can the inside show
        self._lips = patch.target[rows, columns, :3]
        self._below = below[inner]
        self._depth = ((teeth - patch.y) / _SOFT)[inner]
        self._gap = (lip / _SOFT)[inner]

    def open(self, mouth: float) -> None:
        """Lower the jaw by `mouth` pixels from how it was photographed."""
        self._patch.draw(self._jaw, mouth)
        inside = self._below * np.clip(self._depth + mouth * self._gap, 0, 1)
        dark = np.asarray(inside[..., None] * 0.9, np.float32)
        self._lips[:] = self._lips * (1 - dark) + np.array(_INSIDE, np.float32) * dark


def _lid_shift(eye: _Eye, patch: _Patch, blink: float) -> _Field:
    """How far down each place's picture goes when the upper lid closes by `blink`."""
    along = np.clip(1 - ((patch.x - eye.x) / eye.half_width) ** 2, 0, 1)
    corner = eye.y + eye.tilt * (patch.x - eye.x)
    upper, lower = corner - eye.up * along, corner + eye.down * along
    edge = upper + 0.86 * blink * (lower - upper)
    brow = upper - _LID
    lid = brow + (patch.y - brow) * (upper - brow) / (edge - brow)
    ball = upper + (patch.y - edge) * (lower - upper) / np.maximum(lower - edge, 1e-3)
    source = np.where(patch.y < edge, lid, ball)
    inside = (patch.y > brow) & (patch.y < lower)
    return np.where(inside, patch.y - source, 0).astype(np.float32)
