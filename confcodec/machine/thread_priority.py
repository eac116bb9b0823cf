"""Threads that let others go first."""

import contextlib
import os
import sys
import threading


def give_way(by: int) -> None:
    """Lower the priority of the thread that calls this by so much; on Linux, else nothing.

    Args:
        by: added to its niceness, 0 to 19.
    """
    if sys.platform == "linux":  # elsewhere niceness is of whole processes
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), by)
