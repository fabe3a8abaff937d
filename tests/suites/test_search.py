"""Planted surface by hand; that a search spends its budget and no more, and that its best trial is scored."""

from __future__ import annotations

import pytest
import torch

from paribus.engines.vmapped.fit import why_not
from paribus.execution.executor import split_of
from paribus.execution.pool import one_thread
from paribus.runs.run import Run
from paribus.seeding import Streams
from paribus.suites.search import SUITE, TRIALS
from paribus.suites.tasks.response_surface import HARDLY, RESPONSE_SURFACE, response_surface
from paribus.training.loop import train
from tests.helpers.refusals import refused


@pytest.mark.parametrize("matter", [1, 2, 5])
def test_as_many_directions_matter_as_are_asked_for(matter: int) -> None:
    data = response_surface(0, matter=matter)
    assert sorted(data.inputs[0][0].tolist()) == pytest.approx(
        [HARDLY] * (5 - matter) + [1.0] * matter
    )
    best = data.targets[0] / data.inputs[0]
    assert 0 <= float(best.min()) <= float(best.max()) <= 1
    assert torch.equal(data.inputs[0][0], data.inputs[0][2])


def test_other_directions_matter_for_another_seed() -> None:
    assert len({tuple(response_surface(seed).inputs[0][0].tolist()) for seed in range(20)}) > 5


def test_the_middle_of_every_range_is_what_nothing_learned_says() -> None:
    split = RESPONSE_SURFACE.make_split(RESPONSE_SURFACE.read(seed=0), Streams(0))
    w, b = split.dataset.inputs[0][0], split.dataset.targets[0][0] / split.dataset.inputs[0][0]
    outputs = RESPONSE_SURFACE.dummy["centre"](split)
    found = RESPONSE_SURFACE.primary.function(outputs, *split.part("test").targets)
    torch.testing.assert_close(found[0], (w.square() * (0.5 - b).square()).mean())


@pytest.mark.parametrize("matter", [0, 6])
def test_more_directions_than_there_are_are_refused(matter: int) -> None:
    assert refused(response_surface, 0, matter=matter) == (
        f"directions of a surface: got {matter} of 5 that matter, expected at least one, and no more than there are. "
        "Change source.matter or source.directions."
    )


@pytest.mark.parametrize(
    "variant", SUITE.comparisons[0].at("quick").variants(), ids=lambda v: v.name
)
def test_the_best_of_as_many_trials_as_there_are_steps_is_scored(variant) -> None:
    run = Run(variant.task, variant.recipe, 3, "")
    with one_thread():
        record = train(run, split_of(run))
    trials = record.curves["validation/regret"][1:]
    assert (record.steps, len(trials)) == (TRIALS, TRIALS)
    assert record.scores["regret"] == pytest.approx(min(trials), rel=1e-6)
    assert why_not(run) == f"no stacked form of the optimizer {run.recipe.optimizer.target}"


def test_the_grid_is_as_large_as_the_budget() -> None:
    assert TRIALS == 2**5
