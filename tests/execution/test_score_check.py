"""Scores that cannot be taken are refused before anything is trained."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import paribus as pb
from paribus.execution.score_check import check_scores
from paribus.experiment.primary_score import scored_by
from paribus.experiment.short_form import task_of
from paribus.experiment.variant import Variant
from paribus.spec import call
from tests.helpers.refusals import refused
from tests.helpers.tiny_tasks import series
from tests.helpers.toys import comparison

X = np.random.default_rng(0).normal(size=(60, 3))
FORMS = "one number a sample, (sample,), or one number for the whole part"


def raises(_outputs: Tensor, _target: Tensor) -> Tensor:
    raise ValueError("shapes differ")


def a_row_each(outputs: Tensor, _target: Tensor) -> Tensor:
    return torch.cat([outputs, outputs], 1)


def text(_outputs: Tensor, _target: Tensor) -> str:
    return "good"


def of_stored(_outputs: object, _target: object, _classes: list[str]) -> float:
    raise KeyError("third class")


def variant(function: object, **changes: object) -> Variant:
    base, *_ = comparison().variants()
    metric = pb.Metric(name="own", function=call(function), higher_is_better=True)
    task = base.task.with_metric(metric)
    return base.model_copy(update={"task": task, "metric": metric, **changes})


@pytest.mark.parametrize(
    ("function", "got", "fix"),
    [
        (raises, "ValueError: shapes differ", "Mend the function, or choose another score."),
        (
            a_row_each,
            "shape (12, 2) for 12 samples",
            "Average over the other axes, or return a float.",
        ),
        (text, "str", "Average over the other axes, or return a float."),
    ],
)
def test_a_score_that_cannot_be_taken_is_refused(function: object, got: str, fix: str) -> None:
    made = variant(function)
    assert refused(check_scores, made, set()) == (
        f"metric 'own' of task {made.task.name!r}: got {got}, expected {FORMS}. {fix}"
    )


def test_a_comparisons_own_score_is_tried_on_stored_predictions() -> None:
    base, *_ = comparison().variants()
    metric = pb.Metric(name="own", function=call(of_stored), higher_is_better=True)
    message = refused(check_scores, base.model_copy(update={"metric": metric}), set())
    assert "got KeyError: 'third class', expected one number of the stored predictions" in message


def test_percentages_of_standardised_targets_are_refused() -> None:
    base, *_ = comparison().variants()
    values = {
        "source": call(series),
        "loss": call("paribus.metrics:squared_error"),
        "metrics": (pb.metric("mse"),),
        "dummy": {"mean_target": call("paribus.data.dummy:mean_target")},
    }
    task = base.task.model_copy(update=values)
    for name, meant in (("mae", True), ("r2", True), ("mape", False), ("msle", False)):
        scored = task.with_metric(pb.metric(name))
        made = base.model_copy(update={"task": scored, "metric": scored.primary})
        if meant:
            check_scores(made, set())
        else:
            message = refused(check_scores, made, set())
            assert (
                "got a score that depends on the target's zero, of standardised targets" in message
            )


def test_scores_that_were_tried_are_not_tried_again() -> None:
    tried: set[str] = set()
    made = variant(raises)
    refused(check_scores, made, tried)
    check_scores(made, tried)
    assert len(tried) == 1


def in_numpy(outputs: Tensor, target: Tensor) -> np.float32:
    return np.mean(np.abs(outputs[:, 0].numpy() - target.numpy()))


def test_a_number_of_numpy_is_a_number() -> None:
    check_scores(variant(in_numpy), set())


@pytest.mark.parametrize(
    ("data", "name", "got"),
    [
        ((X, X[:, 0] > 0), "mse", "a score of values, and classes to predict"),
        ((X, X[:, 0]), "accuracy", "a score of classes, and values to predict"),
        ((X, X[:, 0]), "log_loss", "a score of classes, and values to predict"),
    ],
)
def test_a_score_of_another_kind_of_target_is_refused(data: Any, name: str, got: str) -> None:
    made = scored_by(task_of(data, None, None, True, None, None), name, None)
    base, *_ = comparison().variants()
    changed = base.model_copy(update={"task": made, "metric": made.primary})
    assert refused(check_scores, changed, set()).startswith(
        f"metric {name!r} of task 'data': got {got}, "
    )
