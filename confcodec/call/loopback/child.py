"""The process of the receiving half when a server calls itself.

It is light to import, so that `serve` can start this process before it has imported
anything heavy itself: each takes its time to load, and so both do it at once.
"""

import contextlib
import subprocess
import sys
from collections.abc import Iterator

from confcodec.call.options.call import CallOptions

FROM_PARENT = "-"
"""The URL of a call whose link comes as the first line of standard input."""
_STOP_TIMEOUT = 3.0


def start_child(options: CallOptions, sink: str) -> subprocess.Popen[bytes]:
    """Start it; it loads, and waits for the link as the first line of its standard input.

    It ends when its standard input closes, so it cannot outlive its parent.
    """
    arguments = ["call", FROM_PARENT, "--receive-only", "--codec", options.codec]
    arguments += ["--size", f"{options.size[0]}x{options.size[1]}", "--sink", sink]
    arguments += ["--device", options.device, "--threads", str(options.codec_threads)]
    for codec in options.also:
        arguments += ["--also-codec", codec]
    arguments += ["--stock"] if options.mode == "stock" else []
    return subprocess.Popen(
        [sys.executable, "-m", "confcodec", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        start_new_session=True,  # Ctrl-C is for the parent, which ends its child in good order
    )


def end_child(process: subprocess.Popen[bytes]) -> None:
    """Close its standard input and wait for the end, which is forced after three seconds."""
    assert process.stdin is not None
    with contextlib.suppress(BrokenPipeError):
        process.stdin.close()
    try:
        process.wait(_STOP_TIMEOUT)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def read_link() -> str:
    """In the child: the link, or nothing if the parent ends without having one."""
    return sys.stdin.readline().strip()


@contextlib.contextmanager
def early_child(options: CallOptions) -> Iterator[subprocess.Popen[bytes] | None]:
    """The process already started, for a server that will call itself."""
    if options.reach.introduce:
        yield None
        return
    process = start_child(options, options.sink)
    try:
        yield process
    finally:
        end_child(process)
