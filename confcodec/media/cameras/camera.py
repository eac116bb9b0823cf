"""A camera; one that is unplugged is waited for while the call goes on."""

import logging
import sys
import threading
import time

from confcodec.codec.frame import Frame, Pixels
from confcodec.errors import CaptureError, ConfcodecError
from confcodec.media.cameras.devices import (
    check_node,
    find_again,
    identity,
    is_node,
    places_of_kind,
)
from confcodec.media.cameras.opening import Capture, open_capture
from confcodec.media.pace import Thinning
from confcodec.media.scale import fit

logger = logging.getLogger(__name__)

OPENING = 30.0
"""Seconds that opening a camera may take; some drivers on Windows take 20."""
FIRST_PICTURE = 5.0
"""Seconds from its being open to a camera's first picture."""
_SILENCE = 1.0
"""Seconds without a picture after which the last one is shown again, stale."""
_FAILED = 0.05
"""Seconds between two attempts to read from a camera that fails at once."""
RETRY_FIRST, RETRY_LAST = 0.5, 2.0
"""Seconds before the first attempt to open a lost camera again, and before later ones."""


class Camera:
    """The newest picture of a camera, at most `fps` times a second."""

    def __init__(self, device: str, size: tuple[int, int], fps: float) -> None:
        """Open `device`, a number or a path, and wait for its first picture.

        Raises:
            CaptureError: not there, not allowed, busy or silent.
        """
        numbered = device.isdecimal() and sys.platform.startswith("linux")
        self.name = f"/dev/video{device}" if numbered else device
        self.size, self.fps = size, fps
        if is_node(self.name):
            check_node(self.name)
        self._known = identity(self.name) if is_node(self.name) else None
        self._others: frozenset[str] = frozenset()
        self._changed = threading.Condition()
        """Guards everything below."""
        self._pixels: Pixels | None = None
        self._time = self._shown = 0.0
        self._thinning = Thinning(fps)
        self._pictures = self._given = self._number = 0
        self._opened = self._lost = self._closed = False
        self._refusal: ConfcodecError | None = None
        self._thread = threading.Thread(target=self._run, name="camera", daemon=True)
        self._thread.start()
        self._await_first()

    def read(self) -> Frame:
        """Wait for the next picture; the last one again, stale, while the camera is lost.

        Raises:
            CaptureError: the source is closed.
        """
        with self._changed:
            if not self._changed.wait_for(self._news, _SILENCE):
                logger.warning("%s gives no pictures; showing the last one", self.name)
                self._lost = True
            if self._lost and not self._fresh():
                due = self._shown + 1 / self.fps
                self._changed.wait_for(self._fresh_or_closed, due - time.monotonic())
            if self._closed:
                raise CaptureError(f"{self.name} was closed")
            stale = not self._fresh()
            now = time.monotonic()
            self._given, self._shown = self._pictures, now
            assert self._pixels is not None
            number, self._number = self._number, self._number + 1
            return Frame(self._pixels, number, now if stale else self._time, stale)

    def close(self) -> None:
        """End a `read` that is under way and release the camera."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        # A driver that hangs keeps its thread; the program can end all the same.
        self._thread.join(RETRY_LAST)

    def _fresh(self) -> bool:
        return self._pictures > self._given

    def _fresh_or_closed(self) -> bool:
        return self._fresh() or self._closed

    def _news(self) -> bool:
        return self._fresh_or_closed() or self._lost

    def _await_first(self) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._opened or self._refusal, OPENING)
            opened = self._opened
            if opened:
                self._changed.wait_for(
                    lambda: self._fresh() or self._refusal, FIRST_PICTURE
                )
            if self._fresh():
                return
            refusal = self._refusal
        self.close()
        if refusal:
            raise refusal
        if opened:
            raise self._silent()
        raise CaptureError(
            f"{self.name} did not open within {OPENING:g} s; "
            "plug it in again, or choose another source"
        )

    def _silent(self) -> CaptureError:
        return CaptureError(
            f"{self.name} opened but gave no picture within {FIRST_PICTURE:g} s; "
            "plug it in again, or choose another source"
        )

    def _run(self) -> None:
        """The camera's thread: open, take pictures until that fails, wait, again."""
        pause = RETRY_FIRST
        while not self._closed:
            before = self._pictures
            capture = self._open()
            if capture:
                self._take_all(capture)
                capture.release()
            with self._changed:
                if self._pictures > before and not self._closed:
                    logger.warning(
                        "%s was lost; waiting for it to come back", self.name
                    )
                    pause = RETRY_FIRST
                self._lost = True
                self._changed.notify_all()
                self._changed.wait_for(lambda: self._closed, pause)
            pause = min(2 * pause, RETRY_LAST)

    def _open(self) -> Capture | None:
        """The camera where it is now; None while it is away or refuses."""
        name: str | None = self.name
        if self._opened and is_node(self.name):
            name = find_again(self.name, self._known, self._others)
        if name is None:
            return None
        try:
            capture = open_capture(name, self.size, self.fps)
        except ConfcodecError as error:
            logger.debug("%s", error)
            with self._changed:
                self._refusal = error
                self._changed.notify_all()
            return None
        with self._changed:
            if name != self.name:
                logger.info("%s is now %s", self.name, name)
            self.name, self._opened = name, True
            self._changed.notify_all()
        self._recognise()
        return capture

    def _recognise(self) -> None:
        """Note where it is plugged in now, and where others of its kind are."""
        self._known = (is_node(self.name) and identity(self.name)) or self._known
        if self._known:
            others = self._others | places_of_kind(self._known)
            self._others = others - {self._known.place}

    def _take_all(self, capture: Capture) -> None:
        """Take pictures until the camera is closed, gone, or fails for too long.

        One that is slow to wake, or that takes its pictures when it is told to, fails at first
        and is ready later, but never would be if it was opened again and again.
        """
        due = time.monotonic() + FIRST_PICTURE
        while not self._closed:
            pixels, now = capture.read(), time.monotonic()
            if pixels is not None:
                self._give(pixels, now)
                due = now + _SILENCE
            elif now >= due or self._gone():
                break
            else:
                with self._changed:
                    self._changed.wait_for(lambda: self._closed, _FAILED)
        with self._changed:
            if not self._pictures:
                self._refusal = self._silent()
                self._changed.notify_all()

    def _gone(self) -> bool:
        """Whether the camera's device file is away, or is another's by now."""
        if not is_node(self.name):
            return False
        return find_again(self.name, self._known, self._others) != self.name

    def _give(self, pixels: Pixels, now: float) -> None:
        if not self._thinning.take(now):
            return
        pixels = fit(pixels, self.size)
        with self._changed:
            if self._lost and self._pictures:
                logger.info("%s is back", self.name)
            self._lost = False
            self._pixels, self._time = pixels, now
            self._pictures += 1
            self._changed.notify_all()
