"""A codec of one's own in a live call: coarser colours, then zlib.

PYTHONPATH=examples confcodec bench --codec own_codec:Zlib --source demo --size 160x120
"""

import struct
import zlib

import numpy as np


class Zlib:
    """What confcodec asks of a codec: a name, encode and decode."""

    info = "zlib"
    qualities = (6, 5, 4, 3, 2, 1)  # bits of each colour that are given up, worst first

    def encode(self, pixels, quality):
        """Bytes of a picture, (H, W, 3) uint8."""
        head = struct.pack("!HHB", *pixels.shape[:2], quality)
        return head + zlib.compress((pixels >> quality).tobytes(), 1)

    def decode(self, data):
        """The picture in bytes that anybody may have sent."""
        height, width, quality = struct.unpack_from("!HHB", data)
        size = height * width * 3
        raw = zlib.decompressobj().decompress(data[5:], size)  # never more than that
        levels = np.frombuffer(raw, np.uint8).reshape(height, width, 3)
        return (levels << quality) + (1 << quality >> 1)
