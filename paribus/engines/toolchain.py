"""C++ libraries, built by the system's compiler when first used, and cached."""

from __future__ import annotations

import atexit
import hashlib
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event, Thread
from typing import NamedTuple

from paribus.data.cache import cache_folder, cache_write, failure, note_failure, processor
from paribus.data.cache_limits import used

FLAGS = ("-shared", "-fPIC", "-march=native")
COMPILERS = ("c++", "g++", "clang++")
PATIENCE = 120  # seconds for a build that takes a few
WAIT = 30.0
"""Seconds for which somebody else's build is waited for."""


class UnavailableError(Exception):
    """Machine code that cannot be built or loaded, and the reason."""


class Library(NamedTuple):
    """Machine code of a C++ source.

    Attributes:
        name: what its file is called, besides a hash.
        made_from: all that the source follows from, or the source.
        flags: of the compiler, besides `FLAGS`; they follow the source, as what is linked must.
    """

    name: str
    made_from: str
    flags: tuple[str, ...]

    @property
    def path(self) -> Path:
        """File of the library, whether it exists or not.

        Its name is a hash of source, compiler, flags and processor: what was built for others is never loaded.

        Raises:
            UnavailableError: there is no compiler, or it does not answer.
            OSError: the user has no home.
        """
        compiler = _compiler()
        version = _output([*compiler, "--version"])
        identity = "\0".join([self.made_from, *compiler, version, *FLAGS, *self.flags, processor()])
        return (
            cache_folder() / f"{self.name}-{hashlib.sha256(identity.encode()).hexdigest()[:20]}.so"
        )

    def built(self, source: Callable[[], str]) -> Path:
        """Return its file, built unless it exists.

        Args:
            source: gives the C++ where it is to be built.

        Raises:
            UnavailableError: there is no compiler, it fails or did so twice, or the cache cannot be written.
        """
        try:
            path = self.path
            used(path)
            if not path.exists():
                with alone_in(path.parent):
                    self._build_at(path, source)
        except OSError as error:
            raise UnavailableError(f"its machine code cannot be kept: {error}") from error
        return path

    def _build_at(self, path: Path, source: Callable[[], str]) -> None:
        if path.exists():  # another one has built it meanwhile
            return
        if reason := failure(path.name):
            raise UnavailableError(reason)
        written = source()
        with cache_write(path.name) as whole:
            code = whole.with_name("source.cpp")
            code.write_text(written, encoding="utf-8")
            _build(code, whole, self.flags)


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Wait until no other process or thread builds in a folder: they all want the same file, for seconds of every core.

    The folder itself is locked, so that no file is left behind; the system lifts the lock of a process that is killed.
    One that was stopped keeps it, and is waited for no longer than `WAIT`. Then, and where there are no such locks,
    each builds its own file, and the last one stays.

    Raises:
        OSError: the folder cannot be made.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    if sys.platform == "win32":
        yield
        return
    import fcntl

    opened = os.open(folder, os.O_RDONLY)
    try:
        deadline = time.monotonic() + WAIT
        with suppress(OSError):  # a folder of the network may have no locks
            while time.monotonic() < deadline and not _ending.is_set():
                with suppress(BlockingIOError):
                    fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                time.sleep(0.05)
        yield
    finally:
        os.close(opened)


def _build(source: Path, into: Path, flags: Sequence[str]) -> None:
    try:
        _output([*_compiler(), *FLAGS, str(source), *flags, "-o", str(into)])
    except UnavailableError as error:
        if not _ending.is_set():
            note_failure(into.name, str(error))
        raise


_running = set["subprocess.Popen[str]"]()
_ending = Event()
_builders = list[Thread]()


def build_beside(build: Callable[[], object]) -> Thread:
    """Call what builds beside whatever this process does; its compilers end with the process."""
    thread = Thread(target=build, name="build of machine code", daemon=True)
    thread.start()
    _builders.append(thread)
    atexit.register(end_builds)
    return thread


def end_builds() -> None:
    """End all compilers that other threads wait for, because this process ends, and count none of it as a failure."""
    _ending.set()
    for process in [*_running]:
        _end(process)
    for thread in _builders:
        thread.join(1.0)  # so that it removes what is unfinished


def _end(process: subprocess.Popen[str]) -> None:
    """End a compiler with the processes that do its work, which remove their files."""
    if process.poll() is not None:
        return
    if OWN_GROUP is not None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
    else:
        process.terminate()


def put_away(path: Path, reason: str) -> None:
    """Remove a library that is of no use, so that it is built again, unless it is the second one."""
    note_failure(path.name, reason)
    with suppress(OSError):
        path.unlink(missing_ok=True)


def _compiler() -> list[str]:
    """Return the command of a C++ compiler: ``CXX``, or the first that there is."""
    chosen = shlex.split(os.environ.get("CXX", ""))
    for name in chosen[:1] or COMPILERS:
        if path := shutil.which(name):
            return [path, *chosen[1:]]
    named = f"CXX={chosen[0]}" if chosen else f"any of {', '.join(COMPILERS)}"
    raise UnavailableError(f"there is no C++ compiler: {named} was not found")


# Ctrl-C in a terminal is not for the compiler, whose end would count as a failure.
OWN_GROUP = None if sys.platform == "win32" else 0


def _output(command: Sequence[str]) -> str:
    if _ending.is_set():
        raise UnavailableError(f"{command[0]} is not run, because this process ends")
    pipe = subprocess.PIPE
    try:
        # The user's own compiler, on this package's source.
        with subprocess.Popen(  # noqa: S603
            command, stdout=pipe, stderr=pipe, text=True, process_group=OWN_GROUP
        ) as process:
            _running.add(process)
            try:
                if _ending.is_set():
                    _end(process)
                written, said = process.communicate(timeout=PATIENCE)
            finally:
                _running.discard(process)
                _end(process)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise UnavailableError(f"{command[0]} cannot be run: {error}") from error
    if process.returncode:
        message = " ".join(said.split())[:500]
        raise UnavailableError(f"{command[0]} ended with status {process.returncode}: {message}")
    return written
