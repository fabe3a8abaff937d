"""Columns of a table that are predicted, by name; needs no torch."""

from __future__ import annotations

from paribus.data.readers.csv_file import CsvFile
from paribus.errors import ParibusError


def target_columns(csv_file: CsvFile, target: str | None) -> list[str]:
    """Return the columns to predict: the one that is named, several with commas between them, or the last.

    Raises:
        ParibusError: there is no such column.
    """
    if target is None:
        return [[*csv_file.texts][-1]]
    if target in csv_file.texts or "," not in target:
        return [csv_file.column(target, "label column")]
    names = [csv_file.column(name.strip(), "label column") for name in target.split(",")]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ParibusError(
            f"label columns of {csv_file.name}",
            got=f"{twice!r} more than once",
            expected="a different column each time",
            fix="Name each column once.",
        )
    return names
