"""Which columns of a series are predicted, seen or left out, and what makes one doubt them."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest

from paribus.data.readers.series import read_series
from tests.helpers.refusals import refused

DAYS = [date(2024, 1, 25) + timedelta(days=i) for i in range(40)]
LOAD = [i * i % 37 for i in range(40)]


def _file(folder: Path, **columns: list[object]) -> Path:
    path = folder / "s.csv"
    rows = zip(DAYS, *columns.values(), strict=True)
    path.write_text(
        "\n".join([",".join(["day", *columns]), *(",".join(map(str, r)) for r in rows)]) + "\n"
    )
    return path


@pytest.mark.parametrize(
    ("name", "values", "reason"),
    [
        ("", [*range(40)], "numbers the rows"),
        ("Unnamed: 0", [*range(20)] * 2, "an index without a name"),
        ("site", [7] * 40, "one value throughout"),
    ],
)
def test_a_column_that_says_nothing_is_not_predicted_and_no_input(
    tmp_path: Path, name: str, values: list[object], reason: str
) -> None:
    path = _file(tmp_path, **{name: values, "load": [*LOAD]})
    assert read_series(path, window=4).features == ("load",)
    data = read_series(path, window=4, inputs="all")
    shown = name or "column 2"
    assert data.features == ("load",)
    assert f"columns that the network does not see: {shown} ({reason})" in data.notes


def test_a_count_that_rises_may_be_meant(tmp_path: Path) -> None:
    count = [i + (i > 7) + (i > 30) for i in range(40)]
    path = _file(tmp_path, count=count, load=[*LOAD])
    assert "got 2 columns of numbers (count, load)" in refused(read_series, path)
    assert read_series(path, "load", window=4, inputs="all").features == ("load", "count")


def test_truth_values_are_inputs_of_0_and_1(tmp_path: Path) -> None:
    path = _file(tmp_path, load=[*LOAD], holiday=[i % 7 == 0 for i in range(40)])
    for inputs in ("all", "holiday"):
        data = read_series(path, window=4, inputs=inputs)
        assert data.features == ("load", "holiday")
        assert data.inputs[0][0, :, 1].tolist() == [1.0, 0.0, 0.0, 0.0]


def test_a_stand_in_for_missing_values_is_told(tmp_path: Path) -> None:
    load = [-999 if i in (9, 10) else value for i, value in enumerate(LOAD)]
    told = "column load: -999 stands in 2 cells, far from the other numbers"
    assert [n for n in read_series(_file(tmp_path, load=load)).notes if n.startswith(told)]


def test_a_cell_that_is_no_number_is_named(tmp_path: Path) -> None:
    load = ["12*" if i == 9 else value for i, value in enumerate(LOAD)]
    assert refused(read_series, _file(tmp_path, load=load)) == (
        "column 'load' of s.csv, line 11: got '12*', expected a finite number for each time. Fill the value in, or cut "
        "the series there."
    )


def test_values_too_fine_for_float32_are_refused(tmp_path: Path) -> None:
    path = _file(tmp_path, load=[value * 1e-40 for value in LOAD])
    assert "none is 1e-36 larger than another" in refused(read_series, path)


def test_a_row_that_repeats_is_no_change_of_clocks(tmp_path: Path) -> None:
    times = [f"2024-01-{10 + i // 24} {i % 24:02}:00" for i in range(40)]
    times.insert(9, times[9])
    path = tmp_path / "s.csv"
    path.write_text("\n".join(["time,load", *(f"{t},{i}" for i, t in enumerate(times))]) + "\n")
    assert "expected each time once. Keep one row for each time." in refused(read_series, path)
