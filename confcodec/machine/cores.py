"""How many processors this process may keep busy: not how many the machine has.

`taskset`, batch systems and cpusets leave a process some of them; a container's quota is time.
`os.cpu_count()` knows of neither: with 32 threads on the one processor that was allowed of 64,
`rt` took 264 ms for a frame where one thread takes 42.
"""

import os
import sys
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path, PurePosixPath


def usable_cores(system: Path = Path("/")) -> int:
    """Processors that this process may use at the same time; at least 1.

    A quota that is no whole number is rounded down: a thread beyond it is stopped for the rest
    of each period, and the threads that wait for it wait as long.

    Args:
        system: root of the file system that tells the cgroups' quotas.
    """
    allowed = _allowed()
    return max(1, min([allowed, *(int(quota) for quota in _quotas(system))]))


def _allowed() -> int:
    """Processors that the scheduler gives to this process."""
    if sys.version_info >= (3, 13):
        return os.process_cpu_count() or 1
    if hasattr(os, "sched_getaffinity"):  # neither on macOS nor on Windows
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _quotas(system: Path) -> Iterator[Fraction]:
    """Processors' worth of time that this process's cgroups have, and those around them."""
    for folder in _cgroups(system):
        try:
            quota = _quota(folder)
        # A cgroup without a limit has no such file; another's number is no reason to fail.
        except (OSError, ValueError, ZeroDivisionError):
            continue
        if quota is not None and quota > 0:
            yield quota


def _quota(folder: Path) -> Fraction | None:
    """The limit of one cgroup; None if there is none.

    Linux's documentation: "Control Group v2", `cpu.max`; "CFS Bandwidth Control" for version 1.
    """
    both = folder / "cpu.max"
    if both.exists():
        quota, period = both.read_text().split()
        return None if quota == "max" else Fraction(int(quota), int(period))
    quota = (folder / "cpu.cfs_quota_us").read_text()
    period = (folder / "cpu.cfs_period_us").read_text()
    return Fraction(int(quota), int(period))  # -1: no limit


def _cgroups(system: Path) -> Iterator[Path]:
    """Folders of this process's cgroups, each followed by those around it."""
    mounts = system / "sys/fs/cgroup"
    try:
        lines = (system / "proc/self/cgroup").read_text().splitlines()
    except (OSError, ValueError):
        return
    for line in lines:
        # "0::/user.slice/app" is version 2; "4:cpu,cpuacct:/docker/1a2b" version 1.
        number, _, rest = line.partition(":")
        controllers, _, name = rest.partition(":")
        if number != "0" and "cpu" not in controllers.split(","):
            continue
        roots = [controllers, "cpu"] if controllers else ["", "unified"]
        # Inside a container the name may be as the host sees it: what is not there is left out.
        path = PurePosixPath(name.lstrip("/"))
        for root in roots:
            for part in (path, *path.parents):
                if ".." not in part.parts:
                    yield mounts / root / part
