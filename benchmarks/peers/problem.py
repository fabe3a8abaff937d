"""One comparison that everybody can run: five optimizers, ten seeds, the breast cancer table, 1000 steps.

Here is what those share who bring no comparison of their own: data, network, optimizers and a table of statistics, as
somebody would write them with scikit-learn, torch, scipy and tabulate. Nothing of paribus is imported.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch
from scipy import stats
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split
from tabulate import tabulate
from torch import nn

SEEDS = 10
STEPS = 1000
BATCH = 32
WIDTHS = (30, 16, 8, 2)
# The settings of the suite `optimizers`.
OPTIMIZERS: Mapping[str, tuple[type[torch.optim.Optimizer], Mapping[str, float]]] = {
    "sgd": (torch.optim.SGD, {"lr": 0.01}),
    "momentum": (torch.optim.SGD, {"lr": 0.01, "momentum": 0.95}),
    "adagrad": (torch.optim.Adagrad, {"lr": 0.01}),
    "rmsprop": (torch.optim.RMSprop, {"lr": 0.01}),
    "adam": (torch.optim.Adam, {"lr": 0.001}),
}


class Parts(NamedTuple):
    """Standardised inputs ``(sample, 30)`` in float32 and labels ``(sample,)``, to train on and to test on."""

    x: np.ndarray
    y: np.ndarray
    test_x: np.ndarray
    test_y: np.ndarray


def parts(seed: int) -> Parts:
    """Split the table by a seed, three fifths of it for training and one fifth for the test, as the suite does."""
    x, y = load_breast_cancer(return_X_y=True)
    rest_x, test_x, rest_y, test_y = train_test_split(x, y, test_size=0.2, random_state=seed)
    x, _, y, _ = train_test_split(rest_x, rest_y, test_size=0.25, random_state=seed)
    mean, deviation = x.mean(0), x.std(0)
    x, test_x = ((part - mean) / deviation for part in (x, test_x))
    return Parts(x.astype(np.float32), y, test_x.astype(np.float32), test_y)


def network() -> nn.Sequential:
    """Return the network with torch's default weights, ``(sample, 30) -> (sample, 2)`` logits."""
    first, second, third, outputs = WIDTHS
    return nn.Sequential(
        nn.Linear(first, second),
        nn.ReLU(),
        nn.Linear(second, third),
        nn.ReLU(),
        nn.Linear(third, outputs),
    )


def show(scores: Mapping[str, Sequence[float]]) -> None:
    """Print a table of test log-losses against the first one's, and the means once more for whoever reads it.

    Args:
        scores: test log-loss by optimizer, ``(seed,)`` each.
    """
    base, *others = scores
    tests = [stats.wilcoxon(scores[base], scores[name]).pvalue for name in others]
    adjusted = dict(zip(others, holm(tests), strict=True))
    rows = []
    for name, values in scores.items():
        difference = np.subtract(scores[base], values)
        low, high = (
            (np.nan, np.nan)
            if name == base
            else stats.t.interval(0.95, len(values) - 1, difference.mean(), stats.sem(difference))
        )
        rows.append(
            {
                "optimizer": name,
                "log-loss": f"{np.mean(values):.4f} ± {np.std(values, ddof=1):.4f}",
                "difference": difference.mean(),
                "95 % interval": f"[{low:.4f}, {high:.4f}]",
                "p": adjusted.get(name, np.nan),
            }
        )
    sys.stdout.write(tabulate(rows, headers="keys", floatfmt=".4f") + "\n")
    say({name: float(np.mean(values)) for name, values in scores.items()})


def holm(values: Sequence[float]) -> list[float]:
    """Adjust p-values for how many there are (Holm 1979).

    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    adjusted, largest = [0.0] * len(values), 0.0
    for rank, place in enumerate(np.argsort(values)):
        largest = max(largest, min(1.0, (len(values) - rank) * values[place]))
        adjusted[place] = largest
    return adjusted


def say(means: Mapping[str, float]) -> None:
    """Print the mean test log-loss of each optimizer on a line of its own, for whoever times this."""
    sys.stdout.write(json.dumps(means) + "\n")


def compare(train: Callable[[str, int], np.ndarray]) -> None:
    """Train every optimizer on every seed, one after the other, and show the table.

    Args:
        train: takes an optimizer's name and a seed, and returns the test part's logits, ``(sample, 2)``.
    """
    show(
        {
            name: [log_loss(train(name, seed), parts(seed).test_y) for seed in range(SEEDS)]
            for name in OPTIMIZERS
        }
    )


def log_loss(logits: np.ndarray, labels: np.ndarray) -> float:
    """Return the mean log-loss of logits ``(sample, 2)`` in nats."""
    loss = nn.functional.cross_entropy(torch.tensor(logits), torch.tensor(labels))
    return float(loss)
