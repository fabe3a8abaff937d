"""Tables that scikit-learn ships, read without importing it, which takes longer than a short training."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np


class _Files(NamedTuple):
    """Where a table is: one file whose last column is the target, or one of measurements and one of targets.

    Attributes:
        names: of the files.
        skipped: lines before the first sample.
        delimiter: between columns; None for blanks.
        options: with which scikit-learn gives the same.
    """

    names: tuple[str, ...]
    skipped: int = 0
    delimiter: str | None = ","
    options: Mapping[str, Any] = {}


FILES = {
    "breast_cancer": _Files(("breast_cancer.csv",), skipped=1),
    "digits": _Files(("digits.csv.gz",)),
    "iris": _Files(("iris.csv",), skipped=1),
    "wine": _Files(("wine_data.csv",), skipped=1),
    "diabetes": _Files(
        ("diabetes_data_raw.csv.gz", "diabetes_target.csv.gz"),
        delimiter=None,
        options={"scaled": False},
    ),
}


def shipped_table(name: str) -> np.ndarray:
    """Return measurements as they were taken with the target in the last column, float64 ``(sample, feature + 1)``.

    Where scikit-learn has moved its files it is asked itself.

    Args:
        name: of its function without ``load_``.

    Raises:
        ModuleNotFoundError: scikit-learn is not installed.
    """
    files = FILES[name]
    paths = [_folder() / each for each in files.names]
    if all(path.exists() for path in paths):
        parts = [
            np.loadtxt(path, delimiter=files.delimiter, skiprows=files.skipped) for path in paths
        ]
        return np.column_stack(parts)
    import sklearn.datasets

    bunch = getattr(sklearn.datasets, f"load_{name}")(**files.options)
    return np.column_stack([bunch.data, bunch.target])


def _folder() -> Path:
    found = find_spec("sklearn")
    if found is None or not found.submodule_search_locations:
        raise ModuleNotFoundError("No module named 'sklearn'", name="sklearn")
    return Path(found.submodule_search_locations[0]) / "datasets" / "data"
