"""Trials of a search, in both engines: its seed's split, streams of its own otherwise, no look at the test part."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
import torch

from paribus import EarlyStopping, Split, call
from paribus.engines.cohorts import cohort_key
from paribus.engines.vmapped.fit import train_together
from paribus.runs.run import Outcome, Run, RunResult
from paribus.seeding import PURPOSES, Streams
from paribus.training.loop import train

MLP = call("paribus.models.mlp:MLP", hidden=[6, 5], dropout=0.3)
RATES = (0.01, 0.3, 0.1)


def by_loop(runs: Sequence[Run], splits: Sequence[Split]) -> list[RunResult]:
    return [train(run, split) for run, split in zip(runs, splits, strict=True)]


ENGINES = {"loop": by_loop, "stacked": train_together}


def trials(tiny, kind: str = "table", **settings) -> tuple[list[Run], list[Split]]:
    """Three trials of each of two seeds, a learning rate each."""
    runs = [
        replace(tiny[kind].run(MLP, call("torch.optim:SGD", lr=lr), seed=seed, **settings), trial=k)
        for seed in range(2)
        for k, lr in enumerate(RATES)
    ]
    return runs, [tiny[kind].make_split(run.seed) for run in runs]


def test_a_trial_shares_split_and_search_and_nothing_else() -> None:
    run, first, second = (Streams(4, trial=trial) for trial in (None, 0, 1))
    same = {p for p in PURPOSES if run.number(p) == first.number(p) == second.number(p)}
    assert same == {"split", "search"}
    others = {s.number(p, 2) for p in ("init", "order", "noise") for s in (run, first, second)}
    assert len(others) == 9


def test_a_trial_is_another_run_than_its_winner_and_never_of_its_cohort(tiny) -> None:
    (first, second, *_), _ = trials(tiny)
    winner = replace(first, trial=None)
    assert len({first.key, second.key, winner.key}) == 3
    assert cohort_key(first) == cohort_key(second) != cohort_key(winner)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_trial_is_scored_on_the_validation_part_alone(tiny, engine) -> None:
    for record in ENGINES[engine](*trials(tiny)):
        assert record.outcome is Outcome.completed
        assert {*record.scores} == {
            "train/loss",
            "validation/log_loss",
            "validation/accuracy",
            "validation/loss",
        }
        assert (record.dummy, record.curves, record.predictions) == ({}, {}, None)
        assert (record.steps, record.parameters) == (6, 71)  # 30 + 35 + 6
        assert record.best_step in (3, 6)
        assert (record.other_scores, record.standard_errors) == ({}, {})


def test_a_trial_never_sees_the_test_part(tiny) -> None:
    """With a test part that is not a number it ends as it does with a proper one."""
    base = tiny["series"]
    declared = torch.arange(45) % 3
    proper = base.changed(declared=declared, standardise_targets=False)
    spoilt = torch.where(declared[:, None] == 2, torch.nan, base.dataset.targets[0])
    blind = proper.changed(targets=(spoilt,))
    run = replace(proper.run(MLP), trial=0)
    for make in ENGINES.values():
        a, b = (make([run], [made.make_split()])[0] for made in (proper, blind))
        assert (a.outcome, a.scores) == (b.outcome, b.scores)
        assert a.completed


def test_trials_are_the_same_in_both_engines(tiny) -> None:
    for settings in ({}, {"early_stopping": EarlyStopping(patience=1), "evaluate_every": 1}):
        runs, splits = trials(tiny, **settings)
        for a, b in zip(by_loop(runs, splits), train_together(runs, splits), strict=True):
            assert a.scores == pytest.approx(b.scores, rel=1e-10, abs=1e-10)
            assert replace(a, scores={}, seconds=0.0, step_seconds=0.0) == replace(
                b, scores={}, seconds=0.0, step_seconds=0.0
            )


def test_two_trials_with_the_same_settings_differ_by_luck_alone(tiny) -> None:
    """And the winner trained afresh has yet another start."""
    run = tiny["table"].run(MLP)
    runs = [replace(run, trial=k) for k in (0, 1, None)]
    a, b, c = (r.scores["validation/loss"] for r in by_loop(runs, [tiny["table"].make_split()] * 3))
    assert len({a, b, c}) == 3


@pytest.mark.parametrize("engine", ENGINES)
def test_a_trial_that_diverges_is_a_counted_failure_without_a_score(tiny, engine) -> None:
    run = tiny["series"].run(MLP, call("torch.optim:SGD", lr=1e200), steps=20)
    (record,) = ENGINES[engine]([replace(run, trial=0)], [tiny["series"].make_split()])
    assert (record.outcome, record.scores) == (Outcome.diverged, {})
    assert record.reason.startswith("loss or a weight was not finite by step")


@pytest.mark.parametrize("engine", ENGINES)
def test_a_validation_score_that_is_not_finite_is_a_failed_trial(tiny, engine) -> None:
    """In float32 the squared error of 1e30 is infinite; the training part does not know of it."""
    base = tiny["series"]
    declared = torch.arange(45) % 3
    targets = torch.where(declared[:, None] == 1, 1e30, base.dataset.targets[0])
    made = base.changed(targets=(targets,), declared=declared, standardise_targets=False)
    run = replace(made.run(MLP, dtype="float32"), trial=0)
    (record,) = ENGINES[engine]([run], [made.make_split()])
    assert (record.outcome, record.scores) == (Outcome.diverged, {})
    assert record.reason == "mse on the validation part was not finite"


@pytest.mark.parametrize("engine", ENGINES)
def test_the_validation_score_is_that_of_the_weights_that_are_kept(tiny, engine) -> None:
    """Those of the best validation score, the first metric's, whose validation loss it is here."""
    stopping = {"early_stopping": EarlyStopping(patience=2), "evaluate_every": 1, "steps": 40}
    runs, splits = trials(tiny, **stopping)
    runs = [replace(run, trial=None) for run in runs]
    records = ENGINES[engine](runs, splits)
    for record in records:
        curve = record.curves["validation/loss"]
        at = record.curves["step"].index(record.best_step)
        assert record.scores["validation/loss"] == min(curve[1:]) == curve[at]
        assert record.scores["validation/accuracy"] == record.curves["validation/accuracy"][at]
    assert any(r.best_step < r.steps for r in records), "nobody kept earlier weights"
