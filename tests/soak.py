"""Memory and CPU of both processes of a call: `python -m tests.soak VIDEO --minutes 10`.

Memory is the slope of the resident size over the second half; CPU is split by thread: the
event loop (transport, signalling), the busiest other thread (the codec), and the rest.
"""

import argparse
import contextlib
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

_TICKS = os.sysconf("SC_CLK_TCK")


def children(pid: int) -> list[int]:
    """Processes that this one has started."""
    listed = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(child) for child in listed.split()]


def resident(pid: int) -> float:
    """Megabytes of memory in use."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def cpu_seconds(folder: Path) -> float:
    """CPU time of a process or thread, by its folder in /proc."""
    fields = (folder / "stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def thread_seconds(pid: int) -> dict[int, float]:
    """CPU time of each thread."""
    spent = {}
    for task in Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it has ended
            spent[int(task.name)] = cpu_seconds(task)
    return spent


def shares(pid: int, before: dict[int, float], seconds: float) -> str:
    """Where a process' CPU time went since `before`, in per cent of a core."""
    now = thread_seconds(pid)
    spent = {tid: now[tid] - before.get(tid, 0.0) for tid in now}
    loop = spent.pop(pid)
    others = sorted(spent.values(), reverse=True)
    parts = ("event loop", loop), ("codec", others[0]), ("rest", sum(others[1:]))
    return ", ".join(f"{name} {100 * used / seconds:.0f} %" for name, used in parts)


def main() -> None:
    """Run the call and print what it took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("video")
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--bitrate", default="3M")
    arguments = parser.parse_args()
    seconds = 60 * arguments.minutes
    command = [sys.executable, "-m", "confcodec", "bench", "--source", arguments.video]
    command += ["--bitrate", arguments.bitrate, "--seconds", str(seconds + 30)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as parent:
        time.sleep(15)  # codecs are warm and the rate has settled
        pids = {"sender": parent.pid, "receiver": children(parent.pid)[0]}
        before = {name: thread_seconds(pid) for name, pid in pids.items()}
        sizes: dict[str, list[float]] = {name: [] for name in pids}
        began, times = time.monotonic(), []
        while (elapsed := time.monotonic() - began) < seconds:
            times.append(elapsed / 60)
            for name, pid in pids.items():
                sizes[name].append(round(resident(pid), 1))
            time.sleep(max(0.2, seconds / 600))
        print(
            "MB at each tenth of the time:",
            {n: sizes[n][::60] for n in sizes},
            flush=True,
        )
        for name, pid in pids.items():
            half = len(times) // 2
            slope = np.polyfit(times[half:], sizes[name][half:], 1)[0]
            print(
                f"{name}: {sizes[name][-1]:.0f} MB, {slope:+.2f} MB a minute; "
                + shares(pid, before[name], elapsed)
            )
        parent.terminate()


if __name__ == "__main__":
    main()
