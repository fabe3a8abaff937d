"""Workers of this machine: processes of one thread each, forked from one parent that imported torch once."""

from __future__ import annotations

import atexit
import multiprocessing
import os
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from multiprocessing import connection, forkserver, resource_tracker, util
from types import ModuleType
from typing import Any, TypeVar

import cloudpickle

from paribus.execution.executors import Failure, TimeLimitError, WorkerDiedError, no_limit
from paribus.execution.preload_watch import MARK
from paribus.execution.worker import serve

Work = TypeVar("Work")
Found = TypeVar("Found")

# glibc gives memory of large tensors back to the system at once, and has every page of the next one zeroed: about a
# tenth of a convolutional network's step. Elsewhere these variables mean nothing.
ENVIRONMENT = {"MALLOC_MMAP_THRESHOLD_": str(2**30), "MALLOC_TRIM_THRESHOLD_": str(2**31)}

# Where the system's own libraries do not survive a fork, every worker imports torch itself.
FORKED = sys.platform.startswith("linux")
PRELOADED = ("preload_watch", "preloaded")
_context: Any = multiprocessing.get_context("forkserver" if FORKED else "spawn")


class LocalExecutor:
    """Executor whose workers are processes of this machine; they wait for more work when theirs is done.

    Args:
        jobs: how many work at once.
    """

    def __init__(self, jobs: int) -> None:
        self.jobs = jobs

    def spread(
        self,
        function: Callable[[Work], Found],
        work: Iterable[Work],
        *,
        limit: Callable[[Work], float] = no_limit,
    ) -> Generator[tuple[Work, Found | Failure], None, None]:
        """Call a function on each piece of work, as `Executor` says."""
        left, busy = iter(work), dict[_Worker, Work]()

        def refill() -> list[tuple[Work, Failure]]:
            """Give work to all; returns what could not be given, which costs nothing that is done already."""
            failed = []
            while len(busy) < self.jobs:
                for piece in left:
                    try:
                        busy[_given(function, piece, limit(piece))] = piece
                    except Exception as error:  # noqa: BLE001 - such as no memory for another process
                        failed.append((piece, Failure(error)))
                    break
                else:
                    break
            return failed

        try:
            yield from refill()
            while busy:
                ready = [(busy.pop(each), each.result()) for each in _first_done(list(busy))]
                # Whoever hears of a failure first may want no more of its kind.
                yield from (each for each in ready if isinstance(each[1], Failure))
                failed = refill()
                yield from (each for each in ready if not isinstance(each[1], Failure))
                yield from failed
        finally:
            # Nobody is left to keep what they still do, and a piece may take minutes.
            for each in busy:
                each.end()


def prestart() -> None:
    """Have the parent of the workers import torch while this process does something else."""
    if not FORKED:
        return
    # Starting it lets signals through again, which those below are kept from.
    resource_tracker.ensure_running()
    forkserver.set_forkserver_preload([f"paribus.execution.{name}" for name in PRELOADED])
    # A process that multiprocessing started has the folder of another one, which still needs it.
    own = _socket_folder() if multiprocessing.parent_process() is None else ""
    with _taking, _starting(**{MARK: f"{os.getpid()} {own}"}):
        forkserver.ensure_running()


MOST_CHARACTERS = 70
"""Of the folder of temporary files, below which sockets have a folder and a name; a system allows about a hundred."""


def _socket_folder() -> str:
    """Return the folder of multiprocessing's sockets, made now in the system's own where the user's path is long."""
    before = tempfile.tempdir
    if FORKED and len(tempfile.gettempdir()) > MOST_CHARACTERS:
        tempfile.tempdir = "/tmp"  # noqa: S108 - the folder in it is this user's alone
    try:
        folder: str = util.get_temp_dir()
    finally:
        tempfile.tempdir = before
    return folder


def shutdown() -> None:
    """End all workers that wait for work."""
    while _idle:
        _idle.pop().end()


_idle: list[_Worker] = []
_taking = threading.RLock()
"""Held where a worker or their parent is taken or made: a cluster's worker has several threads, each with a worker."""
atexit.register(shutdown)


class _Worker:
    """Process that does one piece of work at a time."""

    def __init__(self) -> None:
        prestart()
        self.connection, theirs = _context.Pipe()
        self.process = _context.Process(target=serve, args=(theirs,), daemon=True)
        # The parent of forked workers runs by now, and is all that they inherit from.
        with nullcontext() if FORKED else _starting(), _no_script():
            self.process.start()
        theirs.close()
        self.seconds = self.until = float("inf")

    def give(self, task: bytes, seconds: float) -> None:
        """Send a piece of work, which may take so many seconds.

        Raises:
            OSError: the process has ended.
        """
        self.connection.send_bytes(task)
        self.seconds, self.until = seconds, time.monotonic() + seconds

    def result(self) -> Any:
        """Return what came of the work, or a `Failure`, and wait for more work if that can be."""
        try:
            if not self.connection.poll():
                return self._lost()
            found, error, stays = cloudpickle.loads(self.connection.recv_bytes())
        except (EOFError, OSError):
            self.process.join(timeout=5)
            return self._lost()
        if stays:
            _idle.append(self)
        else:
            self.end()
        return found if error is None else Failure(error)

    def _lost(self) -> Failure:
        code = self.process.exitcode
        running = code is None and time.monotonic() >= self.until
        self.end()
        if running:
            return Failure(TimeLimitError(f"no end after {self.seconds:.0f} s"))
        return Failure(WorkerDiedError(told(code)))

    def end(self) -> None:
        """End the process at once, whatever it does."""
        if self.process.is_alive():  # else its number may be another process's by now
            self.process.kill()
        self.process.join(timeout=5)
        self.connection.close()


def _given(function: Callable[[Work], Found], piece: Work, seconds: float) -> _Worker:
    """Return a worker that was given a piece of work: one that waits for some, or a new one."""
    task: bytes = cloudpickle.dumps((function, piece))
    while True:
        with _taking:
            waited = bool(_idle)
            worker = _idle.pop() if waited else _Worker()
        try:
            worker.give(task, seconds)
        except OSError:
            if not waited:
                return worker  # it died before it had read all of this, which its result will tell
            worker.end()  # it waited too long
        else:
            return worker


SLICE = 10.0
"""Seconds that are waited at once; where it took much longer, the machine slept or this process was stopped."""


def _first_done(workers: list[_Worker]) -> list[_Worker]:
    """Wait for any of these workers; return those that answered, died or took too long."""
    things = [thing for worker in workers for thing in (worker.connection, worker.process.sentinel)]
    while True:
        started = time.monotonic()
        timeout = min(SLICE, *(max(0.0, worker.until - started) for worker in workers))
        ready = connection.wait(things, timeout)
        now = time.monotonic()
        if not ready and now > started + timeout + SLICE:
            for worker in workers:
                worker.until += now - started - timeout
        if ready or any(worker.until <= now for worker in workers):
            break
    return [
        worker
        for worker in workers
        if worker.connection in ready or worker.process.sentinel in ready or worker.until <= now
    ]


def told(code: int | None) -> str:
    """Say how a process ended, by its exit code.

    >>> told(3), told(-11)
    ('ended with exit status 3', 'ended by SIGSEGV')
    """
    if code is None or code >= 0:
        return f"ended with exit status {'unknown' if code is None else code}"
    numbers = {each.value: each.name for each in signal.Signals}
    name = numbers.get(-code, f"signal {-code}")
    memory = ", as the system does where memory runs out" if name == "SIGKILL" else ""
    return f"ended by {name}{memory}"


@contextmanager
def _starting(**more: str) -> Iterator[None]:
    """Start processes that have the environment of workers, and that Ctrl-C and a hang-up of the terminal pass by.

    These signals reach every process of a terminal, and it is the driver that answers them. A signal that comes
    meanwhile reaches this process afterwards.
    """
    wanted = {**ENVIRONMENT, **more}
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    try:
        if hasattr(signal, "pthread_sigmask"):
            mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGHUP})
            try:
                yield
            finally:
                signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        else:
            yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@contextmanager
def _no_script() -> Iterator[None]:
    """Keep a new process from running the script of this one again: what workers need of it is sent by value."""
    script = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = script
