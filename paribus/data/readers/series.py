"""Series: a CSV of times and values, cut into windows that each predict the value after them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from paribus.data.dataset import Dataset
from paribus.data.precision import to_single
from paribus.data.readers.csv_file import CsvFile, read_csv_file
from paribus.data.readers.doubts import spelled_alike
from paribus.data.readers.series_columns import checked_values, chosen_columns
from paribus.data.readers.time_column import Times, times_of
from paribus.data.readers.time_gaps import moment, uneven
from paribus.data.readers.time_step import Moments, Step, step_of
from paribus.data.reading import Reading
from paribus.errors import ParibusError

MIN_WINDOWS = 20  # so that each part of a split by time has a few
CLOSE_TO_STANDARD = 0.1  # statistics of another part of the series may have been used
WINDOW = 96  # steps, a day of quarters of an hour
LONG = 5 * WINDOW  # rows from which on such a window leaves most of a series to learn from


def read_series(
    path: str | Path,
    target: str | None = None,
    window: int | None = None,
    inputs: str | None = None,
    panel: str | None = None,
) -> Dataset:
    """Read a table with a column of times, evenly spaced and in order, and a column of values.

    Even is a length of time, or months, quarters, years or weekdays; rows from the newest to the oldest are turned.

    Args:
        path: the file, as `read_csv_file` takes it. The times are in the first column of text that reads as times, or
            in a column of years, of dates without marks or of Unix time.
        target: the column of values; the only one with numbers if None.
        window: how many steps the network sees; None takes 96, or fewer for a short series.
        inputs: further columns that the network sees, with commas between them, or ``all``; none if None.
        panel: column whose values name series that the file holds one below the other.

    Returns:
        Inputs ``(sample, window, column)``, the target's column first, and targets ``(sample, 1)``, the value one step
        after each window, in the order of their times; both are to be standardised.

    Raises:
        ParibusError: the file is no table, it has no times or no such column of values, times are missing, out of
            order, repeated or unevenly spaced, a value is missing, infinite or no number, all are equal, or the series
            is too short for the window.
    """
    csv_file = read_csv_file(path)
    times = times_of(csv_file)
    chosen = chosen_columns(csv_file, (*times.columns, *filter(None, [panel])), target, inputs)
    column, further = chosen.target, chosen.further
    pieces = _pieces(csv_file, panel)
    whole = np.stack(
        [
            checked_values(csv_file, column, ["number"]),
            *(checked_values(csv_file, name) for name in further),
        ],
        axis=1,
    )
    made = [_piece(csv_file, times, whole, rows, panel) for rows in pieces]
    step = made[0].step
    _refuse_other_steps(csv_file, made)
    values, taken = to_single(np.concatenate([piece.values for piece in made]))
    if (values[:, 0] == values[0, 0]).all():
        raise ParibusError(
            f"column {column!r} of {csv_file.name}",
            got=f"{values[0, 0] + taken.get(0, 0.0):g} throughout",
            expected="values that vary",
            fix="Name another column as the target.",
        )
    shortest = min(len(piece.values) for piece in made)
    window = window or usual_window(shortest, step.season)
    _refuse_short(csv_file, shortest, window)
    parts = [windows_of(part, window) for part in values.split([len(p.values) for p in made])]
    seen, wanted = (
        torch.cat(tensors) if panel else tensors[0] for tensors in zip(*parts, strict=True)
    )
    if panel:
        ends = np.concatenate([piece.moments[window:] for piece in made])
        order = torch.from_numpy(np.argsort(ends, kind="stable"))
        seen, wanted = seen[order], wanted[order]
    return Dataset(
        name=csv_file.name,
        origin=f"the file {csv_file.name}, column {column!r} at the times of {times.column!r}",
        inputs=(seen,),
        targets=(wanted,),
        feature_axes=(2,),
        standardise_targets=True,
        features=(column, *further),
        digest=csv_file.digest,
        notes=(
            *csv_file.notes,
            *_remarks(made, values[:, 0], window),
            *chosen.notes,
            *_spelled_alike(csv_file, panel),
        ),
        readings=(
            *csv_file.about,
            Reading(times.column, "times", f"{times.how}; every {step.text}, {_range(made)}"),
            Reading(column, "value to predict, and input", _cells(csv_file, column)),
            *(Reading(name, "further input", _cells(csv_file, name)) for name in further),
            *((Reading(panel, "name of the series", f"{len(made)} series"),) if panel else ()),
            *(Reading(name, "left out", reason) for name, reason in chosen.unused.items()),
        ),
        season=step.season if step.season <= window else 1,
    )


def usual_window(rows: int, season: int) -> int:
    """Return 96 steps, or for a short series as many whole seasons as fit into a fifth of it, at least two steps.

    >>> usual_window(105_000, 96), usual_window(144, 12), usual_window(60, 1)
    (96, 24, 12)
    """
    if rows >= LONG:
        return WINDOW
    most = min(WINDOW, rows // 5)
    return max(2, most // season * season or most)


def windows_of(values: Tensor, window: int) -> tuple[Tensor, Tensor]:
    """Return all windows of a series, and the first column's value one step after each.

    Args:
        values: ``(time, column)``.
        window: how many steps a window has.

    Returns:
        A view ``(time - window, window, column)`` that shares the memory of ``values``, and targets
        ``(time - window, 1)``.
    """
    return values.unfold(0, window, 1)[:-1].transpose(1, 2), values[window:, :1]


def windows(values: Tensor, window: int) -> tuple[Tensor, Tensor]:
    """Return `windows_of` a series of one column, ``(time,)``."""
    return windows_of(values[:, None], window)


class _Piece(NamedTuple):
    """One series of a file, in order."""

    moments: Moments
    values: np.ndarray[Any, np.dtype[np.float64]]
    step: Step
    notes: tuple[str, ...]
    line: int


def _pieces(csv_file: CsvFile, panel: str | None) -> list[list[int]]:
    """Return the numbers of the rows of each series."""
    if panel is None:
        return [[*range(len(csv_file.lines))]]
    names = csv_file.columns[csv_file.column(panel, "panel column")].values
    if None in names:
        raise ParibusError(
            f"panel column {panel!r} of {csv_file.name}, line {csv_file.lines[names.index(None)]}",
            got="nothing",
            expected="the name of a series in each row",
            fix="Fill it in, or leave the row out.",
        )
    rows: dict[Any, list[int]] = {}
    for row, name in enumerate(names):
        rows.setdefault(name, []).append(row)
    return [*rows.values()]


def _refuse_other_steps(csv_file: CsvFile, made: Sequence[_Piece]) -> None:
    first = made[0]
    other = next((piece for piece in made if piece.step.text != first.step.text), None)
    if other is not None:
        raise ParibusError(
            f"series of {csv_file.name}",
            got=f"one every {first.step.text} (line {first.line}) and one every {other.step.text} (line {other.line})",
            expected="series of one step",
            fix="Give a file for each step, or resample the series.",
        )


def _piece(
    csv_file: CsvFile,
    times: Times,
    whole: np.ndarray[Any, np.dtype[np.float64]],
    rows: Sequence[int],
    panel: str | None,
) -> _Piece:
    """Return the series of these rows in order; refuse one that is not even."""
    moments, values, notes = times.moments[rows], whole[rows], list[str]()
    csv_file = replace(csv_file, lines=[csv_file.lines[row] for row in rows])
    if len(moments) > 1 and (np.diff(moments).astype(int) < 0).all():
        moments, values = moments[::-1], values[::-1]
        csv_file = replace(csv_file, lines=csv_file.lines[::-1])
        notes.append("rows stand from the newest to the oldest, and were turned")
    step = step_of(moments)
    if step is None:
        raise uneven(csv_file, moments, times, panel)
    if step.skipped:
        line = csv_file.lines[step.first]
        notes.append(
            f"weekdays that are missing, as on holidays: {step.skipped}, the first before line {line}; the rows round "
            "them count as one step apart"
        )
    return _Piece(moments, values, step, tuple(notes), min(csv_file.lines))


def _refuse_short(csv_file: CsvFile, rows: int, window: int) -> None:
    if rows < window + MIN_WINDOWS:
        raise ParibusError(
            f"length of {csv_file.name}",
            got=f"{rows} rows",
            expected=f"at least {window + MIN_WINDOWS}: a window of {window} steps and "
            f"{MIN_WINDOWS} values to predict",
            fix="Give a longer series.",
        )


def _cells(csv_file: CsvFile, column: str) -> str:
    read = csv_file.columns[column]
    return "; ".join(filter(None, [f"{len(read.values)} {read.kind}s", read.how, read.doubt]))


def _range(made: Sequence[_Piece]) -> str:
    first, last = min(p.moments[0] for p in made), max(p.moments[-1] for p in made)
    return f"from {moment(first)} to {moment(last)}"


def _spelled_alike(csv_file: CsvFile, panel: str | None) -> tuple[str, ...]:
    names = csv_file.texts[panel] if panel else ()
    return spelled_alike("series", (name.strip() for name in names))


def _remarks(made: Sequence[_Piece], values: Tensor, window: int) -> tuple[str, ...]:
    """Return the notes of the series that a page must print."""
    step = made[0].step
    count = f"{len(values)} values" + (f" of {len(made)} series" if len(made) > 1 else "")
    remarks = [
        f"{count} every {step.text} {_range(made)}; a window of {window} steps spans {step.spans(window)}",
        *dict.fromkeys(note for piece in made for note in piece.notes),
    ]
    mean, deviation = float(values.double().mean()), float(values.double().std(correction=0))
    if abs(mean) < CLOSE_TO_STANDARD and abs(deviation - 1) < CLOSE_TO_STANDARD:
        scale = f"mean {mean:.3f}, standard deviation {deviation:.3f}"
        remarks.append(
            f"the values look standardised before they were read ({scale}), so their scale may rest on test "
            "times"
        )
    return tuple(remarks)
