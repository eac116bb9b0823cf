"""What ends a program from outside: signals, a terminal that closes, a reader that has gone."""

import contextlib
import errno
import io
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from types import FrameType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

Handler = Callable[[int, FrameType | None], object]

_GONE = {errno.EPIPE, errno.EIO, errno.ENXIO}
"""Of a write: nobody reads any more, or the terminal has closed."""


def stop_signals() -> list[signal.Signals]:
    """Those that ask a program to end in good order; not a hangup that nohup wards off."""
    asked = [signal.SIGINT, signal.SIGTERM]
    if sys.platform != "win32" and signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:
        asked.append(signal.SIGHUP)
    return asked


class Interrupted(KeyboardInterrupt):
    """A signal asked the program to end."""

    def __init__(self, number: int) -> None:
        """`number` of the signal."""
        super().__init__(number)
        self.code = 128 + number
        """What a shell makes of it."""


@contextlib.contextmanager
def interruptible() -> Iterator[None]:
    """Let every signal that asks for the end interrupt what is done, so that files are closed.

    A hangup comes twice, from the shell and with its end: the second one interrupts nothing.
    """
    hung_up = False

    def interrupt(number: int, _frame: FrameType | None) -> None:
        nonlocal hung_up
        again = hung_up and number != signal.SIGTERM
        hung_up = hung_up or number != signal.SIGTERM
        if not again:
            raise Interrupted(number)

    before = {number: signal.getsignal(number) for number in stop_signals()}
    for number in before:
        if number != signal.SIGINT:
            handle(number, interrupt)
    try:
        yield
    finally:
        for number, handler in before.items():
            handle(number, handler)


def handle(number: signal.Signals, handler: Handler | int | None) -> None:
    """Let a signal be handled so, if this is the main thread: no other can."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(number, handler)


class _Output(io.FileIO):
    """A file descriptor to write to; when it takes no more, what is written is let go."""

    error: OSError | None = None
    """The first that there was."""

    def write(self, data: "ReadableBuffer", /) -> int:
        try:
            return super().write(data)
        except OSError as error:
            self.error = self.error or error
            return memoryview(data).nbytes


@contextlib.contextmanager
def lasting_streams() -> Iterator[Callable[[], str | None]]:
    """Standard streams that outlive their readers: no `print` can end what is under way.

    Gives a function that flushes standard output and tells why something was lost of it,
    if that was not its reader's own wish.
    """
    closed = [name for name in ("stdin", "stdout", "stderr") if not _open(name)]
    before = {name: getattr(sys, name) for name in ("stdout", "stderr")}
    outputs = {name: _lasting(name) for name in before}

    def lost() -> str | None:
        sys.stdout.flush()
        output = outputs["stdout"]
        error = output.error if output else None
        return error.strerror if error and error.errno not in _GONE else None

    try:
        yield lost
    finally:
        for name, stream in before.items():
            getattr(sys, name).flush()
            if name not in closed:
                setattr(sys, name, stream)


def _open(name: str) -> bool:
    """Whether that stream was open; one that was not leads nowhere now.

    Else the next file or connection would be given its number, and what is printed.
    """
    if getattr(sys, name) is not None:
        return True
    mode = "r" if name == "stdin" else "w"
    setattr(sys, name, open(os.devnull, mode))  # noqa: SIM115 - as long as the program
    return False


def _lasting(name: str) -> _Output | None:
    """Put another stream in the place of `sys.stdout` or `sys.stderr`, if it is the real one."""
    stream = getattr(sys, name)
    real = stream is getattr(sys, f"__{name}__") and isinstance(
        stream, io.TextIOWrapper
    )
    if not real or sys.platform == "win32":
        return None
    output = _Output(stream.fileno(), "w", closefd=False)
    lasting = io.TextIOWrapper(
        io.BufferedWriter(output),
        encoding=stream.encoding,
        errors=stream.errors,
        line_buffering=stream.line_buffering or name == "stderr",
    )
    setattr(sys, name, lasting)
    return output
