"""Averages over classes: identities, hand arithmetic, and torchmetrics against scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn import metrics as sk

from paribus.runs.run import Predictions
from paribus.suites.components.scores import explained, per_class, recall
from tests.helpers.refusals import refused


def stored(seed: int, classes: int, prevalence: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Logits and targets as a run stores them, with classes that grow rarer by a factor."""
    rng = np.random.default_rng(seed)
    shares = prevalence ** np.arange(classes)
    target = np.concatenate([np.arange(classes), rng.choice(classes, 150, p=shares / shares.sum())])
    logits = rng.normal(size=(len(target), 1 if classes == 2 else classes)).astype(np.float32)
    if classes == 2:
        logits[:, 0] += 2 * target - 1
    else:
        logits[np.arange(len(target)), target] += 1.0
    return logits, target


def guessed(logits: np.ndarray) -> np.ndarray:
    return (logits[:, 0] > 0).astype(int) if logits.shape[1] == 1 else logits.argmax(1)


def names(classes: int) -> list[str]:
    return [f"class {i}" for i in range(classes)]


CASES = [(2, 1.0), (2, 0.1), (3, 0.5), (10, 1.0), (10, 0.6)]


@pytest.mark.parametrize(("classes", "prevalence"), CASES)
def test_micro_recall_is_weighted_recall_is_accuracy_exactly(
    classes: int, prevalence: float
) -> None:
    """No rounding between them, over fifty sets of predictions."""
    for seed in range(50):
        logits, target = stored(seed, classes, prevalence)
        micro, weighted = (
            recall(logits, target, names(classes), average=a) for a in ("micro", "weighted")
        )
        assert micro == weighted == np.mean(guessed(logits) == target)


@pytest.mark.parametrize(("classes", "prevalence"), CASES)
@pytest.mark.parametrize("average", ["micro", "macro", "weighted"])
def test_averages_are_those_of_scikit_learn(average: str, classes: int, prevalence: float) -> None:
    for seed in range(5):
        logits, target = stored(seed, classes, prevalence)
        expected = sk.recall_score(target, guessed(logits), average=average)
        actual = recall(logits, target, names(classes), average=average)
        assert actual == pytest.approx(expected, abs=1e-14)


@pytest.mark.parametrize(("classes", "prevalence"), CASES)
def test_macro_recall_is_balanced_accuracy(classes: int, prevalence: float) -> None:
    logits, target = stored(7, classes, prevalence)
    expected = sk.balanced_accuracy_score(target, guessed(logits))
    actual = recall(logits, target, names(classes), average="macro")
    assert actual == pytest.approx(expected, abs=1e-14)


@pytest.mark.parametrize(
    ("average", "expected"),
    [("micro", 6 / 9), ("macro", (5 / 6 + 1 / 2 + 0 / 1) / 3), ("weighted", 6 / 9)],
)
def test_averages_by_hand(average: str, expected: float) -> None:
    """Six of class a, five of them found; two of b, one found; one of c, missed."""
    target = np.array([0] * 6 + [1] * 2 + [2])
    guess = np.array([0, 0, 0, 0, 0, 1, 1, 0, 1])
    logits = np.eye(3, dtype=np.float32)[guess]
    assert recall(logits, target, ["a", "b", "c"], average=average) == pytest.approx(expected)


def test_a_class_that_the_target_lacks_is_left_out_of_the_macro_average() -> None:
    """Though it was guessed: recalls are 1/2 of a and 1 of b, and c has none."""
    logits = np.eye(3, dtype=np.float32)[[0, 2, 1]]
    assert recall(logits, np.array([0, 0, 1]), ["a", "b", "c"], average="macro") == 0.75


@pytest.mark.parametrize(("classes", "prevalence"), CASES)
@pytest.mark.parametrize("score", ["precision", "recall", "f1_score"])
def test_torchmetrics_is_scikit_learn(score: str, classes: int, prevalence: float) -> None:
    """And its micro averages are the accuracy; it counts in float32."""
    from torchmetrics.functional import classification

    logits, target = stored(3, classes, prevalence)
    guess = guessed(logits)
    ours = getattr(classification, f"multiclass_{score}")
    theirs = getattr(sk, score if score == "f1_score" else f"{score}_score")
    for average in ("micro", "macro", "weighted"):
        actual = ours(
            torch.from_numpy(guess), torch.from_numpy(target), num_classes=classes, average=average
        ).item()
        expected = theirs(target, guess, average=average, zero_division=0)
        assert actual == pytest.approx(expected, abs=1e-6)
        if average == "micro":
            assert actual == pytest.approx(np.mean(guess == target), abs=1e-6)


def test_precision_and_recall_of_each_class_are_means_over_seeds() -> None:
    runs = []
    for seed in range(3):
        logits, target = stored(seed, 3, 0.5)
        runs.append(Predictions(logits, target, np.zeros_like(logits)))
    rows = per_class({"even": runs, "once": runs[:1]}, ["a", "b", "c"])
    assert [(row["variant"], row["class"]) for row in rows] == [
        (variant, name) for variant in ("even", "once") for name in "abc"
    ]
    precision, recalls = (
        np.mean(
            [score(p.target, guessed(p.outputs), average=None, zero_division=0) for p in runs],
            axis=0,
        )
        for score in (sk.precision_score, sk.recall_score)
    )
    share = np.mean([np.bincount(p.target) / len(p.target) for p in runs], axis=0)
    for i, row in enumerate(rows[:3]):
        assert row["precision"] == f"{precision[i]:.3f}"
        assert row["recall"] == f"{recalls[i]:.3f}"
        assert row["share of test"] == f"{share[i]:.3f}"


def test_an_unknown_average_is_refused() -> None:
    logits, target = stored(0, 3)
    assert refused(recall, logits, target, names(3), average="none") == (
        "average of recall: got 'none', expected one of micro, macro, weighted. "
        "For each class by itself see per_class."
    )


def test_the_share_explained_is_that_of_scikit_learn_and_negative_beyond_the_mean() -> None:
    """By hand: targets 0, 2 and answers 1, 1 leave all of the variance; answers 2, 0 leave four times of it."""
    target = np.array([[0.0], [2.0]])
    runs = [Predictions(np.array(x)[:, None], target, np.ones((2, 1))) for x in ([1, 1], [2, 0])]
    assert explained({"a": runs[:1], "b": runs}, []) == [
        {
            "variant": "a",
            "R²": "0.00 (0.00 to 0.00)",
            "R² of learning nothing": "0.00 (0.00 to 0.00)",
        },
        {
            "variant": "b",
            "R²": "-1.50 (-3.00 to 0.00)",
            "R² of learning nothing": "0.00 (0.00 to 0.00)",
        },
    ]
    rng = np.random.default_rng(0)
    outputs, target = rng.normal(size=(2, 40, 1)).astype(np.float32)
    expected = f"{sk.r2_score(target, outputs):.2f}"
    (row,) = explained({"c": [Predictions(outputs, target, outputs)]}, [])
    assert row["R²"] == f"{expected} ({expected} to {expected})"
