"""Parts of times in columns of their own: year, month and day, and the time of day."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
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
_MONTH = _named("month|mon|mo|mn|mth|mm|monat|mois|mes|mese")
_QUARTER = _named("quarter|qtr|q|quartal|trimestre")
_DAY = _named("day|dd|dom|tag|jour|dia|giorno")
_DAY_OF_YEAR = _named("doy|yday|day_of_year|dayofyear|jday|julian")
_WEEK = _named("week|isoweek|wk|kw|woche|semaine|semana|settimana")
_HOUR = _named("hour|hr|hours|he|h|stunde|time|zeit")
_MINUTE = _named("minute|min|minutes")
_CLOCK = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2}))?(?:\s?([ap])\.?m\.?)?", re.IGNORECASE)


def date_of_parts(csv_file: CsvFile) -> tuple[tuple[str, ...], Moments] | None:
    """Return columns that make a date, such as year, month and day, and the dates; None if there are none."""
    year = _column(csv_file, YEAR, 0, 9999)
    parts = ((p, _column(csv_file, p, 1, most), made) for p, most, made in _PARTS)
    pattern, part, made = next((found for found in parts if found[1]), (None, None, None))
    if year is None or part is None or made is None:
        return None
    names: tuple[str, ...] = (year[0], part[0])
    dates = made(year[1], part[1])
    day = _column(csv_file, _DAY, 1, 31, but=names) if pattern is _MONTH else None
    if dates is not None and day is not None:
        names, starts = (*names, day[0]), dates
        dates = starts + (day[1] - 1).astype("timedelta64[D]")
        if (dates.astype("datetime64[M]") != starts.astype("datetime64[M]")).any():
            return None  # such as the 30th of February
    return None if dates is None else (names, dates.astype("datetime64[s]"))


def _months(years: Numbers, months: Numbers) -> Moments:
    return (12 * (years - 1970) + months - 1).astype("datetime64[M]").astype("datetime64[D]")


def _quarters(years: Numbers, quarters: Numbers) -> Moments:
    return _months(years, 3 * quarters - 2)


def _days_of_year(years: Numbers, days: Numbers) -> Moments:
    starts = (years - 1970).astype("datetime64[Y]").astype("datetime64[D]")
    dates: Moments = starts + (days - 1).astype("timedelta64[D]")
    return dates


def _mondays(years: Numbers, weeks: Numbers) -> Moments | None:
    """Return the Monday of each week as ISO counts them, None where a year has no such week."""
    pairs = zip(years.tolist(), weeks.tolist(), strict=True)
    try:
        return np.array([date.fromisocalendar(*pair, 1) for pair in pairs], dtype="datetime64[D]")
    except ValueError:
        return None


_PARTS = (
    (_DAY_OF_YEAR, 366, _days_of_year),
    (_MONTH, 12, _months),
    (_QUARTER, 4, _quarters),
    (_WEEK, 53, _mondays),
)


def time_of_day(
    csv_file: CsvFile, used: tuple[str, ...], days: Moments
) -> tuple[tuple[str, ...], Moments] | None:
    """Return the columns of an hour, and of a minute if hours repeat, and the times that they make of the days."""
    for name in csv_file.texts:
        if name in used or not _HOUR.fullmatch(name.strip()):
            continue
        seconds = _seconds(csv_file, name)
        if seconds is None:
            continue
        moments: Moments = days + seconds.astype("timedelta64[s]")
        minute = _column(csv_file, _MINUTE, 0, 59, but=(*used, name))
        if minute is None or (seconds % 3600 != 0).any() or len({*moments}) == len(moments):
            return (name,), moments
        return (name, minute[0]), moments + (60 * minute[1]).astype("timedelta64[s]")
    return None


def _quarter_of(word: str) -> int | None:
    match = re.fullmatch(r"Q([1-4])", word.strip(), re.IGNORECASE)
    return int(match[1]) if match else None


_WORDS: dict[re.Pattern[str], Callable[[str], int | None]] = {
    _MONTH: month_of,
    _QUARTER: _quarter_of,
}


def _column(
    csv_file: CsvFile, pattern: re.Pattern[str], low: int, high: int, but: tuple[str, ...] = ()
) -> tuple[str, Numbers] | None:
    """Return the first column with such a name whose cells are all whole numbers in range, or words for them."""
    for name in csv_file.texts:
        column = csv_file.columns[name]
        if name in but or not pattern.fullmatch(name.strip()) or column.missing:
            continue
        values: list[Any] = column.values
        if column.kind == "text" and pattern in _WORDS:
            values = [_WORDS[pattern](value) for value in values]
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
