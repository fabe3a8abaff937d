"""Scores over the whole part, in runs: both engines against torchmetrics by hand, and what is undefined."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import pytest
import torch
import torchmetrics
from torch import Tensor

import paribus as pb
from paribus.data.dataset import Split
from paribus.engines.vmapped.fit import train_together
from paribus.runs.run import Outcome, Run, RunResult
from paribus.spec import call
from paribus.training.loop import train
from tests.helpers.tiny_tasks import Tiny

MLP = call("paribus.models.mlp:MLP", hidden=[6])


def mean_error(outputs: Tensor, target: Tensor) -> Tensor:
    """Score a part by torch's own loss, which is one number."""
    return torch.nn.functional.mse_loss(outputs, target)


def share_right(outputs: Tensor, target: Tensor) -> float:
    """Score a part by NumPy, as scikit-learn's functions do."""
    return float((outputs[:, 0].numpy() > 0).astype(int).__eq__(target.numpy()).mean())


def infinite(_outputs: Tensor, _target: Tensor) -> float:
    return math.inf


def scored(case: Tiny, *metrics: pb.Metric) -> Tiny:
    task = case.task
    for metric in metrics:
        task = task.with_metric(metric)
    return Tiny(task, case.dataset)


def own(function: object, higher_is_better: bool = True) -> pb.Metric:
    return pb.Metric(name="own", function=call(function), higher_is_better=higher_is_better)


def trained(case: Tiny, pairs: Sequence[tuple[Run, Split]] = ()) -> list[list[RunResult]]:
    """Train two seeds by the loop and stacked."""
    pairs = pairs or [case.pair(MLP, seed=seed) for seed in (0, 1)]
    runs, splits = zip(*pairs, strict=True)
    return [[train(*pair) for pair in pairs], train_together(runs, splits)]


def test_both_engines_score_the_part_as_torchmetrics_does_by_hand(tiny) -> None:
    names = ("f1", "auroc", "balanced_accuracy")
    case = scored(tiny["table"], *map(pb.metric, names))
    loop, stacked = trained(case)
    for one, other in zip(loop, stacked, strict=True):
        test = case.make_split(one.seed).part("test")
        assert one.predictions is not None
        shares, target = torch.as_tensor(one.predictions.outputs)[:, 0].sigmoid(), test.targets[0]
        functional = torchmetrics.functional.classification
        by_hand = {
            "f1": functional.binary_f1_score(shares, target),
            "auroc": functional.binary_auroc(shares, target),
            "balanced_accuracy": functional.multiclass_accuracy(
                (shares > 0.5).long(), target, num_classes=2, average="macro"
            ),
        }
        for name, expected in by_hand.items():
            assert one.scores[name] == pytest.approx(expected.item(), abs=1e-6), name
            assert other.scores[name] == pytest.approx(one.scores[name], abs=1e-12)
            assert other.curves[f"validation/{name}"] == pytest.approx(
                one.curves[f"validation/{name}"], abs=1e-12
            )


@pytest.mark.parametrize(
    ("of", "function", "same"),
    [("series", mean_error, "mse"), ("table", share_right, "accuracy")],
)
def test_a_function_that_gives_one_number_is_the_score_of_the_part(
    tiny, of, function, same
) -> None:
    """And is not divided by the samples once more."""
    for records in trained(scored(tiny[of], own(function))):
        for record in records:
            assert record.scores["own"] == pytest.approx(record.scores[same], rel=1e-6)
            curves = (record.curves[f"validation/{name}"] for name in ("own", same))
            assert next(curves) == pytest.approx(next(curves), rel=1e-6)


def test_scores_of_values_speak_of_standardised_targets(tiny) -> None:
    case = scored(tiny["series"], pb.metric("mae"), pb.metric("r2"))
    (record, *_), _ = trained(case)
    test = case.make_split().part("test")
    outputs, target = torch.as_tensor(record.predictions.outputs), test.targets[0]
    assert record.scores["mae"] == pytest.approx((outputs - target).abs().mean().item(), rel=1e-6)
    unexplained = (outputs - target).square().sum() / (target - target.mean()).square().sum()
    assert record.scores["r2"] == pytest.approx(1 - unexplained.item(), rel=1e-5)


def test_a_score_that_the_samples_do_not_define_is_no_divergence(tiny) -> None:
    """Test samples of one class: the area under the curve is NaN, the network as good as any."""
    case = scored(tiny["table"], pb.metric("f1"), pb.metric("auroc"))
    first = case.dataset.targets[0] == 0
    pairs = []
    for seed in (0, 1):
        run, split = case.pair(MLP, seed=seed)
        pairs.append((run, replace(split, test=split.test[first[split.test]][:3])))
    for records in trained(case, pairs):
        for record in records:
            assert record.outcome is Outcome.completed
            assert record.reason == "undefined on the test part: auroc, f1"
            assert math.isnan(record.scores["auroc"])
            assert math.isfinite(record.scores["log_loss"])
            assert record.predictions is not None


def test_an_infinite_score_of_finite_outputs_is_undefined_as_well(tiny) -> None:
    for records in trained(scored(tiny["table"], own(infinite))):
        assert [r.reason for r in records] == ["undefined on the test part: own"] * 2
        assert all(r.completed for r in records)


def test_outputs_that_are_not_finite_are_a_divergence_whatever_the_score(tiny) -> None:
    from paribus.training.run_state import RunState, finish

    case = scored(tiny["table"], own(infinite))
    run, split = case.pair(MLP)
    state = RunState(run.task.primary, curves={"step": [0.0], "validation/loss": [1.0]})
    outputs = torch.full((len(split.test), 1), math.inf)
    record = finish(run, split, state, outputs=outputs, layers=[], network={}, seconds=0.0)
    assert record.outcome is Outcome.diverged
    assert record.reason == "own on the test part was not finite"


def test_a_trial_without_a_validation_score_is_no_divergence(tiny) -> None:
    case = scored(tiny["table"], own(infinite))
    run, split = case.pair(MLP)
    record = train(replace(run, trial=0), split)
    assert record.completed
    assert record.reason == "undefined on the validation part: own"
    assert record.scores["validation/own"] == math.inf
