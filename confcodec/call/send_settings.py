"""What a sender does; the page changes it during a call."""

from dataclasses import dataclass

from confcodec.call.options.line import DEFAULT_BITRATE

MODES = ("auto", "quality", "bitrate")
"""How quality is chosen: as the network allows, up to a bitrate; fixed; by a fixed bitrate.

There is one more, `stock`: fixed, and none of what this program does for a bad network.
"""
FREE_RATE = 20e6
"""Bits a second that a fixed quality may take until the network turns out to carry less."""


@dataclass(slots=True)
class SendSettings:
    """From the next frame on."""

    codec: str
    quality: int
    fps: float
    camera: bool = True
    """False sends nothing: the camera is off."""
    mode: str = "quality"
    """One of `MODES`."""
    bitrate: float = DEFAULT_BITRATE
    """Bits a second on the line: the most in `auto`, the ones in `bitrate`."""

    @property
    def most(self) -> float:
        """Bits a second that are never exceeded."""
        return self.bitrate if self.mode in ("auto", "bitrate") else FREE_RATE
