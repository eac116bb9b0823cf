"""Which cameras are here, and which of them is the one that was here before.

Linux numbers its cameras in the order in which they appear: one that is plugged in again may
be /dev/video2 where it was /dev/video0, and another camera may have taken its number.
"""

import os
import re
import struct
import sys
import time
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import av
import cv2

from confcodec.errors import CaptureError

DEVICES, SYSFS = Path("/dev"), Path("/sys/class/video4linux")
"""Where Linux has its camera devices, and where it tells what they are."""
_CAPABILITY = struct.Struct("=16s32s32sIII12x")
"""struct v4l2_capability of linux/videodev2.h: what a device is and can do."""
_QUERY_CAPABILITY = 0x80685600
"""VIDIOC_QUERYCAP."""
_CAPTURES, _CONVERTS, _OF_THIS_NODE = 0x1001, 0xC000, 0x8000_0000
"""V4L2_CAP_VIDEO_CAPTURE, _VIDEO_M2M (each with _MPLANE), and V4L2_CAP_DEVICE_CAPS."""
PROBED = 5
"""Numbers that are tried where a system does not list its cameras."""
_LISTED_FOR = 10.0
"""Seconds for which a list that the system had to make is good."""


@dataclass(frozen=True)
class Identity:
    """What stays the same of a camera on Linux when it is plugged in again."""

    name: str
    index: str
    """Which of the device nodes of this camera it is; the first gives the pictures."""
    product: str
    """USB vendor and product; empty where there are none."""
    serial: str
    place: str
    """The socket that it is plugged into, as a path; not part of who it is."""

    def same_kind(self, other: "Identity") -> bool:
        """Whether all but the place agree. Cheap cameras of a kind share a serial number."""
        mine = (self.name, self.index, self.product, self.serial)
        return mine == (other.name, other.index, other.product, other.serial)


def is_node(device: str) -> bool:
    """Whether it is a device file that Linux makes and takes away."""
    return sys.platform.startswith("linux") and device.startswith("/")


def cameras() -> list[str]:
    """The cameras that may be here, in order of their numbers; none is switched on for it.

    Where the system does not tell, the first few numbers are tried, once, and are.
    """
    if not sys.platform.startswith("linux"):
        return [str(number) for number in range(_count(time.monotonic()))]
    found = sorted(
        (int(match[1]), node)
        for node in DEVICES.glob("video*")
        if (match := re.fullmatch(r"video(\d+)", node.name))
    )
    return [str(number) for number, node in found if _gives_pictures(node)]


def check_node(node: str) -> None:
    """Raise CaptureError with the reason where a device file cannot be used."""
    if not Path(node).exists():
        raise CaptureError(
            f"there is no camera {node}; plug one in, or use --source demo"
        )
    if not os.access(node, os.R_OK | os.W_OK):
        raise CaptureError(not_allowed(node))


def not_allowed(node: str) -> str:
    """What to do where the system refuses a device file."""
    try:
        group = Path(node).group()
    except (KeyError, OSError, NotImplementedError):
        group = "video"
    return (
        f"no permission to use {node}; join its group "
        f"(sudo usermod -aG {group} $USER) and log in again"
    )


def identity(node: str) -> Identity | None:
    """Who the camera at a device file is; None where the system does not tell."""
    name = Path(os.path.realpath(node)).name
    entry = SYSFS / name
    try:
        said = (entry / "name").read_text().strip()
        index = (entry / "index").read_text().strip()
        # .../PLACE/video4linux/video0
        place = entry.resolve(strict=True).parent.parent
    except OSError:
        return None
    usb = next((p for p in (place, *place.parents) if (p / "idVendor").exists()), None)
    product = ":".join(_said(usb, key) for key in ("idVendor", "idProduct"))
    serial = _said(usb, "serial")
    return Identity(said, index, product if usb else "", serial, str(place))


def places_of_kind(known: Identity) -> frozenset[str]:
    """Where cameras of this kind are plugged in, the known one's own place left out."""
    return frozenset(
        other.place
        for other in map(identity, _nodes())
        if other and other.same_kind(known) and other.place != known.place
    )


def find_again(node: str, known: Identity | None, others: frozenset[str]) -> str | None:
    """The device file at which a camera is now; None while it is away.

    Args:
        node: where it was.
        known: who it was; None takes whatever is at `node`.
        others: where others of its kind were while it was here; they are not it. A camera
            that is not known to be the one that was chosen is never shown in its place.
    """
    if known is None:
        return node if Path(node).exists() else None
    elsewhere = None
    for candidate in (node, *_nodes()):
        found = identity(candidate)
        there = found and found.same_kind(known) and Path(candidate).exists()
        if not found or not there:
            continue
        if found.place == known.place:
            return candidate
        if found.place not in others:
            elsewhere = elsewhere or candidate
    return elsewhere


def _nodes() -> list[str]:
    try:
        return sorted(str(DEVICES / entry.name) for entry in SYSFS.iterdir())
    except OSError:
        return []


def _said(folder: Path | None, key: str) -> str:
    try:
        return (folder / key).read_text().strip() if folder else ""
    except OSError:
        return ""


def _gives_pictures(node: Path) -> bool:
    """False for a camera's second node, of its metadata, and for converters."""
    try:
        return _captures(str(node), node.stat().st_ctime_ns)
    except OSError:
        return False  # it was taken away just now


@lru_cache(maxsize=64)
def _captures(node: str, _made: int) -> bool:
    """Ask the driver, once for each device that has appeared."""
    from fcntl import ioctl  # not on Windows

    try:
        device = os.open(node, os.O_RDWR | os.O_NONBLOCK)
    except OSError:
        return True  # whoever opens it is told why not
    try:
        answer = ioctl(device, _QUERY_CAPABILITY, bytes(_CAPABILITY.size))
    except OSError:
        return False
    finally:
        os.close(device)
    *_, all_nodes, this_node = _CAPABILITY.unpack(answer)
    can = this_node if all_nodes & _OF_THIS_NODE else all_nodes
    return bool(can & _CAPTURES) and not can & _CONVERTS


def _count(now: float) -> int:
    """How many cameras a system without device files has."""
    listed = _listed(int(now / _LISTED_FOR))
    return _tried() if listed is None else listed


@lru_cache(maxsize=1)
def _listed(_period: int) -> int | None:
    """How many the system lists, without switching one on; None where it does not."""
    how = {"darwin": "avfoundation", "win32": "dshow"}.get(sys.platform)
    listing = getattr(av, "enumerate_input_devices", None)
    if how is None or listing is None:  # an older PyAV
        return None
    try:
        devices = listing(how)
    except (OSError, ValueError):
        return None
    names = [d.description for d in devices if "video" in d.media_types]
    # AVFoundation counts the screens, which OpenCV does not know.
    return sum(not name.startswith("Capture screen") for name in names)


@lru_cache(maxsize=1)
def _tried() -> int:
    """How many of the first numbers open; the first is never doubted."""
    for number in range(1, PROBED):
        capture = cv2.VideoCapture(number)
        opened = capture.isOpened()
        capture.release()
        if not opened:
            return number
    return PROBED
