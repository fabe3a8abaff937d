"""What a page warns of in a table: leaks, subjects, uneven classes, counted rows, dates."""

from __future__ import annotations

from pathlib import Path

import pytest

from paribus.data.readers.table import read_table
from tests.data.readers.test_table_roles import CLASSES, X, written
from tests.helpers.refusals import refused

VALUES = [3 * x + 50 for x in X]


@pytest.mark.parametrize(
    ("leak", "y"),
    [
        (CLASSES, CLASSES),
        (
            [{"a": 7, "b": 1, "c": 7}[c] for c in CLASSES],
            ["b" if c == "b" else "n" for c in CLASSES],
        ),
        (VALUES, VALUES),
        ([2 * v - 1 for v in VALUES], VALUES),
    ],
)
def test_a_column_that_tells_the_target_is_told(
    tmp_path: Path, leak: list[object], y: list[object]
) -> None:
    noise = X[30:] + X[:30]
    notes = read_table(written(tmp_path, leak=leak, x=noise, y=y)).notes
    told = "tells 'y' in every row: leave it out of the file unless it is known when predictions"
    assert sum(told in note for note in notes) == 1
    assert any(note.startswith("column 'leak' tells") for note in notes)


def test_a_column_that_is_wrong_once_is_no_leak(tmp_path: Path) -> None:
    leak = ["b", *CLASSES[1:]]
    notes = read_table(written(tmp_path, leak=leak, x=X, y=CLASSES)).notes
    assert not any("tells" in note for note in notes)


@pytest.mark.parametrize(("ones", "told"), [(6, True), (7, False)])
def test_uneven_classes_are_told(tmp_path: Path, ones: int, told: bool) -> None:
    y = [1] * ones + [0] * (60 - ones)
    notes = read_table(written(tmp_path, x=X, y=y)).notes
    assert any("classes are uneven: 90% of rows are '0'" in note for note in notes) == told


def test_numbers_that_count_again_are_told(tmp_path: Path) -> None:
    data = read_table(written(tmp_path, n=[*range(20)] * 3, x=X, y=CLASSES))
    assert data.features == ("n", "x")
    assert any("column 'n' counts up over and over" in note for note in data.notes)


@pytest.mark.parametrize(
    "dates",
    [
        [20240101 + i for i in range(20)] * 3,
        [f"{1 + i % 28} Jan {2000 + i % 30}" for i in range(60)],
        [f"{2000 + i % 30}-{1 + i % 12:02d}" for i in range(60)],
        [f"March {1 + i % 28}, 2024" for i in range(60)],
        [f"{1 + i % 28}/{1 + i % 12}/2024" if i else "unknown" for i in range(60)],
    ],
)
def test_dates_are_left_out_however_they_are_written(tmp_path: Path, dates: list[object]) -> None:
    cells = [f'"{date}"' for date in dates]
    data = read_table(written(tmp_path, when=cells, x=X, y=CLASSES))
    assert data.features == ("x",)
    assert any("when (dates or times, which are no measurements" in note for note in data.notes)


def test_subjects_are_told_by_their_values_and_by_their_name(tmp_path: Path) -> None:
    subjects = [i // 5 for i in range(60)]
    constant = [1.5 * s for s in subjects]
    told = "on one side of a split by --group"
    notes = read_table(written(tmp_path, s=subjects, x=X, y=constant), problem="regression").notes
    assert any(told in note for note in notes)
    for name, expected in (("patient", True), ("customer_id", True), ("age", False)):
        data = read_table(written(tmp_path, **{name: subjects, "x": X, "y": CLASSES}))
        assert any(told in note for note in data.notes) == expected


@pytest.mark.parametrize(
    ("group", "got"), [("y", "'y', which is to be predicted"), ("one", "'one' of 1 value")]
)
def test_columns_that_are_no_groups_are_refused(tmp_path: Path, group: str, got: str) -> None:
    path = written(tmp_path, one=["k"] * 60, x=X, y=CLASSES)
    assert refused(read_table, path, group=group) == (
        f"column of groups of t.csv: got {got}, expected a column beside it, with a value for each "
        "subject and three at least, one for each part. Name the column whose rows belong together."
    )


def test_a_target_is_named_once(tmp_path: Path) -> None:
    assert refused(read_table, written(tmp_path, x=X, y=X), "y,y") == (
        "label columns of t.csv: got 'y' more than once, expected a different column each time. "
        "Name each column once."
    )
