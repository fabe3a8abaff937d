"""Scores by name: those of torchmetrics called by hand and of scikit-learn, on the same logits."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
import torchmetrics
from sklearn import metrics as sk
from torch import Tensor

import paribus as pb
from paribus.errors import ParibusError
from paribus.metrics.named import NAMES, depends_on_zero, score, shift_changes
from paribus.suites.tasks.metrics import mse
from paribus.training.evaluate import scores_of
from tests.helpers.handmade import TASK
from tests.helpers.refusals import refused

COUNT = 97
UNDEFINED = pytest.approx(math.nan, nan_ok=True)


def classified(classes: int, shift: float = 0.0, scale: float = 1.0) -> tuple[Tensor, Tensor]:
    """Draw logits that tell something of their classes, float32 as a network's."""
    draws = torch.Generator().manual_seed(classes)
    target = torch.randint(classes, (COUNT,), generator=draws)
    width = 1 if classes == 2 else classes
    told = torch.eye(classes)[target][:, -width:]
    return scale * (torch.randn(COUNT, width, generator=draws) + told) + shift, target


def of_part(metric: pb.Metric, outputs: Tensor, *targets: Tensor) -> float:
    return scores_of(outputs, targets, (metric,))[metric.name]


def shares(logits: Tensor) -> np.ndarray:
    values = logits.double()
    if logits.shape[1] > 1:
        return values.softmax(1).numpy()
    return torch.cat([1 - values.sigmoid(), values.sigmoid()], 1).numpy()


BINARY = {
    "auroc": lambda y, p: sk.roc_auc_score(y, p[:, 1]),
    "average_precision": lambda y, p: sk.average_precision_score(y, p[:, 1]),
    "balanced_accuracy": lambda y, p: sk.balanced_accuracy_score(y, p[:, 1] > 0.5),
    "brier": lambda y, p: sk.brier_score_loss(y, p[:, 1]),
    "cohen_kappa": lambda y, p: sk.cohen_kappa_score(y, p[:, 1] > 0.5),
    "f1": lambda y, p: sk.f1_score(y, p[:, 1] > 0.5),
    "jaccard": lambda y, p: sk.jaccard_score(y, p[:, 1] > 0.5),
    "mcc": lambda y, p: sk.matthews_corrcoef(y, p[:, 1] > 0.5),
    "precision": lambda y, p: sk.precision_score(y, p[:, 1] > 0.5),
    "recall": lambda y, p: sk.recall_score(y, p[:, 1] > 0.5),
}
MULTICLASS = {
    "auroc": lambda y, p: sk.roc_auc_score(y, p, multi_class="ovr"),
    "balanced_accuracy": lambda y, p: sk.balanced_accuracy_score(y, p.argmax(1)),
    "brier": lambda y, p: np.square(p - np.eye(p.shape[1])[y]).sum(1).mean(),
    "cohen_kappa": lambda y, p: sk.cohen_kappa_score(y, p.argmax(1)),
    "f1": lambda y, p: sk.f1_score(y, p.argmax(1), average="macro"),
    "mcc": lambda y, p: sk.matthews_corrcoef(y, p.argmax(1)),
}
VALUES = {
    "explained_variance": sk.explained_variance_score,
    "mae": sk.mean_absolute_error,
    "mape": sk.mean_absolute_percentage_error,
    "mse": sk.mean_squared_error,
    "r2": sk.r2_score,
    "rmse": sk.root_mean_squared_error,
}


@pytest.mark.parametrize(
    ("name", "classes"), [*((name, 2) for name in BINARY), *((name, 4) for name in MULTICLASS)]
)
def test_scores_of_classes_are_scikit_learns(name: str, classes: int) -> None:
    logits, target = classified(classes)
    expected = (BINARY if classes == 2 else MULTICLASS)[name](target.numpy(), shares(logits))
    assert of_part(pb.metric(name), logits, target) == pytest.approx(expected, abs=2e-6)


@pytest.mark.parametrize("name", VALUES)
def test_scores_of_values_are_scikit_learns(name: str) -> None:
    target = torch.randn(COUNT, 3, generator=torch.Generator().manual_seed(0))
    outputs = target + 0.5 * torch.randn(COUNT, 3, generator=torch.Generator().manual_seed(1))
    for columns in (1, 3):
        y, p = target[:, :columns], outputs[:, :columns]
        expected = VALUES[name](y.numpy(), p.numpy())
        assert of_part(pb.metric(name), p, y) == pytest.approx(expected, rel=2e-6), columns


def test_rank_correlations_are_scipys_and_the_mean_of_several_targets() -> None:
    from scipy.stats import kendalltau, pearsonr, spearmanr

    target = torch.randn(COUNT, 2, generator=torch.Generator().manual_seed(0))
    outputs = target + torch.randn(COUNT, 2, generator=torch.Generator().manual_seed(1))
    for name, function in (("spearman", spearmanr), ("pearson", pearsonr), ("kendall", kendalltau)):
        each = [function(target[:, i], outputs[:, i])[0] for i in range(2)]
        found = of_part(pb.metric(name, higher_is_better=True), outputs, target)
        assert found == pytest.approx(np.mean(each), abs=1e-6), name


def test_logits_between_0_and_1_are_no_probabilities() -> None:
    """Torchmetrics takes them for some: all of these would be called positive only above 0.5."""
    logits, target = torch.tensor([[0.1], [0.2], [0.3], [0.4]]), torch.tensor([0, 1, 1, 1])
    by_hand = torchmetrics.functional.classification.binary_f1_score(logits[:, 0].sigmoid(), target)
    assert of_part(pb.metric("f1"), logits, target) == pytest.approx(by_hand.item()) == 6 / 7


def test_far_logits_keep_their_order() -> None:
    """In float32 all of these have a probability of one, and the area would be a half."""
    logits, target = torch.tensor([[20.0], [21.0], [22.0], [23.0]]), torch.tensor([0, 0, 1, 1])
    assert of_part(pb.metric("auroc"), logits, target) == 1.0


def test_a_score_is_taken_over_the_part_and_is_no_mean_of_halves() -> None:
    logits, target = classified(2)
    f1 = pb.metric("f1")
    halves = [of_part(f1, logits[i::2], target[i::2]) for i in range(2)]
    whole = of_part(f1, logits, target)
    assert whole == pytest.approx(sk.f1_score(target, logits[:, 0] > 0), abs=1e-6)
    assert abs(whole - np.mean(halves)) > 1e-4


@pytest.mark.parametrize("average", ["micro", "macro", "weighted"])
@pytest.mark.parametrize("classes", [2, 3])
def test_averages_are_scikit_learns_of_two_classes_too(average: str, classes: int) -> None:
    logits, target = classified(classes)
    expected = sk.f1_score(target, shares(logits).argmax(1), average=average)
    found = of_part(pb.metric("f1", average=average), logits, target)
    assert found == pytest.approx(expected, abs=1e-6)


def test_the_first_of_two_classes_may_be_the_positive_one() -> None:
    logits, target = classified(2)
    expected = sk.f1_score(target, logits[:, 0] > 0, pos_label=0)
    assert of_part(pb.metric("f1", positive=0), logits, target) == pytest.approx(expected, abs=1e-6)


def test_labels_are_scored_as_labels() -> None:
    logits = torch.randn(COUNT, 3, generator=torch.Generator().manual_seed(0))
    target = (
        logits + torch.randn(COUNT, 3, generator=torch.Generator().manual_seed(1)) > 0
    ).float()
    expected = sk.f1_score(target, logits > 0, average="macro")
    assert of_part(pb.metric("f1"), logits, target) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(
    "path",
    [
        "torchmetrics.classification:F1Score",
        "torchmetrics.F1Score",
        "torchmetrics.classification.BinaryF1Score",
    ],
)
def test_a_class_is_found_by_its_import_path(path: str) -> None:
    logits, target = classified(2)
    metric = pb.metric(path)
    assert metric.higher_is_better
    assert metric.name == path.replace(":", ".").rpartition(".")[2]
    by_hand = torchmetrics.classification.BinaryF1Score()(logits[:, 0].sigmoid(), target)
    assert of_part(metric, logits, target) == pytest.approx(by_hand.item(), abs=1e-6)


def test_classes_without_a_name_here_are_found_too() -> None:
    logits, target = classified(3)
    exact = pb.metric("torchmetrics.classification:StatScores", higher_is_better=True)
    assert "one number" in refused(of_part, exact, logits, target)
    y = torch.rand(COUNT, 1) + 1
    found = of_part(pb.metric("torchmetrics.regression.LogCoshError"), y, y + 1)
    assert found == pytest.approx(math.log(math.cosh(1)), rel=1e-5)


ONE_CLASS = (
    "auroc",
    "average_precision",
    "balanced_accuracy",
    "cohen_kappa",
    "f1",
    "mcc",
    "recall",
)


@pytest.mark.parametrize("name", ONE_CLASS)
@pytest.mark.parametrize("classes", [2, 3])
def test_a_class_without_samples_leaves_scores_of_every_class_undefined(
    name: str, classes: int
) -> None:
    """Torchmetrics says 0, or the mean of the other classes."""
    logits, target = classified(classes)
    assert of_part(pb.metric(name), logits, target.clamp(max=classes - 2)) == UNDEFINED


@pytest.mark.parametrize("name", ["r2", "explained_variance", "spearman", "kendall", "concordance"])
def test_a_constant_target_leaves_shares_of_its_spread_undefined(name: str) -> None:
    y = torch.ones(COUNT, 1)
    metric = pb.metric(name, higher_is_better=True)
    assert of_part(metric, torch.randn(COUNT, 1), y) == UNDEFINED
    assert of_part(pb.metric("mae"), y + 0.5, y) == 0.5


def test_a_rank_correlation_with_a_constant_is_undefined() -> None:
    assert of_part(pb.metric("spearman"), torch.ones(COUNT, 1), torch.randn(COUNT, 1)) == UNDEFINED


def test_directions_are_those_of_torchmetrics() -> None:
    from paribus.spec import Call

    for name, known in NAMES.items():
        module, _, stem = known.path.partition(":")
        form = "Binary" if known.of == "classes" else ""
        stated = Call(target=f"{module}:{form}{stem}").resolve().higher_is_better
        assert stated in (None, known.higher_is_better), name


def test_percentages_depend_on_the_targets_zero_and_shares_do_not() -> None:
    names = [name for name, known in NAMES.items() if known.of == "values"]
    shifted = {name for name in names if shift_changes(name)}
    assert shifted == {name for name in names if depends_on_zero(name)} == {"mape", "msle", "smape"}
    assert depends_on_zero("torchmetrics.regression.WeightedMeanAbsolutePercentageError")


def test_a_score_takes_the_place_of_its_namesake_and_errors_take_the_targets_unit() -> None:
    task = TASK.with_metric(pb.metric("f1", margin=0.01)).with_metric(pb.metric("accuracy"))
    assert [m.name for m in task.metrics] == ["accuracy", "f1", "log_loss"]
    values = TASK.model_copy(update={"metrics": (mse(0.02),)})
    units = {n: values.with_metric(pb.metric(n)).primary.unit for n in ("mae", "rmse", "mse", "r2")}
    spread = "standard deviations of the training part"
    assert units == {"mae": spread, "rmse": spread, "mse": mse(0.02).unit, "r2": ""}


def test_unknown_names_are_told_the_near_ones() -> None:
    assert refused(pb.metric, "f1_scor") == (
        "the name of a metric: got 'f1_scor', expected one like f1. Name one of these, or give the import path of a "
        "torchmetrics class, such as 'torchmetrics.classification:F1Score'."
    )
    others = {
        "roc_auc_score": "auroc",
        "mean_abs_error": "mae",
        "F1Score": "f1",
        "balanced_acc": "balanced_accuracy",
    }
    for name, near in others.items():
        assert f"expected one like {near}" in refused(pb.metric, name)
    assert "expected one of accuracy, auroc" in refused(pb.metric, "xyzzy")


def test_a_class_without_a_direction_asks_for_it() -> None:
    assert refused(pb.metric, "torchmetrics.regression.TweedieDevianceScore") == (
        "metric 'torchmetrics.regression.TweedieDevianceScore': got no direction, which torchmetrics does not state "
        "for it, expected higher_is_better=True or False. Say which direction is better."
    )


def test_scores_of_the_other_kind_are_refused() -> None:
    logits, target = classified(2)
    assert refused(score, logits, target, name="r2") == (
        "metric 'r2': got classes, expected values to predict, which it is a score of. "
        "Take one such as f1, auroc, balanced_accuracy."
    )
    assert "got values to predict, expected classes" in refused(
        score, logits, torch.randn(COUNT, 1), name="f1"
    )


def test_one_of_several_outputs_must_be_chosen() -> None:
    (logits, target), (other, second) = classified(2), classified(3)
    assert "got 2 outputs and 2 targets" in refused(
        score, (logits, other), target, second, name="f1"
    )
    found = score((logits, other), target, second, name="f1", output=1, target=1)
    assert found == score(other, second, name="f1")


def test_errors_are_paribus_errors() -> None:
    with pytest.raises(ParibusError, match="no update"):
        pb.metric("torch.nn.Linear")
