"""The column of times of a series: how it is written, decided from the whole column."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from paribus.data.readers.csv_file import CsvFile
from paribus.data.readers.header import listed
from paribus.data.readers.time_step import step_of
from paribus.errors import ParibusError

if TYPE_CHECKING:
    pass

Moments = np.ndarray[Any, np.dtype[np.datetime64]]
MIN_ROWS = 3  # fewer whole numbers are no column of years
_YEAR = re.compile(r"1[5-9]\d\d|2[0-4]\d\d")
_UNITS = {"s": (1e8, 5e9), "ms": (1e11, 5e12), "us": (1e14, 5e15), "ns": (1e17, 5e18)}
_UNIT_NAMES = {"s": "seconds", "ms": "milliseconds", "us": "microseconds", "ns": "nanoseconds"}
_TIME_NAME = re.compile(
    r".*(?:time|date|stamp|unix|epoch|second|datum|zeit|ds)|t|ts", re.IGNORECASE
)
_HOUR_NAME = re.compile(
    r"(?:.*[^a-z])?(?:hour|hr|hours|he|stunde|time|zeit)(?:[^a-z].*)?", re.IGNORECASE
)
_OFFSET = re.compile(r".*\d(?:Z|[+-]\d{2}:?\d{2})$")
_ISO = re.compile(r"\d{4}[-/.]")
_TIME_OF_DAY = re.compile(r"\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?: ?[AaPp][Mm])?")
MIN_DIGITS = 3
_NUMERIC_DATE = re.compile(r"\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4}\b.*")


class Times(NamedTuple):
    """Times of a series.

    Attributes:
        column: that they are of; two with ``and`` between them where the hour has its own.
        columns: their names.
        moments: ``(time,)``, in UTC where the column says offsets.
        how: they are written, for a page.
        local: whether they are without an offset, so that clocks may have changed.
    """

    column: str
    columns: tuple[str, ...]
    moments: Moments
    how: str
    local: bool = True


class _Reading(NamedTuple):
    moments: Moments
    how: str


def times_of(csv_file: CsvFile) -> Times:
    """Return the times: of the first column of text that reads as times, or of one of years or Unix time.

    Raises:
        ParibusError: there is none, one of its cells is no time, or day and month cannot be told apart.
    """
    texts = [n for n in csv_file.texts if csv_file.columns[n].kind == "text"]
    for name in texts:
        found = _of_text(csv_file, name)
        if found is not None:
            return _with_hours(csv_file, found)
    for name in csv_file.texts:
        found = _of_numbers(csv_file, name)
        if found is not None:
            return _with_hours(csv_file, found)
    raise ParibusError(
        f"time column of {csv_file.name}",
        got=f"no column of times among {listed([*csv_file.texts])}",
        expected="a column of times such as 2011-01-31 00:15:00",
        fix="Add one, or give a file that has one.",
    )


def _of_text(csv_file: CsvFile, name: str) -> Times | None:
    cells = [cell.strip() for cell in csv_file.texts[name]]
    if 2 * sum(map(_is_no_date, cells)) > len(cells):
        return None
    for reading in _periods(cells):
        return Times(name, (name,), reading.moments, reading.how)
    first, others = _parsed(cells, day_first=False), _parsed(cells, day_first=True)
    known = max(((~np.isnat(first)).mean(), (~np.isnat(others)).mean()))
    if known <= 0.5:
        return None
    offset = all(_OFFSET.fullmatch(cell) for cell in cells)
    written = "with their offsets, told in UTC" if offset else "without an offset"
    if not _NUMERIC_DATE.fullmatch(cells[0]) or np.array_equal(first, others):
        _refuse_no_time(csv_file, name, first)
        return Times(name, (name,), first, f"dates, {written}", not offset)
    readings = {
        "month first": first if not np.isnat(first).any() else None,
        "day first": others if not np.isnat(others).any() else None,
    }
    whole = {how: moments for how, moments in readings.items() if moments is not None}
    if not whole:
        _refuse_no_time(csv_file, name, max(first, others, key=lambda m: int((~np.isnat(m)).sum())))
    even = {how: moments for how, moments in whole.items() if step_of(moments) is not None}
    if len(even) == 2:
        raise ParibusError(
            f"time column {name!r} of {csv_file.name}",
            got=f"{cells[0]!r} and the like, which are even with the day first and with the month first",
            expected="dates of which one can tell day and month",
            fix="Write them as 2024-01-31.",
        )
    rising = {how: moments for how, moments in whole.items() if (np.diff(moments) > 0).all()}
    how, moments = next(iter((even or rising or whole).items()))
    return Times(name, (name,), moments, f"dates, the {how}, {written}", not offset)


def _is_no_date(cell: str) -> bool:
    """Return whether a text is a time of day alone, or has too few digits for a date, as the name of a month has."""
    return bool(_TIME_OF_DAY.fullmatch(cell)) or sum(map(str.isdigit, cell)) < MIN_DIGITS


def _refuse_no_time(csv_file: CsvFile, name: str, moments: Moments) -> None:
    if not np.isnat(moments).any():
        return
    row = int(np.isnat(moments).argmax())
    cell = csv_file.texts[name][row].strip()
    raise ParibusError(
        f"time column {name!r} of {csv_file.name}, line {csv_file.lines[row]}",
        got=repr(cell) if cell else "nothing",
        expected="a time written like the others",
        fix="Mend the time, or leave the line out.",
    )


def _parsed(cells: Sequence[str], *, day_first: bool) -> Moments:
    """Return the times of texts, NaT where one is none."""
    import pandas as pd

    if _ISO.match(cells[0]) and day_first:
        day_first = False
    with warnings.catch_warnings():
        # That each text was read by itself, or that the day came first after all.
        warnings.simplefilter("ignore", UserWarning)
        series = pd.Series(cells, dtype=object)
        times = pd.to_datetime(series, errors="coerce", dayfirst=day_first, utc=True)
        if times.isna().any() and _ISO.match(cells[0]):  # fractions of seconds in some rows alone
            others = pd.to_datetime(series, errors="coerce", format="ISO8601", utc=True)
            times = max(times, others, key=lambda found: int(found.notna().sum()))
    moments: Moments = times.dt.tz_localize(None).to_numpy()
    return moments


def _periods(cells: Sequence[str]) -> Iterator[_Reading]:
    """Yield readings as quarters, weeks, or dates without marks between year, month and day."""
    for pattern, how, made in _PERIODS:
        matches = [pattern.fullmatch(cell) for cell in cells]
        if all(matches):
            try:
                texts = [made(m) for m in matches if m]
                yield _Reading(np.array(texts, dtype="datetime64[s]"), how)
            except ValueError:
                continue


def _quarter(year: str, quarter: str) -> str:
    return f"{year}-{3 * int(quarter) - 2:02}-01"


def _week(match: re.Match[str]) -> str:
    from datetime import date

    return date.fromisocalendar(int(match[1]), int(match[2]), 1).isoformat()


_PERIODS: tuple[tuple[re.Pattern[str], str, Callable[[re.Match[str]], str]], ...] = (
    (re.compile(r"(\d{4})[- ]?[Qq]([1-4])"), "quarters", lambda m: _quarter(m[1], m[2])),
    (re.compile(r"[Qq]([1-4])[- /]?(\d{4})"), "quarters", lambda m: _quarter(m[2], m[1])),
    (re.compile(r"(\d{4})-?W(\d{2})"), "weeks, each by its Monday", _week),
    (
        re.compile(r"(\d{4})(0[1-9]|1[0-2])([0-2]\d|3[01])(?:\.0)?"),
        "dates as YYYYMMDD",
        lambda m: f"{m[1]}-{m[2]}-{m[3]}",
    ),
    (
        re.compile(r"(\d{4})(0[1-9]|1[0-2])([0-2]\d|3[01])([01]\d|2[0-3])([0-5]\d)([0-5]\d)?"),
        "times as YYYYMMDDhhmm",
        lambda m: f"{m[1]}-{m[2]}-{m[3]}T{m[4]}:{m[5]}:{m[6] or '00'}",
    ),
    (
        re.compile(r"(1[5-9]\d\d|2[0-4]\d\d)(0[1-9]|1[0-2])(?:\.0)?"),
        "months as YYYYMM",
        lambda m: f"{m[1]}-{m[2]}-01",
    ),
)


def _of_numbers(csv_file: CsvFile, name: str) -> Times | None:
    """Return the times of a column of numbers: dates without marks, years, or Unix time."""
    column = csv_file.columns[name]
    if column.kind != "number" or column.missing or len(column.values) < MIN_ROWS:
        return None
    cells = [cell.strip() for cell in csv_file.texts[name]]
    numbers = np.array(column.values)
    for reading in _periods(cells):
        if step_of(reading.moments) is not None or _TIME_NAME.fullmatch(name.strip()):
            return Times(name, (name,), reading.moments, reading.how)
    whole = bool((numbers % 1 == 0).all())
    years = whole and all(_YEAR.fullmatch(str(int(n))) for n in numbers)
    if years and len(set(np.diff(numbers))) == 1 and abs(np.diff(numbers)[0]) >= 1:
        texts = [f"{int(n)}-01-01" for n in numbers]
        return Times(name, (name,), np.array(texts, dtype="datetime64[s]"), "years")
    for unit, (low, high) in _UNITS.items():
        if ((numbers >= low) & (numbers <= high)).all() and (
            _TIME_NAME.fullmatch(name.strip()) or len(set(np.diff(numbers))) == 1
        ):
            scale = {"s": 1e9, "ms": 1e6, "us": 1e3, "ns": 1.0}[unit]
            nanoseconds = np.round(numbers * scale / 1e3).astype(np.int64) * 1000
            moments = nanoseconds.astype("datetime64[ns]")
            return Times(name, (name,), moments, f"Unix {_UNIT_NAMES[unit]}, told in UTC", False)
    return None


def _with_hours(csv_file: CsvFile, times: Times) -> Times:
    """Return times with the hours of a second column, where days repeat and another column tells them apart."""
    days = times.moments.astype("datetime64[D]")
    if len(np.unique(times.moments)) == len(times.moments) or (days != times.moments).any():
        return times
    for name in csv_file.texts:
        if name in times.columns or not _HOUR_NAME.fullmatch(name.strip()):
            continue
        hours = _hours(csv_file, name)
        if hours is not None:
            moments = times.moments.astype("datetime64[s]") + hours
            how = f"{times.how}, with the hour from column {name!r}"
            both = (*times.columns, name)
            return Times(f"{times.column} and {name}", both, moments, how, times.local)
    return times


def _hours(csv_file: CsvFile, name: str) -> np.ndarray[Any, np.dtype[np.timedelta64]] | None:
    """Return the time of day in a column: hours 0 to 23 or 1 to 24, or hours and minutes."""
    column = csv_file.columns[name]
    if column.missing:
        return None
    if column.kind == "number":
        numbers = np.array(column.values)
        if numbers.min() < 0 or numbers.max() > 24:
            return None
        ends = numbers.max() == 24  # hours by their ends
        seconds = np.round((numbers - ends) * 3600).astype(np.int64).tolist()
        return np.array(seconds, dtype="timedelta64[s]")
    parts = [re.fullmatch(r"(\d{1,2}):(\d{2})(?::(\d{2}))?", str(v)) for v in column.values]
    if not all(parts):
        return None
    seconds = [int(p[1]) * 3600 + int(p[2]) * 60 + int(p[3] or 0) for p in parts if p]
    return np.array(seconds, dtype="timedelta64[s]")
