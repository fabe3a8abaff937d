"""Tables: a CSV with one row a sample and a column of labels."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from paribus.data.dataset import Dataset, Reading
from paribus.data.precision import to_single
from paribus.data.readers.cells import is_number
from paribus.data.readers.csv_file import CsvFile, read_csv_file
from paribus.errors import ParibusError

if TYPE_CHECKING:
    import pandas as pd

MAX_NUMERIC_CLASSES = 20
MIN_ROWS_A_CLASS = 10  # of numeric labels, on average, where there are more classes than that
MIN_ROW_NUMBERS = 10  # fewer numbers in a row may be measurements
LEADING_ZERO = re.compile(r"\s*0\d+\s*")
MAX_CATEGORIES = 20  # more, and more than half as many as rows, name the rows rather than sort them


def read_table(path: str | Path, target: str | None = None) -> Dataset:
    """Read a CSV file with a column of labels.

    Numbers stay as they are, missing ones NaN, to be filled with the median of the training part. Booleans become 0
    and 1. A column of text becomes one input for each text in the file, all 0 where the text is missing. Left out are
    columns that are missing throughout, that hold one value, that number the rows, or whose text differs in nearly
    every row. Rows with equal inputs are copies, and stay on one side of a split, unless that holds for more than half
    of the rows, as it does where columns take few values.

    Args:
        path: the file: commas, UTF-8, the columns' names in its first line.
        target: the column of labels, numbers or text; the last one if None.

    Returns:
        Inputs ``(sample, feature)`` in float32, targets ``(sample,)`` of class numbers; what was left out or filled,
        and what looks wrong, in its notes.

    Raises:
        ParibusError: the file is no table, there is no such column, its labels are no classes or a single one, a class
            has one row, a number is infinite, or a column is neither numbers nor text.
    """
    csv_file = read_csv_file(path)
    return table_of(csv_file, label_of(csv_file, target))


def label_of(csv_file: CsvFile, target: str | None) -> str:
    """Return the column of labels: the one that is named, or the last.

    Raises:
        ParibusError: there is no such column.
    """
    named = None if target is None else csv_file.column(target, "label column")
    return named or [*csv_file.texts][-1]


def table_of(csv_file: CsvFile, column: str, *, copies: bool = True) -> Dataset:
    """Return the data set of a file that was read; see `read_table`.

    Args:
        csv_file: the file.
        column: the column of labels.
        copies: whether rows with equal inputs are copies.
    """
    csv_file, notes = labelled(csv_file, column)
    notes += csv_file.notes
    notes += tuple(f"column {n}: {c.doubt}" for n, c in csv_file.columns.items() if c.doubt)
    for name in csv_file.frame.columns:
        _check_numbers(csv_file, name, mixed=name == column)
    targets, classes = _labels(csv_file, column)
    features = [
        f for name in csv_file.frame.columns if name != column for f in [_feature(csv_file, name)]
    ]
    kept = [f for f in features if f.dropped is None]
    if not kept:
        raise ParibusError(
            f"columns of {csv_file.name} besides {column!r}",
            got=_left_out(features) or "none",
            expected="at least one that tells rows apart",
            fix="Give a table with measurements beside the label.",
        )
    values = np.concatenate([f.values for f in kept], axis=1)
    groups, copied = copies_of(values, targets) if copies else (None, ())
    inputs, taken = to_single(values)
    names = tuple(name for f in kept for name in f.names)
    return Dataset(
        name=csv_file.name,
        origin=f"the file {csv_file.name}, label column {column!r}",
        inputs=(inputs,),
        targets=(targets,),
        classes=classes,
        features=names,
        groups=groups,
        digest=csv_file.digest,
        notes=(*notes, *_remarks(features), *copied),
        readings=(
            *csv_file.about,
            _label_reading(csv_file, column, classes),
            *(_reading(csv_file, f, taken, names) for f in features),
        ),
    )


@dataclass(frozen=True)
class _Feature:
    """Column made into inputs.

    Attributes:
        column: its name.
        names: the names of its inputs: its own, or one for each text.
        values: ``(sample, input)``.
        missing: how many rows have no value.
        text: whether it holds text.
        dropped: why it is left out, if it is.
    """

    column: str
    names: tuple[str, ...]
    values: np.ndarray[Any, np.dtype[np.float64]]
    missing: int
    text: bool
    dropped: str | None


def _label_reading(csv_file: CsvFile, column: str, classes: tuple[str, ...]) -> Reading:
    kind = csv_file.columns[column].kind
    return Reading(column, f"target: {len(classes)} classes", f"{kind}s: {', '.join(classes[:10])}")


def _reading(
    csv_file: CsvFile, feature: _Feature, taken: dict[int, float], names: tuple[str, ...]
) -> Reading:
    """Return what a column became, with what a person needs to check it."""
    column = csv_file.columns[feature.column]
    present = len(column.values) - column.missing
    reasons = [
        f"{present} of {len(column.values)} cells are {column.kind}s",
        column.how,
        column.doubt,
    ]
    if column.words:
        reasons.append("missing: " + ", ".join(f"{w!r} {n}" for w, n in column.words.items()))
    if feature.dropped:
        return Reading(
            feature.column, "left out", "; ".join(filter(None, [feature.dropped, *reasons]))
        )
    if feature.text:
        shown = [name.partition("=")[2] for name in feature.names]
        return Reading(
            feature.column, f"{len(shown)} inputs, one a text", f"texts {', '.join(shown)}"
        )
    shift = taken.get(names.index(feature.column))
    reasons.append("" if shift is None else f"held as differences from {shift!r}")
    return Reading(feature.column, column.kind, "; ".join(filter(None, reasons)))


def labelled(csv_file: CsvFile, column: str) -> tuple[CsvFile, tuple[str, ...]]:
    """Return the rows that have a label."""
    read = csv_file.columns[column]
    if not read.missing:
        return csv_file, ()
    if read.missing == len(read.values):
        raise ParibusError(
            f"label column {column!r} of {csv_file.name}",
            got="missing values alone",
            expected="a label in at least two rows of each class",
            fix="Name the column that holds the labels.",
        )
    words = ", ".join(f"{word!r} {count}" for word, count in read.words.items())
    note = f"rows left out because their label is missing: {read.missing}" + (
        f" ({words})" if words else ""
    )
    return csv_file.keep([value is not None for value in read.values]), (note,)


def _check_numbers(csv_file: CsvFile, name: str, mixed: bool) -> None:
    """Refuse what is infinite and, unless they may be ``mixed`` as labels may, what is no number among numbers."""
    column = csv_file.columns[name]
    problem = None if mixed else column.problem
    row, expected = (problem.row, problem.expected) if problem else (-1, "")
    numbers = _as_numbers(csv_file.frame[name])
    if numbers is not None and np.isinf(_single(numbers)).any():
        row = int(np.isinf(_single(numbers)).argmax())
        expected = "a finite number, or nothing where it is missing"
    if row >= 0:
        raise ParibusError(
            f"column {name!r} of {csv_file.name}, line {csv_file.lines[row]}",
            got=repr(csv_file.texts[name][row].strip()),
            expected=expected,
            fix="Mend the value, or leave it empty.",
        )


def _as_numbers(column: pd.Series[Any]) -> np.ndarray[Any, np.dtype[np.float64]] | None:
    """Return a column of numbers or booleans, NaN where missing; None for text."""
    import pandas as pd

    if not pd.api.types.is_numeric_dtype(column):  # which booleans are, if none is missing
        if not column.dropna().map(lambda value: isinstance(value, bool | int | float)).all():
            return None
        column = column.map(lambda value: np.nan if value is None else float(value))
    return column.to_numpy(dtype=np.float64, na_value=np.nan)


def _single(
    numbers: np.ndarray[Any, np.dtype[np.float64]],
) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Return the numbers in float32, infinite where that overflows."""
    with np.errstate(over="ignore"):
        return numbers.astype(np.float32)


def _labels(csv_file: CsvFile, column: str) -> tuple[Tensor, tuple[str, ...]]:
    """Return class numbers ``(sample,)`` and the classes' names in their natural order."""
    values = csv_file.frame[column]
    if any(map(LEADING_ZERO.fullmatch, csv_file.texts[column])):  # codes: 1 and 01 are two
        values = values.astype(object)
        values[:] = csv_file.texts[column]
    what = f"label column {column!r} of {csv_file.name}"
    _check_classes(what, values)
    names = values.map(_label_name)
    classes = sorted(names.unique(), key=_natural)
    counts = names.value_counts()
    if len(classes) == 1:
        got, expected = f"the single class {classes[0]!r}", "at least two classes"
    elif counts.min() == 1:
        got = f"class {counts.index[-1]!r} in one row"
        expected = "at least two rows of each class, one to learn from and one to judge by"
    else:
        numbers = {name: k for k, name in enumerate(classes)}
        return torch.tensor(names.map(numbers).tolist()), tuple(classes)
    fix = "Name another label column, or add or leave out rows."
    raise ParibusError(what, got=got, expected=expected, fix=fix)


def _check_classes(what: str, values: pd.Series[Any]) -> None:
    """Refuse numbers that are measurements rather than classes."""
    numbers = _as_numbers(values)
    if numbers is None or (count := len(np.unique(numbers))) <= MAX_NUMERIC_CLASSES:
        return
    if (numbers % 1 == 0).all() and len(numbers) >= MIN_ROWS_A_CLASS * count:
        return
    raise ParibusError(
        what,
        got=f"{count} different numbers in {len(numbers)} rows",
        expected="a class in each row",
        fix="Name the column that holds classes; values to predict are not read from a table yet.",
    )


def _label_name(value: object) -> str:
    """Return a class's name: text without blanks round it, whole numbers without a decimal point."""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip()


def _natural(name: str) -> tuple[Any, ...]:
    """Return a key that sorts numbers by value, also inside text.

    >>> sorted(["b10", "b9", "10", "-1", "2.5"], key=_natural)
    ['-1', '2.5', '10', 'b9', 'b10']
    """
    if is_number(name):
        return (0, float(name), name)
    pieces = re.split(r"(\d+)", name.casefold())
    return (
        1,
        [(piece.isdigit(), int(piece) if piece.isdigit() else piece) for piece in pieces],
        name,
    )


def _feature(csv_file: CsvFile, name: str) -> _Feature:
    column = csv_file.frame[name]
    missing = int(column.isna().sum())
    numbers = _as_numbers(column)
    if numbers is not None:
        values = numbers[:, None]
        return _Feature(name, (name,), values, missing, False, _useless_numbers(numbers))
    texts = column.str.strip()
    categories = sorted(texts.dropna().unique(), key=_natural)
    reason = _useless_text(len(categories), len(column) - missing)
    if reason is not None:
        return _Feature(name, (), np.empty((len(column), 0)), missing, True, reason)
    values = np.stack([(texts == c).to_numpy(np.float64) for c in categories], axis=1)
    return _Feature(name, tuple(f"{name}={c}" for c in categories), values, missing, True, None)


def _useless_numbers(numbers: np.ndarray[Any, np.dtype[np.float64]]) -> str | None:
    present = numbers[~np.isnan(numbers)]
    if len(present) == 0:
        return "missing throughout"
    if (present == present[0]).all():
        return "one value throughout"
    steps = np.diff(numbers)
    if len(numbers) >= MIN_ROW_NUMBERS and (steps == 1).all():
        return "numbers the rows"
    return None


def _useless_text(categories: int, rows: int) -> str | None:
    if categories == 1:
        return "one value throughout"
    if categories == rows:
        return "a different text in each row"
    if categories > MAX_CATEGORIES and 2 * categories > rows:
        return f"{categories} different texts in {rows} rows"
    return None


def _left_out(features: list[_Feature]) -> str:
    return ", ".join(f"{f.column} ({f.dropped})" for f in features if f.dropped)


def _remarks(features: list[_Feature]) -> tuple[str, ...]:
    """Return the notes of the columns that a page must print."""
    kept = [f for f in features if f.dropped is None]
    empty = ", ".join(f"{f.column} {f.missing}" for f in kept if f.missing and not f.text)
    blank = ", ".join(f"{f.column} {f.missing}" for f in kept if f.missing and f.text)
    texts = ", ".join(f"{f.column} ({len(f.names)})" for f in kept if f.text)
    remarks = {
        f"columns left out: {_left_out(features)}": len(kept) < len(features),
        f"missing values, filled with the median of the training part: {empty}": empty,
        f"missing text, for which none of the column's inputs is set: {blank}": blank,
        f"columns of text, one input for each of their values: {texts}": texts,
        "most columns of numbers span 0 to 1 exactly: they look min-max scaled before they were read, so the scale "
        "may rest on test rows": _looks_scaled(kept),
    }
    return tuple(remark for remark, holds in remarks.items() if holds)


def _looks_scaled(features: list[_Feature]) -> bool:
    """Return whether all columns of more than two numbers lie within 0 and 1, and most of them touch both."""
    columns = [f.values for f in features if not f.text and len(np.unique(f.values)) > 2]
    if not columns:
        return False
    ends = [(float(np.nanmin(c)), float(np.nanmax(c))) for c in columns]
    within = all(low >= 0 and high <= 1 for low, high in ends)
    return within and 2 * ends.count((0.0, 1.0)) > len(ends)


def copies_of(
    inputs: np.ndarray[Any, np.dtype[np.float64]], targets: Tensor
) -> tuple[Tensor | None, tuple[str, ...]]:
    """Return a number for each row that copies share, ``(sample,)``, None if there are none, and notes of copies."""
    import pandas as pd

    # Adding zero makes -0.0 the same as 0.0.
    rows = pd.util.hash_pandas_object(pd.DataFrame(inputs + 0.0), index=False)
    repeated = int(rows.duplicated().sum())
    if not repeated:
        return None, ()
    labels = pd.Series(targets.numpy()).groupby(rows.to_numpy()).transform("nunique")
    conflicting = int((labels > 1).sum())
    note = f"{repeated} {'row repeats' if repeated == 1 else 'rows repeat'} the inputs of an earlier row"
    if conflicting:
        note += f"; {conflicting} rows have the same inputs as a row with another label"
    if 2 * int(rows.duplicated(keep=False).sum()) > len(rows):
        return None, (f"{note}; as most rows do, copies are split like any other row",)
    groups = torch.from_numpy(pd.factorize(rows)[0].astype(np.int64))
    return groups, (f"{note}; copies stay on one side of a split",)
