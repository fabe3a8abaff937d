"""First thing that the parent of all workers imports: it ends with its driver while it imports the rest.

From then on it waits for a pipe that is closed when the driver ends.
"""

from __future__ import annotations

import os
import threading

MARK = "PARIBUS_PARENT_OF_WORKERS"
"""Variable of the environment that holds the process number of the driver, where this process is that parent."""

_over = threading.Event()


def _watch(driver: int) -> None:
    while not _over.wait(0.1):
        if os.getppid() != driver:
            os._exit(1)


def end_watch() -> None:
    """Stop watching, and leave no thread behind, which a fork would lose."""
    _over.set()
    if _thread is not None:
        _thread.join()


_thread: threading.Thread | None = None
if MARK in os.environ:
    _thread = threading.Thread(target=_watch, args=(int(os.environ[MARK]),), daemon=True)
    _thread.start()
