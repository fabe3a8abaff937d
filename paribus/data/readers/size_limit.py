"""Largest file that is read: of a larger one a machine runs out of memory, and its kernel ends what it likes."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from paribus.errors import ParibusError

MEMORY = 40
"""Bytes of memory for a byte of text while it is read, at the most; 34 were measured."""
UNKNOWN = 16 << 30
"""Bytes of memory that are reckoned with where the system does not say."""
# Where Linux tells how much a container may have.
LIMITS = (
    Path("/sys/fs/cgroup/memory.max"),
    Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
)


def memory() -> int:
    """Return the bytes of memory of this machine, or of the container in it."""
    known = []
    with suppress(AttributeError, OSError, ValueError):  # there is no such call on Windows
        known.append(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    for path in LIMITS:
        with suppress(OSError, ValueError):  # it may be "max", or not there
            known.append(int(path.read_text(encoding="ascii")))
    return min((each for each in known if each > 0), default=UNKNOWN)


def most_bytes() -> int:
    """Return how large the text of a table may be."""
    return memory() // MEMORY


def refuse_larger(path: Path, size: int, most: int, how: str = "") -> None:
    """Refuse a file that is too large to be read.

    Args:
        path: of the file.
        size: in bytes, or one more than are allowed where nobody counted on.
        most: bytes that are allowed.
        how: words on what has that size.

    Raises:
        ParibusError: says how large it may be.
    """
    if size <= most:
        return
    counted = f"{size / 1e6:.0f} MB" if size > most + 1 else f"over {most / 1e6:.0f} MB"
    enough = f"which {most * MEMORY / 1e9:.3g} GB of memory are enough to read"
    raise ParibusError(
        path.name,
        got=f"{counted}{how}",
        expected=f"at most {most / 1e6:.0f} MB, {enough}",
        fix="Take a part of its rows or columns, or a machine with more memory.",
    )
