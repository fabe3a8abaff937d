"""Quarters, weeks, months and dates without marks, as cells that say all of it by digits and a letter."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from datetime import date
from typing import Any, NamedTuple

import numpy as np

from paribus.data.readers.month_names import month_of

Moments = np.ndarray[Any, np.dtype[np.datetime64]]
CENTURY = 69  # years of two digits from here on are of the last century, as in POSIX


class Reading(NamedTuple):
    """Times of a column, and how they are written."""

    moments: Moments
    how: str


def periods(cells: Sequence[str]) -> Iterator[Reading]:
    """Yield the readings that fit all cells."""
    for pattern, how, made in PERIODS:
        matches = [m for m in map(pattern.fullmatch, cells) if m]
        if len(matches) < len(cells):
            continue
        if made is not _month or len({m[1] for m in matches}) > 1:  # Jan-01, Jan-02 may be days
            try:
                texts = [made(m) for m in matches]
                yield Reading(np.array(texts, dtype="datetime64[s]"), how)
            except ValueError:
                continue


def _quarter(year: str, quarter: str) -> str:
    return f"{year}-{3 * int(quarter) - 2:02}-01"


def _week(match: re.Match[str]) -> str:
    return date.fromisocalendar(int(match[1]), int(match[2]), 1).isoformat()


def _month(match: re.Match[str]) -> str:
    """Return the first of a month that has a name and a year of two digits."""
    month, year = month_of(match[1]), int(match[2])
    if month is None:
        raise ValueError(match[0])
    return f"{1900 + year + 100 * (year < CENTURY)}-{month:02}-01"


_DAY = r"(\d{4})(0[1-9]|1[0-2])([0-2]\d|3[01])"
PERIODS: tuple[tuple[re.Pattern[str], str, Callable[[re.Match[str]], str]], ...] = (
    (re.compile(r"(\d{4})[- ]?[Qq]([1-4])"), "quarters", lambda m: _quarter(m[1], m[2])),
    (re.compile(r"[Qq]([1-4])[- /]?(\d{4})"), "quarters", lambda m: _quarter(m[2], m[1])),
    (re.compile(r"(\d{4})-?W(\d{2})"), "weeks, each by its Monday", _week),
    (re.compile(r"(\d{4})-?M(0?[1-9]|1[0-2])"), "months", lambda m: f"{m[1]}-{int(m[2]):02}-01"),
    (
        re.compile(r"([^\W\d]{3,9})\.?[-' ]?'?(\d{2})"),
        f"months, years from {CENTURY} on of the last century",
        _month,
    ),
    (re.compile(rf"{_DAY}(?:\.0)?"), "dates as YYYYMMDD", lambda m: f"{m[1]}-{m[2]}-{m[3]}"),
    (
        re.compile(rf"{_DAY}([01]\d|2[0-3])(?:\.0)?"),
        "times as YYYYMMDDhh",
        lambda m: f"{m[1]}-{m[2]}-{m[3]}T{m[4]}:00:00",
    ),
    (
        re.compile(rf"{_DAY}([01]\d|2[0-3])([0-5]\d)([0-5]\d)?"),
        "times as YYYYMMDDhhmm",
        lambda m: f"{m[1]}-{m[2]}-{m[3]}T{m[4]}:{m[5]}:{m[6] or '00'}",
    ),
    (
        re.compile(r"(1[5-9]\d\d|2[0-4]\d\d)(0[1-9]|1[0-2])(?:\.0)?"),
        "months as YYYYMM",
        lambda m: f"{m[1]}-{m[2]}-01",
    ),
)
