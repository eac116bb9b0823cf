"""One encoder for several peers: a frame is coded once, whoever of them sends it.

Each peer has a sender of its own, which skips the frames that its link or its receiver
has no room for; so each gets its own rate, and a slow one holds nobody up.
"""

import asyncio
from collections import deque
from dataclasses import dataclass

from confcodec.call.codec_thread import Coded, Coder
from confcodec.codec.frame import Pixels

_KEPT = 4
"""Frames whose bitstreams are kept for those who come later."""


@dataclass(slots=True, eq=False)
class _Job:
    name: str
    pixels: Pixels
    coded: asyncio.Task[Coded]
    takers: set["Share"]


class Share:
    """A peer's part of an encoder."""

    def __init__(self, coder: Coder, jobs: "deque[_Job]") -> None:
        self._coder = coder
        self._jobs = jobs

    async def encode(
        self, name: str, pixels: Pixels, quality: int, *, halved: bool = False
    ) -> Coded:
        """Code one frame, or take what another peer has had coded, at its quality and size."""
        for job in self._jobs:
            # The same peer asking again means another frame with the same picture.
            if job.pixels is pixels and job.name == name and self not in job.takers:
                job.takers.add(self)
                return await asyncio.shield(job.coded)
        coded = asyncio.create_task(
            self._coder.encode(name, pixels, quality, halved=halved)
        )
        self._jobs.append(_Job(name, pixels, coded, {self}))
        return await asyncio.shield(coded)

    async def measure(self, name: str, pixels: Pixels, bitstream: bytes) -> float:
        """PSNR in dB of the receiver's picture."""
        return await self._coder.measure(name, pixels, bitstream)


class SharedEncoder:
    """Gives each peer its share of one encoder."""

    def __init__(self, coder: Coder) -> None:
        self._coder = coder
        self._jobs: deque[_Job] = deque(maxlen=_KEPT)

    def share(self) -> Share:
        """For one more peer."""
        return Share(self._coder, self._jobs)
