"""Training and validation pictures: folders in, random patches out."""

import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor

from confcodec.codec.frame import Pixels
from confcodec.errors import ConfcodecError
from confcodec.machine.cores import usable_cores
from confcodec.media.picture import find_pictures, read_picture

logger = logging.getLogger(__name__)

_SHRINK_SHARE = 0.35
_WEIGHT_LIMIT = 600 * 600


class Patches:
    """Random square patches of a folder's pictures, held decoded in memory."""

    def __init__(self, folder: Path, patch: int) -> None:
        """Decode every picture at least `patch` pixels on both sides.

        Raises:
            ConfcodecError: no picture is large enough.
        """
        self.patch = patch
        self.pictures: list[Pixels] = []
        with ThreadPoolExecutor(usable_cores()) as pool:
            for path, pixels in zip(
                paths := find_pictures(folder), pool.map(_try_read, paths), strict=True
            ):
                if pixels is None:
                    logger.warning("%s cannot be read as a picture; left out", path)
                elif min(pixels.shape[:2]) >= patch:
                    self.pictures.append(pixels)
        if not self.pictures:
            raise ConfcodecError(
                f"no picture in {folder} is {patch} pixels or more on both sides"
            )
        # Large pictures hold more different patches, up to a point.
        areas = [min(p.shape[0] * p.shape[1], _WEIGHT_LIMIT) for p in self.pictures]
        self._weights = torch.tensor(areas, dtype=torch.float32)

    def batch(self, size: int, generator: torch.Generator) -> Tensor:
        """(size, 3, patch, patch) uint8, channels-last."""
        chosen = torch.multinomial(self._weights, size, True, generator=generator)
        patches = [self._patch(self.pictures[i], generator) for i in chosen.tolist()]
        return torch.from_numpy(np.stack(patches)).permute(0, 3, 1, 2)

    def _patch(self, pixels: Pixels, generator: torch.Generator) -> Pixels:
        draws = torch.rand(5, generator=generator).tolist()
        height, width = pixels.shape[:2]
        # Shrinking some shows the network sharper pictures and other sizes of faces.
        side = self.patch
        if draws[0] < _SHRINK_SHARE:
            largest = min(height, width, 2 * self.patch)
            side = self.patch + int(draws[1] * (largest - self.patch + 1))
        top = int(draws[2] * (height - side + 1))
        left = int(draws[3] * (width - side + 1))
        out = pixels[top : top + side, left : left + side]
        if side != self.patch:
            size = (self.patch, self.patch)
            out = np.asarray(
                cv2.resize(out, size, interpolation=cv2.INTER_AREA), np.uint8
            )
        return out[:, ::-1] if draws[4] < 0.5 else out


def to_batch(pixels: Pixels | Sequence[Pixels]) -> Tensor:
    """(B, 3, H, W) float32 in [0, 1] of one picture or several of one size, channels-last."""
    stacked = np.stack([pixels] if isinstance(pixels, np.ndarray) else list(pixels))
    return torch.from_numpy(stacked).permute(0, 3, 1, 2).float().div_(255)


def _try_read(path: Path) -> Pixels | None:
    try:
        return read_picture(path)
    except ConfcodecError:
        return None
