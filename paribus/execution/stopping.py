"""Requests to stop: Ctrl-C, SIGTERM, and the hang-up of a terminal."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

ASKING = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
)
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


@contextmanager
def stopping() -> Iterator[list[Stopped]]:
    """Raise `Stopped` at the first request to stop, and again if pages take too long then; end at once at the second.

    A signal that whoever started this process has it ignore, as ``nohup`` does, stays ignored. Workers end with their
    driver, however it ends.

    Yields:
        The request, once there is one.
    """
    asked: list[Stopped] = []
    if threading.current_thread() is not threading.main_thread():
        yield asked  # signals are the main thread's alone
        return

    def stop(number: int, _frame: FrameType | None) -> None:
        if asked:
            os._exit(asked[0].status)
        asked.append(Stopped(number))
        if hasattr(signal, "setitimer"):
            # More than once, since an error may be raised where nobody hears of it.
            signal.setitimer(signal.ITIMER_PROF, PAGES_SECONDS, PAGES_SECONDS)
        raise asked[0]

    def end(_number: int, _frame: FrameType | None) -> None:
        asked[0].late = True
        raise asked[0]

    numbers = [n for n in ASKING if signal.getsignal(n) is not signal.SIG_IGN]
    before = {number: signal.signal(number, stop) for number in numbers}
    if hasattr(signal, "setitimer"):
        before[signal.SIGPROF] = signal.signal(signal.SIGPROF, end)
    try:
        yield asked
    finally:
        if asked and hasattr(signal, "setitimer"):
            signal.setitimer(signal.ITIMER_PROF, 0)
        for number, handler in before.items():
            signal.signal(number, handler)
