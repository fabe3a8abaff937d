"""Store of runs: what is added is read back, by other processes too, and other programs' files are left alone."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from paribus.errors import ParibusError
from paribus.runs.run import Outcome, Predictions, Run, RunResult
from paribus.runs.store import Store, Timing
from paribus.runs.store_file import SCHEMA
from paribus.spec import canonical
from tests.helpers.refusals import refused
from tests.helpers.toys import a_run

RUN = a_run(seed=3)
OUTPUTS = np.array([[0.1, -0.0], [math.nan, math.inf]], dtype=np.float32)
RECORD = RunResult(
    key=RUN.key,
    seed=3,
    outcome=Outcome.diverged,
    reason="loss or a weight was not finite by step 6",
    scores={"log_loss": math.inf, "accuracy": 0.1 + 0.2},
    dummy={"prior": {"log_loss": math.log(2), "accuracy": 0.5}},
    curves={"step": [0, 3, 6], "train/loss": [math.nan, 5e-324, -math.inf]},
    steps=6,
    best_step=3,
    seconds=0.25,
    step_seconds=0.125,
    parameters=17,
    hashes={"split": "ab", "init": {"Linear0.weight(4, 2)": "cd"}},
    data={"name": "points", "classes": ["low", "high"], "train": 36},
    provenance={"torch": "2.14.0", "threads": 1, "dirty": False},
    notes=("a column was dropped", "größer × kleiner"),
)
PREDICTIONS = Predictions(
    outputs=OUTPUTS, target=np.array([0, 1]), dummy=np.zeros((2, 1), dtype=np.float64)
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "made" / "when" / "needed" / "runs.sqlite"


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    with Store(path) as opened:
        yield opened


def test_a_record_comes_back_as_it_was_not_a_number_included(store: Store) -> None:
    """Compared as text, because NaN is not equal to itself; the text has every digit and every type."""
    store.add(RUN, RECORD)
    (stored,) = store.get([RUN.key]).values()
    assert repr(stored) == repr(RECORD)
    assert stored.outcome is Outcome.diverged


def test_the_days_of_the_first_and_the_last_run(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = [a_run(seed=seed) for seed in range(3)]
    for run, day in zip(runs, ("29", "30", "31"), strict=True):
        monkeypatch.setattr("paribus.runs.store._now", lambda day=day: f"2026-01-{day}T23:59:59")
        store.add(run, replace(RECORD, key=run.key))
    keys = [run.key for run in (runs[2], runs[0], runs[1])]
    assert store.dates(keys) == ("2026-01-29", "2026-01-31")
    assert store.dates(keys[:1]) == ("2026-01-31",)
    assert store.dates(["none"]) == ()


def test_a_clock_that_goes_back_makes_nothing_older_than_what_was_kept_before(
    store: Store, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else runs made after a declaration would be said to be older; a clock that was wrong by years is left."""

    def at(time: str) -> None:
        monkeypatch.setattr("paribus.runs.store._now", lambda: f"{time}+00:00")

    at("2026-01-05T12:00:00")
    store.seal("place", "digest", {})
    store.look("a", 12)
    at("2026-01-05T11:00:00")
    store.add(RUN, RECORD)
    store.look("a", 6)
    (seal,) = store.seals("place")
    assert store.made_before([RUN.key], seal.sealed) == 0
    assert store.looks("a") == [12, 6]
    with Store(path) as later:
        assert later._time() == "2026-01-05T12:00:00+00:00"
        at("2024-01-01T00:00:00")
        assert later._time() == "2024-01-01T00:00:00+00:00"


def test_a_record_comes_back_after_the_store_was_closed(path: Path) -> None:
    with Store(path) as store:
        store.add(RUN, replace(RECORD, predictions=PREDICTIONS))
    with Store(path) as store:
        assert repr(store.get([RUN.key])) == repr({RUN.key: RECORD})


def test_predictions_come_back_byte_by_byte(store: Store) -> None:
    store.add(RUN, replace(RECORD, predictions=PREDICTIONS))
    stored = store.predictions(RUN.key)
    assert stored is not None
    for name in ("outputs", "target", "dummy"):
        a, b = getattr(stored, name), getattr(PREDICTIONS, name)
        assert (a.dtype, a.shape, a.tobytes()) == (b.dtype, b.shape, b.tobytes())


def test_what_is_not_there_is_not_made_up(store: Store) -> None:
    store.add(RUN, RECORD)
    assert store.get(["unknown"]) == {}
    assert store.held(["unknown", RUN.key]) == {RUN.key}
    assert store.predictions("unknown") is None
    assert store.predictions(RUN.key) is None
    assert store.timing("a", "b", "cpu") is None


def test_a_run_of_the_same_key_is_replaced_and_its_predictions_with_it(store: Store) -> None:
    store.add(RUN, replace(RECORD, predictions=PREDICTIONS))
    later = replace(PREDICTIONS, outputs=OUTPUTS + 1)
    store.add(RUN, replace(RECORD, steps=7, predictions=later))
    (stored,) = store.get([RUN.key]).values()
    assert stored.steps == 7
    np.testing.assert_array_equal(store.predictions(RUN.key).outputs, OUTPUTS + 1)


def test_a_run_that_leaves_no_predictions_takes_those_of_its_predecessor_away(store: Store) -> None:
    store.add(RUN, replace(RECORD, predictions=PREDICTIONS))
    store.add(RUN, RECORD)
    assert store.predictions(RUN.key) is None


def test_runs_of_different_keys_stand_side_by_side(store: Store) -> None:
    others: list[Run] = [a_run(seed) for seed in range(4)]
    for run in others:
        store.add(run, replace(RECORD, key=run.key, seed=run.seed))
    stored = store.get(run.key for run in reversed(others))
    assert [record.seed for record in stored.values()] == [3, 2, 1, 0]


def test_the_identity_of_a_run_is_kept_as_text_beside_it(store: Store, path: Path) -> None:
    store.add(RUN, RECORD)
    with sqlite3.connect(path) as db:
        row = db.execute("select identity, seed, outcome from runs").fetchone()
    db.close()
    assert row == (canonical(RUN.identity), 3, "diverged")


def test_another_reader_sees_each_run_as_soon_as_it_is_added(store: Store, path: Path) -> None:
    with Store(path) as reader:
        for seed in range(3):
            run = a_run(seed)
            store.add(run, replace(RECORD, key=run.key))
            assert list(reader.get([run.key])) == [run.key]


def test_a_reader_does_not_wait_for_a_writer(store: Store, path: Path) -> None:
    store.add(RUN, RECORD)
    writer = sqlite3.connect(path, isolation_level=None)
    with Store(path) as reader:
        writer.execute("begin immediate")
        writer.execute("delete from runs")
        assert list(reader.get([RUN.key])) == [RUN.key]
        writer.execute("commit")
        assert reader.get([RUN.key]) == {}
    writer.close()


def test_a_store_can_be_opened_by_several_at_once_while_it_is_made(path: Path) -> None:
    def work(seed: int) -> None:
        run = a_run(seed)
        with Store(path) as store:
            store.add(run, replace(RECORD, key=run.key))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    with Store(path) as store:
        assert len(store.get(a_run(seed).key for seed in range(8))) == 8


def test_looks_are_kept_in_their_order_each_once(store: Store, path: Path) -> None:
    assert store.look("a", 12) == [12]
    assert store.look("a", 10) == [12, 10]
    assert store.look("a", 12) == [12, 10]
    assert store.look("b", 10) == [10]
    with Store(path) as later:
        assert later.look("a", 10) == [12, 10]


def test_timings_are_kept_by_variant_baseline_and_device(store: Store) -> None:
    first, second = Timing([2.0, 0.1], [1.0, 0.3]), Timing([5.0], [4.0])
    store.add_timing("a", "b", "cpu", first)
    store.add_timing("a", "b", "cuda", second)
    assert store.timing("a", "b", "cpu") == first
    assert store.timing("a", "b", "cuda") == second
    assert store.timing("b", "a", "cpu") is None
    store.add_timing("a", "b", "cpu", second)
    assert store.timing("a", "b", "cpu") == second


def test_a_timings_ratio_is_the_median_of_its_rounds_ratios() -> None:
    """By hand: 2/1, 4/2 and 9/3, where the medians' ratio would be 4/2 and the means' ratio 15/6."""
    timing = Timing([2.0, 9.0, 4.0], [1.0, 3.0, 2.0])
    assert timing.ratios == [2.0, 3.0, 2.0]
    assert timing.ratio == 2.0


def _text(path: Path) -> str:
    path.write_text("seed,score\n0,1\n")
    return f"{path} (file is not a database)"


def _later_version(path: Path) -> str:
    Store(path).close()
    _sqlite(path, f"pragma user_version = {SCHEMA + 6}")
    return f"{path} of version {SCHEMA + 6}, which a later paribus made"


def _earlier_version(path: Path) -> str:
    Store(path).close()
    _sqlite(path, "pragma user_version = 2")
    return f"{path} of version 2, which an earlier paribus made"


def _another_program_of_the_same_version(path: Path) -> str:
    _sqlite(path, "create table runs (run_uuid text)", f"pragma user_version = {SCHEMA}")
    return f"{path}, an SQLite file of something else"


def _another_program_with_runs(path: Path) -> str:
    """As a store of MLflow, whose version is 0."""
    _sqlite(path, "create table runs (run_uuid text, name text)")
    return f"{path}, an SQLite file of something else"


def _another_program(path: Path) -> str:
    _sqlite(path, "create table moz_places (id integer)")
    return f"{path}, an SQLite file of something else"


def _folder(path: Path) -> str:
    path.mkdir()
    return f"{path} (unable to open database file)"


def _sqlite(path: Path, *statements: str) -> None:
    db = sqlite3.connect(path)
    for statement in statements:
        db.execute(statement)
    db.close()


EXPECTED = "a file that can be written and that paribus made, or none yet"
AWAY = "Name another file with --paribus-store, or move this one away."
LEFT = "Name another file with --paribus-store; this one is left as it is."


@pytest.mark.parametrize(
    ("make", "expected", "fix"),
    [
        (_text, EXPECTED, AWAY),
        (_folder, EXPECTED, AWAY),
        (_another_program, EXPECTED, LEFT),
        (_another_program_of_the_same_version, EXPECTED, LEFT),
        (_another_program_with_runs, EXPECTED, LEFT),
        (_earlier_version, f"version {SCHEMA}", LEFT),
        (_later_version, f"version {SCHEMA}", f"Update paribus, or n{LEFT[1:]}"),
    ],
)
def test_what_is_no_store_is_refused_and_left_as_it_is(
    tmp_path: Path, make: Callable[[Path], str], expected: str, fix: str
) -> None:
    path = tmp_path / "runs.sqlite"
    got = make(path)
    before = path.read_bytes() if path.is_file() else b""
    assert refused(Store, path) == f"the store of runs: got {got}, expected {expected}. {fix}"
    assert (path.read_bytes() if path.is_file() else b"") == before
    assert [p.name for p in tmp_path.iterdir()] == ["runs.sqlite"]


@pytest.mark.parametrize(
    ("below", "reason"),
    [
        ("runs.sqlite", "[Errno 17] File exists: '{file}'"),
        ("folder/runs.sqlite", "[Errno 20] Not a directory: '{file}/folder'"),
    ],
)
def test_a_folder_that_cannot_be_written_is_refused(
    tmp_path: Path, below: str, reason: str
) -> None:
    """Below a file, where not even root can write."""
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(ParibusError) as caught:
        Store(file / below)
    got = f"{file / below} ({reason.format(file=file)})"
    assert str(caught.value) == f"the store of runs: got {got}, expected {EXPECTED}. {AWAY}"


TRIAL = replace(RUN, trial=2)
TRIED = RunResult(
    key=TRIAL.key,
    seed=3,
    outcome=Outcome.completed,
    scores={"validation/log_loss": 0.5, "train/loss": 0.4},
)


def test_a_trial_is_kept_without_a_test_score(store: Store) -> None:
    store.add(TRIAL, TRIED)
    assert store.get([TRIAL.key]) == {TRIAL.key: TRIED}


@pytest.mark.parametrize(
    ("changes", "got"),
    [
        ({"scores": {**TRIED.scores, "log_loss": 0.6, "accuracy": 0.9}}, "log_loss, accuracy"),
        ({"dummy": {"prior": {"log_loss": 0.7}}}, "prior of the dummy predictors"),
        ({"predictions": PREDICTIONS}, "predictions of the test part"),
    ],
)
def test_a_trial_that_was_scored_on_the_test_part_is_refused(
    store: Store, changes: dict[str, Any], got: str
) -> None:
    assert refused(store.add, TRIAL, replace(TRIED, **changes)) == (
        f"record of trial 2 of seed 3: got {got}, expected scores on the validation part alone. Score a trial by its "
        "validation curve; only the winner, trained afresh, is scored on the test part."
    )
    assert store.get([TRIAL.key]) == {}
    store.add(RUN, replace(TRIED, key=RUN.key, **changes))


def test_what_was_frozen_comes_back_and_can_be_replaced(store: Store) -> None:
    assert store.frozen("spaces") is None
    store.freeze("spaces", {"sgd": {"low": 0.001}, "rounds": 1})
    assert store.frozen("spaces") == {"sgd": {"low": 0.001}, "rounds": 1}
    store.freeze("spaces", {"rounds": 2})
    assert store.frozen("spaces") == {"rounds": 2}


def test_tables_of_another_version_are_refused_in_words(store: Store) -> None:
    assert refused(store.fill, {"others": [], "runs": []}) == (
        "tables of a store: got table others, runs, expected choices of engines, search spaces that a pilot ended "
        "with, looks taken at results, predictions of runs, runs, declarations sealed before training, step times. "
        "Another version of paribus wrote them: make the runs again."
    )
