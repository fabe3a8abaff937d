"""Last line of a command that ended in an error which nothing else took: never a traceback."""

from __future__ import annotations

import tempfile
import traceback

from paribus.errors import ParibusError, one_line

REFUSED, FAULT = 2, 3
"""Exit statuses: of what the user can mend, and of a fault of paribus."""


def last_line(error: Exception) -> tuple[str, int]:
    """Return what is said of an error, and the exit status.

    What the system refused, such as a file on a full disk, is named. Anything else is a fault of paribus, or of code
    that a suite's file brings: its traceback goes to a file, whose name is said.
    """
    if isinstance(error, OSError):
        named = f"{error.filename} ({error.strerror})" if error.filename else str(error)
        refusal = ParibusError(
            "a file or folder",
            got=named,
            expected="one that can be read or written",
            fix="Check the disk and permissions, and run the same command again: finished runs are kept.",
        )
        return str(refusal), REFUSED
    said = one_line(f"{type(error).__name__}: {error}")
    return f"an error that paribus did not expect: {said}. {_where(error)}", FAULT


def _where(error: Exception) -> str:
    """Write the traceback to a file, and say where it is."""
    trace = "".join(traceback.format_exception(error))
    try:
        with tempfile.NamedTemporaryFile(
            "w", prefix="paribus-error-", suffix=".txt", delete=False, encoding="utf-8"
        ) as file:
            file.write(trace)
    except OSError:
        return one_line(trace)
    return f"Finished runs are kept. Report it with the file {file.name}, which says where it was raised."
