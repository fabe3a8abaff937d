"""Parts of times in columns of their own: year, month and day, and the time of day."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from paribus.data.readers.csv_file import CsvFile
from paribus.data.readers.month_names import month_of

Moments = np.ndarray[Any, np.dtype[np.datetime64]]
Numbers = np.ndarray[Any, np.dtype[np.int64]]
HOURS = 2400  # the last hour of a day, as hours and minutes in one number


def _named(words: str) -> re.Pattern[str]:
    """Return a pattern for names in which one of the words stands by itself."""
    return re.compile(rf"(?:.*[^a-z])?(?:{words})(?:[^a-z].*)?", re.IGNORECASE)


YEAR = _named("year|yr|yyyy|jahr|année|annee|anno|año")
_MONTH = _named("month|mon|mo|mm|monat|mois|mes|mese")
_QUARTER = _named("quarter|qtr|quartal|trimestre")
_DAY = _named("day|dd|dom|tag|jour|dia|giorno")
_DAY_OF_YEAR = _named("doy|yday|day_of_year|dayofyear|jday|julian")
_HOUR = _named("hour|hr|hours|he|h|stunde|time|zeit")
_MINUTE = _named("minute|min|minutes")
_CLOCK = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2}))?(?:\s?([ap])\.?m\.?)?", re.IGNORECASE)


def date_of_parts(csv_file: CsvFile) -> tuple[tuple[str, ...], Moments] | None:
    """Return the columns of year and month, quarter or day that make a date, and the dates; None if there are none."""
    year = _column(csv_file, YEAR, 0, 9999)
    if year is None:
        return None
    years = year[1].astype("int64") - 1970
    within = _column(csv_file, _DAY_OF_YEAR, 1, 366)
    if within is not None:
        days = years.astype("datetime64[Y]").astype("datetime64[D]") + (within[1] - 1)
        return (year[0], within[0]), days.astype("datetime64[s]")
    month = _column(csv_file, _MONTH, 1, 12)
    quarter = None if month else _column(csv_file, _QUARTER, 1, 4)
    found = month or quarter
    if found is None:
        return None
    number = found[1] if month else 3 * found[1] - 2
    months = (12 * years + number - 1).astype("datetime64[M]")
    day = _column(csv_file, _DAY, 1, 31, but=(year[0], found[0]))
    if day is None:
        return (year[0], found[0]), months.astype("datetime64[s]")
    days = months.astype("datetime64[D]") + (day[1] - 1)
    if (days.astype("datetime64[M]") != months).any():  # such as the 30th of February
        return None
    return (year[0], found[0], day[0]), days.astype("datetime64[s]")


def time_of_day(
    csv_file: CsvFile, used: tuple[str, ...]
) -> tuple[tuple[str, ...], np.ndarray[Any, np.dtype[np.timedelta64]]] | None:
    """Return the columns of an hour, and perhaps a minute, and the time of day that they make."""
    for name in csv_file.texts:
        if name in used or not _HOUR.fullmatch(name.strip()):
            continue
        seconds = _seconds(csv_file, name)
        if seconds is None:
            continue
        minute = _column(csv_file, _MINUTE, 0, 59, but=(*used, name))
        if minute is not None and (seconds % 3600 == 0).all():
            total = seconds + 60 * minute[1]
            return (name, minute[0]), total.astype("timedelta64[s]")
        return (name,), seconds.astype("timedelta64[s]")
    return None


def _column(
    csv_file: CsvFile, pattern: re.Pattern[str], low: int, high: int, but: tuple[str, ...] = ()
) -> tuple[str, Numbers] | None:
    """Return the first column with such a name whose cells are all whole numbers in range, or names of months."""
    for name in csv_file.texts:
        column = csv_file.columns[name]
        if name in but or not pattern.fullmatch(name.strip()) or column.missing:
            continue
        values: list[Any] = column.values
        if column.kind == "text" and pattern is _MONTH:
            values = [month_of(value) for value in values]
        elif column.kind != "number":
            continue
        if all(v is not None and low <= v <= high and float(v).is_integer() for v in values):
            return name, np.array(values, dtype=np.int64)
    return None


def _seconds(csv_file: CsvFile, name: str) -> Numbers | None:
    """Return seconds of the day: of hours 0 to 23 or 1 to 24, of hours and minutes, or of both in one number."""
    column = csv_file.columns[name]
    if column.missing:
        return None
    if column.kind == "number":
        numbers = np.array(column.values, dtype=np.float64)
        if numbers.min() < 0 or numbers.max() > HOURS:
            return None
        if numbers.max() > 24:
            if (numbers % 1 != 0).any() or (numbers % 100 >= 60).any():
                return None
            numbers = numbers // 100 + numbers % 100 / 60
        ends = numbers.max() == 24 and numbers.min() > 0  # hours by their ends
        seconds: Numbers = np.round((numbers - ends) * 3600).astype(np.int64)
        return seconds
    parts = [_CLOCK.fullmatch(str(value)) for value in column.values]
    if not all(parts):
        return None
    return np.array([_of_clock(part) for part in parts if part], dtype=np.int64)


def _of_clock(part: re.Match[str]) -> int:
    hour = int(part[1])
    if part[4]:
        hour = hour % 12 + 12 * (part[4].casefold() == "p")
    return hour * 3600 + int(part[2]) * 60 + int(part[3] or 0)
