"""A proxy before a server that changes what a browser asks, as real ones do by mistake."""

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Change = Callable[[bytes], bytes]


@contextmanager
def proxy(port: int, change: Change) -> Iterator[int]:
    """Pass on connections to a port of this machine, changing what goes there; gives its port."""
    listener = socket.create_server(("127.0.0.1", 0))
    sockets: list[socket.socket] = []
    threads: list[threading.Thread] = []

    def start(job: Callable[..., None], *arguments: object) -> None:
        threads.append(threading.Thread(target=job, args=arguments, daemon=True))
        threads[-1].start()

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                here, _ = listener.accept()
                sockets.append(here)
                there = socket.create_connection(("127.0.0.1", port))
                sockets.append(there)
                start(_pump, here, there, change)
                start(_pump, there, here, bytes)

    start(accept)
    try:
        yield listener.getsockname()[1]
    finally:
        for each in (listener, *sockets):
            _end(each)
        for thread in threads:
            thread.join(10)
        for each in (listener, *sockets):
            each.close()


def _pump(source: socket.socket, target: socket.socket, change: Change) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(change(data))
    _end(target)


def _end(each: socket.socket) -> None:
    with contextlib.suppress(OSError):
        each.shutdown(socket.SHUT_RDWR)
