"""What tasks share whose data are generated anew for every seed."""

from __future__ import annotations

from paribus.data import Dataset
from paribus.errors import ParibusError


def refuse_file(path: str, target: str | None = None, *, task: str) -> Dataset:  # noqa: ARG001 - a reader's arguments
    """There is no file of this task to read.

    Args:
        path: what was given.
        target: not used.
        task: the task's name.

    Raises:
        ParibusError: always.
    """
    raise ParibusError(
        f"data for task {task!r}",
        got=path,
        expected="no file: its data are generated anew for every seed",
        fix="Leave the file out, or give it to a task that reads one, such as energy.",
    )
