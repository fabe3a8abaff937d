"""What makes times uneven: order, repetition, gaps, clocks that changed."""

from __future__ import annotations

from typing import Any

import numpy as np

from paribus.data.readers.csv_file import CsvFile
from paribus.data.readers.time_column import Times
from paribus.data.readers.time_step import Moments, length, microseconds, usual_step
from paribus.errors import ParibusError

HOUR = 3600
CHANGES = (3, 4, 9, 10, 11)  # months in which clocks change, on either half of the globe
FRIDAY = 4  # counted from Monday; they change in the night before a weekend ends


def uneven(csv_file: CsvFile, moments: Moments, times: Times, panel: str | None) -> ParibusError:
    """Return the error of times that are not one step apart, which names the first that is wrong.

    Args:
        csv_file: for its name and lines.
        moments: ``(time,)``.
        times: of the whole file, for how they are written.
        panel: the column that names series, if there is one.
    """
    what = f"times of {csv_file.name}"
    if len(moments) < 2:
        return ParibusError(
            what, got="a single row", expected="a series", fix="Give a longer series."
        )
    step = usual_step(moments)
    steps = microseconds(moments) / 1e6
    wrong = (steps <= 0) if (steps <= 0).any() else (steps != step)
    row = int(wrong.argmax())
    changed = times.local and _clock_changed(moments, steps, step)
    if changed:
        row = int((steps != step).argmax())
    got = f"{moment(moments[row + 1])}, {_said(float(steps[row]))} {moment(moments[row])}"
    expected, fix = _way_out(csv_file, float(steps[row]), step, times, panel)
    if changed:
        expected = f"a row every {length(step)}: clocks were changed there"
        fix = "Write the times in UTC, or with their offsets such as +01:00."
    return ParibusError(
        f"{what}, line {csv_file.lines[row + 1]}", got=got, expected=expected, fix=fix
    )


def _said(seconds: float) -> str:
    if seconds < 0:
        return "which is earlier than"
    return "which does not follow" if seconds else "which repeats"


def _way_out(
    csv_file: CsvFile, seconds: float, step: float, times: Times, panel: str | None
) -> tuple[str, str]:
    """Return what was expected, and the next step."""
    repeated = seconds <= 0
    names = [] if panel or not repeated else _panel_columns(csv_file, times)
    if names:
        return (
            "each time once",
            f"Name the column that tells the series apart by --panel {names[0]}.",
        )
    if seconds < 0:
        return "times in order", "Sort the rows by time."
    if repeated:
        days = times.moments.astype("datetime64[D]")
        beside = ", or write the time of day beside the day" * bool((days == times.moments).all())
        return "each time once", f"Keep one row for each time{beside}."
    missing = seconds / step - 1 if step > 0 else 0.5
    count = f": {missing:.0f} missing" if missing >= 1 and missing % 1 == 0 else ""
    fix = "Fill the gap or cut the series there, or resample it evenly."
    return f"a row every {length(step)}{count}", fix


def _clock_changed(
    moments: Moments, steps: np.ndarray[Any, np.dtype[np.float64]], step: float
) -> bool:
    """Return whether all that is uneven is an hour too many or too few, on nights on which clocks change."""
    odd, when = steps[steps != step], moments[1:][steps != step]
    days = when.astype("datetime64[D]")
    month, weekday = days.astype("datetime64[M]").astype(int) % 12 + 1, (days.astype(int) + 3) % 7
    night = (when - days) <= np.timedelta64(4, "h")
    if not (np.isin(month, CHANGES) & (weekday >= FRIDAY) & night).all():
        return False
    if not 0 < step <= HOUR or len(odd) > 2 + 2 * len(steps) * step // (365 * 24 * HOUR):
        return False
    return bool(np.isin(odd - step, (HOUR, -HOUR)).all())


def _panel_columns(csv_file: CsvFile, times: Times) -> list[str]:
    """Return the columns of text or whole numbers whose values repeat, as names of series do."""
    rows = len(csv_file.lines)
    return [
        name
        for name, cells in csv_file.texts.items()
        if name not in times.columns
        and 1 < len(set(cells)) <= rows // 5
        and csv_file.columns[name].kind == "text"
    ]


def moment(time: np.datetime64) -> str:
    """Return a time as text, without fractions of a second that are zero."""
    text = str(time.astype("datetime64[us]")).replace("T", " ")
    return text.removesuffix(".000000")
