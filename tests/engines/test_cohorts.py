"""Cohorts: who may be trained with whom, and in which chunks."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from paribus.engines.cohorts import MAX_CHUNK, chunks, cohort_key
from paribus.experiment.recipe import EarlyStopping
from paribus.runs.run import Run
from paribus.spec import Call, call
from tests.helpers.toys import REDRAWN, TASK, Small, a_run

BASE = a_run()


def momentum(**settings: Any) -> Call:
    return call("torch.optim:SGD", **({"lr": 0.1} | settings))


MATES = {
    "another seed": a_run(7),
    "another learning rate": a_run(optimizer=momentum(lr=1e-3)),
    "momentum": a_run(optimizer=momentum(momentum=0.95)),
    "weight decay": a_run(3, optimizer=momentum(weight_decay=0.1, dampening=0.1)),
    "another salt": a_run(salt="a"),
    "a source drawn anew": replace(BASE, redrawn=(("split", 7),)),
    "another engine chosen": replace(BASE, engine="stacked"),
}
STRANGERS = {
    "another batch size": a_run(batch_size=4),
    "more steps": a_run(steps=7),
    "evaluated more often": a_run(evaluate_every=1),
    "another network": a_run(model=call("paribus.models.mlp:MLP")),
    "a wider network": a_run(model=call(Small, hidden=5)),
    "another kind of optimizer": a_run(optimizer=call("torch.optim:Adam", lr=0.1)),
    "a switch of the optimizer": a_run(optimizer=momentum(momentum=0.9, nesterov=True)),
    "clipping": a_run(clip_norm=1.0),
    "early stopping": a_run(early_stopping=EarlyStopping()),
    "another precision": a_run(dtype="float64"),
    "an initialiser": a_run(init=call("paribus.models.initialise:kaiming_uniform")),
    "another task": a_run(task=TASK.model_copy(update={"split": call("paribus.data.splits:time_split")})),
    "redrawn data": a_run(task=REDRAWN),
    "other data": replace(BASE, data_digest="others"),
    "another device": replace(BASE, device="cuda"),
    "a diagnostic": replace(BASE, diagnostics=(call("paribus.metrics.diagnostics:activations"),)),
}  # fmt: skip


@pytest.mark.parametrize("name", MATES)
def test_runs_that_differ_in_seed_and_numbers_alone_share_a_cohort(name: str) -> None:
    assert cohort_key(MATES[name]) == cohort_key(BASE)
    assert name == "another engine chosen" or MATES[name].key != BASE.key


@pytest.mark.parametrize("name", STRANGERS)
def test_runs_that_differ_in_anything_else_do_not(name: str) -> None:
    others = {cohort_key(run) for key, run in STRANGERS.items() if key != name}
    assert cohort_key(STRANGERS[name]) not in {cohort_key(BASE), *others}


@pytest.mark.parametrize(
    "settings",
    [{"time_limit": 1.0}, {"optimizer": call("torch.optim:Adadelta", lr=0.1)}],
    ids=["time limit", "optimizer without a stacked form"],
)
def test_what_cannot_be_stacked_has_a_key_too(settings: dict[str, Any]) -> None:
    """For the choice that is kept of it; seeds still share it."""
    assert cohort_key(a_run(0, **settings)) == cohort_key(a_run(1, **settings))
    assert cohort_key(a_run(0, **settings)) != cohort_key(BASE)


# Chunks.


def stacked(count: int, **settings: Any) -> list[Run]:
    return [replace(a_run(seed, **settings), engine="stacked") for seed in range(count)]


@pytest.mark.parametrize(
    ("count", "jobs", "sizes"),
    [
        (1, 1, [1]),
        (10, 1, [10]),
        (10, 2, [5, 5]),
        (11, 2, [6, 5]),
        (3, 4, [1, 1, 1]),
        (9, 4, [3, 3, 3]),
        (MAX_CHUNK, 1, [MAX_CHUNK]),
        (MAX_CHUNK + 1, 1, [257, 256]),
        (2 * MAX_CHUNK, 2, [MAX_CHUNK, MAX_CHUNK]),
        (2 * MAX_CHUNK + 1, 2, [257, 257, 257, 254]),
        (5 * MAX_CHUNK, 2, [427, 427, 427, 427, 427, 425]),
    ],
)
def test_a_cohort_is_divided_evenly(count: int, jobs: int, sizes: list[int]) -> None:
    """So that no process waits for another, in chunks of at most 512, and each run once."""
    runs = stacked(count)
    work = chunks(runs, jobs)
    assert [len(chunk) for chunk in work] == sizes
    assert [run.seed for chunk in work for run in chunk] == [*range(count)]


def test_the_loop_takes_one_run_at_a_time_beside_cohorts_that_stay_whole() -> None:
    """Single runs fill up whatever time a process has left."""
    first, second, alone = stacked(3), stacked(4, batch_size=4), [a_run(9), a_run(8)]
    mixed = [second[0], alone[0], *first[:2], *second[1:3], alone[1], first[2], second[3]]
    assert chunks(mixed, jobs=2) == [second, first, alone[:1], alone[1:]]


@pytest.mark.parametrize(
    ("counts", "jobs", "sizes"),
    [
        # Two cohorts keep two processes busy.
        ([10, 10], 2, [10, 10]),
        ([10, 20, 10, 10], 2, [20, 10, 10, 10]),
        # A third would be trained alone: the largest is divided.
        ([10, 16, 10], 2, [10, 10, 8, 8]),
        ([6, 6], 3, [2] * 6),
        # Halves of these are large still, so that whichever cohort is last leaves no process idle for long.
        ([64, 10], 2, [32, 32, 10]),
        ([63, 10], 2, [63, 10]),
    ],
)
def test_cohorts_stay_whole_where_others_keep_the_processes_busy(
    counts: list[int], jobs: int, sizes: list[int]
) -> None:
    cohorts = [stacked(count, batch_size=b) for b, count in enumerate(counts, 1)]
    work = chunks([run for cohort in cohorts for run in cohort], jobs)
    assert [len(chunk) for chunk in work] == sizes
    assert {run.key for chunk in work for run in chunk} == {r.key for c in cohorts for r in c}


def test_what_takes_longest_comes_first() -> None:
    short, long = stacked(4), stacked(3, steps=12)
    work = chunks([*short, *long], 2, seconds=lambda runs: len(runs) * runs[0].recipe.steps)
    assert work == [long, short]


def test_learning_rates_of_several_variants_are_one_cohort() -> None:
    runs = [
        replace(a_run(seed, optimizer=momentum(lr=lr)), engine="stacked")
        for lr in (0.1, 0.01)
        for seed in range(3)
    ]
    (chunk,) = chunks(runs, jobs=1)
    assert chunk == [runs[0], runs[3], runs[1], runs[4], runs[2], runs[5]]


def test_there_is_no_work_in_nothing() -> None:
    assert chunks([], jobs=2) == []


def test_a_cohort_is_divided_into_chunks_as_large_as_was_chosen() -> None:
    """Ten runs in chunks of at most three, on two processes: two rounds of three and two."""
    runs = [replace(a_run(seed), engine="stacked") for seed in range(10)]
    assert [len(chunk) for chunk in chunks(runs, 2, largest=lambda _: 3)] == [3, 3, 3, 1]
    assert [len(chunk) for chunk in chunks(runs, 2, largest=lambda _: 1)] == [1] * 10
    assert [run for chunk in chunks(runs, 2, largest=lambda _: 3) for run in chunk] == runs
