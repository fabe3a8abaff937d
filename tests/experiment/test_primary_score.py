"""Another primary score for tasks and suites, by name and arguments."""

from __future__ import annotations

import pytest

import paribus as pb
from paribus.experiment.primary_score import asked_score, scored_by, scored_comparison, scored_suite
from paribus.suites.metric_averaging import SUITE as AVERAGING
from paribus.suites.optimizer_ranking import SUITE as RANKING
from paribus.suites.optimizers import SUITE as OPTIMIZERS
from tests.helpers.handmade import TASK
from tests.helpers.refusals import refused


def test_a_name_with_arguments_is_the_metric_of_these() -> None:
    made = scored_by(TASK, "f1,average=macro,top_k=1,margin=0.01").primary
    assert made == pb.metric("f1", average="macro", top_k=1, margin=0.01)
    assert scored_by(TASK, pb.metric("auroc"), margin=0.02).primary.margin == 0.02


def test_a_name_of_the_tasks_own_scores_is_that_score() -> None:
    task = scored_by(TASK, "accuracy")
    assert task.primary == TASK.metrics[1]
    assert [m.name for m in task.metrics] == ["accuracy", "log_loss"]


def test_claims_about_another_score_are_not_asked() -> None:
    (comparison,) = scored_suite(OPTIMIZERS, "f1").comparisons
    assert comparison.task.primary.name == comparison.primary.name == "f1"
    assert OPTIMIZERS.comparisons[0].claims
    assert comparison.claims == ()
    assert comparison.target is None
    assert asked_score(comparison) == "f1"
    assert asked_score(OPTIMIZERS.comparisons[0]) is None
    assert scored_comparison(comparison, "f1") == comparison
    assert scored_suite(OPTIMIZERS, "log_loss").comparisons == OPTIMIZERS.comparisons
    assert scored_suite(RANKING, "log_loss").across is None


@pytest.mark.parametrize("text", ["f1,macro", "f1,average", "f1,=macro"])
def test_arguments_without_a_value_are_refused(text: str) -> None:
    assert refused(scored_by, TASK, text) == (
        f"--paribus-metric: got {text!r}, expected a name, and arguments as NAME=VALUE after commas, such as "
        "f1,average=macro. Write it without blanks."
    )


def test_comparisons_of_scores_are_refused() -> None:
    message = refused(scored_suite, AVERAGING, "f1")
    assert "which is about scores of its own, expected a comparison of trainings" in message
