"""Processes of a soak, by a mark in their environment: who may be killed, and who is left."""

from __future__ import annotations

import subprocess
import time
from contextlib import suppress

import psutil

MARK = "PARIBUS_SOAK"
LEFT_SECONDS = 20.0
"""Seconds after which a process whose driver was killed is left behind."""


def marked(mark: str) -> list[psutil.Process]:
    """Return the processes that run with a mark."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.status() != psutil.STATUS_ZOMBIE and process.environ().get(MARK) == mark:
                found.append(process)
    return found


def left(mark: str) -> list[str]:
    """Return what runs with a mark after all of it had time to end."""
    deadline = time.monotonic() + LEFT_SECONDS
    while found := marked(mark):
        if time.monotonic() > deadline:
            return [_told(process) for process in found]
        time.sleep(0.1)
    return []


def _told(process: psutil.Process) -> str:
    with suppress(psutil.Error):
        return f"{process.pid} {' '.join(process.cmdline())[:80]}"
    return f"{process.pid}"


def victim(target: str, drivers: list[subprocess.Popen[bytes]]) -> psutil.Process | None:
    """Return a process of these, which have workers: one worker, or the parent of workers; None if there is none."""
    for driver in drivers:
        with suppress(psutil.Error):
            parents = [
                child
                for child in psutil.Process(driver.pid).children()
                if "forkserver" in " ".join(child.cmdline())
            ]
            found = parents if target == "parent" else [w for p in parents for w in p.children()]
            if found:
                return found[0]
    return None
