"""Columns of a series: the one to predict, those that the network sees besides, and why others are left out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from paribus.data.readers.cells import is_number
from paribus.data.readers.csv_file import CsvFile
from paribus.data.readers.header import listed
from paribus.data.readers.table_features import exact_numbers, refuse_too_fine, useless_numbers
from paribus.errors import ParibusError

EMPTY = ("numbers the rows", "an index without a name", "one value throughout")
KINDS = ("number", "truth value")


class Chosen(NamedTuple):
    """Columns by what becomes of them.

    Attributes:
        target: the one to predict, which the network sees too.
        further: that the network sees besides.
        unused: by name, with the reason.
        notes: what a page must print of them.
    """

    target: str
    further: tuple[str, ...]
    unused: dict[str, str]
    notes: tuple[str, ...]


def chosen_columns(
    csv_file: CsvFile, used: Sequence[str], target: str | None, inputs: str | None
) -> Chosen:
    """Return what becomes of each column but those of times and names, which are ``used``.

    Raises:
        ParibusError: there is no such column, or no one column of numbers that could be predicted.
    """
    others = [name for name in csv_file.texts if name not in used]
    reasons = {name: _useless(csv_file, name) for name in others}
    column = _value_column(csv_file, others, reasons, target)
    others = [name for name in others if name != column]
    if inputs == "all":
        further = tuple(name for name in others if not reasons[name])
        unused = {name: reasons[name] for name in others if reasons[name]}
        notes = (f"columns that the network does not see: {_with_reasons(unused)}",)
    else:
        names = [name.strip() for name in (inputs or "").split(",") if inputs]
        asked = [csv_file.column(name, "input column") for name in names]
        further = tuple(name for name in asked if name in others)
        unused = {name: "not asked for by inputs" for name in others if name not in further}
        notes = (
            f"columns that the network does not see: {listed(unused)}; --inputs all gives it those of numbers",
        )
    doubts = tuple(
        f"column {name}: {csv_file.columns[name].doubt}"
        for name in (column, *further)
        if csv_file.columns[name].doubt
    )
    return Chosen(column, further, unused, (*doubts, *(notes if unused else ())))


def checked_values(
    csv_file: CsvFile, name: str, kinds: Sequence[str] = KINDS
) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return the values ``(time,)`` of a column of these kinds, all finite; truth values as 0 and 1."""
    read = csv_file.columns[name]
    numbers = read.kind in kinds
    finite = [numbers and v is not None and bool(np.isfinite(np.float32(v))) for v in read.values]
    if all(finite):
        values = np.array(read.values, dtype=np.float64)
        refuse_too_fine(csv_file, name, values)
        return values
    row = next(
        i
        for i, known in enumerate(finite)
        if not known and (numbers or not is_number(read.values[i]))
    )
    row = read.problem.row if read.problem is not None else row
    cell = csv_file.texts[name][row].strip()
    raise ParibusError(
        f"column {name!r} of {csv_file.name}, line {csv_file.lines[row]}",
        got=repr(cell) if cell else "nothing",
        expected="a finite number for each time",
        fix="Fill the value in, or cut the series there.",
    )


def _useless(csv_file: CsvFile, name: str) -> str:
    """Return why a column says nothing that a network could use, empty where it may."""
    if csv_file.columns[name].kind not in KINDS:
        return "text"
    numbers = exact_numbers(csv_file, name)
    reason = None if numbers is None else useless_numbers(name, numbers)[0]
    return reason if reason in EMPTY else ""


def _value_column(
    csv_file: CsvFile, others: Sequence[str], reasons: dict[str, str], target: str | None
) -> str:
    what = "value column"
    if target is not None:
        return csv_file.column(target, what)
    numeric = [name for name in others if csv_file.columns[name].kind == "number"]
    useful = [name for name in numeric if not reasons[name]] or numeric
    if len(useful) == 1:
        return useful[0]
    for name in () if numeric else others:
        if csv_file.columns[name].problem is not None:
            checked_values(csv_file, name)  # names the cell that is no number among numbers
    raise ParibusError(
        f"{what} of {csv_file.name}",
        got=f"{len(useful)} columns of numbers ({listed(useful)})"
        if useful
        else f"no column of numbers among {listed([*csv_file.texts])}",
        expected="one, or the name of the one to predict",
        fix="Name the column to predict as the target." if useful else "Give a file with values.",
    )


def _with_reasons(reasons: dict[str, str]) -> str:
    return listed(f"{name} ({reason})" for name, reason in reasons.items())
