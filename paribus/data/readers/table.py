"""Tables: one row a sample, and a column or several to predict."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from paribus.data.dataset import Dataset
from paribus.data.precision import to_single
from paribus.data.readers.csv_file import CsvFile, read_csv_file
from paribus.data.readers.doubts import spelled_alike
from paribus.data.readers.label_columns import target_columns
from paribus.data.readers.table_features import (
    check_columns,
    features_of,
    reading_of,
    remarks,
)
from paribus.data.readers.table_target import (
    Problem,
    Target,
    labelled,
    target_of,
)
from paribus.data.readers.table_warnings import grouping_suspicion, leaks, unseen
from paribus.data.reading import Reading
from paribus.errors import ParibusError


def read_table(
    path: str | Path,
    target: str | None = None,
    group: str | None = None,
    problem: Problem | None = None,
    test: str | Path | None = None,
) -> Dataset:
    """Read a table with a column to predict.

    Numbers stay as they are, missing ones NaN, to be filled with the median of the training part. Booleans become 0
    and 1. A column of text becomes one input for each text in the file, all 0 where the text is missing. Left out are
    columns that are missing throughout, that hold one value, dates, that number the rows or name them, or whose text
    differs in nearly every row. Rows with equal inputs are copies, and stay on one side of a split, unless that holds
    for more than half of the rows, as it does where columns take few values.

    Args:
        path: the file, as `read_csv_file` takes it.
        target: the column to predict, or several columns of numbers with commas between them; the last one if None.
        group: column whose rows of one value stay on one side of a split; it is no input.
        problem: ``classification`` or ``regression``; None takes numbers of many values for values to predict.
        test: a second file with the same columns, whose rows are the test part.

    Returns:
        Inputs ``(sample, feature)`` in float32; targets ``(sample,)`` of class numbers or ``(sample, column)`` of
        values; what was left out or filled, and what looks wrong, in its notes.

    Raises:
        ParibusError: the file is no table, there is no such column, its labels are no classes or a single one, a class
            has one row, a number is infinite, or a column is neither numbers nor text.
    """
    csv_file = read_csv_file(path)
    columns = target_columns(csv_file, target)
    if test is None:
        return table_of(csv_file, columns, group=group, problem=problem)
    both = _joined(csv_file, read_csv_file(test))
    return _without_crossing(table_of(both, columns, group=group, problem=problem))


def table_of(
    csv_file: CsvFile,
    columns: Sequence[str],
    *,
    group: str | None = None,
    problem: Problem | None = None,
    copies: bool = True,
) -> Dataset:
    """Return the data set of a file that was read; see `read_table`.

    Args:
        csv_file: the file.
        columns: to predict.
        group: column of groups.
        problem: that is posed.
        copies: whether rows with equal inputs are copies.
    """
    wanted = [*columns]
    csv_file, notes = labelled(csv_file, wanted)
    notes += csv_file.notes
    notes += tuple(
        f"column {n}: {c.doubt}"
        for n, c in csv_file.columns.items()
        if c.doubt and (c.kind == "number" or n not in (*wanted, group))
    )
    target = target_of(csv_file, wanted, problem)
    if group is not None:
        _check_group(csv_file, group, wanted)
    others = [n for n in csv_file.texts if n not in (*wanted, group, PART)]
    features = features_of(csv_file, others)
    check_columns(csv_file, features, wanted)
    kept = [f for f in features if f.dropped is None]
    values = np.concatenate([f.values for f in kept], axis=1)
    inputs, taken = to_single(values)
    names = tuple(name for f in kept for name in f.names)
    shifts = {names[i]: shift for i, shift in taken.items()}
    groups, said = _groups(csv_file, group, values if copies else None, target)
    if group is None:
        said += grouping_suspicion(csv_file, others, _first(target).tolist())
    by_name = target.values.reshape(len(target.values), -1).T.double().numpy()
    said += leaks(
        csv_file,
        features,
        dict(zip(wanted, by_name, strict=True)),
        classes=bool(target.classes),
    )
    declared = _declared(csv_file)
    if declared is not None:
        said += unseen(csv_file, features, declared.numpy())
    said += tuple(
        note
        for name in (*(f.column for f in kept if f.text), *filter(None, [group]))
        for note in _spelled_alike(csv_file, name)
    )
    word = "label column" if target.classes else "values of column"
    return Dataset(
        name=csv_file.name,
        origin=f"the file {csv_file.name}, {word} {', '.join(map(repr, wanted))}",
        inputs=(inputs,),
        targets=(target.values,),
        standardise_targets=not target.classes,
        classes=target.classes,
        features=names,
        groups=groups,
        declared=declared,
        digest=csv_file.digest,
        notes=(*notes, *target.notes, *remarks(features), *said),
        readings=(
            *csv_file.about,
            *target.readings,
            *(reading_of(csv_file, f, shifts.get(f.column)) for f in features),
            *((Reading(group, "groups", "rows of one value stay on one side"),) if group else ()),
        ),
    )


def _check_group(csv_file: CsvFile, group: str, targets: Sequence[str]) -> None:
    """Refuse a column of groups that is not there, is to be predicted, or holds fewer than three values."""
    csv_file.column(group, "column of groups")
    count = len({v for v in csv_file.columns[group].values if v is not None})
    if group in targets or count < 3:
        raise ParibusError(
            f"column of groups of {csv_file.name}",
            got=f"{group!r}, which is to be predicted"
            if group in targets
            else f"{group!r} of {count} value{'s' * (count != 1)}",
            expected="a column beside it, with a value for each subject and three at least, one for each part",
            fix="Name the column whose rows belong together.",
        )


def _spelled_alike(csv_file: CsvFile, name: str) -> tuple[str, ...]:
    """Return a note of texts of a column that are one to a reader."""
    column = csv_file.columns[name]
    texts = [value for value in column.values if isinstance(value, str)]
    return spelled_alike(f"texts of column {name!r}", texts)


def _first(target: Target) -> Tensor:
    return target.values if target.values.ndim == 1 else target.values[:, 0]


def _groups(
    csv_file: CsvFile,
    group: str | None,
    values: np.ndarray[Any, np.dtype[np.float64]] | None,
    target: Target,
) -> tuple[Tensor | None, tuple[str, ...]]:
    """Return the number that rows share which stay on one side of a split, and notes of them."""
    parts = _declared(csv_file)
    copied, notes = (None, ()) if values is None else copies_of(values, _first(target), parts)
    if group is None:
        return copied, notes
    cells = csv_file.columns[group].values
    codes = {value: i for i, value in enumerate(dict.fromkeys(v for v in cells if v is not None))}
    alone = iter(range(len(codes), len(codes) + len(cells)))
    named = torch.tensor([next(alone) if v is None else codes[v] for v in cells])
    note = f"rows of one {group!r} stay on one side of a split: {len(codes)} values"
    if None in cells:
        note += f"; rows without one, each by itself: {cells.count(None)}"
    return named if copied is None else united(named, copied), (note, *notes)


def united(first: Tensor, second: Tensor) -> Tensor:
    """Return groups in which samples are together that are together in either, ``(sample,)``."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    size = int(first.max()) + 1
    shape = (size + int(second.max()) + 1,) * 2
    edges = coo_matrix((np.ones(len(first)), (first.numpy(), size + second.numpy())), shape)
    labels = connected_components(edges, directed=False)[1]
    return torch.from_numpy(labels[first.numpy()].astype(np.int64))


# A test file of one's own

PART = "\0part"  # no column of a file can have that name


def _joined(train: CsvFile, test: CsvFile) -> CsvFile:
    """Return the rows of both files, and the part that each is of in a column of its own."""
    if set(train.texts) != set(test.texts):
        lacking = [n for n in train.texts if n not in test.texts]
        more = [n for n in test.texts if n not in train.texts]
        raise ParibusError(
            f"columns of {test.name}",
            got=f"no {lacking[0]!r}" if lacking else f"also {more[0]!r}",
            expected=f"those of {train.name}",
            fix="Give both files the same columns.",
        )
    texts = {name: [*cells, *test.texts[name]] for name, cells in train.texts.items()}
    texts[PART] = ["0"] * len(train.lines) + ["2"] * len(test.lines)
    digest = hashlib.sha256(f"{train.digest} {test.digest}".encode()).hexdigest()[:16]
    return replace(
        train,
        name=f"{train.name} and {test.name}",
        texts=texts,
        lines=[*train.lines, *test.lines],
        digest=digest,
        about=(*train.about, *(a._replace(became=f"test part: {a.became}") for a in test.about)),
        notes=(*train.notes, *test.notes),
    )


def _declared(csv_file: CsvFile) -> Tensor | None:
    parts = csv_file.texts.get(PART)
    return None if parts is None else torch.tensor([*map(int, parts)])


def _without_crossing(dataset: Dataset) -> Dataset:
    """Return the data without training rows that the test part, or a group of it, holds too."""
    assert dataset.declared is not None, "a test file declares parts"
    if dataset.groups is None:
        return dataset
    tested = dataset.groups[dataset.declared == 2].unique()
    crossing = (dataset.declared != 2) & torch.isin(dataset.groups, tested)
    if not crossing.any():
        return dataset
    keep = ~crossing
    if not keep[dataset.declared != 2].any():
        raise ParibusError(
            f"test file of {dataset.name}",
            got="every training row, or rows of every group of them",
            expected="rows that are not trained on",
            fix="Give a file of other rows, or none, so that a part is drawn for the test.",
        )
    note = f"training rows left out because the test file has them, or rows of their group, too: {int(crossing.sum())}"
    return replace(
        dataset,
        inputs=tuple(x[keep] for x in dataset.inputs),
        targets=tuple(y[keep] for y in dataset.targets),
        groups=dataset.groups[keep],
        declared=dataset.declared[keep],
        notes=(*dataset.notes, note),
    )


def copies_of(
    inputs: np.ndarray[Any, np.dtype[np.float64]], targets: Tensor, parts: Tensor | None = None
) -> tuple[Tensor | None, tuple[str, ...]]:
    """Return a number for each row that copies share, ``(sample,)``, None if there are none, and notes of copies.

    Args:
        inputs: ``(sample, feature)``.
        targets: ``(sample,)``.
        parts: of the rows, where the test part has a file of its own, ``(sample,)``. Whether most rows are copies, as
            where columns take few values, is then judged by the other rows.
    """
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
    judged = rows if parts is None else rows[parts.numpy() != 2]
    if 2 * int(judged.duplicated(keep=False).sum()) > len(judged):
        return None, (f"{note}; as most rows do, copies are split like any other row",)
    groups = torch.from_numpy(pd.factorize(rows)[0].astype(np.int64))
    return groups, (f"{note}; copies stay on one side of a split",)
