"""Size of the cache folder: what was not used for long, or longest where there is too much, is removed."""

from __future__ import annotations

import json
import os
import re
import shutil
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

DAY = 24 * 3600
MAX_DAYS = 90
MAX_MEGABYTES = 1000
IN_USE = 2 * 3600
"""Seconds after its last use for which a file is never too much: another process may be about to read it."""
EVERY = 3600
"""Seconds after which a process that adds files looks at the size of the folder again."""
LIMITS = "limits.json"
# Files of ours by their names: a folder that was chosen as the cache may hold others.
OURS = re.compile(r"(.+)-[0-9a-f]{16,64}\.(npz|npy|json|so|pt|failed)")
UNFINISHED = "paribus-unfinished-"
"""How folders begin in which files are made."""
_looked: dict[Path, float] = {}


class Entry(NamedTuple):
    """File of the cache.

    Attributes:
        path: of the file.
        kind: what it holds, the start of its name.
        size: in bytes.
        used: when it was last used, to a quarter of an hour, in seconds since 1970.
    """

    path: Path
    kind: str
    size: int
    used: float


class Limits(NamedTuple):
    """What the cache may hold: so many megabytes, and nothing that was not used for so many days."""

    megabytes: float = MAX_MEGABYTES
    days: float = MAX_DAYS


def limits(folder: Path) -> Limits:
    """Return the limits that were set for a folder, or the usual ones."""
    try:
        found = json.loads((folder / LIMITS).read_text(encoding="utf-8"))
        kept = Limits(float(found["megabytes"]), float(found["days"]))
        return kept if all(limit >= 0 for limit in kept) else Limits()  # not where one is NaN
    except (OSError, ValueError, TypeError, LookupError):
        return Limits()


def set_limits(folder: Path, chosen: Limits) -> None:
    """Keep limits for a folder.

    Raises:
        OSError: it cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    (folder / LIMITS).write_text(json.dumps(chosen._asdict()), encoding="utf-8")


def entries(folder: Path) -> list[Entry]:
    """Return the files of the cache, the one first that was not used for longest."""
    return sorted(_entries(folder), key=lambda entry: entry.used)


def _entries(folder: Path) -> Iterator[Entry]:
    with suppress(OSError):
        for path in folder.iterdir():
            ours = OURS.fullmatch(path.name)
            with suppress(OSError):  # another process removed it
                if ours and not path.is_symlink():
                    about = path.stat()
                    yield Entry(path, ours[1], about.st_size, about.st_mtime)


def used(path: Path) -> None:
    """Note that a file of the cache was used, a few times an hour at most."""
    with suppress(OSError):
        now = time.time()
        if now - path.stat().st_mtime > IN_USE / 4:
            os.utime(path, (now, now))


def make_room(folder: Path) -> None:
    """Remove what is too old or too much, if this process did not look for an hour."""
    now = time.time()
    if now - _looked.get(folder, 0.0) > EVERY:
        _looked[folder] = now
        evict(folder, limits(folder))


def evict(folder: Path, allowed: Limits) -> list[Entry]:
    """Remove what was not used for so many days, then what was not used for longest, down to so many megabytes.

    Returns:
        What was removed.
    """
    now, there, gone = time.time(), entries(folder), []
    size = sum(entry.size for entry in there)
    for entry in there:
        age = now - entry.used
        too_much = size > allowed.megabytes * 1e6 and age > IN_USE
        if too_much or age > allowed.days * DAY:
            gone.append(entry)
            size -= entry.size
    for entry in gone:
        with suppress(OSError):
            entry.path.unlink()
    _remove_unfinished(folder, now - DAY)
    return gone


def clear(folder: Path) -> list[Entry]:
    """Remove every file of the cache; limits stay. Returns what was removed."""
    gone = entries(folder)
    for entry in gone:
        with suppress(OSError):
            entry.path.unlink()
    _remove_unfinished(folder, time.time() - EVERY)
    return gone


def _remove_unfinished(folder: Path, before: float) -> None:
    """Remove folders of files that processes did not finish which were ended before a time."""
    with suppress(OSError):
        for path in folder.iterdir():
            with suppress(OSError):
                old = path.stat().st_mtime < before
                if old and path.name.startswith(UNFINISHED) and path.is_dir():
                    shutil.rmtree(path, ignore_errors=True)
