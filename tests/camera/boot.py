"""`make camera-test`: boots a machine with a camera and runs `checks.py` in it.

The machine is QEMU's software emulation, the camera the kernel's V4L2 test driver vivid, the
files those of this host, read-only: the project's own environment meets a real device.
"""

import base64
import platform
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.camera.kernel import Unprepared, initial_files, kernel

HERE = Path(__file__).parent
PROJECT = HERE.parent.parent
LIMIT = 240
"""Seconds after which the machine is switched off, whatever it does."""
PASSED = "camera-test: all passed"
"""The line by which `checks.py` ends where nothing failed."""


def main(words: list[str]) -> int:
    """Run the checks, or those named, in the machine; 0 where they passed."""
    began = time.monotonic()
    try:
        lines = _boot(words)
    except Unprepared as error:
        print(f"camera-test: FAILED, the machine could not be started: {error}")
        return 1
    seconds = time.monotonic() - began
    if PASSED in lines:
        print(f"camera-test: passed in {seconds:.0f} s")
        return 0
    print(f"camera-test: FAILED after {seconds:.0f} s")
    return 1


def _boot(words: list[str]) -> list[str]:
    if platform.machine() != "x86_64":
        raise Unprepared("the checks run on x86-64 alone, in this host's environment")
    for tool in ("qemu-system-x86_64", "timeout"):
        if not shutil.which(tool):
            raise Unprepared(
                f"{tool} is not installed; on Debian: apt-get install qemu-system-x86"
            )
    folder = kernel(PROJECT / ".cache" / "camera")
    with tempfile.TemporaryDirectory() as name:
        initrd = Path(name, "initrd")
        initrd.write_bytes(initial_files(folder, HERE / "init"))
        command = _machine(folder / "vmlinuz", initrd, _guest(words))
        # Ends with this process where it is interrupted, by itself where it is killed.
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
            errors="replace",
        )
        try:
            return _follow(process)
        finally:
            process.terminate()
            process.wait(10)


def _follow(process: "subprocess.Popen[str]") -> list[str]:
    """Print what the machine says as it says it."""
    lines = []
    assert process.stdout
    for line in process.stdout:
        lines.append(line.strip())
        if "] reboot: " not in line:  # the kernel's last word
            print(line.rstrip(), flush=True)
    return lines


def _guest(words: list[str]) -> str:
    """What the machine runs, as one word: a shell script in base64."""
    home = "/dev/shm"
    words = ["tests.camera.checks", *words]
    script = (
        f"export HOME={home} TMPDIR={home} PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 "
        "PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin\n"
        f"cd {shlex.quote(str(PROJECT))} && exec .venv/bin/python -m {shlex.join(words)}\n"
    )
    return base64.b64encode(script.encode()).decode()


def _machine(vmlinuz: Path, initrd: Path, guest: str) -> list[str]:
    return [
        *("timeout", "--kill-after=5", str(LIMIT), "qemu-system-x86_64"),
        *("-accel", "tcg", "-cpu", "max", "-smp", "2", "-m", "2500"),
        *("-kernel", str(vmlinuz), "-initrd", str(initrd)),
        *("-append", f"console=ttyS0 quiet loglevel=1 panic=-1 confcodec_run={guest}"),
        *("-display", "none", "-vga", "none", "-monitor", "none", "-serial", "stdio"),
        *("-no-reboot", "-net", "none"),
        "-virtfs",
        "local,path=/,mount_tag=host,security_model=none,readonly=on,multidevs=remap",
    ]


if __name__ == "__main__":
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(1))
    sys.exit(main(sys.argv[1:]))
