"""End of the process of a command, without taking down what it imported."""

from __future__ import annotations

import atexit
import os
import sys
import threading
from contextlib import suppress


def end_without_teardown(status: int) -> None:
    """End the process if torch is loaded: taking it down takes most of a second, in which nobody gets anything.

    What is registered for the end is done before. A process with threads that are to be waited for is left to Python.

    Args:
        status: of the process.
    """
    others = [each for each in threading.enumerate() if each is not threading.main_thread()]
    if "torch" not in sys.modules or not all(thread.daemon for thread in others):
        return
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError, AttributeError):  # it may be closed, or gone
            stream.flush()
    os._exit(status)
