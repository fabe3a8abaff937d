"""Tables with what is easily mistaken: ranges and codes for numbers, sums and row numbers for samples and labels."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest

from paribus.data.readers.cells import read_column
from paribus.data.readers.csv_file import read_csv_file
from paribus.data.readers.table import read_table
from tests.helpers.refusals import refused

NOISE = random.Random(0)
X = [round(NOISE.gauss(0, 1), 3) for _ in range(60)]
LABELS = ["a", "b", "c"] * 20


def written(folder: Path, last: str = "", **columns: list[object]) -> Path:
    path = folder / "t.csv"
    rows = [",".join(map(str, row)) for row in zip(*columns.values(), strict=True)]
    path.write_text("\n".join([",".join(columns), *rows, *filter(None, [last])]) + "\n")
    return path


@pytest.mark.parametrize(
    "cells",
    [
        ["3-door", "5-door"],
        ["1-Mar", "2-Mar"],
        ["1-Mar", "2-Sep", "TP53"],
        ["<18", "18-64", ">64"],
        ["48.3, 2.3", "48.9, -0.7", "45.1, 2.9"],
    ],
)
def test_codes_and_ranges_are_text(cells: list[str]) -> None:
    column = read_column(cells)
    assert (column.kind, column.values, column.problem) == ("text", cells, None)


@pytest.mark.parametrize("cell", ["12.-", "12.- Fr", "12.-Fr"])
def test_no_cents_are_no_minus(cell: str) -> None:
    assert read_column([cell, cell]).values == [12.0, 12.0]


def test_a_minus_behind_is_one_before_a_currency_or_nothing() -> None:
    assert read_column(["12.5-", "3"]).values == [-12.5, 3.0]
    assert read_column(["12.5-€", "3€"]).values == [-12.5, 3.0]


def test_dashes_among_numbers_are_missing() -> None:
    assert read_column(["1", "–", "—", "2"]).values == [1.0, None, None, 2.0]


@pytest.mark.parametrize("above", ["# source: x\n# made: today", "Report\nStation 5", "# by, x"])
def test_lines_above_the_names_are_told_for_titles(tmp_path: Path, above: str) -> None:
    path = tmp_path / "t.csv"
    path.write_text(f"{above}\na,b,y\n1,2,x\n")
    assert refused(read_csv_file, path).endswith(
        "which looks like a title or a comment, expected the columns' names. Take the lines above the columns' "
        "names out."
    )


@pytest.mark.parametrize("word", ["..", ":", "\\N", "NaT", "#REF!"])
def test_words_of_statistics_databases_and_sheets_are_missing(word: str) -> None:
    assert read_column(["1", word, "2"]).values == [1.0, None, 2.0]


def test_a_unit_has_a_plural() -> None:
    column = read_column(["1 day", "5 days", "7 days"])
    assert (column.values, column.how) == ([1.0, 5.0, 7.0], "each in 'day'")
    problem = read_column(["1 m", "5 ms", "7 ms"]).problem
    assert problem is not None
    assert problem.cell == "1 m"


def test_columns_spelled_alike_are_told(tmp_path: Path) -> None:
    notes = read_table(written(tmp_path, Age=X, age=X[::-1], y=LABELS)).notes
    assert notes[0].startswith("columns that differ by capital letters")


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ([10 * "cab".index(y) + x for x, y in zip(X, LABELS, strict=True)], "column 'z' tells 'y'"),
        (
            ["" if y == "a" else x for x, y in zip(X, LABELS, strict=True)],
            "whether column 'z' is missing tells 'y'",
        ),
        ([x + "abc".index(y) for x, y in zip(X, LABELS, strict=True)], ""),
        (["" if i % 7 == 0 else x for i, x in enumerate(X)], ""),
    ],
)
def test_a_column_that_tells_the_class_by_its_size_or_by_gaps(
    tmp_path: Path, values: list[object], told: str
) -> None:
    notes = read_table(written(tmp_path, x=X, z=values, y=LABELS)).notes
    found = [note for note in notes if "in every row" in note]
    assert len(found) == bool(told)
    assert all(note.startswith(told) for note in found)


def test_a_line_that_sums_up_the_others_is_refused(tmp_path: Path) -> None:
    y = [abs(round(x * 3 + 2, 2)) for x in X]
    count = [i * i % 7 for i in range(60)]
    last = f"{sum(count)},,{sum(y):.2f}"
    assert refused(read_csv_file, written(tmp_path, last, count=count, c=LABELS, y=y)) == (
        f"line 62 of t.csv: got the sum of the lines above (count {sum(count)}, y {sum(y):g}), expected a sample in "
        "each line. Take the line out."
    )


@pytest.mark.parametrize("last", ["177,a,1", "5,a,3", "3,a,177"])
def test_a_line_that_sums_up_one_column_alone_is_a_sample(tmp_path: Path, last: str) -> None:
    count = [i * i % 7 for i in range(60)]
    path = written(tmp_path, last, count=count, c=LABELS, y=count)
    assert len(read_csv_file(path).lines) == 61


def test_the_last_of_a_few_events_is_a_sample(tmp_path: Path) -> None:
    path = written(tmp_path, "2,a", count=[int(i in (3, 7)) for i in range(60)], y=LABELS)
    assert len(read_csv_file(path).lines) == 61


def test_a_last_column_that_numbers_the_rows_is_predicted_only_if_it_is_named(
    tmp_path: Path,
) -> None:
    path = written(tmp_path, x=X, kind=LABELS, id=[*range(60)])
    assert refused(read_table, path) == (
        "column to predict of t.csv: got 'id', the last one, as none is named: numbers the rows, expected a label or a "
        "value. Name the column to predict by --target, this one too if it is meant."
    )
    assert read_table(path, target="id").kind == "regression"


def test_groups_that_are_missing_are_counted(tmp_path: Path) -> None:
    group = ["" if i < 5 else f"p{i // 6}" for i in range(60)]
    notes = read_table(written(tmp_path, p=group, x=X, y=LABELS), group="p").notes
    assert (
        "rows of one 'p' stay on one side of a split: 10 values; rows without one, each by itself: 5"
        in notes
    )


@pytest.mark.parametrize("scale", [1e-40, 1e-200])
def test_numbers_too_fine_for_float32_are_refused(tmp_path: Path, scale: float) -> None:
    path = written(tmp_path, x=[float(x * scale) for x in np.array(X)], y=LABELS)
    assert refused(read_table, path) == (
        "column 'x' of t.csv: got numbers of which none is 1e-36 larger than another, expected differences that "
        "float32 can standardise. Write the column in a smaller unit."
    )


def test_numbers_that_double_are_no_sum(tmp_path: Path) -> None:
    """2^17 is one more than all powers of two before it."""
    data = read_table(written(tmp_path, score=[2.0**i for i in range(18)], y=["a", "b"] * 9), "y")
    assert len(data.inputs[0]) == 18
