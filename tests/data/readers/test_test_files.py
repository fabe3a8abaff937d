"""Test parts that have a file of their own, which holds rows of the training file too."""

from __future__ import annotations

from pathlib import Path

import pytest

from paribus.data.readers.table import read_table
from tests.helpers.csv_tables import CLASSES, X, written
from tests.helpers.refusals import refused


def test_a_test_file_with_most_of_the_training_rows_leaves_the_others(tmp_path: Path) -> None:
    train = written(tmp_path, "train.csv", x=X, y=CLASSES)
    held = [X.index(x) for x in dict.fromkeys(X)][:45]
    test = written(tmp_path, "test.csv", x=[X[i] for i in held], y=[CLASSES[i] for i in held])
    data = read_table(train, test=test)
    assert data.declared is not None
    learned = data.inputs[0][data.declared != 2, 0].tolist()
    assert sorted(learned) == pytest.approx(sorted({*X} - {X[i] for i in held}))


def test_the_training_file_is_no_test_file(tmp_path: Path) -> None:
    path = written(tmp_path, x=X, y=CLASSES)
    assert refused(read_table, path, test=path) == (
        "test file of t.csv and t.csv: got every training row, or rows of every group of them, expected rows that are "
        "not trained on. Give a file of other rows, or none, so that a part is drawn for the test."
    )
