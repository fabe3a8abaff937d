"""Scores of stored predictions by torchmetrics: ``(outputs, target, classes) -> number``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import torch

from paribus.errors import ParibusError
from paribus.metrics import predicted_class
from paribus.runs.run import Predictions


def recall(
    outputs: np.ndarray, target: np.ndarray, classes: Sequence[str], *, average: str
) -> float:
    """Recall over all classes, averaged as torchmetrics names it: ``micro``, ``macro`` or ``weighted``.

    Hits are counted by torchmetrics and averaged in rational numbers: its own averages are float32, whose rounding
    would make two names of one number differ by 1e-7. A class that the target lacks is left out.

    Args:
        outputs: logits, ``(sample, class)`` or ``(sample, 1)``.
        target: class numbers, ``(sample,)``.
        classes: names of the classes.
        average: one of `AVERAGES`.

    Raises:
        ParibusError: there is no such average.
    """
    if average not in AVERAGES:
        raise ParibusError(
            "average of recall",
            got=repr(average),
            expected=f"one of {', '.join(AVERAGES)}",
            fix="For each class by itself see per_class.",
        )
    from torchmetrics.functional.classification import multiclass_stat_scores

    guess, truth = _labels(outputs, target)
    counts = multiclass_stat_scores(guess, truth, num_classes=len(classes), average="none")
    hits, support = counts[:, 0].tolist(), counts[:, 4].tolist()
    present = [(hit, n) for hit, n in zip(hits, support, strict=True) if n]
    return float(AVERAGES[average](present))


def _micro(counts: list[tuple[int, int]]) -> Fraction:
    """All hits over all samples."""
    return Fraction(sum(hit for hit, _ in counts), sum(n for _, n in counts))


def _macro(counts: list[tuple[int, int]]) -> Fraction:
    """Mean of the classes' recalls."""
    return sum((Fraction(hit, n) for hit, n in counts), Fraction(0)) / len(counts)


def _weighted(counts: list[tuple[int, int]]) -> Fraction:
    """Mean of the classes' recalls, each weighted by its share of the samples."""
    total = sum(n for _, n in counts)
    return sum((Fraction(n, total) * Fraction(hit, n) for hit, n in counts), Fraction(0))


AVERAGES = {"micro": _micro, "macro": _macro, "weighted": _weighted}


def per_class(
    predictions: Mapping[str, Sequence[Predictions]], classes: Sequence[str]
) -> list[dict[str, Any]]:
    """Precision and recall of each class (``average="none"``) and how often it stands in the test part.

    Means over the seeds, a row for each variant and class.
    """
    from torchmetrics.functional.classification import multiclass_precision, multiclass_recall

    rows = []
    for variant, runs in predictions.items():
        labels = [_labels(p.outputs, p.target) for p in runs]
        k: dict[str, Any] = {"num_classes": len(classes), "average": "none", "validate_args": False}
        precision = torch.stack([multiclass_precision(g, t, **k) for g, t in labels]).mean(0)
        recalls = torch.stack([multiclass_recall(g, t, **k) for g, t in labels]).mean(0)
        share = torch.stack([t.bincount(minlength=len(classes)) / len(t) for _, t in labels]).mean(
            0
        )
        rows += [
            {
                "variant": variant,
                "class": name,
                "share of test": f"{share[i]:.3f}",
                "precision": f"{precision[i]:.3f}",
                "recall": f"{recalls[i]:.3f}",
            }
            for i, name in enumerate(classes)
        ]
    return rows


def explained(
    predictions: Mapping[str, Sequence[Predictions]], _classes: Sequence[str]
) -> list[dict[str, Any]]:
    """R² on the test part of each variant and of the first dummy predictor: median and range over the seeds.

    ``1 - sum((y - prediction)^2) / sum((y - mean of y)^2)``; below zero is worse than knowing the test part's mean.
    """
    rows = []
    for variant, runs in predictions.items():
        shares = {
            "R²": [_r_squared(p.outputs, p.target) for p in runs],
            "R² of learning nothing": [_r_squared(p.dummy, p.target) for p in runs],
        }
        told = {name: _median_and_range(found) for name, found in shares.items()}
        rows.append({"variant": variant, **told})
    return rows


def _r_squared(outputs: np.ndarray, target: np.ndarray) -> float:
    residual = np.square(np.float64(target) - outputs).sum()
    return float(1 - residual / np.square(target - target.mean(0, dtype=np.float64)).sum())


def _median_and_range(values: Sequence[float]) -> str:
    return f"{np.median(values):.2f} ({min(values):.2f} to {max(values):.2f})"


def _labels(outputs: np.ndarray, target: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
    """Predicted and true class numbers, ``(sample,)`` each."""
    return predicted_class(torch.from_numpy(outputs)), torch.from_numpy(target)
