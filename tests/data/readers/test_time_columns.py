"""Times as people write them, steps of the calendar, and what makes times uneven."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest
import torch

from paribus.data.dummy import seasonal_naive
from paribus.data.readers.csv_file import read_csv_file
from paribus.data.readers.series import read_series
from paribus.data.readers.time_column import times_of
from paribus.data.readers.time_step import step_of
from paribus.data.splits import time_split
from tests.helpers.refusals import refused

COUNT = 60
START = datetime(2024, 2, 1, tzinfo=UTC)
HOURS = [START + timedelta(hours=i) for i in range(COUNT)]
DAYS = [date(2024, 1, 25) + timedelta(days=i) for i in range(COUNT)]
MONTHS = [(1949 + i // 12, i % 12 + 1) for i in range(COUNT)]
WEEKDAYS = [
    d for d in (date(2024, 1, 1) + timedelta(days=i) for i in range(90)) if d.weekday() < 5
][:COUNT]
BERLIN = ZoneInfo("Europe/Berlin")


def written(folder: Path, times: list[str], name: str = "when", **columns: list[object]) -> Path:
    columns = columns or {"value": [i * i % 31 for i in range(len(times))]}
    path = folder / "s.csv"
    rows = zip(times, *columns.values(), strict=True)
    path.write_text(
        "\n".join([",".join([name, *columns]), *(",".join(map(str, r)) for r in rows)]) + "\n"
    )
    return path


def month_end(year: int, month: int) -> str:
    return str(date(year + month // 12, month % 12 + 1, 1) - timedelta(days=1))


WAYS: dict[str, tuple[list[str], str, str, str]] = {
    "ISO": ([f"{t:%Y-%m-%d %H:%M:%S}" for t in HOURS], str(HOURS[0])[:19], "1 hour", ""),
    "offsets": (
        [f"{t.astimezone(BERLIN):%Y-%m-%dT%H:%M%z}" for t in HOURS],
        "2024-02-01 00:00:00",
        "1 hour",
        "",
    ),
    "day first": (
        [f"{t:%d/%m/%Y %H:%M}" for t in HOURS],
        "2024-02-01 00:00:00",
        "1 hour",
        "day first",
    ),
    "month first": (
        [f"{t:%m/%d/%Y %H:%M}" for t in HOURS],
        "2024-02-01 00:00:00",
        "1 hour",
        "month first",
    ),
    "points": ([f"{d:%d.%m.%Y}" for d in DAYS], "2024-01-25 00:00:00", "1 day", ""),
    "days": ([f"{d}" for d in DAYS], "2024-01-25 00:00:00", "1 day", ""),
    "no marks": ([f"{d:%Y%m%d}" for d in DAYS], "2024-01-25 00:00:00", "1 day", "YYYYMMDD"),
    "weeks": (
        [f"{2020 + i // 52}-W{i % 52 + 1:02}" for i in range(52)],
        "2019-12-30 00:00:00",
        "7 days",
        "weeks",
    ),
    "months": ([f"{y}-{m:02}" for y, m in MONTHS], "1949-01-01 00:00:00", "1 month", ""),
    "month starts": ([f"{y}-{m:02}-01" for y, m in MONTHS], "1949-01-01 00:00:00", "1 month", ""),
    "month ends": ([month_end(y, m) for y, m in MONTHS], "1949-01-31 00:00:00", "1 month", ""),
    "YYYYMM": ([f"{y}{m:02}" for y, m in MONTHS], "1949-01-01 00:00:00", "1 month", "YYYYMM"),
    "month names": (
        [date(y, m, 1).strftime("%b %Y") for y, m in MONTHS],
        "1949-01-01 00:00:00",
        "1 month",
        "",
    ),
    "quarters": (
        [f"{1960 + i // 4}Q{i % 4 + 1}" for i in range(COUNT)],
        "1960-01-01 00:00:00",
        "1 quarter",
        "quarters",
    ),
    "Q1 2020": (
        [f"Q{i % 4 + 1} {1960 + i // 4}" for i in range(COUNT)],
        "1960-01-01 00:00:00",
        "1 quarter",
        "quarters",
    ),
    "years": ([str(1700 + i) for i in range(COUNT)], "1700-01-01 00:00:00", "1 year", "years"),
    "seconds": (
        [f"{t.timestamp():.0f}" for t in HOURS],
        "2024-02-01 00:00:00",
        "1 hour",
        "Unix seconds",
    ),
    "floats": (
        [f"{t.timestamp():.1f}" for t in HOURS],
        "2024-02-01 00:00:00",
        "1 hour",
        "Unix seconds",
    ),
    "milliseconds": (
        [f"{t.timestamp() * 1000:.0f}" for t in HOURS],
        "2024-02-01 00:00:00",
        "1 hour",
        "Unix milliseconds",
    ),
    "fractions": (
        [
            (START + timedelta(milliseconds=20 * i)).isoformat()[:26].removesuffix("+00:00")
            for i in range(COUNT)
        ],
        "2024-02-01 00:00:00",
        "0.02 seconds",
        "",
    ),
    "half seconds": (
        [f"{START.timestamp() + i / 2}" for i in range(COUNT)],
        "2024-02-01 00:00:00",
        "0.5 seconds",
        "Unix seconds",
    ),
    "the thirtieth": (
        [f"{y}-{m:02}-{min(30, int(month_end(y, m)[-2:]))}" for y, m in MONTHS],
        "1949-01-30 00:00:00",
        "1 month",
        "",
    ),
    "weekdays": ([f"{d}" for d in WEEKDAYS], "2024-01-01 00:00:00", "1 weekday", ""),
}


@pytest.mark.parametrize("way", WAYS)
def test_ways_to_write_times(tmp_path: Path, way: str) -> None:
    times, first, step, how = WAYS[way]
    path = written(tmp_path, times)
    found = times_of(read_csv_file(path))
    assert str(found.moments[0].astype("datetime64[s]")).replace("T", " ") == first
    assert how in found.how
    made = step_of(found.moments)
    assert made is not None
    assert made.text == step
    data = read_series(path)
    assert f"{len(times)} values every {step} from {first}" in data.notes[0]


def test_day_and_month_that_cannot_be_told_apart_are_refused(tmp_path: Path) -> None:
    """The first of each month, and the first days of January."""
    times = [f"01/{m:02}/2024" for m in range(1, 13)]
    path = written(tmp_path, times)
    assert refused(read_series, path) == (
        "time column 'when' of s.csv: got '01/01/2024' and the like, which are even with the day first and with the "
        "month first, expected dates of which one can tell day and month. Write them as 2024-01-31."
    )


def test_days_and_hours_in_two_columns(tmp_path: Path) -> None:
    days = [f"{t:%Y-%m-%d}" for t in HOURS]
    for hours in (
        [t.hour for t in HOURS],
        [t.hour + 1 for t in HOURS],
        [f"{t:%H:%M}" for t in HOURS],
    ):
        found = times_of(read_csv_file(written(tmp_path, days, hour=hours, value=[*range(COUNT)])))
        assert found.columns == ("when", "hour")
        assert [*found.moments.astype("datetime64[s]").astype(int)] == [
            int(t.timestamp()) for t in HOURS
        ]


def test_a_time_of_day_alone_is_no_time(tmp_path: Path) -> None:
    message = refused(read_series, written(tmp_path, [f"{t:%H:%M}" for t in HOURS]))
    assert message.startswith(
        "time column of s.csv: got no column of times among when ('00:00'), value ('0')"
    )
    days = [f"{t:%Y-%m-%d}" for t in HOURS]
    path = written(
        tmp_path, [f"{t:%H:%M}" for t in HOURS], "time", date=days, value=[*range(COUNT)]
    )
    assert times_of(read_csv_file(path)).columns == ("date", "time")


def test_rows_from_the_newest_to_the_oldest_are_turned(tmp_path: Path) -> None:
    times, values = [f"{t:%Y-%m-%d %H:%M}" for t in HOURS], [i * i % 31 for i in range(COUNT)]
    plain = read_series(written(tmp_path, times, value=values))
    turned = read_series(written(tmp_path, times[::-1], value=values[::-1]))
    assert torch.equal(plain.inputs[0], turned.inputs[0])
    assert torch.equal(plain.targets[0], turned.targets[0])
    assert "rows stand from the newest to the oldest, and were turned" in turned.notes


def test_holidays_among_weekdays_are_counted(tmp_path: Path) -> None:
    times = [f"{d}" for d in WEEKDAYS if d.day != 15]
    notes = read_series(written(tmp_path, times)).notes
    assert (
        "weekdays that are missing, as on holidays: 3, the first before line 12; the rows round them count as one step "
        "apart"
    ) in notes


def clock(start: datetime, rows: int) -> list[str]:
    """Return hours as a wall clock in Berlin shows them."""
    return [
        f"{(start + timedelta(hours=i)).astimezone(BERLIN):%Y-%m-%d %H:%M}" for i in range(rows)
    ]


@pytest.mark.parametrize(
    ("start", "got"),
    [
        (
            datetime(2024, 10, 26, 12, tzinfo=UTC),
            "2024-10-27 02:00:00, which repeats 2024-10-27 02:00:00",
        ),
        (
            datetime(2024, 3, 30, 12, tzinfo=UTC),
            "2024-03-31 03:00:00, which does not follow 2024-03-31 01:00:00",
        ),
    ],
)
def test_a_change_of_clocks_is_named(tmp_path: Path, start: datetime, got: str) -> None:
    message = refused(read_series, written(tmp_path, clock(start, COUNT)))
    assert f"got {got}, expected a row every 1 hour: clocks were changed there. " in message
    assert message.endswith("Write the times in UTC, or with their offsets such as +01:00.")


def test_a_gap_says_how_much_is_missing(tmp_path: Path) -> None:
    times = [f"{t:%Y-%m-%d %H:%M}" for t in HOURS]
    del times[10:14]
    message = refused(read_series, written(tmp_path, times))
    assert "line 12: got 2024-02-01 14:00:00, which does not follow 2024-02-01 09:00:00" in message
    assert "expected a row every 1 hour: 4 missing." in message


# Columns


def test_columns_that_are_not_used_are_named(tmp_path: Path) -> None:
    times = [f"{d}" for d in DAYS]
    path = written(
        tmp_path,
        times,
        load=[*range(COUNT)],
        heat=[i % 7 for i in range(COUNT)],
        place=["x"] * COUNT,
    )
    data = read_series(path, "load")
    assert data.inputs[0].shape[2] == 1
    assert (
        "columns that the network does not see: heat, place; --inputs all gives it those of numbers"
        in data.notes
    )
    both = read_series(path, "load", inputs="all")
    assert both.features == ("load", "heat")
    assert torch.equal(both.inputs[0][:, :, :1], data.inputs[0])
    assert both.inputs[0][0, :, 1].tolist() == [i % 7 for i in range(both.inputs[0].shape[1])]
    assert torch.equal(both.targets[0], data.targets[0])


def test_series_of_a_panel_are_cut_apart(tmp_path: Path) -> None:
    times = [f"{d}" for d in DAYS]
    values = {"a": [*range(COUNT)], "b": [1000 + i for i in range(COUNT)]}
    path = written(
        tmp_path, times * 2, store=["a"] * COUNT + ["b"] * COUNT, sales=values["a"] + values["b"]
    )
    assert "Name the column that tells the series apart by --panel store." in refused(
        read_series, path
    )
    data = read_series(path, window=7, panel="store")
    assert len(data) == 2 * (COUNT - 7)
    steps = data.targets[0][:, 0] - data.inputs[0][:, -1, 0]
    assert steps.tolist() == [1.0] * len(data)
    split = time_split(data, torch.Generator())
    assert (data.targets[0][split.train] % 1000).max() <= (data.targets[0][split.test] % 1000).min()


def test_the_season_is_that_of_the_step(tmp_path: Path) -> None:
    data = read_series(written(tmp_path, WAYS["months"][0]))
    assert (data.season, data.inputs[0].shape[1]) == (12, 12)
    split = time_split(data, torch.Generator())
    scale = split.target_standardizers[0]
    assert scale is not None
    year_before = data.inputs[0][split.test, 0]
    assert torch.equal(seasonal_naive(split), scale(year_before))


def test_large_values_keep_their_differences(tmp_path: Path) -> None:
    values = [1e6 + round(0.001 * (i % 7), 3) for i in range(COUNT)]
    data = read_series(written(tmp_path, [f"{d}" for d in DAYS], value=values))
    found = data.targets[0][:, 0].double().numpy()
    wanted = np.array(values)[-len(data) :]
    assert np.allclose(found - found[0], wanted - wanted[0], atol=1e-6)


def test_step_of_knows_no_step_where_there_is_none() -> None:
    days = np.array(["2024-01-01", "2024-01-03", "2024-01-04"], dtype="datetime64[s]")
    assert step_of(days) is None
    assert step_of(days[:1]) is None
