"""Largest file that is read: of a larger one a machine runs out of memory, and its kernel ends what it likes."""

from __future__ import annotations

import os
from pathlib import Path

from paribus.errors import ParibusError

MEMORY = 40
"""Bytes of memory for a byte of text while it is read, at the most; 34 were measured."""
UNKNOWN = 8 << 30  # bytes of a machine that does not tell


def most_bytes() -> int:
    """Return how large the text of a table may be, for the memory of this machine."""
    try:
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):  # there is no such call on Windows
        memory = UNKNOWN
    return memory // MEMORY


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
    raise ParibusError(
        path.name,
        got=f"{counted}{how}",
        expected=f"at most {most / 1e6:.0f} MB, which this machine has the memory to read",
        fix="Take a part of its rows or columns.",
    )
