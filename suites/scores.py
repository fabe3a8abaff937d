"""Scores of stored predictions by torchmetrics: ``(outputs, target, classes) -> number``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from paribus.metrics import predicted_class
from paribus.run import Predictions


def recall(
    outputs: np.ndarray, target: np.ndarray, classes: Sequence[str], *, average: str
) -> float:
    """Recall over all classes, averaged as torchmetrics names it: ``micro``, ``macro`` or ``weighted``.

    A class that the target lacks is left out of the macro average.

    Args:
        outputs: logits, ``(sample, class)`` or ``(sample, 1)``.
        target: class numbers, ``(sample,)``.
        classes: names of the classes.
        average: as torchmetrics names it.
    """
    from torchmetrics.functional.classification import multiclass_recall

    guess, truth = _labels(outputs, target)
    return float(multiclass_recall(guess, truth, num_classes=len(classes), average=average))


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


def _labels(outputs: np.ndarray, target: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
    """Predicted and true class numbers, ``(sample,)`` each."""
    return predicted_class(torch.from_numpy(outputs)), torch.from_numpy(target)
