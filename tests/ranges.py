"""The ends of pyproject.toml's ranges, tried: `make ranges-test`.

Two environments are made: one with the lowest version of every direct dependency, on the
lowest Python, and one with the newest that the package index has, on the newest Python at
hand. Each runs the media, file and channel tests. It takes gigabytes (torch) and minutes, so
it is no part of `make test`; there tests/test_ranges.py holds the lists together.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.paths import ROOT
from tests.versions import direct, pinned

EXTRAS = ("audio", "redis")
"""Of those who call; the laboratory's are measured with the versions of constraints.txt."""
LOWEST = {
    "aiohttp": "3.11.0",
    "aioice": "0.12.0",
    "aiortc": "1.16.0",
    "av": "15.0.0",
    "constriction": "0.4.1",
    "ifaddr": "0.2.0",
    "numpy": "2.0.0",
    "opencv-python": "4.11.0.86",
    "pillow": "11.3.0",
    "redis": "5.0.1",
    "rich": "13.7.0",
    "safetensors": "0.4.3",
    "segno": "1.6.0",
    "sounddevice": "0.4.6",
    "torch": "2.4.0",
    "uvloop": "0.19.0",
    "zfec": "1.5.7.2",
}
TOOLS = ("hypothesis", "packaging", "pytest", "pytest-asyncio", "pytest-timeout")
TESTS = (
    *("media/container", "media/sources", "media/sinks", "media/picture"),
    *("media/scale", "files/transcode", "files/bitstream_file", "codec/bitstream"),
    *("codec/entropy", "codec/weights", "codec/rt_codec", "codec/equal_bytes"),
    *("transport/channel", "transport/emulated_network", "transport/ice", "wire/fec"),
    *("rooms/signalling", "rooms/rooms", "rooms/redis", "server/server"),
    *("server/recorder", "call/sound", "call/loopback"),
)
"""Files of tests, as folder and what follows `test_`."""
OLDEST_PYTHON = "3.11"
NEWEST_PYTHONS = ("3.14", "3.13", "3.12")


def main() -> None:
    """Try both ends; exit 1 if a test fails at one."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--only", choices=["lowest", "newest"])
    parser.add_argument(
        "--pinned-torch",
        action="store_true",
        help="keep constraints.txt's torch at both ends: its own range is not tried",
    )
    parser.add_argument("--keep", type=Path, help="make the environments here")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="confcodec-ranges-") as temporary:
        folder = arguments.keep or Path(temporary)
        ends = [arguments.only] if arguments.only else ["lowest", "newest"]
        failed = [end for end in ends if not holds(end, folder, arguments.pinned_torch)]
    if failed:
        sys.exit(f"ranges-test failed: {' and '.join(failed)} versions")


def holds(end: str, folder: Path, pinned_torch: bool) -> bool:
    """Whether the tests pass at one end of the ranges."""
    python = find_python([OLDEST_PYTHON] if end == "lowest" else NEWEST_PYTHONS)
    own = folder / end
    run([python, "-m", "venv", "--clear", str(own)])
    wanted = [r for r in direct(*EXTRAS) if not r.marker or r.marker.evaluate()]
    names = [r.name for r in wanted]
    if end == "lowest":
        lines = [f"{name}=={LOWEST[name]}" for name in names]
    else:
        lines = [str(r).partition(";")[0] for r in wanted]
    if pinned_torch:
        lines = [line for line in lines if not line.startswith("torch")]
        lines.append(f"torch=={pinned()['torch']}")
        say(f"{end}: torch stays {pinned()['torch']}; its own range is not tried")
    run([str(own / "bin/pip"), "install", "--quiet", "--upgrade", *lines, *TOOLS])
    say(f"{end}: {', '.join(versions(own, names))}")
    words = [str(own / "bin/python"), "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    # A release's own warnings are no fault of ours: here only the tests' outcome counts.
    words += ["-W", "default", *map(str, map(path_of, TESTS))]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(words, cwd=ROOT, env=environment, timeout=1800)
    say(f"{end}: {'passed' if done.returncode == 0 else 'FAILED'}")
    return done.returncode == 0


def path_of(test: str) -> Path:
    """The file of one of `TESTS`."""
    folder, _, name = test.partition("/")
    return ROOT / "tests" / folder / f"test_{name}.py"


def find_python(versions: Sequence[str]) -> str:
    """The first of these Pythons that is there and works."""
    for version in versions:
        for path in candidates(version):
            words = [path, "-c", "import ssl, venv"]
            if subprocess.run(words, capture_output=True).returncode == 0:
                return path
    sys.exit(f"ranges-test needs one of Python {', '.join(versions)}; install it")


def candidates(version: str) -> Iterator[str]:
    """Where a Python of this version may be: this one, on the path, or pyenv's."""
    if version == f"{sys.version_info.major}.{sys.version_info.minor}":
        yield sys.executable
    on_path = shutil.which(f"python{version}")
    if on_path:
        yield on_path
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    yield from (str(path) for path in sorted(pyenv.glob(f"{version}.*/bin/python")))


def versions(environment: Path, names: Sequence[str]) -> list[str]:
    """What was installed there, as "Python 3.11.7" and "av 15.0.0"."""
    code = (
        "import sys, platform; from importlib.metadata import version;"
        "print('Python', platform.python_version());"
        "[print(name, version(name)) for name in sys.argv[1:]]"
    )
    words = [str(environment / "bin/python"), "-c", code, *names]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def run(words: Sequence[str]) -> None:
    """Run a command; leave with 1 if it fails."""
    if subprocess.run(words, timeout=1800).returncode:
        sys.exit(f"ranges-test failed: {' '.join(words)}")


def say(text: str) -> None:
    """A line of what was done."""
    print(f"ranges-test: {text}", flush=True)


if __name__ == "__main__":
    main()
