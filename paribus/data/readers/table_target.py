"""The column to predict: classes, or values of one column or several."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor

from paribus.data.precision import to_single
from paribus.data.readers.cells import is_missing
from paribus.data.readers.csv_file import CsvFile
from paribus.data.readers.doubts import spelled_alike
from paribus.data.readers.table_features import check_numbers, exact_numbers, natural
from paribus.data.reading import Reading
from paribus.errors import ParibusError, one_of

Problem = Literal["classification", "regression"]
PROBLEMS: tuple[Problem, ...] = ("classification", "regression")
MAX_NUMERIC_CLASSES = 20
MIN_ROWS_A_CLASS = 10  # of numeric labels, on average, where there are more classes than that
MIN_ROWS_A_VALUE = 5  # on average, where there are fewer
UNEVEN = 0.9  # share of the most frequent class from which a page says so
LEADING_ZERO = re.compile(r"\s*0\d+\s*")


class Target(NamedTuple):
    """What is predicted.

    Attributes:
        values: class numbers ``(sample,)``, or numbers ``(sample, column)``.
        classes: their names; none for values.
        notes: facts that a page must print.
        readings: of each column.
    """

    values: Tensor
    classes: tuple[str, ...]
    notes: tuple[str, ...]
    readings: tuple[Reading, ...]


def labelled(csv_file: CsvFile, columns: list[str]) -> tuple[CsvFile, tuple[str, ...]]:
    """Return the rows that have a label in every column to predict, and a note of the others."""
    notes: tuple[str, ...] = ()
    for column in columns:
        read = csv_file.columns[column]
        if not read.missing:
            continue
        if read.missing == len(read.values):
            raise ParibusError(
                f"label column {column!r} of {csv_file.name}",
                got="missing values alone",
                expected="a label in at least two rows of each class",
                fix="Name the column that holds the labels.",
            )
        words = ", ".join(f"{word!r} {count}" for word, count in read.words.items())
        said = f" ({words})" if words else ""
        notes += (f"rows left out because their label is missing: {read.missing}{said}",)
        csv_file = csv_file.keep([value is not None for value in read.values])
    return csv_file, notes


def target_of(csv_file: CsvFile, columns: list[str], problem: Problem | None) -> Target:
    """Return classes or values of the columns to predict.

    Args:
        csv_file: whose every row has a label.
        columns: to predict.
        problem: what is asked for; None takes numbers of many values for values, and all else for classes.

    Raises:
        ParibusError: labels are no classes, a single one, a class has one row, or values are no numbers.
    """
    if problem is not None:
        one_of("problem", problem, PROBLEMS, fix="Leave it out to go by the column.")
    for column in columns:
        check_numbers(csv_file, column, mixed=problem != "regression")
    if problem is None:
        several = len(columns) > 1
        problem = "regression" if several or _are_values(csv_file, columns[0]) else "classification"
    if problem == "regression":
        return _values(csv_file, columns)
    if len(columns) > 1:
        raise ParibusError(
            f"label columns of {csv_file.name}",
            got=", ".join(map(repr, columns)),
            expected="one column of classes; several columns are values to predict",
            fix="Name one column, or leave the problem out.",
        )
    return _classes(csv_file, columns[0])


def _are_values(csv_file: CsvFile, column: str) -> bool:
    """Return whether numbers are measurements rather than classes."""
    numbers = exact_numbers(csv_file, column)
    if numbers is None or csv_file.columns[column].kind != "number":
        return False
    count, whole = len(np.unique(numbers)), bool((numbers % 1 == 0).all())
    if count > MAX_NUMERIC_CLASSES:
        return not (whole and len(numbers) >= MIN_ROWS_A_CLASS * count)
    return not whole and count > MIN_ROWS_A_CLASS and len(numbers) < MIN_ROWS_A_VALUE * count


def _values(csv_file: CsvFile, columns: list[str]) -> Target:
    read = {name: exact_numbers(csv_file, name) for name in columns}
    text = next((name for name, numbers in read.items() if numbers is None), None)
    if text is not None:
        raise ParibusError(
            f"column {text!r} of {csv_file.name}",
            got="text, such as " + repr(next(c for c in csv_file.texts[text] if c.strip())),
            expected="numbers to predict",
            fix="Name a column of numbers, or leave the problem out to predict classes.",
        )
    numbers = np.stack([n for n in read.values() if n is not None], axis=1)
    constant = next((n for n, v in zip(columns, numbers.T, strict=True) if np.ptp(v) == 0), None)
    if constant is not None:
        raise ParibusError(
            f"column {constant!r} of {csv_file.name}",
            got=f"the single value {csv_file.texts[constant][0].strip()}",
            expected="values that differ",
            fix="Name another column to predict.",
        )
    values, taken = to_single(numbers)
    spreads = [f"{v.std():.4g} for {name!r}" for name, v in zip(columns, numbers.T, strict=True)]
    note = (
        "values to predict are standardised by the training part: an mse of 1 is an error of about one standard "
        f"deviation, {', '.join(spreads)}"
    )
    readings = []
    for i, name in enumerate(columns):
        count = len(np.unique(numbers[:, i]))
        shift = f"; held as differences from {taken[i]!r}" if i in taken else ""
        how = csv_file.columns[name].how
        readings.append(
            Reading(
                name,
                "target: values",
                f"numbers, {count} different ones in {len(numbers)} rows{f'; {how}' if how else ''}{shift}; "
                "--problem classification takes them for classes",
            )
        )
    return Target(values, (), (note,), tuple(readings))


def _classes(csv_file: CsvFile, column: str) -> Target:
    """Return class numbers and the classes' names in their natural order."""
    values = csv_file.frame[column]
    read = csv_file.columns[column]
    codes = any(map(LEADING_ZERO.fullmatch, csv_file.texts[column])) or any(
        type(value) is int for value in read.values
    )
    if codes:  # 1 and 01 are two, and whole numbers that float64 has not are as many as they are
        values = values.astype(object)
        values[:] = [cell.strip() for cell in csv_file.texts[column]]
    what = f"label column {column!r} of {csv_file.name}"
    names = values.map(_label_name)
    classes = sorted(names.unique(), key=natural)
    counts = names.value_counts()
    if read.problem and (counts.min() == 1 or len(classes) > MAX_NUMERIC_CLASSES):
        check_numbers(csv_file, column)  # they are values, and one is written otherwise
    if len(classes) == 1:
        got, expected = f"the single class {classes[0]!r}", "at least two classes"
    elif counts.min() == 1:
        got = f"class {counts.index[-1]!r} in one row"
        expected = "at least two rows of each class, one to learn from and one to judge by"
    else:
        numbers = {name: k for k, name in enumerate(classes)}
        shown = ", ".join(f"{c} {counts[c]}" for c in classes[:MAX_NUMERIC_CLASSES])
        kind = read.kind
        how = f"; {read.how}" if read.how and not codes else ""
        other = "; --problem regression takes them for values" if kind == "number" else ""
        reading = Reading(
            column, f"target: {len(classes)} classes", f"{kind}s: {shown}{how}{other}"
        )
        notes = _spellings(csv_file.texts[column], [*names])
        missing = ", ".join(f"{c!r} {counts[c]}" for c in classes if is_missing(c))
        if missing:
            notes += (
                f"classes that may stand for a missing label: {missing}; leave these cells empty if they do",
            )
        most, share = counts.index[0], counts.iloc[0] / len(names)
        if share >= UNEVEN:
            notes += (
                f"classes are uneven: {share:.0%} of rows are {most!r}, which a network that always says so has as "
                "its accuracy",
            )
        labels = torch.tensor(names.map(numbers).tolist())
        return Target(labels, tuple(classes), notes, (reading,))
    fix = "Name another label column, or add or leave out rows."
    if len(classes) > 1 and csv_file.columns[column].kind == "number" and not codes:
        fix += " Values to predict are asked for by --problem regression."
    raise ParibusError(what, got=got, expected=expected, fix=fix)


def _spellings(cells: Sequence[str], names: Sequence[str]) -> tuple[str, ...]:
    """Return notes of labels that are one class in several spellings, and of classes that differ by case alone."""
    written: dict[str, dict[str, None]] = {}
    for cell, name in zip(cells, names, strict=True):
        written.setdefault(name, {})[cell.strip()] = None
    one = "; ".join(f"{name} ({', '.join(w)})" for name, w in written.items() if len(w) > 1)
    return (
        *((f"labels written in several ways and taken for one class: {one}",) if one else ()),
        *spelled_alike("classes", written),
    )


def _label_name(value: Any) -> str:
    """Return a class's name: text without blanks round it, whole numbers without a decimal point."""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip()
