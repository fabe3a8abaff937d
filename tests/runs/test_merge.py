"""Stores of several machines become one: nothing is lost, no number is chosen silently, no input is changed."""

from __future__ import annotations

import hashlib
import os
import pickle
import sqlite3
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import replace
from math import nan
from pathlib import Path

import numpy as np
import pytest

from paribus.runs.merge import Merged, merge
from paribus.runs.run import Outcome, Predictions, RunResult
from paribus.runs.store import Store, Timing
from paribus.runs.store_file import SCHEMA
from tests.helpers.refusals import refused
from tests.helpers.toys import a_run


def a_record(seed: int, **changes: object) -> RunResult:
    """Return a result with predictions; one of its numbers is not a number."""
    record = RunResult(
        key=a_run(seed).key,
        seed=seed,
        outcome=Outcome.completed,
        scores={"log_loss": 0.25 + seed, "accuracy": nan},
        curves={"step": [0, 3], "validation/log_loss": [0.5, nan]},
        predictions=Predictions(np.full((2, 2), seed), np.arange(2), np.zeros((2, 2))),
    )
    return replace(record, **changes)


@pytest.fixture
def make(tmp_path: Path) -> Callable[..., Path]:
    def made(name: str, records: Iterable[RunResult]) -> Path:
        path = tmp_path / name
        with Store(path) as store:
            for record in records:
                store.add(a_run(record.seed), record)
        return path

    return made


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Return a function that sets the time of day."""

    def at(time: str) -> None:
        monkeypatch.setattr("paribus.runs.store._now", lambda: f"2026-01-05T{time}:00+00:00")

    return at


def counts(merged: Merged) -> tuple[dict[str, int], dict[str, int], dict[str, int]]:
    return dict(merged.added), dict(merged.equal), dict(merged.other)


def fingerprints(folder: Path) -> dict[str, str]:
    """Return a hash of each file of a folder."""
    files = [path for path in folder.iterdir() if path.is_file()]
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_runs_of_two_stores_and_their_predictions_are_in_the_new_one(
    make: Callable[..., Path], tmp_path: Path
) -> None:
    a, b = make("a", map(a_record, (0, 1))), make("b", map(a_record, (1, 2)))
    before = fingerprints(tmp_path)
    into = tmp_path / "made" / "all"
    assert counts(merge([a, b, a], into)) == (
        {"runs": 3, "predictions": 3},
        {"runs": 1, "predictions": 1},
        {},
    )
    with Store(into) as store:
        found = store.get(a_run(seed).key for seed in range(3))
        expected = {a_run(s).key: a_record(s, predictions=None) for s in range(3)}
        assert repr(found) == repr(expected)
        kept = [store.predictions(a_run(seed).key) for seed in range(3)]
        assert [int(each.outputs[0, 0]) for each in kept if each] == [0, 1, 2]
        assert store._rows("select count(*) from checksums") == [(3,)]
    assert fingerprints(tmp_path) == before


def test_a_second_merge_adds_nothing(make: Callable[..., Path], tmp_path: Path) -> None:
    a, into = make("a", map(a_record, (0, 1))), tmp_path / "all"
    merge([a], into)
    again = counts(merge([a, make("b", [a_record(4)])], into))
    assert again == ({"runs": 1, "predictions": 1}, {"runs": 2, "predictions": 2}, {})


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"scores": {"log_loss": 0.5, "accuracy": nan}}, "log_loss 1.25 in {a} and 0.5 in {b}"),
        ({"scores": {"log_loss": 1.25}}, "accuracy NaN in {a} and null in {b}"),
        ({"outcome": Outcome.diverged}, "outcome completed in {a} and diverged in {b}"),
        ({"best_step": 3}, "best_step 0 in {a} and 3 in {b}"),
        (
            {"predictions": Predictions(np.ones((2, 1)), np.arange(2), np.zeros((2, 2)))},
            "predictions some in {a} and others in {b}",
        ),
        (
            {"curves": {"step": [0, 3], "validation/log_loss": [0.5, 1e-7]}},
            "validation/log_loss [0.5, NaN] in {a} and [0.5, 1e-07] in {b}",
        ),
    ],
)
def test_a_run_with_other_numbers_is_refused_by_name_and_nothing_is_merged(
    make: Callable[..., Path], tmp_path: Path, changes: dict[str, object], said: str
) -> None:
    a, b = make("a", [a_record(1)]), make("b", [a_record(3), a_record(1, **changes)])
    into, other = tmp_path / "all", make("other", [a_record(7)])
    for paths, target, first in (([other, a, b], into, a), ([b], a, a)):
        before = fingerprints(tmp_path)
        assert refused(merge, paths, target) == (
            f"training of Small on 'toy' with seed 1 (run {a_run(1).key}): got {said.format(a=first, b=b)}, expected "
            "the same numbers in every store. Find out what differs between the machines that trained it, and leave "
            "one of these stores out."
        )
        after = fingerprints(tmp_path)
        assert {name for name in after if before.get(name) != after[name]} <= {target.name}
        with Store(a) as store:
            assert store._rows("select count(*) from runs") == [(1,)]
    assert not into.exists()


def test_seconds_and_machines_may_differ(make: Callable[..., Path], tmp_path: Path) -> None:
    a = make("a", [a_record(1, predictions=None)])
    b = make("b", [a_record(1, seconds=9.0, provenance={"python": "3.99"})])
    assert counts(merge([a, b], tmp_path / "all"))[0] == {"runs": 1, "predictions": 1}
    with Store(tmp_path / "all") as store:
        assert store.get([a_run(1).key])[a_run(1).key].seconds == 0.0
        assert store.predictions(a_run(1).key) is not None


def test_looks_and_seals_count_from_when_they_first_were_anywhere(
    make: Callable[..., Path], clock: Callable[[str], None], tmp_path: Path
) -> None:
    """Store a was sealed first, b was looked at first; in the new one their order is that of their times."""
    clock("10:00")
    a = make("a", [a_record(0)])
    with Store(a) as store:
        store.seal("place", "late", {"part": "y"})
        clock("10:30")
        store.look("contrast", 20)
        store.see("place", "late")
    clock("09:00")
    b = make("b", [a_record(0)])
    with Store(b) as store:
        store.seal("place", "early", {"part": "x"})
        store.look("contrast", 10)
        clock("11:00")
        store.seal("place", "late", {"part": "y"})
        store.look("contrast", 20)
        store.see("place", "late")
    merge([a, b], tmp_path / "all")
    with Store(tmp_path / "all") as store:
        assert store.looks("contrast") == [10, 20]
        day = "2026-01-05T{}:00+00:00".format
        assert store.seals("place") == [
            ("early", {"part": "x"}, day("09:00"), None),
            ("late", {"part": "y"}, day("10:00"), day("10:30")),
        ]
        assert store._rows("select first_seen from looks") == [(day("09:00"),), (day("10:30"),)]
        assert store._rows("select created from runs") == [(day("09:00"),)]


def test_of_choices_spaces_and_step_times_the_first_stand(
    make: Callable[..., Path], tmp_path: Path
) -> None:
    paths = [make(name, [a_record(0)]) for name in "ab"]
    for i, path in enumerate(paths):
        with Store(path) as store:
            store.choose("cohort", "loop" if i else "stacked", "faster", 3)
            store.choose(f"cohort of {i}", "loop", "faster", 3)
            store.freeze("spaces", {"lr": 1})
            store.add_timing("a", "b", "cpu", Timing([1.0 + i], [2.0]))
    added, equal, other = counts(merge(paths, tmp_path / "all"))
    assert {name: added[name] for name in ("choices", "frozen", "timings")} == {
        "choices": 3,
        "frozen": 1,
        "timings": 1,
    }
    assert (equal["frozen"], other) == (1, {"choices": 1, "timings": 1})
    with Store(tmp_path / "all") as store:
        assert store.choice("cohort") == ("stacked", "faster", 3)
        assert store.choice("cohort of 1") == ("loop", "faster", 3)
        assert store.frozen("spaces") == {"lr": 1}
        assert store.timing("a", "b", "cpu") == Timing([1.0], [2.0])


def test_a_store_that_is_written_meanwhile_gives_what_was_committed(
    make: Callable[..., Path], tmp_path: Path
) -> None:
    a = make("a", [a_record(0)])
    with Store(a) as writer:
        writer.add(a_run(1), a_record(1))
        assert counts(merge([a], tmp_path / "all"))[0]["runs"] == 2
        writer.add(a_run(2), a_record(2))
    assert counts(merge([a], tmp_path / "all"))[0]["runs"] == 1


def test_a_store_that_changes_without_a_log_while_it_is_read_is_refused(
    make: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    a = make("a", [a_record(0)])
    monkeypatch.setattr("paribus.runs.merge.columns", lambda _: os.utime(a, (1, 1)) or {"runs": []})
    assert refused(merge, [a], tmp_path / "all") == (
        f"the store of runs: got {a}, which another process changed while it was read, expected a file at rest. Now "
        "run the same command again: what the store holds is kept, and not trained again."
    )


class Trap:
    """Object whose pickle makes a file when it is read."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self.path,)


def _sql(path: Path, statement: str, *values: object) -> None:
    with closing(sqlite3.connect(path)) as db, db:
        db.execute(statement, values)


def test_nothing_is_unpickled(make: Callable[..., Path], tmp_path: Path) -> None:
    a, sprung = make("a", [a_record(0)]), tmp_path / "sprung"
    np.savez(
        tmp_path / "trap.npz",
        outputs=np.array([Trap(sprung)], dtype=object),
        target=np.arange(2),
        dummy=np.arange(2),
    )
    for blob in (pickle.dumps(Trap(sprung)), (tmp_path / "trap.npz").read_bytes()):
        _sql(a, "update predictions set arrays = ?", blob)
        said = refused(merge, [a], tmp_path / "all")
        assert said.startswith(
            f"the store of runs: got {a}, which is damaged (among its predictions of runs, {a_run(0).key}: "
            "ValueError: "
        )
    assert not sprung.exists()


def test_a_flipped_bit_is_refused_with_the_way_out(
    make: Callable[..., Path], tmp_path: Path
) -> None:
    a = make("a.sqlite", [a_record(0)])
    _sql(a, "update runs set record = replace(record, '0.25', '0.75')")
    assert refused(merge, [a], tmp_path / "all") == (
        f"the store of runs: got {a}, which is damaged (among its runs, {a_run(0).key}: ValueError: its checksum is "
        f"that of another text), expected a whole file. Save what can be read by: paribus salvage {a} "
        f"{tmp_path / 'a-saved.sqlite'}. Then go on with --paribus-store and the new file: only what was lost is "
        "trained again."
    )


def _absent(path: Path) -> str:
    return f"{path}, which is not there, expected a file that paribus made. Check its path."


def _folder(path: Path) -> str:
    path.mkdir()
    return f"{path}, which is no file, expected a file that paribus made. Check its path."


def _empty(path: Path) -> str:
    path.touch()
    return f"{path}, in which there is nothing, expected a file that paribus made. Check its path."


def _foreign(path: Path) -> str:
    _sql(path, "create table moz_places (id integer)")
    return f"{path}, an SQLite file of something else{LEAVE_OUT}"


def _later(path: Path) -> str:
    Store(path).close()
    _sql(path, f"pragma user_version = {SCHEMA + 1}")
    return f"{path} of version {SCHEMA + 1}, which a later paribus made{LEAVE_OUT}"


LEAVE_OUT = (
    ", expected a file that paribus made. Leave it out, or update paribus if a later one made it."
)


@pytest.mark.parametrize("spoil", [_absent, _folder, _empty, _foreign, _later])
def test_what_is_no_store_is_refused(tmp_path: Path, spoil: Callable[[Path], str]) -> None:
    said = spoil(tmp_path / "other")
    assert (
        refused(merge, [tmp_path / "other"], tmp_path / "all") == f"the store of runs: got {said}"
    )
    assert not (tmp_path / "all").exists()


def test_a_store_is_not_merged_into_itself(make: Callable[..., Path], tmp_path: Path) -> None:
    a = make("a", [a_record(0)])
    (tmp_path / "link").symlink_to(a)
    assert refused(merge, [tmp_path / "link"], a) == (
        f"stores of paribus merge: got {tmp_path / 'link'} among them, and as --into, expected other stores than the "
        "one that they are merged into. Leave it out of the list: what --into holds stays in it."
    )


def test_a_place_where_no_store_can_be_is_refused(make: Callable[..., Path]) -> None:
    a = make("a", [a_record(0)])
    assert refused(merge, [a], a / "all") == (
        f"the store of runs: got {a / 'all'} ([Errno 17] File exists: '{a}'), expected a file that can be written "
        "and that paribus made, or none yet. Name another file with --paribus-store, or move this one away."
    )
