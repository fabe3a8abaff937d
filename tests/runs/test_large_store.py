"""What is asked of a store about some runs costs the same, however many others it holds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from paribus.runs.store import Store
from paribus.runs.timing import Timing
from tests.helpers.toys import a_run
from tests.runs.test_damaged_store import RECORDS

OTHERS = range(1000, 1300)
KEYS = [a_run(seed).key for seed in range(5)]


def _store(path: Path, others: range) -> Store:
    store = Store(path)
    for seed in (*others[::2], *range(5), *others[1::2]):
        run, record = a_run(seed), RECORDS[seed % len(RECORDS)]
        store.add(run, replace(record, key=run.key, seed=seed))
        store.choose(f"cohort {seed}", "loop", "it is the faster", 3)
        store.look(f"contrast {seed}", 10)
        store.seal(f"place {seed}", "digest", {"part": "x"})
        store.add_timing(f"{seed}", "b", "cpu", Timing([1.0], [2.0]))
    return store


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> tuple[Store, Store]:
    """Provide a store of five runs, and one that holds them among hundreds."""
    folder = tmp_path_factory.mktemp("stores")
    return _store(folder / "few", range(0)), _store(folder / "many", OTHERS)


def _work(store: Store, ask: Callable[[Store], object]) -> tuple[int, object]:
    """Return how many instructions SQLite took for a question, and the answer."""
    count = 0

    def step() -> int:
        nonlocal count
        count += 1
        return 0

    store._db.set_progress_handler(step, 1)
    try:
        answer = ask(store)
    finally:
        store._db.set_progress_handler(None, 1)
    return count, repr(answer)


QUESTIONS: dict[str, Callable[[Store], object]] = {
    "resume": lambda store: store.held(KEYS),
    "records": lambda store: store.get(KEYS),
    "predictions": lambda store: [store.predictions(key) is None for key in KEYS],
    "days": lambda store: store.dates(KEYS),
    "seals": lambda store: store.seals("place 3")[0].parts,
    "made before a seal": lambda store: store.made_before(KEYS, "2020"),
    "looks": lambda store: store.looks("contrast 3"),
    "a look": lambda store: store.look("contrast 3", 10),
    "engine": lambda store: store.choice("cohort 3"),
    "step times": lambda store: store.timing("3", "b", "cpu"),
    "a frozen space": lambda store: store.frozen("spaces"),
    "whether it is empty": lambda store: store.empty,
    "evidence": lambda store: [row[0] for row in store.tables(KEYS, KEYS[:2])["runs"]],
    "evidence, predictions": lambda store: len(store.tables(KEYS, KEYS[:2])["predictions"]),
    "the last times": lambda store: len(store._last_times()),
}


@pytest.mark.parametrize("question", [name for name in QUESTIONS if "evidence" not in name])
def test_other_runs_cost_nothing(stores: tuple[Store, Store], question: str) -> None:
    few, many = (_work(store, QUESTIONS[question]) for store in stores)
    assert few == many


@pytest.mark.parametrize("question", ["evidence", "evidence, predictions"])
def test_evidence_reads_no_record_of_other_runs(stores: tuple[Store, Store], question: str) -> None:
    (_, few), (_, many) = (_work(store, QUESTIONS[question]) for store in stores)
    assert few == many
    (_, many_store), read = stores, list[str]()
    many_store._db.set_trace_callback(read.append)
    many_store.tables(KEYS, KEYS[:2])
    many_store._db.set_trace_callback(None)
    whole = [query for query in read if "where" not in query]
    assert not [query for query in whole if "from runs" in query or "from predictions" in query]
