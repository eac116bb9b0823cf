"""The camera of the emulated machine: the kernel's test driver, loaded as one kind or another."""

import subprocess
import time
from pathlib import Path

_TOOLS = Path("/dev/shm")
"""Where `init` has put the driver and busybox."""
_DRIVER = Path("/sys/bus/platform/drivers/vivid")
_PATIENCE = 10.0
"""Seconds for a camera that was just closed to be free, and for a new one to be there."""


def load(*options: str, cameras: int = 1) -> None:
    """Have these cameras and no others; `options` are the driver's own."""
    busybox, deadline = str(_TOOLS / "busybox"), time.monotonic() + _PATIENCE
    while _DRIVER.exists() and time.monotonic() < deadline:
        subprocess.run([busybox, "rmmod", "vivid"], capture_output=True, timeout=30)
    driver = [busybox, "insmod", str(_TOOLS / "vivid.ko"), f"n_devs={cameras}"]
    kinds = ",".join(["0x1"] * cameras)
    subprocess.run(
        [*driver, f"node_types={kinds}", *options],
        check=True,
        capture_output=True,
        timeout=30,
    )
    while not Path("/dev/video0").exists() and time.monotonic() < deadline:
        time.sleep(0.01)


def unplug() -> None:
    """Take the cameras away, whoever uses them."""
    (_DRIVER / "unbind").write_text("vivid.0")


def plug() -> None:
    """Give them back; each gets the first device number that is free."""
    (_DRIVER / "bind").write_text("vivid.0")
