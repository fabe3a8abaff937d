"""Columns of a table as inputs: numbers, one input for each text, or left out with the reason."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from paribus.data.readers.cells import is_number
from paribus.data.readers.csv_file import CsvFile
from paribus.data.readers.dates import is_date
from paribus.data.reading import Reading
from paribus.errors import ParibusError

if TYPE_CHECKING:
    import pandas as pd

FINEST = 1e-36  # range of a column, in its own unit
MIN_ROW_NUMBERS = 10  # fewer numbers in a row may be measurements
MAX_CATEGORIES = 20  # more, and more than half as many as rows, name the rows rather than sort them
ID_NAME = re.compile(
    r"(?:.*[^a-z])?(?:id|ids|uid|uuid|guid|index|idx|key|pk|no|nr|num|number|row|rowid|serial|record)",
)
_NAMELESS = re.compile(r"column \d+|unnamed: ?\d+|index|level_\d+|#|", re.IGNORECASE)
DATES = "dates or times, which are no measurements: give a number such as the month or an age to use them"


@dataclass(frozen=True)
class Feature:
    """Column made into inputs.

    Attributes:
        column: its name.
        names: the names of its inputs: its own, or one for each text.
        values: ``(sample, input)``.
        missing: how many rows have no value.
        text: whether it holds text.
        dropped: why it is left out, if it is.
        doubt: what makes one doubt that it is a measurement, if anything does.
    """

    column: str
    names: tuple[str, ...]
    values: np.ndarray[Any, np.dtype[np.float64]]
    missing: int
    text: bool
    dropped: str | None
    doubt: str = ""


def features_of(csv_file: CsvFile, columns: Iterable[str]) -> list[Feature]:
    """Return what columns become, in their order.

    Raises:
        ParibusError: a number is infinite, or a cell is neither a number nor missing in a column of numbers.
    """
    made = []
    for name in columns:
        check_numbers(csv_file, name)
        made.append(_feature(csv_file, name))
    return made


def check_numbers(csv_file: CsvFile, name: str, *, mixed: bool = False) -> None:
    """Refuse what is infinite and, unless they may be ``mixed`` as labels may, what is no number among numbers."""
    column = csv_file.columns[name]
    problem = None if mixed else column.problem
    row, expected = (problem.row, problem.expected) if problem else (-1, "")
    numbers = as_numbers(csv_file.frame[name])
    if numbers is not None and np.isinf(single(numbers)).any():
        row = int(np.isinf(single(numbers)).argmax())
        expected = "a finite number, or nothing where it is missing"
    if numbers is not None:
        refuse_too_fine(csv_file, name, numbers)
    if row >= 0:
        raise ParibusError(
            f"column {name!r} of {csv_file.name}, line {csv_file.lines[row]}",
            got=repr(csv_file.texts[name][row].strip()),
            expected=expected,
            fix="Mend the value, or leave it empty.",
        )


def refuse_too_fine(
    csv_file: CsvFile, name: str, numbers: np.ndarray[Any, np.dtype[np.float64]]
) -> None:
    """Refuse numbers that differ by so little that float32 has no factor that makes their deviation one."""
    finite = numbers[np.isfinite(numbers)]
    if len(finite) and 0 < float(finite.max()) - float(finite.min()) < FINEST:
        raise ParibusError(
            f"column {name!r} of {csv_file.name}",
            got=f"numbers of which none is {FINEST:g} larger than another",
            expected="differences that float32 can standardise",
            fix="Write the column in a smaller unit.",
        )


def as_numbers(column: pd.Series[Any]) -> np.ndarray[Any, np.dtype[np.float64]] | None:
    """Return a column of numbers or booleans, NaN where missing; None for text."""
    import pandas as pd

    if not pd.api.types.is_numeric_dtype(column):  # which booleans are, if none is missing
        if not column.dropna().map(lambda value: isinstance(value, bool | int | float)).all():
            return None
        column = column.map(lambda value: np.nan if value is None else float(value))
    return column.to_numpy(dtype=np.float64, na_value=np.nan)


def exact_numbers(csv_file: CsvFile, name: str) -> np.ndarray[Any, np.dtype[np.float64]] | None:
    """Return a column as `as_numbers` does, whole numbers that float64 lacks as differences from the least of them."""
    values = csv_file.columns[name].values
    whole = [value for value in values if type(value) is int]
    if not whole:
        return as_numbers(csv_file.frame[name])
    least = min(whole)
    return np.array([np.nan if value is None else value - least for value in values], np.float64)


def single(
    numbers: np.ndarray[Any, np.dtype[np.float64]],
) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Return the numbers in float32, infinite where that overflows."""
    with np.errstate(over="ignore"):
        return numbers.astype(np.float32)


MAX_DIGITS = 1000  # of a number in a name, far below those that Python reads


def natural(name: str) -> tuple[Any, ...]:
    """Return a key that sorts numbers by value, also inside text.

    >>> sorted(["b10", "b9", "10", "-1", "2.5"], key=natural)
    ['-1', '2.5', '10', 'b9', 'b10']
    """
    if is_number(name):
        return (0, float(name), name)
    pieces = re.split(r"(\d+)", name.casefold())
    return (1, [*map(_piece, pieces)], name)


def _piece(text: str) -> tuple[bool, int | str]:
    number = text.isdecimal() and len(text) < MAX_DIGITS
    return (number, int(text) if number else text)


def _feature(csv_file: CsvFile, name: str) -> Feature:
    column = csv_file.frame[name]
    missing = int(column.isna().sum())
    numbers = exact_numbers(csv_file, name)
    if numbers is not None:
        reason, doubt = useless_numbers(name, numbers)
        return Feature(name, (name,), numbers[:, None], missing, False, reason, doubt)
    texts = column.str.strip()
    categories = sorted(texts.dropna().unique(), key=natural)
    reason = _useless_text(categories, len(column) - missing, missing)
    if reason is not None:
        return Feature(name, (), np.empty((len(column), 0)), missing, True, reason)
    values = np.stack([(texts == c).to_numpy(np.float64) for c in categories], axis=1)
    return Feature(name, tuple(f"{name}={c}" for c in categories), values, missing, True, None)


def useless_numbers(
    name: str, numbers: np.ndarray[Any, np.dtype[np.float64]]
) -> tuple[str | None, str]:
    """Return why a column of numbers is left out, and what makes one doubt it, if anything does."""
    present = numbers[~np.isnan(numbers)]
    if len(present) == 0:
        return "missing throughout", ""
    if (present == present[0]).all():
        return "one value throughout", ""
    whole = np.isfinite(present) & (present == np.round(present))
    if len(present) < MIN_ROW_NUMBERS or not whole.all():
        return None, ""
    steps = np.diff(present)
    distinct = len(np.unique(present)) == len(present)
    rising = bool((steps > 0).all())
    tells_row = {
        "numbers the rows": distinct and bool((steps == steps[0]).all()),
        "numbers the rows, in another order": distinct and np.ptp(present) == len(present) - 1,
        "an index without a name": bool(_NAMELESS.fullmatch(name.strip())),
        "numbers the rows, with gaps": rising and 2 * (steps == 1).sum() > len(steps),
        DATES: bool(((present >= 19000101) & (present <= 21001231)).all()) and _are_days(present),
        "a different number in each row, and an identifier by its name": distinct
        and bool(ID_NAME.fullmatch(name.strip().casefold())),
    }
    doubts = {
        "counts up over and over, as the index of files put together does": _counts_again(present),
        "rises from row to row, so that it may tell a row's place in the file": rising,
        "has a different whole number in each row, as an identifier would": distinct
        and len(present) > MAX_CATEGORIES,
    }
    reason = next((text for text, holds in tells_row.items() if holds), None)
    return reason, "" if reason else next((text for text, holds in doubts.items() if holds), "")


def _are_days(numbers: np.ndarray[Any, np.dtype[np.float64]]) -> bool:
    """Return whether numbers are days written as 20240131."""
    import pandas as pd

    texts = pd.Series(numbers.astype(np.int64)).drop_duplicates().astype(str)
    days = pd.to_datetime(texts, format="%Y%m%d", errors="coerce")
    return len(texts) > 2 and bool(days.notna().all())


def _counts_again(numbers: np.ndarray[Any, np.dtype[np.float64]]) -> bool:
    """Return whether numbers rise by ones from the same number each time, ten steps or more, two times or more."""
    starts = np.flatnonzero(np.diff(numbers, prepend=np.inf) != 1)
    if len(starts) < 2 or len(numbers) < MIN_ROW_NUMBERS * len(starts):
        return False
    return bool((numbers[starts] == numbers[0]).all())


def _useless_text(categories: Sequence[str], rows: int, missing: int) -> str | None:
    count = len(categories)
    if count == 1 and not missing:
        return "one value throughout"
    if count > 2 and 2 * sum(map(is_date, categories)) > count:
        return DATES
    if count == rows:
        return "a different text in each row"
    if count > MAX_CATEGORIES and 2 * count > rows:
        return f"{count} different texts in {rows} rows"
    return None


def left_out(features: Iterable[Feature]) -> str:
    """Name the columns that are left out, each with its reason."""
    return ", ".join(f"{f.column} ({f.dropped})" for f in features if f.dropped)


def remarks(features: Sequence[Feature]) -> tuple[str, ...]:
    """Return the notes of the columns that a page must print."""
    kept = [f for f in features if f.dropped is None]
    empty = ", ".join(f"{f.column} {f.missing}" for f in kept if f.missing and not f.text)
    blank = ", ".join(f"{f.column} {f.missing}" for f in kept if f.missing and f.text)
    texts = ", ".join(f"{f.column} ({len(f.names)})" for f in kept if f.text)
    doubts = tuple(
        f"column {f.column!r} {f.doubt}: leave it out of the file if it is no measurement"
        for f in kept
        if f.doubt
    )
    found = {
        f"columns left out: {left_out(features)}": len(kept) < len(features),
        f"missing values, filled with the median of the training part: {empty}": empty,
        f"missing text, for which none of the column's inputs is set: {blank}": blank,
        f"columns of text, one input for each of their values: {texts}": texts,
        "most columns of numbers span 0 to 1 exactly: they look min-max scaled before they were read, so the scale "
        "may rest on test rows": _looks_scaled(kept),
    }
    return (*(remark for remark, holds in found.items() if holds), *doubts)


def _looks_scaled(features: list[Feature]) -> bool:
    """Return whether all columns of more than two numbers lie within 0 and 1, and most of them touch both."""
    columns = [f.values for f in features if not f.text and len(np.unique(f.values)) > 2]
    if not columns:
        return False
    ends = [(float(np.nanmin(c)), float(np.nanmax(c))) for c in columns]
    within = all(low >= 0 and high <= 1 for low, high in ends)
    return within and 2 * ends.count((0.0, 1.0)) > len(ends)


def reading_of(csv_file: CsvFile, feature: Feature, shift: float | None) -> Reading:
    """Return what a column became, with what a person needs to check it.

    Args:
        csv_file: that it is of.
        feature: what it became.
        shift: what was taken away from its numbers, if anything was.
    """
    column = csv_file.columns[feature.column]
    rows = len(column.values)
    words = ", ".join(f"{word!r} {count}" for word, count in column.words.items())
    shown = ", ".join(name.partition("=")[2] for name in feature.names[:MAX_CATEGORIES])
    reasons = {
        feature.dropped: feature.dropped,
        f"{rows - column.missing} of {rows} cells are {column.kind}s": not feature.text,
        f"{rows - column.missing} of {rows} cells are text: {shown}": feature.text
        and feature.names,
        column.how: column.how,
        column.doubt: column.doubt,
        feature.doubt: feature.doubt,
        f"missing: {words}": words,
        f"held as differences from {shift!r}": shift is not None,
        "held as differences from the least, as float64 has not all of them": any(
            type(value) is int for value in column.values
        ),
    }
    count = len(feature.names)
    inputs = f"{count} input{'s' * (count != 1)}, one a text"
    became = inputs if feature.text else column.kind
    reason = "; ".join(str(text) for text, holds in reasons.items() if holds)
    return Reading(feature.column, "left out" if feature.dropped else became, reason)


def check_columns(csv_file: CsvFile, features: Sequence[Feature], targets: Sequence[str]) -> None:
    """Refuse a table without a column that tells rows apart."""
    dates = any(f.dropped == DATES for f in features)
    if all(f.dropped for f in features):
        raise ParibusError(
            f"columns of {csv_file.name} besides {', '.join(map(repr, targets))}",
            got=left_out(features) or "none",
            expected="at least one that tells rows apart",
            fix="Give a table with measurements beside the label"
            + (
                "; times and values are a series, which the suite recurrent reads."
                if dates
                else "."
            ),
        )
