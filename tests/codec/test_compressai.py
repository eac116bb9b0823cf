"""The adapter for models with CompressAI's interface, on a small one of our own."""

import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from confcodec.codec.interface import Codec
from confcodec.codec.metrics import psnr
from confcodec.errors import BitstreamError
from tests.calls import SMALL, caller, served
from tests.codec.test_plugin import path
from tests.conftest import picture

__all__ = ["path"]  # a fixture

MODULE = """
from compressai_model import CompressaiModel
from tests.codec.test_compressai import Transform

class Own(CompressaiModel):
    info = "own"
    qualities = (8, 2)

    def build(self, quality):
        return Transform(quality)
"""


class Transform(nn.Module):
    """z: means of 64x64 blocks; y: what differs from them, in steps."""

    def __init__(self, step: int) -> None:
        super().__init__()
        self.step = step / 255
        self.updated = False

    def update(self) -> None:
        """As CompressAI's models build their tables."""
        self.updated = True

    def compress(self, x: Tensor) -> dict[str, Any]:
        """Two strings, as of a hyperprior."""
        assert self.updated
        assert not x.shape[-1] % 64
        assert not x.shape[-2] % 64
        z = (F.avg_pool2d(x, 64) * 255).round()
        y = ((x - F.interpolate(z, scale_factor=64) / 255) / self.step).round()
        strings = [
            [zlib.compress(v[0].numpy().astype(np.int16).tobytes())] for v in (y, z)
        ]
        return {"strings": strings, "shape": z.shape[-2:]}

    def decompress(
        self, strings: list[list[bytes]], shape: tuple[int, int]
    ) -> dict[str, Tensor]:
        """The picture again."""
        (h, w), sizes = shape, (64, 1)
        y, z = (
            torch.from_numpy(
                np.frombuffer(zlib.decompress(s[0]), np.int16)
                .reshape(1, 3, h * n, w * n)
                .astype(np.float32)
            )
            for s, n in zip(strings, sizes, strict=True)
        )
        return {"x_hat": y * self.step + F.interpolate(z, scale_factor=64) / 255}


@pytest.fixture
def codec(path: Path) -> Codec:
    (path / "small_model.py").write_text(MODULE)
    Codec.add("small_model:Own")
    return Codec.load("small_model:Own", "cpu", threads=1)


@pytest.mark.parametrize("size", [(16, 16), (64, 128), (101, 77)])
def test_pictures_of_any_size_come_back_in_their_size(
    size: tuple[int, int], codec: Codec
) -> None:
    pixels = picture(*size)
    coarse, fine = (codec.encode(pixels, quality) for quality in (0, 63))
    assert len(coarse) < len(fine)
    assert psnr(pixels, codec.decode(coarse)) > 40
    assert psnr(pixels, codec.decode(fine)) > 49
    assert codec.info.dtype == "fp32"


def test_what_is_packed_is_little_more_than_the_strings(codec: Codec) -> None:
    pixels = picture(64, 64)
    model = Transform(2)
    model.update()
    x = torch.from_numpy(pixels).permute(2, 0, 1)[None] / 255
    strings = model.compress(x)["strings"]
    size = sum(len(string) for (string,) in strings)
    assert len(codec.encode(pixels, 63)) - size <= 7 + 3 + 5 + 4  # label, name, head


def test_damaged_strings_are_refused(codec: Codec) -> None:
    whole = codec.encode(picture(64, 64), 20)
    start = 7 + 3
    length = start + 5
    damaged = [
        whole[: start + 2],
        whole[: length + 2],
        whole[:length] + b"\xff" * 4 + whole[length + 4 :],  # longer than there is
        whole[:length] + bytes(4) + whole[length + 4 :],
        whole[:start] + b"\x09" + whole[start + 1 :],  # a quality there is none of
        whole[: start + 1] + b"\xff" * 4 + whole[length:],  # a picture of 65535x65535
        whole[: start + 1] + bytes(4) + whole[length:],
        whole[: start + 1] + b"\x00\x80\x00\x80" + whole[length:],  # of another size
        whole[:-9],
    ]
    for bitstream in damaged:
        with pytest.raises(BitstreamError, match=r"^own: decode"):
            codec.decode(bitstream)


async def test_it_runs_in_a_call(codec: Codec, monkeypatch: pytest.MonkeyPatch) -> None:
    options = replace(SMALL, codec="small_model:Own")
    async with (
        served(monkeypatch, options=options) as server,
        caller(server.link) as other,
    ):
        await other.sees(5)
        assert other.peers[-1].receiver.codec == "own"


def test_models_of_the_package_itself_run(path: Path) -> None:
    pytest.importorskip("compressai")
    (path / "factorized.py").write_text(
        "import torch\n"
        "from compressai.models import FactorizedPrior\n"
        "from compressai_model import CompressaiModel\n"
        "class Untrained(CompressaiModel):\n"
        "    info = 'untrained'\n"
        "    def build(self, quality):\n"
        "        torch.manual_seed(0)\n"
        "        return FactorizedPrior(16, 24)\n"
    )
    Codec.add("factorized:Untrained")
    codec = Codec.load("factorized:Untrained", "cpu", threads=1)
    bitstream = codec.encode(picture(60, 70), 20)
    assert codec.decode(bitstream).shape == (60, 70, 3)
