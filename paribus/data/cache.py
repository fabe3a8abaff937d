"""Cached arrays and facts: what takes seconds to make, stored under the hash of everything that they are made from."""

from __future__ import annotations

import json
import os
import platform
import struct
import tempfile
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar
from zipfile import BadZipFile

import numpy as np

from paribus.data.cache_limits import DAY, OURS, UNFINISHED, make_room, used
from paribus.spec import digest

Entry = TypeVar("Entry")
UNREADABLE = (
    *(OSError, ValueError, EOFError, LookupError, TypeError, AttributeError, MemoryError),
    *(BadZipFile, zlib.error, struct.error, RuntimeError),
)
"""What NumPy and JSON raise of a file that is not there, cut short, damaged or something else.

An archive that says that it is encrypted is a RuntimeError, as text nested too deeply is.
"""


def cache_folder() -> Path:
    """Return the cache folder: ``PARIBUS_CACHE``, or the user's own cache.

    Raises:
        OSError: the user has no home folder.
    """
    if chosen := os.environ.get("PARIBUS_CACHE"):
        return Path(chosen)
    base = os.environ.get("XDG_CACHE_HOME")
    try:
        return (Path(base) if base else Path("~/.cache").expanduser()) / "paribus"
    except RuntimeError as error:
        raise FileNotFoundError(f"no home folder for the cache: {error}") from error


def claims_folder() -> Path | None:
    """Return the folder in which processes say whose a core is, those of other commands, too; None without a cache.

    Its empty files stay: a process that is killed could remove none of its own.
    """
    with suppress(OSError):
        folder = cache_folder() / "cores"
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        return folder
    return None


def keep_latest(entries: dict[str, Entry], key: str, value: Entry, max_size: int) -> None:
    """Add an entry, and drop the oldest ones beyond ``max_size``.

    `functools.lru_cache` would not do: keys here are not the arguments, and some entries are checked or replaced.
    """
    entries[key] = value
    while len(entries) > max_size:
        del entries[next(iter(entries))]


def cached_file(name: str) -> Path:
    """Return the path of a file of the cache that is about to be read, and note its use.

    Raises:
        OSError: the user has no home folder.
    """
    path = cache_folder() / name
    used(path)
    return path


MAX_FAILURES = 2


def note_failure(name: str, reason: str) -> None:
    """Count that what a file of the cache is made from was of no use."""
    count = _failures(name)[0] + 1
    text = json.dumps({"count": count, "reason": reason})
    with suppress(OSError), cache_write(_failed(name)) as path:
        path.write_text(text, encoding="utf-8")


def failure(name: str) -> str:
    """Return why a file of the cache is not made again, or nothing; after a day it is tried once more."""
    count, reason = _failures(name)
    if count < MAX_FAILURES:
        return ""
    return f"it failed {count} times, and is not tried again for a day or until paribus cache --clear: {reason}"


def _failed(name: str) -> str:
    return str(Path(name).with_suffix(".failed"))


def _failures(name: str) -> tuple[int, str]:
    """Return how often something failed within a day, and why the last time."""
    try:
        path = cache_folder() / _failed(name)
        if time.time() - path.stat().st_mtime > DAY:
            return 0, ""
        found = json.loads(path.read_text(encoding="utf-8"))
        return int(found["count"]), str(found["reason"])
    except (OSError, ValueError, TypeError, LookupError):
        return 0, ""


@contextmanager
def cache_write(name: str) -> Iterator[Path]:
    """Yield a path to write a file of the cache to, as `atomic_write` does; what is too old or too much goes first.

    Raises:
        OSError: the folder cannot be made or written to, or the disk is full.
    """
    assert OURS.fullmatch(name), f"{name} would never be shown or removed"
    folder = cache_folder()
    make_room(folder)
    with atomic_write(folder / name) as path:
        yield path


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Yield a path to write to, whose file replaces ``path`` at the end: no reader sees half of it.

    Of two processes that write at once the last one wins. Where writing fails nothing is left.

    Raises:
        OSError: the folder cannot be made or written to.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=UNFINISHED) as folder:
        complete = Path(folder) / path.name
        yield complete
        complete.replace(path)


def cached_array(
    name: str, made_from: Sequence[object], make: Callable[[], np.ndarray]
) -> np.ndarray:
    """Return the array that ``make`` returns, from the cache if it was made before.

    A cache that cannot be written or read costs the time of making the array again, and nothing else.

    Args:
        name: start of its file's name, before the hash.
        made_from: plain data: everything that the array depends on, the code that makes it included.
        make: makes it.
    """
    file = f"{name}-{digest(made_from)}.npz"  # whose parts have checksums
    try:
        with cached_file(file).open("rb") as stream, np.load(stream, allow_pickle=False) as kept:
            array: np.ndarray = kept["array"]
    except UNREADABLE:
        array = make()
        with suppress(OSError), cache_write(file) as path:
            np.savez(path, array=array)
    return array


def cached_text(file: str, make: Callable[[], str]) -> str:
    """Return the text that ``make`` returns, from this file of the cache if it was made before."""
    try:
        return cached_file(file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        text = make()
        with suppress(OSError), cache_write(file) as path:
            path.write_text(text, encoding="utf-8")
        return text


def cached_record(file: str, read: Callable[[str], Entry], make: Callable[[], Entry]) -> Entry:
    """Return the record that this file of the cache holds, or else one that is made now, and kept if it is a record.

    Args:
        file: its name.
        read: makes a record of its text, a tuple with names; whatever it raises, the record is made anew.
        make: makes it, or returns something else, such as why there is none.
    """
    try:
        return read(cached_file(file).read_text(encoding="utf-8"))
    except (OSError, LookupError, TypeError, ValueError):
        made = make()
        if isinstance(made, tuple):
            with suppress(OSError), cache_write(file) as path:
                path.write_text(json.dumps(made._asdict()), encoding="utf-8")  # type: ignore[attr-defined]  # named
        return made


def processor() -> str:
    """Return the processor's model and instructions, which compiled code depends on."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return f"{platform.machine()} {platform.processor()}"
    relevant = ("model name", "flags", "Features", "CPU part")
    return "\n".join(sorted({line for line in lines if line.startswith(relevant)}))
