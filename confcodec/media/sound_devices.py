"""Microphones and speakers: a device, a file, or none.

Sound is 48 kHz, mono, 16 bit, in chunks of 20 ms. Devices need the extra `audio`
(sounddevice); where it or a device is missing, `auto` is none.
"""

import contextlib
import logging
import time
import wave
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import av.error
import numpy as np
from numpy.typing import NDArray

from confcodec.errors import CaptureError
from confcodec.machine.file_targets import is_special
from confcodec.media.container import open_media

logger = logging.getLogger(__name__)

RATE = 48_000
CHUNK = 960
"""Samples of a chunk."""

Samples = NDArray[np.int16]


@dataclass(frozen=True, slots=True)
class Chunk:
    """Twenty milliseconds of sound."""

    samples: Samples
    """(960,)"""
    time: float
    """When the first of them was heard, on this machine's monotonic clock."""


class Microphone(ABC):
    """Where sound comes from."""

    name: str

    @abstractmethod
    def read(self) -> Chunk:
        """The next chunk; blocks until it has been heard.

        Raises:
            CaptureError: the device has gone.
        """

    def close(self) -> None:  # noqa: B027 - a file needs none
        """Release the device or file."""


class Speaker(ABC):
    """Where sound goes."""

    latency = 0.0
    """Seconds from `play` to the ear."""

    @abstractmethod
    def play(self, samples: Samples, time: float) -> None:
        """Play a chunk now; `time` is now. May block while the device is full."""

    def close(self) -> None:  # noqa: B027 - none needs none
        """Release the device or finish the file."""


class FileMicrophone(Microphone):
    """Plays a file over and over, as if it were heard."""

    def __init__(self, path: str) -> None:
        """Open it.

        Raises:
            CaptureError: there is no sound in it.
        """
        if is_special(Path(path)):  # to open a pipe would wait for ever
            raise CaptureError(f"{path} is no ordinary file; name a sound file")
        self.name = Path(path).name
        self._path = path
        self._chunks = self._endless()
        self._first = next(self._chunks)
        self._start: float | None = None
        self._read = 0

    def read(self) -> Chunk:
        """The next chunk, at its time."""
        if self._start is None:
            self._start = time.monotonic()
        samples = self._first if self._read == 0 else next(self._chunks)
        heard = self._start + self._read * CHUNK / RATE
        self._read += 1
        time.sleep(max(0.0, heard + CHUNK / RATE - time.monotonic()))
        return Chunk(samples, heard)

    def _endless(self) -> Iterator[Samples]:
        left = np.zeros(0, np.int16)
        while True:
            seen = False
            for piece in self._decoded():
                seen = True
                left = np.concatenate((left, piece))
                while len(left) >= CHUNK:
                    yield left[:CHUNK]
                    left = left[CHUNK:]
            if not seen:
                raise CaptureError(f"there is no sound in {self._path}")

    def _decoded(self) -> Iterator[Samples]:
        try:
            with open_media(self._path) as container:
                if not container.streams.audio:
                    return
                resampler = av.AudioResampler("s16", "mono", RATE)
                for frame in container.decode(audio=0):
                    for piece in resampler.resample(frame):
                        yield piece.to_ndarray().reshape(-1).astype(np.int16)
        except (OSError, av.error.FFmpegError) as error:
            raise CaptureError(
                f"{self._path} cannot be read as sound: {error}"
            ) from error


class DeviceMicrophone(Microphone):
    """The system's default microphone."""

    def __init__(self, library: Any) -> None:
        """Open it.

        Raises:
            CaptureError: it cannot be opened.
        """
        self._library = library
        try:
            self.name = str(library.query_devices(kind="input")["name"])
            self._stream = library.RawInputStream(
                RATE, CHUNK, channels=1, dtype="int16", latency="low"
            )
            self._stream.start()
        except (library.PortAudioError, ValueError) as error:
            raise CaptureError(f"the microphone cannot be opened: {error}") from error

    def read(self) -> Chunk:
        """The next chunk."""
        try:
            data, _late = self._stream.read(CHUNK)
        except self._library.PortAudioError as error:
            raise CaptureError(f"the microphone has gone: {error}") from error
        heard = time.monotonic() - CHUNK / RATE - float(self._stream.latency)
        return Chunk(np.frombuffer(bytes(data), np.int16), heard)

    def close(self) -> None:
        """Release the device."""
        with contextlib.suppress(self._library.PortAudioError):
            self._stream.close()


class NullSpeaker(Speaker):
    """Hears it, and that is all."""

    def play(self, samples: Samples, time: float) -> None:
        """Nothing."""


class FileSpeaker(Speaker):
    """Writes a WAV file, with silence where nothing came."""

    def __init__(self, path: str) -> None:
        """Create the file.

        Raises:
            CaptureError: it cannot be written.
        """
        try:
            self._file = wave.open(path, "wb")  # noqa: SIM115 - closed by `close`
        except OSError as error:
            raise CaptureError(f"cannot write {path}: {error.strerror}") from error
        self._file.setparams((1, 2, RATE, 0, "NONE", ""))
        self._start: float | None = None
        self._written = 0

    def play(self, samples: Samples, time: float) -> None:
        """Write at the place that its time has."""
        if self._start is None:
            self._start = time
        missing = round((time - self._start) * RATE) - self._written
        if missing > CHUNK:
            self._file.writeframesraw(bytes(2 * missing))
            self._written += missing
        self._file.writeframesraw(samples.astype("<i2").tobytes())
        self._written += len(samples)

    def close(self) -> None:
        """Finish the file."""
        self._file.close()


class DeviceSpeaker(Speaker):
    """The system's default speaker."""

    def __init__(self, library: Any) -> None:
        """Open it.

        Raises:
            CaptureError: it cannot be opened.
        """
        self._library = library
        try:
            self._stream = library.RawOutputStream(
                RATE, channels=1, dtype="int16", latency="low"
            )
            self._stream.start()
        except (library.PortAudioError, ValueError) as error:
            raise CaptureError(f"the speaker cannot be opened: {error}") from error
        self.latency = float(self._stream.latency)

    def play(self, samples: Samples, time: float) -> None:
        """Hand a chunk to the device."""
        with contextlib.suppress(self._library.PortAudioError):
            self._stream.write(samples.tobytes())

    def close(self) -> None:
        """Release the device."""
        with contextlib.suppress(self._library.PortAudioError):
            self._stream.close()


def has_device(kind: str) -> bool:
    """Whether there is a default device; kind is `input` or `output`."""
    library = _library()
    if library is None:
        return False
    try:
        library.query_devices(kind=kind)
    except (library.PortAudioError, ValueError):
        return False
    return True


def open_microphone(spec: str) -> Microphone | None:
    """The microphone that `--audio` names: auto, null or a file; None where there is none.

    Raises:
        CaptureError: it cannot be opened.
    """
    if spec == "null" or (spec == "auto" and not has_device("input")):
        return None
    return DeviceMicrophone(_library()) if spec == "auto" else FileMicrophone(spec)


def open_speaker(spec: str) -> Speaker:
    """The speaker that `--speaker` names: auto, null or a WAV file to write.

    Raises:
        CaptureError: it cannot be opened.
    """
    if spec == "null" or (spec == "auto" and not has_device("output")):
        return NullSpeaker()
    return DeviceSpeaker(_library()) if spec == "auto" else FileSpeaker(spec)


def _library() -> Any:
    """sounddevice, or None where it or its PortAudio is missing."""
    try:
        import sounddevice
    except (ImportError, OSError):
        return None
    return sounddevice
