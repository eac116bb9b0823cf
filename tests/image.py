"""The container, built and run without an engine: `make image-test`.

buildah builds the Dockerfile on a Debian made by debootstrap, in place of the CUDA image that
only a container registry has, and runs a call of five seconds inside. It takes some minutes,
25 GB of disk and root. Where a tool or the network is not at hand it says so and ends with 0.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from tests.paths import ROOT
from tests.versions import image_cuda, registry_requirements, torch_cuda

SUITE = "trixie"
USUAL_MIRROR = "http://deb.debian.org/debian"
NEEDED_DISK = 25e9
CERTIFICATES = "/etc/pip-certificates.crt"
"""In the guest: of whoever stands between this host and the package index."""


def main() -> None:
    """Build the image and run a call in it; exit 1 if either fails."""
    mirror = debian_mirror()
    check_means(mirror)
    with tempfile.TemporaryDirectory(prefix="confcodec-image-") as name:
        folder = Path(name)
        buildah = Buildah(folder / "storage")
        began = time.monotonic()
        make_base(folder / "base", mirror, buildah)
        say(f"{SUITE} made by debootstrap: {time.monotonic() - began:.0f} s")
        began = time.monotonic()
        kind = ["--format", "docker"]  # has HEALTHCHECK
        way = in_guest(folder)
        buildah("bud", *kind, *way, "--from", "base", "--tag", "image", str(ROOT))
        say(f"image built: {time.monotonic() - began:.0f} s")
        buildah("from", "--name", "call", "image")
        buildah("run", "call", "--", "confcodec", "bench", "--seconds", "5")
        facts = "import sys, torch; print('Python', sys.version.split()[0], 'torch', torch.__version__)"
        buildah("run", "call", "--", "python", "-c", facts)
        say("a call of five seconds ran in the container")


class Buildah:
    """buildah without an engine or a daemon, all its files in one folder."""

    def __init__(self, storage: Path) -> None:
        """Keep images and containers in `storage`."""
        self._words = ["--root", str(storage), "--runroot", f"{storage}-run"]
        self._words += ["--storage-driver", "vfs"]
        self._environment = os.environ | {"BUILDAH_ISOLATION": "chroot"}

    def __call__(self, *words: str) -> None:
        """Run one of its commands."""
        run(["buildah", *self._words, *words], self._environment)


def check_means(mirror: str) -> None:
    """Leave where something is missing that has nothing to do with the image."""
    for tool in ("buildah", "debootstrap"):
        if not shutil.which(tool):
            skip(f"{tool} is not there (apt install buildah debootstrap)")
    if os.geteuid():
        skip("debootstrap needs root")
    free = shutil.disk_usage(tempfile.gettempdir()).free
    if free < NEEDED_DISK:
        skip(f"{tempfile.gettempdir()} has {free / 1e9:.0f} GB; set TMPDIR")
    try:
        with urllib.request.urlopen(f"{mirror}/dists/{SUITE}/Release", timeout=30):
            pass
        own = torch_cuda(registry_requirements("torch"))
    except OSError as error:
        skip(f"no network: {error}")
    base = image_cuda()
    if own != f"{base.major}.{base.minor}":
        sys.exit(f"image-test failed: the base has CUDA {base}, torch's wheels {own}")
    say(f"CUDA of torch's wheels and of the base image: {own}")


def debian_mirror() -> str:
    """Where this host itself takes Debian's packages from, else the usual place."""
    words = ["apt-get", "indextargets", "--format", "$(LABEL) $(REPO_URI)"]
    if not shutil.which("apt-get"):
        return USUAL_MIRROR
    listed = subprocess.run(words, capture_output=True, text=True).stdout.splitlines()
    own = [line.split()[1] for line in listed if line.startswith("Debian http")]
    return own[0].rstrip("/") if own else USUAL_MIRROR


def make_base(folder: Path, mirror: str, buildah: Buildah) -> None:
    """Debian with this host's way to its packages, as the image `base`."""
    run(["debootstrap", "--variant=minbase", SUITE, str(folder), mirror])
    settings = subprocess.run(["apt-config", "dump"], capture_output=True, text=True)
    wanted = re.compile(r"Acquire::(Check|https?::|Retries|ForceIPv4)")
    lines = [line for line in settings.stdout.splitlines() if wanted.match(line)]
    host = folder / "etc/apt/apt.conf.d/99host"
    host.write_text("".join(f"{line}\n" for line in lines))
    buildah("from", "--name", "blank", "scratch")
    buildah("add", "--quiet", "blank", str(folder), "/")
    buildah("commit", "--quiet", "blank", "base")
    buildah("rm", "blank")
    shutil.rmtree(folder)


def in_guest(folder: Path) -> list[str]:
    """Options that lend the build this host's way to the package index, and leave no trace of it."""
    words = [sys.executable, "-m", "pip", "config", "list"]
    listed = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    settings = dict(re.findall(r"^[\w:]+\.([\w-]+)='(.*)'$", listed, re.MULTILINE))
    kept = {k: v for k, v in settings.items() if k in ("index-url", "proxy", "timeout")}
    mounts = []
    certificates = settings.get("cert") or os.environ.get("SSL_CERT_FILE")
    if certificates:
        kept["cert"] = CERTIFICATES
        mounts += ["--volume", f"{certificates}:{CERTIFICATES}:ro"]
    file = folder / "pip.conf"
    file.write_text("[global]\n" + "".join(f"{k} = {v}\n" for k, v in kept.items()))
    return [*mounts, "--volume", f"{file}:/etc/pip.conf:ro"]


def run(words: Sequence[str], environment: dict[str, str] | None = None) -> None:
    """Run a command; leave with 1 if it fails."""
    done = subprocess.run(words, env=environment, timeout=3600)
    if done.returncode:
        sys.exit(f"image-test failed: {' '.join(words)}")


def say(text: str) -> None:
    """A line of what was done."""
    print(f"image-test: {text}", flush=True)


def skip(reason: str) -> NoReturn:
    """Leave with 0: nothing was tested."""
    say(f"SKIPPED: {reason}")
    sys.exit(0)


if __name__ == "__main__":
    main()
