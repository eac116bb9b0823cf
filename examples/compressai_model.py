"""Any model with CompressAI's interface in a live call.

Such a model is an nn.Module with `compress(x)` -> {"strings": [[bytes], ...], "shape": (h, w)}
and `decompress(strings, shape)` -> {"x_hat": x}, where x is (1, 3, H, W) float in 0..1. Name
yours, say how it is built, and run it:

    class Mine(CompressaiModel):
        info = "mine"
        qualities = range(1, 9)

        def build(self, quality):
            return torch.load(f"mine-{quality}.pt", weights_only=False)

    PYTHONPATH=. confcodec bench --codec mine:Mine --source demo

Both ends need the same model, the same kind of device and one version of PyTorch: the
model's floats choose the tables of the entropy decoder. That decoder is the model's own;
CompressAI's was not made for bytes of strangers, so call only people you trust.
"""

import struct
from itertools import pairwise

import numpy as np
import torch
import torch.nn.functional as F

from confcodec import CodecInfo

_HEAD = struct.Struct("!BHH")  # index of the quality, width, height
_LENGTH = struct.Struct("!I")  # of each string but the last


class CompressaiModel:
    """Pads a picture, packs the strings of its latents, and does the same backwards."""

    qualities = (1,)
    """What `build` may be asked for, fewest bits first: often one model for each."""
    stride = 64
    """Height and width that the model takes are multiples of this."""

    def __init__(self, device="auto", threads=None):
        """Takes what --device and --threads say."""
        if device == "auto":
            device = "cuda" if torch.cuda.is_available() else "cpu"
        if threads:
            torch.set_num_threads(threads)
        self.device = torch.device(device.partition("-")[0])
        self._models = {}
        facts = {"device": str(self.device), "dtype": "fp32"}
        self.info = CodecInfo(self.info, **facts, threads=torch.get_num_threads())

    def build(self, quality):
        """The model for one of `qualities`."""
        raise NotImplementedError

    @torch.inference_mode()
    def encode(self, pixels, quality):
        """Bytes of a picture, (H, W, 3) uint8."""
        height, width = pixels.shape[:2]
        x = torch.from_numpy(pixels).to(self.device).permute(2, 0, 1)[None] / 255
        tall, wide = self._padded(height), self._padded(width)
        x = F.pad(x, (0, wide - width, 0, tall - height), mode="replicate")
        model, _, _ = self._model(quality)
        strings = [batch[0] for batch in model.compress(x)["strings"]]
        head = _HEAD.pack(list(self.qualities).index(quality), width, height)
        lengths = b"".join(_LENGTH.pack(len(string)) for string in strings[:-1])
        return head + lengths + b"".join(strings)

    @torch.inference_mode()
    def decode(self, data):
        """The picture in bytes that anybody may have sent."""
        index, width, height = _HEAD.unpack_from(data)
        model, count, unit = self._model(self.qualities[index])
        strings = _strings(data, count)
        # From the size, not from the bytes: they could ask for a picture of any size.
        tall, wide = self._padded(height), self._padded(width)
        shape = (unit[0] * tall // self.stride, unit[1] * wide // self.stride)
        x_hat = model.decompress([[string] for string in strings], shape)["x_hat"]
        x_hat = x_hat[0, :, :height, :width].clamp(0, 1).permute(1, 2, 0)
        return (x_hat.float() * 255).round().to(torch.uint8).cpu().numpy()

    def _padded(self, side):
        if not 0 < side <= 1920:
            raise ValueError(f"a side of {side} pixels")
        return -(-side // self.stride) * self.stride

    def _model(self, quality):
        """The model, how many strings it makes, and the shape it gives one stride."""
        if quality not in self._models:
            model = self.build(quality).to(self.device).eval()
            if hasattr(model, "update"):
                model.update()  # the tables of its entropy coder
            grey = torch.full((1, 3, self.stride, self.stride), 0.5, device=self.device)
            out = model.compress(grey)
            self._models[quality] = model, len(out["strings"]), tuple(out["shape"])
        return self._models[quality]


def _strings(data, count):
    """Take the strings apart, checking every length."""
    start = _HEAD.size + (count - 1) * _LENGTH.size
    lengths = [n for (n,) in _LENGTH.iter_unpack(data[_HEAD.size : start])]
    lengths.append(len(data) - start - sum(lengths))
    if len(lengths) != count or min(lengths) < 0:
        raise ValueError("the strings do not add up")
    edges = np.cumsum([start, *lengths]).tolist()
    return [data[a:b] for a, b in pairwise(edges)]


class Factorized(CompressaiModel):
    """A factorised prior of CompressAI itself, with its published weights."""

    info = "factorized"
    qualities = range(1, 9)

    def build(self, quality):
        """Downloads the weights when it is first asked for a quality."""
        from compressai.zoo import bmshj2018_factorized

        return bmshj2018_factorized(quality, pretrained=True)
