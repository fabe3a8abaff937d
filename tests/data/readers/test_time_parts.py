"""Times in several columns, of years alone, in other languages, and further ways to write them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from paribus.data.readers.csv_file import read_csv_file
from paribus.data.readers.series import read_series
from paribus.data.readers.time_column import times_of
from tests.helpers.refusals import refused

COUNT = 60
HOURS = [datetime(2024, 2, 28, tzinfo=UTC) + timedelta(hours=i) for i in range(COUNT)]
MINUTES = [datetime(2024, 2, 28, tzinfo=UTC) + timedelta(minutes=15 * i) for i in range(COUNT)]
DAYS = [date(2023, 12, 25) + timedelta(days=i) for i in range(COUNT)]
MONTHS = [date(1980 + i // 12, i % 12 + 1, 1) for i in range(COUNT)]
WEEKS = [date(2019, 12, 30) + timedelta(days=7 * i) for i in range(COUNT)]
GERMAN = ["Jan", "Feb", "Mrz", "Apr", "Mai", "Jun", "Jul", "Aug", "Sep", "Okt", "Nov", "Dez"]
SPANISH = ["enero", "febrero", "marzo", *["abril"] * 8, "diciembre"]
FRENCH = [
    "janv.",
    "févr.",
    "mars",
    "avr.",
    "mai",
    "juin",
    "juil.",
    "août",
    "sept.",
    "oct.",
    "nov.",
    "déc.",
]


def written(folder: Path, **columns: list[object]) -> Path:
    path = folder / "s.csv"
    columns["value"] = [i * i % 31 for i in range(len(next(iter(columns.values()))))]
    rows = zip(*columns.values(), strict=True)
    path.write_text("\n".join([";".join(columns), *(";".join(map(str, r)) for r in rows)]) + "\n")
    return path


WAYS: dict[str, tuple[dict[str, list[object]], list[datetime] | list[date]]] = {
    "year, month": ({"year": [d.year for d in MONTHS], "month": [d.month for d in MONTHS]}, MONTHS),
    "year, name of month": (
        {"Year": [d.year for d in MONTHS], "Month": [f"{d:%B}" for d in MONTHS]},
        MONTHS,
    ),
    "year, quarter": (
        {"year": [1980 + i // 4 for i in range(40)], "quarter": [i % 4 + 1 for i in range(40)]},
        [date(1980 + i // 4, 3 * (i % 4) + 1, 1) for i in range(40)],
    ),
    "year, Q1": (
        {"Yr": [1980 + i // 4 for i in range(40)], "q": [f"Q{i % 4 + 1}" for i in range(40)]},
        [date(1980 + i // 4, 3 * (i % 4) + 1, 1) for i in range(40)],
    ),
    "year, week": (
        {
            "year": [d.isocalendar()[0] for d in WEEKS],
            "week": [d.isocalendar()[1] for d in WEEKS],
        },
        WEEKS,
    ),
    "year, month, day": (
        {k: [getattr(d, k) for d in DAYS] for k in ("year", "month", "day")},
        DAYS,
    ),
    "year, day of the year": (
        {"year": [d.year for d in DAYS], "doy": [d.timetuple().tm_yday for d in DAYS]},
        DAYS,
    ),
    "year, month, day, hour": (
        {k: [getattr(t, k) for t in HOURS] for k in ("year", "month", "day", "hour")},
        HOURS,
    ),
    "year, month, day, hour, minute": (
        {k: [getattr(t, k) for t in MINUTES] for k in ("year", "month", "day", "hour", "minute")},
        MINUTES,
    ),
    "day, hour with half": (
        {"date": [f"{t:%Y-%m-%d}" for t in HOURS], "time": [f"{t:%I:%M %p}" for t in HOURS]},
        HOURS,
    ),
    "day, hhmm": (
        {"date": [f"{t:%Y-%m-%d}" for t in MINUTES], "time": [f"{t:%H%M}" for t in MINUTES]},
        MINUTES,
    ),
    "YYYYMMDDhh": ({"ts": [f"{t:%Y%m%d%H}" for t in HOURS]}, HOURS),
    "one day of YYYYMMDDhh": ({"ts": [f"{t:%Y%m%d%H}" for t in HOURS[:24]]}, HOURS[:24]),
    "24:00": (
        {
            "t": [
                f"{t - timedelta(days=1):%Y-%m-%d} 24:00" if t.hour == 0 else f"{t:%Y-%m-%d %H:%M}"
                for t in HOURS
            ]
        },
        HOURS,
    ),
    "Jan-80": ({"month": [f"{d:%b-%y}" for d in MONTHS]}, MONTHS),
    "1980M01": ({"month": [f"{d:%YM%m}" for d in MONTHS]}, MONTHS),
    "German": ({"Tag": [f"{d.day}. {GERMAN[d.month - 1]} {d.year}" for d in DAYS]}, DAYS),
    "Spanish": ({"dia": [f"{d.day} de {SPANISH[d.month - 1]} de {d.year}" for d in DAYS]}, DAYS),
    "French": ({"jour": [f"{d.day} {FRENCH[d.month - 1]} {d.year}" for d in DAYS]}, DAYS),
    "long ago": (
        {"year": [*range(-20, 40)]},
        [],
    ),
}


@pytest.mark.parametrize("way", WAYS)
def test_further_ways_to_write_times(tmp_path: Path, way: str) -> None:
    columns, truth = WAYS[way]
    path = written(tmp_path, **columns)
    found = times_of(read_csv_file(path))
    wanted = [np.datetime64(t.isoformat()[:19], "s") for t in truth]
    wanted = wanted or [np.datetime64(f"{y:05}-01-01", "s") for y in columns["year"]]  # type: ignore[str-format]
    assert found.moments.astype("datetime64[s]").tolist() == [t.tolist() for t in wanted]
    assert set(found.columns) == set(columns)
    if len(truth) != 24:
        assert read_series(path, window=4).features == ("value",)


def test_a_least_value_is_no_minute(tmp_path: Path) -> None:
    days, hours = [f"{t:%Y-%m-%d}" for t in HOURS], [t.hour for t in HOURS]
    path = written(tmp_path, date=days, hour=hours, min=[i % 7 for i in range(COUNT)])
    assert times_of(read_csv_file(path)).columns == ("date", "hour")


def test_days_that_repeat_may_lack_the_time_of_day(tmp_path: Path) -> None:
    path = written(tmp_path, date=[f"{t:%Y-%m-%d}" for t in MINUTES], period=[*range(1, 61)])
    assert refused(read_series, path, target="value").endswith(
        "expected each time once. Keep one row for each time, or write the time of day beside the day."
    )


def test_years_of_a_panel(tmp_path: Path) -> None:
    years = [*range(1952, 2008, 2)]
    path = written(tmp_path, country=["a"] * 28 + ["b"] * 28, year=years * 2)
    assert len(read_series(path, panel="country", window=4)) == 48


def test_of_two_columns_of_times_the_even_one_is_taken(tmp_path: Path) -> None:
    issued = ["2024-02-28"] * COUNT
    path = written(tmp_path, issued=issued, valid=[f"{t:%Y-%m-%d %H:%M}" for t in HOURS])
    assert times_of(read_csv_file(path)).columns == ("valid",)


def test_a_second_way_to_write_times_is_named(tmp_path: Path) -> None:
    times = [
        f"{t:%Y-%m-%d %H:%M}" if i < 30 else f"{t:%d/%m/%Y %H:%M}" for i, t in enumerate(HOURS)
    ]
    assert refused(read_series, written(tmp_path, when=times)) == (
        "time column 'when' of s.csv, line 32: got '29/02/2024 06:00', expected a time written like the others. "
        "Mend the time, or leave the line out."
    )


def test_a_whole_column_of_times_is_taken_before_a_broken_one(tmp_path: Path) -> None:
    broken = [f"{t:%Y-%m-%d %H:%M}" if i else "start" for i, t in enumerate(HOURS)]
    path = written(tmp_path, since=broken, when=[f"{t:%Y-%m-%d %H:%M}" for t in HOURS])
    assert times_of(read_csv_file(path)).columns == ("when",)


def test_days_of_one_month_without_a_year_are_no_months(tmp_path: Path) -> None:
    path = written(tmp_path, day=[f"Jan-{d:02}" for d in range(1, 32)])
    assert "no column of times among day ('Jan-01')" in refused(read_series, path)


def test_a_time_of_day_with_fractions_has_no_date(tmp_path: Path) -> None:
    times = [f"11:59:{i // 50:02},{i % 50 * 20:03}" for i in range(COUNT)]
    assert "no column of times among t ('11:59:00,000')" in refused(
        read_series, written(tmp_path, t=times)
    )
