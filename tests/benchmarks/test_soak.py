"""Soak: which moments are drawn, what counts as a difference, and that trainings are noted when they begin."""

from __future__ import annotations

import os
import random
from collections import Counter
from pathlib import Path

import pytest

from benchmarks.soak import evidence, kills, page
from benchmarks.soak.moments import planned
from paribus.runs.store import Store
from tests.helpers.handmade import record
from tests.helpers.processes import python
from tests.helpers.toys import a_run

ROOT = Path(__file__).parents[2]
WITNESS = ROOT / "benchmarks" / "soak" / "witness"
PAGE = """# Title

| variant | score | training, seconds a run |
|:--------|:------|:------------------------|
| a       | {score} | {seconds}                 |

| declaration | sealed on 2026-01-02 03:{minute} UTC |
"""


def _page(folder: Path, score: str = "0.5", seconds: str = "1.2", minute: str = "04") -> Path:
    folder.mkdir()
    (folder / "a.md").write_text(PAGE.format(score=score, seconds=seconds, minute=minute))
    (folder / "a.csv").write_text(f"variant,score,seconds\na,{score},{seconds}\n")
    (folder / "a.json").write_text(f'{{"score": {score}, "runs": [{{"step_seconds": {seconds}}}]}}')
    (folder / "a.png").write_bytes(score.encode())
    (folder / "runs.sqlite-wal").touch()
    return folder


def test_times_are_no_difference_and_all_else_is(tmp_path: Path) -> None:
    expected = evidence.pages_of(_page(tmp_path / "a"))
    again = evidence.pages_of(_page(tmp_path / "b", seconds="3.4", minute="59"))
    other = evidence.pages_of(_page(tmp_path / "c", score="0.500000001"))
    assert evidence.differences(expected, again, exact=True) == []
    assert evidence.differences(expected, other, exact=True) == ["a.csv", "a.json", "a.md", "a.png"]
    assert evidence.differences(expected, other, exact=False) == ["a.md"]
    del again["a.md"]
    assert evidence.differences(expected, again, exact=False) == ["a.md"]


def test_a_run_that_is_committed_and_begun_again_is_found() -> None:
    begins = [("12:00", "a"), ("12:01", "a"), ("12:01", "b"), ("12:05", "b"), ("12:09", "c")]
    assert evidence.trained_again(begins, {"a": "12:02", "b": "12:02"}) == ["b"]


def test_what_a_store_holds_is_read_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "runs.sqlite"
    assert evidence.kept_in(path) == evidence.Kept({}, 0)
    run = a_run()
    with Store(path) as store:
        store.add(run, record(run, 0.5))
    path.touch()
    assert [*evidence.kept_in(path).runs] == [run.key]
    assert [*tmp_path.iterdir()] == [path]


@pytest.mark.parametrize("dask", [False, True])
def test_no_more_than_one_worker_is_killed_and_it_is_before_the_driver(dask: bool) -> None:
    draw = random.Random(0)
    plans = [planned(draw, 3.0, 5.0, dask=dask) for _ in range(200)]
    assert {(plan.training, len(plan.kills)) for plan in plans} == {(False, 1), (True, 2)}
    assert {plan.kills[-1].target for plan in plans} == {"driver", "commit"}
    others = {"worker", "cluster worker"} if dask else {"worker", "parent"}
    assert {kill.target for plan in plans for kill in plan.kills[:-1]} == others
    for plan in plans:
        last = 5.0 if plan.training else 8.0
        assert all(0 <= kill.at <= plan.kills[-1].at <= last for kill in plan.kills)
    draw = random.Random(0)
    assert plans == [planned(draw, 3.0, 5.0, dask=dask) for _ in range(200)]
    later = [planned(draw, 3.0, 5.0, dask=dask, trained=True) for _ in range(200)]
    assert not any(plan.training for plan in later)


def test_the_page_has_every_kill_and_count(tmp_path: Path) -> None:
    killed = Counter({("driver", "training"): 3, ("driver", "pages"): 1, ("worker", "training"): 2})
    tally = kills.Tally(killed, commands=7, rounds=2, committed=48, begun=55, faults=["one"])
    for way in ("loop", "dask"):
        page.write_page(tmp_path, way, tally, 9)
    rows = [
        [cell.strip() for cell in line.split("|")[1:-1]] for line in _lines(tmp_path / "soak.md")
    ]
    assert ["dask", "driver", "0", "3", "0", "0", "1", "4"] in rows
    assert ["loop", "worker", "0", "2", "0", "0", "0", "2"] in rows
    assert ["loop", "9", "6", "7", "2", "48", "55", "0", "0", "1"] in rows


def _lines(path: Path) -> list[str]:
    return [line for line in path.read_text(encoding="utf-8").splitlines() if "|" in line]


def test_trainings_are_noted_when_they_begin(tmp_path: Path) -> None:
    """Though the one here ends its process."""
    script = (
        "import os; from paribus.execution import executor; from tests.helpers.toys import a_run, Fatal, call; "
        "executor.train_chunk([a_run(3, call(Fatal, way='exit'))])"
    )
    file = tmp_path / "begun.txt"
    path = os.pathsep.join((str(WITNESS), str(ROOT)))
    done = python(
        *("-c", script), env={**os.environ, "PYTHONPATH": path, "PARIBUS_SOAK_WITNESS": str(file)}
    )
    assert done.returncode == 3, done.stderr
    ((when, key),) = evidence.begun(file, 0.0)
    assert evidence.begun(file, 1e11) == []
    assert len(key) == len(a_run().key) > 0
    assert when > "2026"
