"""A Debian kernel with its camera driver, and what it boots into, kept in a folder.

Nothing is installed: packages are fetched, unpacked, and the few files needed are kept.
"""

import lzma
import re
import shutil
import stat
import subprocess
import tempfile
from pathlib import Path

MODULES = ("9p", "virtio_pci", "9pnet_virtio", "vivid")
"""What the machine needs besides the kernel: the host's files, and a camera."""
_FETCH = 300
"""Seconds that one step of fetching and unpacking may take."""


class Unprepared(Exception):
    """The machine cannot be made ready; the message says what to do."""


def kernel(cache: Path) -> Path:
    """A folder with `vmlinuz`, `busybox` and `modules/NN_name.ko` in the order of loading.

    Raises:
        Unprepared: a package cannot be fetched, or is not what it should be.
    """
    ready = cache / "kernel"
    if ready.exists():
        return ready
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache) as name:
        work = Path(name)
        image = _image_package()
        _unpack(image, work / "image")
        _unpack("busybox-static", work / "busybox")
        made = work / "made"
        (made / "modules").mkdir(parents=True)
        shutil.copy(_one(work / "image", "vmlinuz-*"), made / "vmlinuz")
        shutil.copy(_one(work / "busybox", "busybox"), made / "busybox")
        for number, (module, data) in enumerate(_modules(work / "image")):
            (made / "modules" / f"{number:02}_{module}.ko").write_bytes(data)
        made.rename(ready)
    return ready


def initial_files(folder: Path, init: Path) -> bytes:
    """The archive (cpio, `newc`) that the kernel unpacks into memory and starts `init` from."""
    entries = [
        (name, stat.S_IFDIR | 0o755, b"")
        for name in ("bin", "modules", "proc", "sys", "dev", "root")
    ]
    entries.append(("init", stat.S_IFREG | 0o755, init.read_bytes()))
    busybox = (folder / "busybox").read_bytes()
    entries.append(("bin/busybox", stat.S_IFREG | 0o755, busybox))
    entries += [
        (f"modules/{path.name}", stat.S_IFREG | 0o644, path.read_bytes())
        for path in sorted((folder / "modules").iterdir())
    ]
    entries.append(("TRAILER!!!", 0, b""))
    return b"".join(_entry(n, *entry) for n, entry in enumerate(entries, 1))


def _entry(number: int, name: str, mode: int, data: bytes) -> bytes:
    fields = [number, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name) + 1, 0]
    head = b"070701" + b"".join(b"%08X" % field for field in fields)
    return _padded(head + name.encode() + b"\0") + _padded(data)


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)


def _image_package() -> str:
    listed = _run("apt-cache", "depends", "linux-image-amd64")
    found = re.search(r"Depends: (linux-image-[0-9]\S+)", listed)
    if not found:
        raise Unprepared(
            "no package linux-image-amd64 is known here; the kernel with the camera "
            "driver is Debian's: run apt-get update on a Debian for x86-64"
        )
    return found[1]


def _unpack(package: str, target: Path) -> None:
    target.mkdir()
    _run("apt-get", "download", "-q", package, cwd=target)
    archive = _one(target, "*.deb")
    _run("dpkg-deb", "-x", archive.name, "files", cwd=target)
    archive.unlink()


def _modules(image: Path) -> list[tuple[str, bytes]]:
    """The modules and all that they depend on, each after those; part of the kernel: none."""
    files = {
        path.name.split(".")[0].replace("-", "_"): path
        for path in image.rglob("*.ko*")
        if path.is_file()
    }
    if "vivid" not in files:
        raise Unprepared("the kernel package has no camera driver vivid")
    loaded: dict[str, bytes] = {}

    def load(name: str) -> None:
        if name in loaded or name not in files:
            return
        data = files[name].read_bytes()
        if files[name].suffix == ".xz":
            data = lzma.decompress(data)
        depends = re.search(rb"\0depends=([^\0]*)\0", data)
        for other in depends[1].decode().split(",") if depends else []:
            load(other.replace("-", "_"))
        loaded[name] = data

    for name in MODULES:
        load(name)
    return list(loaded.items())


def _one(folder: Path, pattern: str) -> Path:
    for path in sorted(folder.rglob(pattern)):
        if path.is_file():
            return path
    raise Unprepared(f"the package has no {pattern}")


def _run(*command: str, cwd: Path | None = None) -> str:
    try:
        done = subprocess.run(
            command, cwd=cwd, capture_output=True, text=True, timeout=_FETCH, check=True
        )
    except (OSError, subprocess.SubprocessError) as error:
        reason = getattr(error, "stderr", None) or str(error)
        raise Unprepared(f"{' '.join(command)} failed: {reason.strip()}") from error
    return done.stdout
