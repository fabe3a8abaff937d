"""CSV files of times and values: windows, and refusals."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import torch

from paribus.data.dataset import Dataset
from paribus.data.readers.series import read_series, windows
from paribus.data.splits import time_split
from tests.helpers.refusals import refused

START = datetime(2011, 1, 30, 0, 15)  # noqa: DTZ001 - files hold local times without a zone
STEP = timedelta(minutes=15)
COUNT = 40
VALUES = [float(i * i % 37) for i in range(COUNT)]


def _times(
    count: int = COUNT, step: timedelta = STEP, style: str = "%Y-%m-%d %H:%M:%S"
) -> list[str]:
    return [(START + i * step).strftime(style) for i in range(count)]


def _content(times: list[str] | None = None, values: list[object] | None = None) -> str:
    rows = zip(times or _times(), values or VALUES, strict=True)
    return "when,load\n" + "".join(f"{time},{value}\n" for time, value in rows)


def _read(folder: Path, content: str, target: str | None = None) -> Dataset:
    path = folder / "s.csv"
    path.write_text(content)
    return read_series(path, target=target, window=4)


def test_each_window_predicts_the_value_after_it(tmp_path: Path) -> None:
    data = _read(tmp_path, _content())
    assert data.inputs[0].shape == (COUNT - 4, 4, 1)
    assert data.targets[0].shape == (COUNT - 4, 1)
    for i in (0, 7, COUNT - 5):
        assert data.inputs[0][i].squeeze(1).tolist() == VALUES[i : i + 4]
        assert data.targets[0][i].item() == VALUES[i + 4]
    assert (data.name, data.features, data.feature_axes) == ("s.csv", ("load",), (2,))
    assert (data.kind, data.outputs, data.standardise_targets) == ("regression", 1, True)
    assert data.origin == "the file s.csv, column 'load' at the times of 'when'"
    assert data.digest == hashlib.sha256(_content().encode()).hexdigest()[:16]
    assert data.notes == (
        "40 values every 15 minutes from 2011-01-30 00:15:00 to 2011-01-30 10:00:00; a window of 4 steps spans "
        "1 hour",
    )


def test_windows_share_the_memory_of_the_series() -> None:
    values = torch.arange(1000.0)
    inputs, targets = windows(values, 96)
    assert inputs.data_ptr() == values.data_ptr()
    assert (inputs.shape, targets.shape) == ((904, 96, 1), (904, 1))


def test_inputs_and_targets_of_training_are_prepared_without_the_future(tmp_path: Path) -> None:
    later = [*VALUES[:30], *(1e6 + v for v in VALUES[30:])]
    splits = [
        time_split(_read(tmp_path, _content(values=values)), torch.Generator())
        for values in (VALUES, later)
    ]
    for a, b in zip(splits[0].part("train").inputs, splits[1].part("train").inputs, strict=True):
        assert torch.equal(a, b)


@pytest.mark.parametrize(
    ("style", "step", "spoken"),
    [
        ("%Y-%m-%d %H:%M", timedelta(minutes=15), "15 minutes"),
        ("%Y-%m-%dT%H:%M:%S", timedelta(hours=1), "1 hour"),
        ("%Y-%m-%d %H:%M:%S+02:00", timedelta(minutes=90), "90 minutes"),
        ("%Y-%m-%d", timedelta(days=1), "1 day"),
        ("%d/%m/%Y %H:%M", timedelta(hours=6), "6 hours"),
        ("%m/%d/%Y %H:%M", timedelta(hours=6), "6 hours"),
        ("%d.%m.%Y", timedelta(days=7), "7 days"),
        ("%Y-%m-%d %H:%M:%S", timedelta(seconds=10), "10 seconds"),
    ],
)
def test_ways_to_write_a_time(tmp_path: Path, style: str, step: timedelta, spoken: str) -> None:
    data = _read(tmp_path, _content(_times(step=step, style=style)))
    assert f"40 values every {spoken} from 2011-01-" in data.notes[0]


def test_the_first_column_of_times_and_the_only_one_of_numbers_are_taken(tmp_path: Path) -> None:
    rows = "".join(f"{v},a{i},{t}\n" for i, (t, v) in enumerate(zip(_times(), VALUES, strict=True)))
    data = _read(tmp_path, "load,name,when\n" + rows)
    assert data.origin == "the file s.csv, column 'load' at the times of 'when'"


def test_a_target_chooses_among_columns_of_numbers(tmp_path: Path) -> None:
    rows = "".join(f"{t},{v},{-v}\n" for t, v in zip(_times(), VALUES, strict=True))
    data = _read(tmp_path, "when,a,b\n" + rows, target="b")
    assert data.targets[0][0].item() == -VALUES[4]
    assert refused(_read, tmp_path, "when,a,b\n" + rows) == (
        "value column of s.csv: got 2 columns of numbers (a, b), expected one, or the name of the one to predict. "
        "Name the column to predict as the target."
    )


def test_a_series_standardised_before_it_was_read_is_noticed(tmp_path: Path) -> None:
    values = torch.tensor(VALUES)
    scaled = ((values - values.mean()) / values.std() * 1.05 + 0.02).tolist()
    assert _read(tmp_path, _content(values=scaled)).notes[1] == (
        "the values look standardised before they were read (mean 0.020, standard deviation 1.037), so their scale "
        "may rest on test times"
    )


def _with(changes: dict[int, str], of: list[str] | None = None) -> list[str]:
    times = list(of or _times())
    for place, text in changes.items():
        times[place] = text
    return times


T = _times()
ORDER = "expected times in order. Sort the rows by time."
LIKE = "expected a time written like the others. Mend the time, or leave the line out."
VALUE = "expected a finite number for each time. Fill the value in, or cut the series there."


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            _content(_with({10: T[11], 11: T[10]})),
            f"times of s.csv, line 13: got 2011-01-30 02:45:00, which is earlier than 2011-01-30 03:00:00, {ORDER}",
        ),
        (
            _content(_with({10: T[9]})),
            "times of s.csv, line 12: got 2011-01-30 02:30:00, which repeats 2011-01-30 02:30:00, expected each "
            "time once. Keep one row for each time.",
        ),
        (
            _content(T[:10] + _times(COUNT + 1)[11:]),
            "times of s.csv, line 12: got 2011-01-30 03:00:00, which does not follow 2011-01-30 02:30:00, expected "
            "a row every 15 minutes: 1 missing. Fill the gap or cut the series there, or resample it evenly.",
        ),
        (
            _content(_with({39: "20111-01-30 10:00:00"})),
            f"time column 'when' of s.csv, line 41: got '20111-01-30 10:00:00', {LIKE}",
        ),
        (_content(_with({10: ""})), f"time column 'when' of s.csv, line 12: got nothing, {LIKE}"),
        (
            _content(_with({10: "noon"})),
            f"time column 'when' of s.csv, line 12: got 'noon', {LIKE}",
        ),
        (
            "a,b\n" + "x,1\n" * 30,
            "time column of s.csv: got no column of times among a ('x'), b ('1'), expected a column of times such as "
            "2011-01-31 00:15:00. Add one, or give a file that has one.",
        ),
        (
            "when,name\n" + "".join(f"{t},x\n" for t in T),
            "value column of s.csv: got no column of numbers among when, name, expected one, or the name of the one "
            "to predict. Give a file with values.",
        ),
        (
            _content(values=[*VALUES[:5], "", *VALUES[6:]]),
            f"column 'load' of s.csv, line 7: got nothing, {VALUE}",
        ),
        (
            _content(values=[*VALUES[:5], "-inf", *VALUES[6:]]),
            f"column 'load' of s.csv, line 7: got '-inf', {VALUE}",
        ),
        (
            _content(values=[3] * COUNT),
            "column 'load' of s.csv: got 3 throughout, expected values that vary. "
            "Name another column as the target.",
        ),
        (
            _content(T[:23], VALUES[:23]),
            "length of s.csv: got 23 rows, expected at least 24: a window of 4 steps and 20 values to predict. "
            "Give a longer series.",
        ),
        (
            _content(T[:1], VALUES[:1]),
            "times of s.csv: got a single row, expected a series. Give a longer series.",
        ),
    ],
)
def test_what_is_no_even_series_is_refused(tmp_path: Path, content: str, message: str) -> None:
    assert refused(_read, tmp_path, content) == message


def test_a_column_of_text_as_target_is_refused_at_its_first_text(tmp_path: Path) -> None:
    content = _content(values=[*VALUES[:5], "many", *VALUES[6:]])
    assert refused(_read, tmp_path, content, target="load") == (
        f"column 'load' of s.csv, line 7: got 'many', {VALUE}"
    )


@pytest.mark.real_data
def test_the_real_series_of_consumption(real_data: Path) -> None:
    data = read_series(real_data / "electricity" / "electricity_train.csv")
    assert len(data) == 105_215 - 96
    assert data.notes == (
        "105215 values every 15 minutes from 2011-01-01 00:15:00 to 2013-12-31 23:45:00; a window of 96 steps spans "
        "1 day",
        "the values look standardised before they were read (mean -0.007, standard deviation 1.057), so their scale "
        "may rest on test times",
    )
