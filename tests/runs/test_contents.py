"""What a store holds is told without reading it, and every damaged row is found where all of it is read."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from paribus.runs.contents import check, contents
from paribus.runs.store import Store
from tests.helpers.refusals import refused
from tests.helpers.toys import a_run
from tests.runs.test_damaged_store import RECORDS


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Provide a store of three runs that were kept on two days."""
    times = iter(f"2026-01-0{day}T11:12:13+00:00" for day in (5, 5, 6, 6))
    monkeypatch.setattr("paribus.runs.store._now", lambda: next(times))
    path = tmp_path / "runs.sqlite"
    with Store(path) as store:
        for seed in range(3):
            store.add(a_run(seed), RECORDS[seed])
        store.look("contrast", 10)
    return path


def _sql(path: Path, statement: str) -> None:
    with closing(sqlite3.connect(path)) as db, db:
        db.execute(statement)


def test_rows_days_and_the_last_runs_are_told(path: Path) -> None:
    found = contents(path, shown=2)
    assert found.size == path.stat().st_size
    assert found.rows == {"runs": 3, "predictions": 3, "looks": 1}
    assert found.days == ("2026-01-05", "2026-01-06")
    assert found.latest == tuple(
        f"training of Small on 'toy' with seed {seed} (run {a_run(seed).key}): completed, 2026-01-0{day} 11:12"
        for seed, day in ((2, 6), (1, 5))
    )


def test_a_store_without_runs_is_told_as_such(tmp_path: Path) -> None:
    Store(tmp_path / "runs.sqlite").close()
    _, rows, days, latest = contents(tmp_path / "runs.sqlite")
    assert (rows, days, latest) == ({}, (), ())


def test_an_identity_that_is_damaged_leaves_the_key(path: Path) -> None:
    _sql(path, "update runs set identity = '{' where seed = 2")
    assert contents(path).latest[0] == f"run {a_run(2).key}: completed, 2026-01-06 11:12"


@pytest.mark.parametrize(
    ("statement", "damaged"),
    [
        ("update looks set seeds = 9", {}),
        ("update runs set record = replace(record, '0.25', '0.75') where seed = 0", {"runs": 1}),
        ("update runs set record = 3", {"runs": 3}),
        ("delete from checksums", {}),
        ("update predictions set arrays = x'00'", {"predictions": 3}),
        (
            "update predictions set arrays = cast(substr(arrays, 1, 100) || x'ff' || substr(arrays, 102) as blob)",
            {"predictions": 3},
        ),
        ("update predictions set arrays = (select arrays from predictions limit 1)", {}),
    ],
)
def test_rows_that_are_not_what_was_written_are_counted(
    path: Path, statement: str, damaged: dict[str, int]
) -> None:
    assert check(path, lambda: None) == {}
    _sql(path, statement)
    assert check(path, lambda: None) == damaged


def test_a_store_that_is_not_there_is_refused(tmp_path: Path) -> None:
    said = (
        f"the store of runs: got {tmp_path / 'x'}, which is not there, expected a file that paribus made. "
        "Check its path."
    )
    assert refused(contents, tmp_path / "x") == said
    assert refused(check, tmp_path / "x", lambda: None) == said
