"""The step of a series: a length of time, or of the calendar, that every row is after the one before."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

Moments = np.ndarray[Any, np.dtype[np.datetime64]]
DAY = 86400
MAX_HOLIDAYS = 0.1  # share of weekdays that may be missing
MAX_CLOSED = 5  # weekdays in a row


class Step(NamedTuple):
    """What lies between a row and the next.

    Attributes:
        text: for people, such as ``15 minutes`` or ``1 month``.
        season: how many steps the natural season has: a day, a week or a year.
        skipped: weekdays that are missing, holidays as a rule.
        first: row of the first that follows a missing one, -1 where none is missing.
    """

    text: str
    season: int
    skipped: int = 0
    first: int = -1

    def spans(self, steps: int) -> str:
        """Return a text for so many steps."""
        count, _, unit = self.text.partition(" ")
        total = steps * float(count)
        for size, larger in (
            ((60, "minute"), (3600, "hour"), (DAY, "day")) if unit[:6] == "second" else ()
        ):
            if total % size == 0:
                return _counted(total / size, larger)
        chain = {"minute": (60, "hour"), "hour": (24, "day")}
        unit = unit.rstrip("s")
        while unit in chain and total % chain[unit][0] == 0:
            total, unit = total / chain[unit][0], chain[unit][1]
        return _counted(total, unit)


def step_of(moments: Moments) -> Step | None:
    """Return the step, if it is the same between all rows; None if it is not, or they are not in order."""
    if len(moments) < 2:
        return None
    steps = microseconds(moments)
    if (steps <= 0).any():
        return None
    seconds = moments.astype("datetime64[s]").astype(np.int64)
    months = _months(moments, seconds)
    if (steps == steps[0]).all() and not (months and months % 12 == 0):
        return _fixed(int(steps[0]) / 1e6)
    if months:
        return _calendar(months)
    return _weekdays(moments, seconds)


def microseconds(moments: Moments) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Return what lies between each row and the next, in microseconds."""
    numbers = moments.astype("datetime64[us]").astype(np.int64)
    apart: np.ndarray[Any, np.dtype[np.int64]] = numbers[1:] - numbers[:-1]
    return apart


def _fixed(seconds: float) -> Step:
    text = length(seconds)
    if seconds < DAY:
        return Step(text, max(1, round(DAY // seconds)))
    seasons = {DAY: 7, 7 * DAY: 52}
    return Step(text, seasons.get(round(seconds), 1))


def _months(moments: Moments, seconds: np.ndarray[Any, np.dtype[np.int64]]) -> int:
    """Return how many months lie between all rows, 0 where that differs, or days of the month do."""
    if (seconds % DAY != seconds[0] % DAY).any():
        return 0
    month = moments.astype("datetime64[M]")
    day = (moments.astype("datetime64[D]") - month.astype("datetime64[D]")).astype(int)
    ends = ((month + 1).astype("datetime64[D]") - moments.astype("datetime64[D]")).astype(int)
    apart = np.diff(month.astype(int))
    same = ((day == day.max()) | (ends == 1)).all()  # the 30th is the last day of February
    return int(apart[0]) if same and apart[0] > 0 and (apart == apart[0]).all() else 0


def _calendar(months: int) -> Step:
    if months % 12 == 0:
        return Step(_counted(months / 12, "year"), 1)
    if months % 3 == 0:
        return Step(_counted(months / 3, "quarter"), max(1, 12 // months))
    return Step(_counted(months, "month"), max(1, 12 // months))


def _weekdays(moments: Moments, seconds: np.ndarray[Any, np.dtype[np.int64]]) -> Step | None:
    """Return a step of weekdays, of which a few may be missing."""
    days = moments.astype("datetime64[D]")
    if (seconds % DAY != seconds[0] % DAY).any() or not np.is_busday(days).all():
        return None
    apart = np.busday_count(days[:-1], days[1:])
    skipped = int((apart - 1).sum())
    if apart.max() > MAX_CLOSED or skipped > MAX_HOLIDAYS * len(days):
        return None
    return Step("1 weekday", 5, skipped, int((apart > 1).argmax()) + 1 if skipped else -1)


def usual_step(moments: Moments) -> float:
    """Return the commonest step in seconds."""
    steps, counts = np.unique(microseconds(moments), return_counts=True)
    return int(steps[counts.argmax()]) / 1e6


def length(seconds: float) -> str:
    """Return a text for a length of time.

    >>> length(900), length(86400), length(5400), length(0.02)
    ('15 minutes', '1 day', '90 minutes', '0.02 seconds')
    """
    for unit, size in (("day", DAY), ("hour", 3600), ("minute", 60)):
        if seconds >= size and seconds % size == 0:
            return _counted(seconds / size, unit)
    return _counted(seconds, "second")


def _counted(count: float, unit: str) -> str:
    return f"{count:g} {unit}" + "s" * (count != 1)
