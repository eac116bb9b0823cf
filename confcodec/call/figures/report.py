"""The report of a call: the JSON that `serve`, `call` and `bench` write."""

import json
import sys
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from confcodec.call.figures.stats import SendStats, versions
from confcodec.call.options.call import CallOptions
from confcodec.codec.interface import CodecInfo
from confcodec.machine.file_targets import Targets, write_small
from confcodec.machine.printable import printable_values
from confcodec.rooms.room import LOOPBACK

Report = dict[str, object]


def make_report(
    peer: str | None,
    seconds: float,
    options: CallOptions,
    info: CodecInfo | None,
    sent: SendStats,
    received: Mapping[str, object],
) -> Report:
    """What one call did.

    Args:
        peer: `remote`, or `loopback`, whose `received` are the very frames sent, or nobody.
        seconds: how long frames were sent or received.
        options: of this side.
        info: of the codec that this side encodes with.
        sent: this side's sending half.
        received: `ReceiveStats.summary` of the receiving half that this side knows of.
    """
    decoded = int(str(received["decoded"]))
    dropped, late = _drops(peer, sent, received)
    return {
        "peer": peer,
        "seconds": round(seconds, 3),
        "captured": sent.captured,
        "encoded": sent.encoded,
        "sent": sent.sent,
        "decoded": decoded,
        "dropped": dropped.total(),
        "dropped_by_reason": dict(dropped),
        "dropped_after_first_second": late,
        "stale": sent.stale,
        "packets": sent.packets,
        "parity": sent.parity,
        "loss": _rounded(sent.loss, 4),
        "restored": received.get("restored"),
        "concealed_share": received.get("concealed_share"),
        "malformed": received["malformed"],
        "sink_trouble": received.get("sink_trouble"),
        "fps": round(decoded / seconds, 2) if seconds else 0.0,
        "sent_fps": round(sent.sent / seconds, 2) if seconds else 0.0,
        "encode_ms": sent.encode.percentiles_ms(),
        "decode_ms": received["decode_ms"],
        "latency_ms": received["latency_ms"],
        "bitrate_bps": round(8 * sent.wire.total / seconds) if seconds else 0,
        "received_bitrate_bps": _rate(received["wire_bytes"], seconds),
        "bpp": _rounded(sent.bpp.overall, 4),
        "mean_quality": _rounded(sent.quality.overall, 1),
        "psnr_db": _rounded(sent.psnr.overall, 2),
        "psnr_samples": sent.psnr.count,
        "trace": list(sent.trace),
        **_setting(options, info),
    }


def _drops(
    peer: str | None, sent: SendStats, received: Mapping[str, object]
) -> tuple[Counter[str], int]:
    """Frames dropped on the way, by reason, and how many after the first second."""
    there = received["dropped"]
    assert isinstance(there, dict)
    dropped = Counter(sent.drops.by_reason) + Counter(there)
    late = sent.drops.after_first_second + int(
        str(received["dropped_after_first_second"])
    )
    if peer == LOOPBACK:
        lost = sent.captured - int(str(received["decoded"])) - dropped.total()
        if lost > 0:  # on the wire, no packet of theirs came
            dropped["lost"] = lost
            late += lost
    return dropped, late


def write_json(report: Mapping[str, object], path: Path, targets: Targets) -> None:
    """Write a report, whole or not at all; `-` is standard output.

    Raises:
        CaptureError: the file exists, or cannot be written.
    """
    text = json.dumps(printable_values(report), indent=2, allow_nan=False) + "\n"
    if str(path) == "-":
        sys.stdout.write(text)
        return
    write_small(text.encode(), path, targets)


def _setting(options: CallOptions, info: CodecInfo | None) -> Report:
    return {
        "source": options.source,
        "size": list(options.size),
        "target_fps": options.fps,
        "mode": options.mode,
        "quality": options.quality,
        "bitrate": options.bitrate,
        "net": [[start, asdict(phase)] for start, phase in options.net],
        "codec": info.codec if info else options.codec,
        "model": info.model if info else None,
        "device": info.device if info else None,
        "dtype": info.dtype if info else None,
        "threads": info.threads if info else None,
        "versions": versions(),
    }


def _rate(size: object, seconds: float) -> int:
    return round(8 * int(str(size)) / seconds) if seconds else 0


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)
