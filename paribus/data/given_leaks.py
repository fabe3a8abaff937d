"""Columns of arrays that tell what is to be predicted, of which a page warns as it does for tables."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import torch

from paribus.data.dataset import Dataset
from paribus.data.readers.header import listed
from paribus.data.readers.table_warnings import tells

MAX_COLUMNS = 1000  # more are pixels or the like
FIRST_ROWS = 500


def with_leaks_told(dataset: Dataset) -> Dataset:
    """Return the data set with a note of the columns that tell its target in every row, if there are any."""
    (x,), (y,) = dataset.inputs, dataset.targets
    if x.ndim != 2 or x.shape[1] > MAX_COLUMNS or not x.is_floating_point():
        return dataset
    columns: np.ndarray[Any, Any] = x.double().numpy()
    targets = y.reshape(len(y), -1).T.to(torch.float64).numpy()
    names = dataset.features or tuple(map(str, range(columns.shape[1])))
    found = [
        name
        for name, column in zip(names, columns.T, strict=True)
        if any(_tells(column, target, classes=bool(dataset.classes)) for target in targets)
    ]
    if not found:
        return dataset
    several = len(found) > 1
    named, tell, them = ("columns", "tell", "them") if several else ("column", "tells", "it")
    unless = f"leave {them} out unless known when predictions are made"
    note = f"{named} {listed(found)} of X {tell} y in every row: {unless}"
    return replace(dataset, notes=(*dataset.notes, note))


def _tells(column: np.ndarray[Any, Any], target: np.ndarray[Any, Any], *, classes: bool) -> bool:
    """Return whether a column tells the target; one that does not tell the first rows is not looked at further."""
    first, wanted = column[:FIRST_ROWS], target[:FIRST_ROWS]
    if 2 * np.isfinite(first).sum() >= len(first) and not tells(first, wanted, classes=classes):
        return False
    return tells(column, target, classes=classes)
