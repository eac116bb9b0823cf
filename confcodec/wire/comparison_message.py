"""The comparison message: one frame through several codecs, on its way to the page.

All numbers in network byte order.

    offset  bytes  field
    0       4      n, length of the JSON object
    4       n      UTF-8 JSON: frame (its number), size [width, height] and pictures, a list;
                   of each picture: name (`original`, or a codec's), media (type of its file),
                   length (of its file); and of coded ones bytes (of the coded frame, whole),
                   psnr_db, and live: true for the codec of the call
    4 + n          the picture files, in the order of the list
"""

import json
import struct
from collections.abc import Sequence
from dataclasses import dataclass

_LENGTH = struct.Struct("!I")


@dataclass(frozen=True, slots=True)
class Exhibit:
    """One picture of a comparison."""

    name: str
    """`original`, or the codec."""
    media: str
    """Type of the file, such as image/jpeg."""
    file: bytes
    """A picture file that a browser can show."""
    bytes: int | None = None
    """Of the coded frame; None for the original."""
    psnr: float | None = None
    """dB against the original."""
    live: bool = False
    """Whether this is the codec of the call."""


def pack_comparison(
    frame: int, size: tuple[int, int], exhibits: Sequence[Exhibit]
) -> bytes:
    """The message that carries a comparison of frame number `frame`."""
    pictures = [
        {"name": e.name, "media": e.media, "length": len(e.file)}
        | ({} if e.bytes is None else {"bytes": e.bytes})
        | ({} if e.psnr is None else {"psnr_db": round(e.psnr, 3)})
        | ({"live": True} if e.live else {})
        for e in exhibits
    ]
    head = {"frame": frame, "size": list(size), "pictures": pictures}
    text = json.dumps(head).encode()
    return b"".join([_LENGTH.pack(len(text)), text, *(e.file for e in exhibits)])
