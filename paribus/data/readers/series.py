"""Series: a CSV of times and values, cut into windows that each predict the value after them."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from paribus.data.dataset import Dataset
from paribus.data.readers.csv_file import CsvFile, listed, read_csv_file
from paribus.errors import ParibusError

if TYPE_CHECKING:
    import pandas as pd

MIN_WINDOWS = 20  # so that each part of a split by time has a few
CLOSE_TO_STANDARD = 0.1  # statistics of another part of the series may have been used


def read_series(path: str | Path, target: str | None = None, window: int = 96) -> Dataset:
    """Read a CSV file with a column of times, evenly spaced and in order, and a column of values.

    Args:
        path: the file: commas, UTF-8, the columns' names in its first line. The times are in the first column of text
            that reads as times.
        target: the column of values; the only one with numbers if None.
        window: how many steps the network sees.

    Returns:
        Inputs ``(sample, window, 1)``, a view of the series, and targets ``(sample, 1)``, the value one step after each
        window; both are to be standardised.

    Raises:
        ParibusError: the file is no table, it has no times or no such column of values, times are missing, out of
            order, repeated or unevenly spaced, a value is missing, infinite or no number, all are equal, or the series
            is too short for the window.
    """
    csv_file = read_csv_file(path)
    time_column, times = _times(csv_file)
    column = _value_column(csv_file, time_column, target)
    step = _checked_step(csv_file, times)
    values = _checked_values(csv_file, column)
    if len(values) < window + MIN_WINDOWS:
        raise ParibusError(
            f"length of {csv_file.name}",
            got=f"{len(values)} rows",
            expected=f"at least {window + MIN_WINDOWS}: a window of {window} steps and "
            f"{MIN_WINDOWS} values to predict",
            fix="Give a longer series.",
        )
    inputs, targets = windows(values, window)
    return Dataset(
        name=csv_file.name,
        origin=f"the file {csv_file.name}, column {column!r} at the times of {time_column!r}",
        inputs=(inputs,),
        targets=(targets,),
        feature_axes=(2,),
        standardise_targets=True,
        features=(column,),
        digest=csv_file.digest,
        notes=_remarks(times, step, values, window),
    )


def windows(values: Tensor, window: int) -> tuple[Tensor, Tensor]:
    """Return all windows of a series, and the value one step after each.

    Args:
        values: ``(time,)``.
        window: how many steps a window has.

    Returns:
        A view ``(time - window, window, 1)`` that shares the memory of ``values``, and targets ``(time - window, 1)``.
    """
    return values.unfold(0, window, 1)[:-1].unsqueeze(-1), values[window:].unsqueeze(-1)


def _times(csv_file: CsvFile) -> tuple[str, pd.Series[Any]]:
    """Return the first column of text of which most reads as times, and those times."""
    import pandas as pd

    for name in csv_file.frame.columns:
        column = csv_file.frame[name]
        if pd.api.types.is_numeric_dtype(column):
            continue
        times = _parsed(column)
        if times.notna().mean() <= 0.5:
            continue
        if times.notna().all():
            return str(name), times
        row = int(times.isna().to_numpy().argmax())
        raise ParibusError(
            f"time column {name!r} of {csv_file.name}, line {csv_file.lines[row]}",
            got="nothing" if pd.isna(column.iloc[row]) else repr(str(column.iloc[row])),
            expected="a time written like the others",
            fix="Mend the time, or leave the line out.",
        )
    raise ParibusError(
        f"time column of {csv_file.name}",
        got=f"no column of times among {listed(csv_file.frame.columns)}",
        expected="a column of times such as 2011-01-31 00:15:00",
        fix="Add one, or give a file that has one.",
    )


def _parsed(column: pd.Series[Any]) -> pd.Series[Any]:
    """Return the times of a column of text, NaT where it is none; day first only where month first does not fit."""
    import pandas as pd

    readings = []
    for day_first in (False, True):
        with warnings.catch_warnings():
            # That each text was read by itself, or that the day came first after all.
            warnings.simplefilter("ignore", UserWarning)
            times = pd.to_datetime(column, errors="coerce", dayfirst=day_first, utc=True)
        if times.notna().all() and times.is_monotonic_increasing:
            return times
        readings.append(times)
    return max(readings, key=lambda times: int(times.notna().sum()))


def _value_column(csv_file: CsvFile, time_column: str, target: str | None) -> str:
    import pandas as pd

    what = "value column"
    if target is not None:
        return csv_file.column(target, what)
    numeric = [
        str(name)
        for name in csv_file.frame.columns
        if name != time_column and pd.api.types.is_numeric_dtype(csv_file.frame[name])
    ]
    if len(numeric) == 1:
        return numeric[0]
    raise ParibusError(
        f"{what} of {csv_file.name}",
        got=f"{len(numeric)} columns of numbers ({listed(numeric)})"
        if numeric
        else f"no column of numbers among {listed(csv_file.frame.columns)}",
        expected="one, or the name of the one to predict",
        fix="Name the column to predict as the target." if numeric else "Give a file with values.",
    )


def _checked_step(csv_file: CsvFile, times: pd.Series[Any]) -> pd.Timedelta:
    """Return the time from each row to the next, the same for all."""
    steps = times.diff().iloc[1:]
    what, fix = f"times of {csv_file.name}", "Sort the rows by time."
    if len(steps) == 0:
        fix = "Give a longer series."
        raise ParibusError(what, got="a single row", expected="a series", fix=fix)
    step: pd.Timedelta = steps.mode().iloc[0]
    zero = step - step
    for wrong, kind, expected, fix in (
        (steps < zero, "which is earlier than", "times in order", "Sort the rows by time."),
        (steps == zero, "which repeats", "each time once", "Keep one row for each time."),
        (
            steps != step,
            "which does not follow",
            f"a row every {_span(step)}",
            "Fill the gap or cut the series there, or resample it evenly.",
        ),
    ):
        if wrong.any():
            row = int(wrong.to_numpy().argmax()) + 1
            raise ParibusError(
                f"{what}, line {csv_file.lines[row]}",
                got=f"{_moment(times.iloc[row])}, {kind} {_moment(times.iloc[row - 1])}",
                expected=expected,
                fix=fix,
            )
    return step


def _checked_values(csv_file: CsvFile, column: str) -> Tensor:
    """Return the values ``(time,)`` in float32, all finite and not all equal."""
    import pandas as pd

    raw = csv_file.frame[column]
    numbers = pd.to_numeric(raw, errors="coerce").to_numpy(np.float64)
    with np.errstate(over="ignore"):
        values = numbers.astype(np.float32)
    if not np.isfinite(values).all():
        row = int((~np.isfinite(values)).argmax())
        value = raw.iloc[row]
        raise ParibusError(
            f"column {column!r} of {csv_file.name}, line {csv_file.lines[row]}",
            got="nothing" if pd.isna(value) else repr(str(value)),
            expected="a finite number for each time",
            fix="Fill the value in, or cut the series there.",
        )
    if (values == values[0]).all():
        raise ParibusError(
            f"column {column!r} of {csv_file.name}",
            got=f"{values[0]:g} throughout",
            expected="values that vary",
            fix="Name another column as the target.",
        )
    return torch.from_numpy(values)


def _remarks(
    times: pd.Series[Any], step: pd.Timedelta, values: Tensor, window: int
) -> tuple[str, ...]:
    """Return the notes of the series that a page must print."""
    span = f"from {_moment(times.iloc[0])} to {_moment(times.iloc[-1])}"
    remarks = [
        f"{len(times)} values every {_span(step)} {span}; a window of {window} steps spans {_span(window * step)}"
    ]
    mean, deviation = float(values.double().mean()), float(values.double().std(correction=0))
    if abs(mean) < CLOSE_TO_STANDARD and abs(deviation - 1) < CLOSE_TO_STANDARD:
        scale = f"mean {mean:.3f}, standard deviation {deviation:.3f}"
        remarks.append(
            f"the values look standardised before they were read ({scale}), so their scale may rest on test "
            "times"
        )
    return tuple(remarks)


def _moment(time: pd.Timestamp) -> str:
    return str(time.tz_localize(None))  # strftime has no year beyond 9999


def _span(step: pd.Timedelta) -> str:
    """Return a text for a length of time.

    >>> import pandas as pd
    >>> _span(pd.Timedelta(minutes=15)), _span(pd.Timedelta(days=1)), _span(pd.Timedelta(minutes=90))
    ('15 minutes', '1 day', '90 minutes')
    """
    seconds = step.total_seconds()
    for unit, size in (("day", 86400), ("hour", 3600), ("minute", 60)):
        if seconds >= size and seconds % size == 0:
            count = round(seconds / size)
            return f"{count} {unit}" + "s" * (count != 1)
    return f"{seconds:g} seconds"
