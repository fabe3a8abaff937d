"""The column of times of a series: how it is written, decided from the whole column."""

from __future__ import annotations

import re
import warnings
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from paribus.data.readers.csv_file import CsvFile
from paribus.data.readers.header import listed
from paribus.data.readers.month_names import in_english
from paribus.data.readers.time_parts import YEAR, date_of_parts, time_of_day
from paribus.data.readers.time_periods import periods
from paribus.data.readers.time_step import step_of
from paribus.errors import ParibusError

Moments = np.ndarray[Any, np.dtype[np.datetime64]]
MAX_YEAR = 9999
MIN_ROWS = 3  # fewer whole numbers are no column of years
_YEAR = re.compile(r"1[5-9]\d\d|2[0-4]\d\d")
_UNITS = {"s": (1e8, 5e9), "ms": (1e11, 5e12), "us": (1e14, 5e15), "ns": (1e17, 5e18)}
_UNIT_NAMES = {"s": "seconds", "ms": "milliseconds", "us": "microseconds", "ns": "nanoseconds"}
_TIME_NAME = re.compile(
    r".*(?:time|date|stamp|unix|epoch|second|datum|zeit|ds)|t|ts", re.IGNORECASE
)
_OFFSET = re.compile(r".*\d(?:Z|[+-]\d{2}:?\d{2})$")
_ISO = re.compile(r"\d{4}[-/.]")
_TIME_OF_DAY = re.compile(r"\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?(?: ?[AaPp][Mm])?")
_MIDNIGHT = re.compile(r"\b24:00(?P<seconds>:00)?\b")  # which ends a day
MIN_DIGITS = 3
MIN_KNOWN = 1 / 3  # of the cells of a column of times, of which others are written otherwise
MAX_SHOWN = 30  # characters of a cell in a message
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


def times_of(csv_file: CsvFile) -> Times:
    """Return the times: of a column of text that reads as times, of parts in several columns, or of one of numbers.

    Of several the first that is even is taken, or else the first.

    Raises:
        ParibusError: there is none, one of its cells is no time, or day and month cannot be told apart.
    """
    found: Times | None = None
    wrong: ParibusError | None = None
    for name in (n for n in csv_file.texts if csv_file.columns[n].kind == "text"):
        try:
            times = _of_text(csv_file, name)
        except ParibusError as error:
            wrong = wrong or error
            continue
        if times is not None:
            times = _with_hours(csv_file, times)
            if _is_even(times.moments):
                return times
            found = found or times
    if found is not None:
        return found
    if wrong is not None:
        raise wrong
    read = [_of_parts(csv_file), *(_of_numbers(csv_file, name) for name in csv_file.texts)]
    whole = [_with_hours(csv_file, times) for times in read if times is not None]
    if whole:
        return next((times for times in whole if _is_even(times.moments)), whole[0])
    raise ParibusError(
        f"time column of {csv_file.name}",
        got=f"no column of times among {_shown(csv_file)}",
        expected="a column of times such as 2011-01-31 00:15:00",
        fix="Add one, or give a file that has one.",
    )


def _is_even(moments: Moments) -> bool:
    return step_of(moments) is not None or step_of(moments[::-1]) is not None


def _shown(csv_file: CsvFile) -> str:
    """Return the columns' names, each with its first cell."""
    cells = {name: cells[0].strip()[:MAX_SHOWN] for name, cells in csv_file.texts.items()}
    return listed(f"{name} ({cell!r})" for name, cell in cells.items())


def _of_parts(csv_file: CsvFile) -> Times | None:
    """Return the times of columns of years, months and days."""
    parts = date_of_parts(csv_file)
    if parts is None:
        return None
    names, moments = parts
    return Times(_joined(names), names, moments, "dates in parts")


def _of_text(csv_file: CsvFile, name: str) -> Times | None:
    cells = [cell.strip() for cell in csv_file.texts[name]]
    for reading in periods(cells):
        return Times(name, (name,), reading.moments, reading.how)
    if 2 * sum(map(_is_no_date, cells)) > len(cells):
        return None
    first, others = _parsed(cells, day_first=False), _parsed(cells, day_first=True)
    known = max(((~np.isnat(first)).mean(), (~np.isnat(others)).mean()))
    if known < MIN_KNOWN:
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
        ends = [bool(_MIDNIGHT.search(cell)) for cell in cells]
        tidy = (_MIDNIGHT.sub(r"00:00\g<seconds>", cell) for cell in map(in_english, cells))
        series = pd.Series([*tidy], dtype=object)
        times = pd.to_datetime(series, errors="coerce", dayfirst=day_first, utc=True)
        if times.isna().any() and _ISO.match(cells[0]):  # fractions of seconds in some rows alone
            others = pd.to_datetime(series, errors="coerce", format="ISO8601", utc=True)
            times = max(times, others, key=lambda found: int(found.notna().sum()))
    starts = times.dt.tz_localize(None).to_numpy()
    moments: Moments = starts + np.array(ends).astype("timedelta64[D]")
    return moments


def _of_numbers(csv_file: CsvFile, name: str) -> Times | None:
    """Return the times of a column of numbers: dates without marks, years, or Unix time."""
    column = csv_file.columns[name]
    if column.kind != "number" or column.missing or len(column.values) < MIN_ROWS:
        return None
    cells = [cell.strip() for cell in csv_file.texts[name]]
    numbers = np.array(column.values)
    if numbers.dtype == object or not np.isfinite(numbers).all():  # larger than any time
        return None
    for reading in periods(cells):
        if step_of(reading.moments) is not None or _TIME_NAME.fullmatch(name.strip()):
            return Times(name, (name,), reading.moments, reading.how)
    whole = bool((numbers % 1 == 0).all())
    even = len(set(np.diff(numbers))) == 1 and abs(np.diff(numbers)[0]) >= 1
    named = bool(YEAR.fullmatch(name.strip())) and bool((np.abs(numbers) <= MAX_YEAR).all())
    if whole and (named or (even and all(_YEAR.fullmatch(str(int(n))) for n in numbers))):
        years = (numbers.astype(np.int64) - 1970).astype("datetime64[Y]")
        return Times(name, (name,), years.astype("datetime64[s]"), "years")
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
    """Return times with the time of day of a second column, where days repeat and another column tells them apart."""
    days = times.moments.astype("datetime64[D]")
    if len(np.unique(times.moments)) == len(times.moments) or (days != times.moments).any():
        return times
    found = time_of_day(csv_file, times.columns, times.moments.astype("datetime64[s]"))
    if found is None:
        return times
    names, moments = found
    how = f"{times.how}, with the time of day from column {' and '.join(map(repr, names))}"
    both = (*times.columns, *names)
    return Times(_joined(both), both, moments, how, times.local)


def _joined(names: Sequence[str]) -> str:
    return f"{', '.join(names[:-1])} and {names[-1]}"
