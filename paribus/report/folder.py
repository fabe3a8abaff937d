"""Folder of a report that a user names."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from paribus.errors import ParibusError


@contextmanager
def writing_into(folder: str | Path) -> Iterator[Path]:
    """Yield the folder, and turn what the system refuses there into one line.

    Raises:
        ParibusError: the folder cannot be made or written.
    """
    try:
        yield Path(folder)
    except OSError as error:
        raise ParibusError(
            "folder of a report",
            got=f"{folder}, which cannot be written ({error.strerror})",
            expected="a folder, or a path where one can be made",
            fix="Name another.",
        ) from error
