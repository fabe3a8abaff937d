"""First thing that the parent of all workers imports: it ends with its driver while it imports the rest.

From then on it waits for a pipe that is closed when the driver ends.
"""

from __future__ import annotations

import os
import shutil
import threading
import time

MARK = "PARIBUS_PARENT_OF_WORKERS"
"""Variable of the environment that is set where this process is that parent.

It holds the process number of the driver, and the folder of temporary files that multiprocessing made for it alone.
"""
LAST_SECONDS = 5.0
"""Seconds within which a process is gone whose pipes are closed."""

_over = threading.Event()
_driver, _, _folder = os.environ.get(MARK, "").partition(" ")
_here = os.getpid()


def _watch() -> None:
    while not _over.wait(0.1):
        if _orphaned():
            end()


def _orphaned() -> bool:
    return os.getppid() != int(_driver)


def end() -> None:
    """End this process at once; if the driver was killed, remove the folder that it had no time to remove."""
    deadline = time.monotonic() + LAST_SECONDS
    if (
        _folder and os.getpid() == _here
    ):  # a worker that is forked has the same handlers of its exit
        while not _orphaned() and time.monotonic() < deadline:
            time.sleep(0.01)
        if _orphaned():
            shutil.rmtree(_folder, ignore_errors=True)
    os._exit(0)


def end_watch() -> None:
    """Stop watching, and leave no thread behind, which a fork would lose."""
    _over.set()
    if _thread is not None:
        _thread.join()


_thread: threading.Thread | None = None
if _driver:
    _thread = threading.Thread(target=_watch, daemon=True)
    _thread.start()
