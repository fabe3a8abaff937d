"""Worker process: does one piece of work after another on one thread, and ends with the process that it works for."""

from __future__ import annotations

import ctypes
import gc
import os
import signal
import sys
import threading
from contextlib import suppress
from multiprocessing import forkserver, parent_process
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import cloudpickle

IDLE_SECONDS = 300
"""How long a worker waits for work before it ends."""

MOST_MEMORY = 600 * 2**20
"""Bytes from which on a worker is replaced after a piece of work, if it holds much more than after its first."""

FREED = 50 * 2**20
"""Bytes that a worker grows by until it gives back what nothing uses any more, which takes a tenth of a second."""

_PARENT = os.getpid()  # of the workers, where this module was imported before they were made


def serve(connection: Connection) -> None:
    """Answer every piece of work that comes through a connection until it is closed, or nothing comes for long.

    Ctrl-C, which reaches every process of a terminal, is left to the process that started this one.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _end_with_driver()
    import torch

    from paribus.execution.pool import warm_up

    torch.set_num_threads(1)
    warm_up()
    with suppress(
        EOFError, OSError
    ):  # nobody is there any more, which it may hear of before it is ended
        answer(connection)


def answer(connection: Connection) -> None:
    """Answer every piece of work until nothing comes for long, or this process has grown.

    Raises:
        EOFError: the connection was closed.
        OSError: the process at its other end was killed.
    """
    first, least = 0, _memory()
    while connection.poll(IDLE_SECONDS):
        done = _done(connection.recv_bytes())
        now = _memory()
        if now > least + FREED:
            _give_back()
            now = least = _memory()
        first, least = first or now, min(least, now)
        stays = now <= max(MOST_MEMORY, 1.5 * first)
        connection.send_bytes(_packed(done, stays))
        if not stays:
            return


def _done(task: bytes) -> tuple[Any, BaseException | None]:
    """Return what a function returns for a piece of work, or what it raised: ``sys.exit`` in a network, too."""
    try:
        function, piece = cloudpickle.loads(task)
        return function(piece), None
    except BaseException as error:  # noqa: BLE001 - whatever the code of a user raises is sent back
        return None, error


def _packed(done: tuple[Any, BaseException | None], stays: bool) -> bytes:
    try:
        packed: bytes = cloudpickle.dumps((*done, stays))
        cloudpickle.loads(packed)  # an error of a user's own class may not come back
    except Exception as error:  # noqa: BLE001 - whatever the code of a user raises there
        told = done[1] or error
        packed = cloudpickle.dumps((None, RuntimeError(f"{type(told).__name__}: {told}"), stays))
    return packed


def _memory() -> int:
    """Return the bytes that this process holds, pages that it shares included; 0 where the system does not say."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except OSError:
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


def _give_back() -> None:
    """Give back what was freed between pieces of memory in use, which the allocator of Linux keeps for itself."""
    gc.collect()
    with suppress(AttributeError, TypeError, OSError):  # other systems have no such call
        ctypes.CDLL(None).malloc_trim(0)


def _end_with_driver() -> None:
    """End this process as soon as the one that it works for is gone, however that went.

    On Linux the kernel kills a worker whose parent ended, and the parent ends with the driver. Elsewhere, and where the
    workers have no parent of their own, a thread watches the driver.
    """
    driver = parent_process()
    assert driver is not None
    threading.Thread(target=_watch, args=(driver,), daemon=True).start()
    if not sys.platform.startswith("linux") or os.getpid() == _PARENT:
        return
    kill_when_parent_ends = 1  # PR_SET_PDEATHSIG of <sys/prctl.h>
    ctypes.CDLL(None).prctl(kill_when_parent_ends, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != _PARENT:  # it ended before
        os._exit(1)
    # Every worker is given the pipe whose end tells its parent that nobody needs it any more.
    server: Any = forkserver._forkserver
    if getattr(server, "_forkserver_alive_fd", None) is not None:
        os.close(server._forkserver_alive_fd)
        server._forkserver_alive_fd = None


def _watch(driver: Any) -> None:
    driver.join()
    os._exit(1)
