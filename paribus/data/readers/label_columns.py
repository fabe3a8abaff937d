"""Columns of a table that are predicted, by name; needs no torch."""

from __future__ import annotations

from paribus.data.readers.csv_file import CsvFile
from paribus.data.readers.table_features import exact_numbers, useless_numbers
from paribus.errors import ParibusError


def target_columns(csv_file: CsvFile, target: str | None) -> list[str]:
    """Return the columns to predict: the one that is named, several with commas between them, or the last.

    Raises:
        ParibusError: there is no such column, or none is named and the last numbers the rows.
    """
    if target is None:
        return [_last(csv_file)]
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


def _last(csv_file: CsvFile) -> str:
    last = [*csv_file.texts][-1]
    numbers = exact_numbers(csv_file, last)
    reason = None if numbers is None else useless_numbers(last, numbers)[0]
    if reason in ("numbers the rows", "an index without a name"):
        raise ParibusError(
            f"column to predict of {csv_file.name}",
            got=f"{last!r}, the last one, as none is named: {reason}",
            expected="a label or a value",
            fix="Name the column to predict by --target, this one too if it is meant.",
        )
    return last
