"""JPEG and WebP behind the interface of the learned codecs, through Pillow."""

import io
import warnings

import numpy as np
import PIL
from PIL import Image

from confcodec.codec.codec import Codec, CodecInfo, check_quality, codec_of
from confcodec.codec.frame import (
    MAX_HEIGHT,
    MAX_WIDTH,
    Pixels,
    check_pixels,
    check_size,
)
from confcodec.errors import BitstreamError

_PILLOW_FORMATS = {"jpeg": "JPEG", "webp": "WEBP"}


class ClassicCodec(Codec):
    """A still-picture format; its bitstream is the ordinary file of that format."""

    def __init__(self, name: str) -> None:
        self._format = _PILLOW_FORMATS[name]
        self.info = CodecInfo(name, f"Pillow {PIL.__version__}", "cpu", "uint8", 1)

    def encode(self, pixels: Pixels, quality: int) -> bytes:
        """Code one picture; quality 0..63 spans 1..97 of the format's own scale."""
        check_pixels(pixels)
        check_quality(quality)
        image, out = Image.fromarray(pixels), io.BytesIO()
        native = round(1 + quality * 96 / 63)
        if self._format == "JPEG":
            # 4:4:4 because the figures are RGB PSNR, which 4:2:0 caps near 40 dB.
            image.save(out, "JPEG", quality=native, optimize=True, subsampling=0)
        else:
            image.save(out, "WEBP", quality=native, method=4)
        return out.getvalue()

    def decode(self, bitstream: bytes) -> Pixels:
        """Read a picture back, refusing sizes no frame has before decoding them."""
        if codec_of(bitstream) != self.info.codec:
            raise BitstreamError(f"these bytes are no {self._format} picture")
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error", Image.DecompressionBombWarning)
                with Image.open(io.BytesIO(bitstream), formats=[self._format]) as image:
                    check_size(*image.size)
                    return np.array(image.convert("RGB"))
        except Exception as error:  # Pillow raises almost anything on damaged files
            raise BitstreamError(
                f"damaged {self._format} picture, or larger than {MAX_WIDTH}x{MAX_HEIGHT}: {error}"
            ) from error
