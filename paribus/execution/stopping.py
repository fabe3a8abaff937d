"""Requests to stop: Ctrl-C, SIGTERM, and the hang-up of a terminal."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

ASKING = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
)
SAME_SECONDS = 0.5
"""Seconds within which a signal that comes twice is one request, but for Ctrl-C."""
PAGES_SECONDS = 1.5
"""Seconds of computing that are left for pages after a request to stop."""


class Stopped(KeyboardInterrupt):
    """Request to stop, raised where the main thread is.

    Attributes:
        signal: that asked.
        late: whether the seconds for pages were over before these were written.
    """

    def __init__(self, number: int) -> None:
        self.signal, self.late = signal.Signals(number), False
        super().__init__(self.signal.name)

    @property
    def status(self) -> int:
        """Exit status of a process that this signal ended, as shells have it."""
        return 128 + self.signal


def end_at_once(status: int) -> None:
    """End this process without taking anything down; compilers that it started end with it."""
    if toolchain := sys.modules.get("paribus.engines.toolchain"):
        toolchain.end_builds()
    os._exit(status)


class _Requests:
    """Handlers of signals, and what they were asked.

    Attributes:
        asked: the request to stop, once there is one.
    """

    def __init__(self) -> None:
        self.asked: list[Stopped] = []
        self._first = 0.0

    def stop(self, number: int, _frame: FrameType | None) -> None:
        """Raise the first request; end at once at the second."""
        now = time.monotonic()
        if self.asked:
            # A terminal that hangs up and the shell in it each say so; `timeout` tells the command, then its group.
            again = number == self.asked[0].signal and number != signal.SIGINT
            if again and now < self._first + SAME_SECONDS:
                return
            end_at_once(self.asked[0].status)
        self._first = now
        self.asked.append(Stopped(number))
        if hasattr(signal, "setitimer"):
            # More than once, since an error may be raised where nobody hears of it.
            signal.setitimer(signal.ITIMER_PROF, PAGES_SECONDS, PAGES_SECONDS)
        raise self.asked[0]

    def end(self, _number: int, _frame: FrameType | None) -> None:
        """Raise the request again: pages took too long."""
        if self.asked:  # else it is a profiler's own signal
            self.asked[0].late = True
            raise self.asked[0]


@contextmanager
def stopping() -> Iterator[list[Stopped]]:
    """Raise `Stopped` at the first request to stop, and again if pages take too long then; end at once at the second.

    A signal that whoever started this process has it ignore, as ``nohup`` does, stays ignored. Workers end with their
    driver, however it ends.

    Yields:
        The request, once there is one.
    """
    requests = _Requests()
    if threading.current_thread() is not threading.main_thread():
        yield requests.asked  # signals are the main thread's alone
        return
    handlers: dict[int, Any] = dict.fromkeys(ASKING, requests.stop)
    if hasattr(signal, "setitimer"):
        handlers[signal.SIGPROF] = requests.end
    # None is a handler that was not set from Python, which could not be put back.
    left = (signal.SIG_IGN, None)
    before = {
        number: signal.signal(number, handler)
        for number, handler in handlers.items()
        if signal.getsignal(number) not in left
    }
    try:
        yield requests.asked
    finally:
        if requests.asked and hasattr(signal, "setitimer"):
            signal.setitimer(signal.ITIMER_PROF, 0)
        for number, handler in before.items():
            signal.signal(number, handler)
