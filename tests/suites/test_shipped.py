"""Tables of scikit-learn, read without it: the same numbers, names and classes as its own functions give."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import sklearn.datasets
import torch

from paribus.suites.tasks import shipped
from paribus.suites.tasks.images import digits
from paribus.suites.tasks.shipped import FILES, shipped_table
from paribus.suites.tasks.tables import diabetes, iris, wine
from paribus.suites.tasks.tabular import breast_cancer

OPTIONS = {"diabetes": {"scaled": False}}


@pytest.mark.parametrize("name", FILES)
def test_a_table_is_that_of_scikit_learn(name: str) -> None:
    options = OPTIONS.get(name, {})
    bunch = getattr(sklearn.datasets, f"load_{name}")(**options)
    table = shipped_table(name)
    assert np.array_equal(table, np.column_stack([bunch.data, bunch.target]))


@pytest.mark.parametrize("name", FILES)
def test_where_its_files_have_moved_scikit_learn_is_asked(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = shipped_table(name)
    monkeypatch.setattr(shipped, "_folder", lambda: tmp_path)
    assert np.array_equal(shipped_table(name), read)


@pytest.mark.parametrize("make", [iris, wine, diabetes, breast_cancer])
def test_columns_and_classes_have_the_names_of_scikit_learn(make) -> None:
    bunch = getattr(sklearn.datasets, f"load_{make.__name__}")(**OPTIONS.get(make.__name__, {}))
    data = make()
    assert data.features == tuple(map(str, bunch.feature_names))
    assert data.classes == tuple(map(str, getattr(bunch, "target_names", ())))
    assert torch.equal(data.inputs[0], torch.from_numpy(bunch.data).float())


def test_embedded_data_do_not_import_scikit_learn() -> None:
    """That takes two seconds of a first answer."""
    names = ", ".join(
        f"{make.__module__}:{make.__name__}" for make in (digits, breast_cancer, iris)
    )
    code = (
        "import importlib, sys\n"
        f"for name in {names!r}.split(', '):\n"
        "    module, _, function = name.partition(':')\n"
        "    getattr(importlib.import_module(module), function)()\n"
        "print('sklearn' in sys.modules)"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout == "False\n"
