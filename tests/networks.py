"""What calls over bad networks reach, as a table: `python -m tests.networks VIDEO`.

Each row is `confcodec bench` over the emulator, and the same with --stock: aiortc as it
is, one quality, no parity, no rate control. Takes ten minutes; wants a quiet machine.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

NETWORKS = (
    ("clean, 20 ms round trip", "delay=10ms"),
    ("2 % loss, 40 ms, 5 Mbit/s", "loss=2%,delay=20ms,rate=5M"),
    ("5 % loss, 40 ms, 3 Mbit/s", "loss=5%,delay=20ms,rate=3M"),
    ("5 % in bursts of 3, 60 ms, 3 Mbit/s", "loss=5%,burst=3,delay=30ms,rate=3M"),
    ("20 % loss, 40 ms", "loss=20%,delay=20ms"),
)
FALL = "delay=10ms,rate=4M; 10s delay=10ms,rate=1M; 20s delay=10ms,rate=4M"
DEAD = "delay=10ms; 10s down; 15s delay=10ms"
STOCK = ("--stock", "--quality", "24")
"""About 2 Mbit/s: it fits every line of the table."""


def bench(video: Path, net: str, seconds: float, *more: str) -> dict[str, Any]:
    """The report of one call."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "report.json"
        command = [sys.executable, "-m", "confcodec", "bench", "--source", str(video)]
        command += ["--seconds", str(seconds), "--net", net, "--json", str(path), *more]
        subprocess.run(command, check=True, capture_output=True)
        report: dict[str, Any] = json.loads(path.read_text())
        return report


def row(name: str, report: dict[str, Any]) -> str:
    """One line of the table."""
    latency, trace = report["latency_ms"], report["trace"]
    late = [entry["fec"] or 0.0 for entry in trace if entry["seconds"] > 2]
    cells = (
        name,
        f"{report['fps']:.1f}",
        f"{latency['p50']:.0f} / {latency['p95']:.0f}",
        f"{100 * report['concealed_share']:.2f} %",
        f"{report['bitrate_bps'] / 1e6:.1f}",
        f"{100 * sum(late) / max(1, len(late)):.0f} %",
        f"{report['psnr_db']:.1f}",
    )
    return "| " + " | ".join(cells) + " |"


def fall_and_return(trace: list[dict[str, Any]]) -> str:
    """How soon the rate follows a line that becomes slow at 10 s and fast at 20 s."""
    slow = [e for e in trace if 10 <= e["seconds"] < 20]
    busy = [e["seconds"] for e in slow if e["queue_ms"] > 200]
    queue = max((e["queue_ms"] for e in slow if e["seconds"] > 11.5), default=0.0)
    # The trace counts what the program sends; the layers below add about a tenth.
    back = [e for e in trace if e["seconds"] > 20 and e["target_bps"] >= 0.9 * 4e6]
    again = f"{back[0]['seconds'] - 20:.1f} s" if back else "not in the time given"
    gone = f"{max(busy) - 10:.1f} s" if busy else "never above"
    return (
        f"queue above 200 ms until: {gone} after the fall; at most {queue:.0f} ms from "
        f"1.5 s on; 90 % of 4 Mbit/s again {again} after the return"
    )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("video", type=Path)
    parser.add_argument("--seconds", type=float, default=30.0)
    arguments = parser.parse_args()
    video, seconds = arguments.video, arguments.seconds
    print("| network | fps | latency, ms | concealed | Mbit/s | parity | dB |")
    print("|---|---|---|---|---|---|---|")
    for name, net in NETWORKS:
        print(row(name, bench(video, net, seconds)), flush=True)
        print(row("stock", bench(video, net, seconds, *STOCK)), flush=True)
    print(row("4, 1, 4 Mbit/s, 10 s each", bench(video, FALL, 30)), flush=True)
    print(row("stock", bench(video, FALL, 30, *STOCK)), flush=True)
    # JPEG leaves the processors idle, so that the line alone decides what is sent.
    report = bench(video, FALL, 30, "--codec", "jpeg")
    print(row("the same with JPEG", report), flush=True)
    print(fall_and_return(report["trace"]), flush=True)
    resumed = 25 - bench(video, DEAD, 25)["seconds"] - 15
    print(f"dead for 5 s: frames again {resumed:.1f} s after the link's return")


if __name__ == "__main__":
    main()
