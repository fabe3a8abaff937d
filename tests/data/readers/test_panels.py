"""Files of several series: their names, their steps, and how their numbers are written."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

from paribus.data.readers.series import read_series
from tests.helpers.refusals import refused

DAYS = [date(2024, 1, 25) + timedelta(days=i) for i in range(40)]


def _file(folder: Path, *rows: str, names: str = "shop,day,sales") -> Path:
    path = folder / "s.csv"
    path.write_text("\n".join([names, *rows]) + "\n")
    return path


def _rows(shop: str, step: int = 1) -> list[str]:
    return [f"{shop},{DAYS[0] + timedelta(days=step * i)},{i * i % 37}" for i in range(40)]


def test_series_of_two_steps_are_refused(tmp_path: Path) -> None:
    path = _file(tmp_path, *_rows("a"), *_rows("b", step=7))
    assert refused(read_series, path, panel="shop") == (
        "series of s.csv: got one every 1 day (line 2) and one every 7 days (line 42), expected series of one step. "
        "Give a file for each step, or resample the series."
    )


def test_rows_without_a_series_are_refused(tmp_path: Path) -> None:
    path = _file(tmp_path, *_rows("a"), *_rows(""))
    assert refused(read_series, path, panel="shop") == (
        "panel column 'shop' of s.csv, line 42: got nothing, expected the name of a series in each row. Fill it in, or "
        "leave the row out."
    )


def test_blanks_round_a_name_are_no_part_of_it(tmp_path: Path) -> None:
    rows = [row.replace("a,", "a ,") if i % 2 else row for i, row in enumerate(_rows("a"))]
    data = read_series(_file(tmp_path, *rows, *_rows("b")), panel="shop", window=4)
    assert len(data) == 2 * 36


def test_names_spelled_alike_are_told(tmp_path: Path) -> None:
    data = read_series(_file(tmp_path, *_rows("a"), *_rows("A")), panel="shop")
    assert [note for note in data.notes if note.startswith("series that differ by capital letters")]


def test_numbers_are_read_by_the_whole_file(tmp_path: Path) -> None:
    small = [f"a;{day};{i},5" for i, day in enumerate(DAYS)]
    large = [f"b;{day};{1 + i % 9}.000" for i, day in enumerate(DAYS)]
    path = _file(tmp_path, *small, *large, names="shop;day;sales")
    data = read_series(path, panel="shop", window=4)
    assert sorted(set(data.targets[0].flatten().tolist()))[-9:] == [
        1000.0 * k for k in range(1, 10)
    ]


def test_a_column_of_times_does_not_tell_series_apart(tmp_path: Path) -> None:
    rows = [f"2024-01-{1 + i // 10:02},x,{i}" for i in range(40)]
    message = refused(read_series, _file(tmp_path, *rows, names="day,place,sales"))
    assert "Keep one row for each time, or write" in message
