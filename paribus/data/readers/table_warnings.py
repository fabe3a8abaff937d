"""Columns of a table of which a page warns: those that repeat as subjects do, and those that tell what is predicted."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from paribus.data.readers.csv_file import CsvFile
from paribus.data.readers.header import listed
from paribus.data.readers.table_features import ID_NAME, MIN_ROW_NUMBERS, Feature

MIN_GROUPS = 10  # fewer values that repeat with one label each are a feature that tells the label
SUBJECT_NAME = re.compile(
    r"(?:.*[^a-z])?(?:patient|subject|person|participant|user|customer|client|animal|family|household)"
    r"(?:s|[^a-z].*)?"
)


def grouping_suspicion(
    csv_file: CsvFile, columns: Iterable[str], targets: Sequence[Any]
) -> tuple[str, ...]:
    """Return a note of each column that repeats as a patient's number does.

    Its values have several rows each and always one label or value to predict, or its name is that of subjects.
    """
    import pandas as pd

    notes = []
    target = pd.Series(targets)
    for name in columns:
        cells = pd.Series(csv_file.columns[name].values, dtype=object)
        numbers = csv_file.columns[name].kind == "number"
        if numbers and not cells.dropna().map(lambda v: float(v).is_integer()).all():
            continue
        sizes = cells.value_counts()
        if len(sizes) <= MIN_GROUPS or (sizes > 1).mean() < 0.5 or 2 * len(sizes) > len(cells):
            continue
        always = "and always one label" if target.groupby(cells).nunique().max() == 1 else ""
        plain = name.strip().casefold()
        named = SUBJECT_NAME.fullmatch(plain) or (ID_NAME.fullmatch(plain) and plain.endswith("id"))
        if always or named:
            facts = f"about {sizes.median():.0f} rows {always}".strip()
            notes.append(
                f"each value of {name!r} has {facts}: if they are rows of one subject, keep them on one side of a "
                f"split by --group {name}"
            )
    return tuple(notes)


def leaks(
    csv_file: CsvFile,
    features: Iterable[Feature],
    targets: Mapping[str, np.ndarray[Any, np.dtype[Any]]],
    *,
    classes: bool,
) -> tuple[str, ...]:
    """Return a note of each column that tells what is to be predicted in every row.

    Args:
        csv_file: that the columns are of.
        features: what they became.
        targets: class numbers or values by column, ``(sample,)`` each.
        classes: whether they are classes.
    """
    import pandas as pd

    notes: list[str] = []
    for feature in (f for f in features if f.dropped is None):
        cells = pd.Series(csv_file.columns[feature.column].values, dtype=object)
        known = cells.notna().to_numpy()
        notes += _telling_gaps(feature.column, known, targets if classes else {})
        if known.sum() < MIN_ROW_NUMBERS or 2 * known.sum() < len(cells):
            continue
        for name, target in targets.items():
            if classes:
                told = pd.Series(target).groupby(cells).nunique()
                certain = len(told) <= MIN_GROUPS and told.max() == 1
                certain |= not feature.text and _parted(feature.values[:, 0], target)
            else:
                x = feature.values[known, 0]
                certain = not feature.text and _proportional(x, target[known])
            if certain:
                notes.append(
                    f"column {feature.column!r} tells {name!r} in every row: leave it out of the file unless it is "
                    "known when predictions are made"
                )
    return tuple(notes)


def tells(
    x: np.ndarray[Any, np.dtype[np.float64]],
    target: np.ndarray[Any, np.dtype[Any]],
    *,
    classes: bool,
) -> bool:
    """Return whether a column of numbers, ``(sample,)``, tells the target of every row that has one."""
    known = np.isfinite(x)
    x, target = x[known], target[known]
    if len(x) < MIN_ROW_NUMBERS or 2 * len(x) < len(known):
        return False
    if not classes:
        return _proportional(x, target)
    values, place = np.unique(x, return_inverse=True)
    if len(values) <= MIN_GROUPS:
        return all(len({*target[place == i]}) == 1 for i in range(len(values)))
    return _parted(x, target)


def _telling_gaps(
    column: str,
    known: np.ndarray[Any, np.dtype[np.bool_]],
    targets: Mapping[str, np.ndarray[Any, np.dtype[Any]]],
) -> list[str]:
    """Return a note of each target of which no class has rows with a value in the column and rows without one."""
    return [
        f"whether column {column!r} is missing tells {name!r} in every row: leave it out of the file unless it is "
        "known when predictions are made"
        for name, target in targets.items()
        if min(known.sum(), (~known).sum()) >= MIN_ROW_NUMBERS
        and not set(target[known]) & set(target[~known])
    ]


def _parted(
    x: np.ndarray[Any, np.dtype[np.float64]], classes: np.ndarray[Any, np.dtype[Any]]
) -> bool:
    """Return whether each class has numbers between two bounds, and no other class has any there."""
    ends = sorted(
        (float(np.min(x[classes == c])), float(np.max(x[classes == c]))) for c in np.unique(classes)
    )
    return all(high < low for (_, high), (low, _) in pairwise(ends))


def _proportional(
    x: np.ndarray[Any, np.dtype[np.float64]], y: np.ndarray[Any, np.dtype[Any]]
) -> bool:
    """Return whether one is the other, up to a shift and a factor."""
    if np.ptp(x) == 0 or np.ptp(y) == 0:
        return False
    return bool(abs(np.corrcoef(x, y)[0, 1]) > 1 - 1e-9)


def unseen(
    csv_file: CsvFile, features: Iterable[Feature], declared: np.ndarray[Any, np.dtype[Any]]
) -> tuple[str, ...]:
    """Return a note of each column of text with values that a test file alone holds, which nothing was learned of.

    Args:
        csv_file: rows of both files.
        features: what its columns became.
        declared: part of each row, ``(sample,)``; 2 is the test part.
    """
    notes = []
    for feature in (f for f in features if f.text and f.dropped is None):
        cells = csv_file.columns[feature.column].values
        test = [c for c, part in zip(cells, declared, strict=True) if part == 2 and c is not None]
        learned = {c for c, part in zip(cells, declared, strict=True) if part != 2}
        new = sorted({c for c in test if c not in learned}, key=str)
        if new:
            rows = sum(c in new for c in test)
            notes.append(
                f"column {feature.column!r} of the test file has values that no training row has: "
                f"{listed([*map(str, new)])} in {rows} rows, of which a network can have learned nothing"
            )
    return tuple(notes)
