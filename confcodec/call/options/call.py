"""The options that `serve`, `call` and `bench` share, as the command line spells them."""

import argparse
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from confcodec.call.options.codec import add_codec_arguments
from confcodec.call.options.line import (
    DEFAULT_BITRATE,
    add_line_arguments,
    mode_of,
    parse_quality,
)
from confcodec.call.options.reach import (
    Reach,
    add_patience_argument,
    add_reach_arguments,
    reach_options,
)
from confcodec.codec.quality import QUALITIES
from confcodec.codec.registry import AUTO, CODECS
from confcodec.codec.size import check_size
from confcodec.machine.cores import usable_cores
from confcodec.wire.emulator import Impairment

DEFAULT_SIZE = (640, 480)
DEFAULT_FPS = 30.0
DEFAULT_QUALITY = 28


@dataclass(frozen=True, slots=True)
class CallOptions:
    """One side of a call: what it sends, with which codec, and where pictures go."""

    source: str | None = "auto"
    """Camera number or device, file, `demo` or `auto`; None sends nothing."""
    size: tuple[int, int] = DEFAULT_SIZE
    """Width and height of the frames sent."""
    fps: float = DEFAULT_FPS
    quality: int = DEFAULT_QUALITY
    """In the mode of that name."""
    codec: str = CODECS[0]
    """As it was named: one of `registry.CHOICES`, or somebody's own."""
    device: str = "auto"
    threads: int | None = None
    """For each of encoder and decoder; None shares out what this process may use."""
    sink: str = "null"
    """Where decoded frames go: window, null, auto or a file."""
    seconds: float | None = None
    """How long the call lasts; None until it is ended."""
    audio: str = "null"
    """Microphone: auto, null or a sound file."""
    speaker: str = "null"
    """Where sound goes: auto, null or a WAV file."""
    muted: bool = False
    """Begin with the microphone off."""
    reach: Reach = field(default_factory=Reach)
    """Rooms, certificates, STUN and TURN."""
    mode: str = "quality"
    """See `SendSettings`."""
    bitrate: float = DEFAULT_BITRATE
    """Bits a second: the most, or in the mode of that name the ones to take."""
    net: tuple[tuple[float, Impairment], ...] = ()
    """Emulated networks, and the second of the call that each begins at."""
    also: tuple[str, ...] = ()
    """Codecs of others that may be used besides `codec`, as they were named."""
    media: tuple[Path, ...] = ()
    """serve: folders whose pictures and videos the host's page may choose."""

    @property
    def codec_threads(self) -> int:
        """CPU threads for each of encoder and decoder."""
        return self.threads or max(1, usable_cores() // 2)


def add_join_arguments(parser: argparse.ArgumentParser) -> None:
    """Give `parser` the options of `confcodec call`."""
    parser.add_argument("url", metavar="URL", help="the whole link that serve printed")
    parser.add_argument(
        "--receive-only",
        action="store_true",
        help="open no source; only show what comes",
    )
    add_reach_arguments(parser)
    add_patience_argument(parser)
    add_call_arguments(parser, sink="auto")
    add_json_argument(parser)


def add_json_argument(parser: argparse.ArgumentParser) -> None:
    """Give `parser` the option --json."""
    parser.add_argument(
        "--json",
        type=Path,
        metavar="FILE",
        help="write a report for machines (-: standard output)",
    )
    add_force_argument(parser)


def add_force_argument(parser: argparse.ArgumentParser) -> None:
    """Give `parser` the option --force."""
    parser.add_argument(
        "--force",
        action="store_true",
        help="replace files that exist (never one that is read)",
    )


def add_call_arguments(
    parser: argparse.ArgumentParser, sink: str, codec: str = AUTO
) -> None:
    """Give `parser` the options of a call; `sink` and `codec` are defaults."""
    media = parser.add_argument_group("pictures")
    media.add_argument(
        "--source",
        default="auto",
        help="camera number, /dev/videoN, a video or picture file, or demo "
        "(default: the first camera, else demo)",
    )
    media.add_argument(
        "--size",
        type=parse_size,
        default=DEFAULT_SIZE,
        metavar="WxH",
        help="(default 640x480)",
    )
    media.add_argument(
        "--fps",
        type=_number(1, 120),
        default=DEFAULT_FPS,
        help="frames a second (default 30)",
    )
    media.add_argument(
        "--sink",
        default=sink,
        help=f"window, null, auto, or a video file to write (default {sink})",
    )
    _add_sound(parser)
    add_codec_arguments(parser, codec)
    add_line_arguments(parser)
    add_device_arguments(parser)
    parser.add_argument(
        "--seconds",
        type=_number(0.1, 1e6),
        metavar="N",
        help="end by itself after so long",
    )


def _add_sound(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("sound")
    group.add_argument(
        "--audio",
        default="auto",
        help="microphone: auto, null, or a sound file to play (default auto)",
    )
    group.add_argument(
        "--speaker",
        default="auto",
        help="auto, null, or a WAV file to write (default auto)",
    )
    muted = "begin with the microphone off; SIGUSR1 turns it on and off in a call"
    group.add_argument("--muted", action="store_true", help=muted)


def add_file_arguments(parser: argparse.ArgumentParser, verb: str) -> None:
    """Give `parser` the options of `encode`, `decode` or `info`."""
    what = "picture or video" if verb == "encode" else ".ccb"
    then = "" if verb == "info" else "; the last of several may be the output"
    parser.add_argument(
        "paths",
        type=Path,
        nargs="+",
        metavar="FILE",
        help=f"{what} files, folders, or patterns in quotes, or - for standard input{then}",
    )
    if verb != "info":
        kinds = " (.png, or Matroska)" if verb == "decode" else ""
        where = "file or folder (default: beside the input), or - for standard output"
        parser.add_argument("-o", "--output", type=Path, help=where + kinds)
    if verb == "decode":
        png = "a video as a folder of exact pictures, not as H.264"
        parser.add_argument("--png", action="store_true", help=png)
        add_codec_arguments(parser)
        add_device_arguments(parser)
    elif verb == "encode":
        add_codec_arguments(parser, CODECS[0])
        parser.add_argument(
            "--quality",
            type=parse_quality,
            default=DEFAULT_QUALITY,
            metavar="Q",
            help=f"0, fewest bits, to {QUALITIES - 1}, best picture (default %(default)s)",
        )
        add_device_arguments(parser)
    if verb != "info":
        parser.add_argument(
            "--weights", type=Path, metavar="FILE", help="another weights file"
        )
    add_json_argument(parser)


def add_device_arguments(parser: argparse.ArgumentParser) -> None:
    """Give `parser` the options that say how a codec runs."""
    group = parser.add_argument_group("device")
    group.add_argument(
        "--device",
        default="auto",
        help="auto, cpu, cpu-fp32, cpu-bf16 or cuda (default auto)",
    )
    group.add_argument(
        "--threads",
        type=_threads,
        metavar="N",
        help="CPU threads of the encoder and of the decoder (default: half of what may be used each)",
    )


def call_options(arguments: argparse.Namespace) -> CallOptions:
    """The options that a command line parsed with `add_call_arguments` asks for."""
    a = arguments
    source = None if getattr(a, "receive_only", False) else a.source
    mode, bitrate = mode_of(a)
    return CallOptions(
        source,
        a.size,
        a.fps,
        DEFAULT_QUALITY if a.quality is None else a.quality,
        a.codec,
        a.device,
        a.threads,
        a.sink,
        a.seconds,
        audio="null" if source is None else a.audio,
        speaker=a.speaker,
        muted=a.muted,
        reach=reach_options(a),
        mode=mode,
        bitrate=bitrate,
        net=a.net,
        also=tuple(a.also_codec),
        media=tuple(getattr(a, "media", ())),
    )


def parse_port(text: str) -> int:
    """A port number from its decimal digits."""
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is outside 0..65535")
    return int(text)


def parse_size(text: str) -> tuple[int, int]:
    """Width and height from `640x480`."""
    match = re.fullmatch(r"(\d{1,5})x(\d{1,5})", text)
    if not match:
        raise argparse.ArgumentTypeError(f"{text!r} is no size; write it like 640x480")
    width, height = int(match[1]), int(match[2])
    try:
        check_size(width, height)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    return width, height


def _threads(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) <= 256:
        raise argparse.ArgumentTypeError(f"{text!r} is outside 1..256")
    return int(text)


def _number(low: float, high: float) -> Callable[[str], float]:
    def parse(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = float("nan")
        if not low <= value <= high:
            raise argparse.ArgumentTypeError(
                f"{text!r} is no number in {low:g}..{high:g}"
            )
        return value

    return parse
