"""Predictors that learn nothing, the floor of every comparison: ``(fold) -> outputs of the test part``."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from paribus.data import Fold
from paribus.errors import ParibusError


def prior(fold: Fold, target: int = 0) -> Tensor:
    """How frequent each class is in training, with one sample of each class added, as the logits of every test sample.

    Args:
        fold: whose classes are counted.
        target: number of the target that is meant, where there are several.

    Returns:
        ``(sample, class)`` of log shares; for two classes ``(sample, 1)``, the log odds of the second.
    """
    dataset = fold.dataset
    names = (dataset.classes, *dataset.further_classes)[target]
    counts = torch.bincount(dataset.targets[target][fold.train], minlength=len(names)) + 1
    shares = (counts / counts.sum()).log()
    logits = shares[1:] - shares[:1] if len(names) == 2 else shares
    return logits.expand(len(fold.test), -1)


def priors(fold: Fold, of: Sequence[int] = (0, 1)) -> tuple[Tensor, ...]:
    """`prior` for each output of a network that has several.

    Args:
        fold: whose classes are counted.
        of: number of the target of each output.
    """
    return tuple(prior(fold, target) for target in of)


def label_prior(fold: Fold) -> Tensor:
    """How frequent each label is in training, a sample with and one without it added, as logits ``(sample, label)``."""
    target = fold.dataset.targets[0][fold.train].double()
    held = target.sum(0) + 1
    odds = (held / (len(target) + 2 - held)).log()
    return odds.to(torch.get_default_dtype()).expand(len(fold.test), -1)


def mean_target(fold: Fold) -> Tensor:
    """The mean target of training for every test sample, ``(sample, output)`` in the scale of the prepared targets."""
    return fold.part("train").targets[0].mean(0).expand(len(fold.test), -1)


def last_value(fold: Fold) -> Tensor:
    """The last value of each test window, ``(sample, 1)`` in the scale of the prepared targets."""
    return _from_window(fold, 1)


def same_time_yesterday(fold: Fold, lag: int) -> Tensor:
    """The value ``lag`` steps before the one to predict, ``(sample, 1)`` in the scale of the prepared targets.

    Args:
        fold: windows ``(sample, time, 1)``, each with the value one step later as its target.
        lag: how many steps a day has, at most as many as a window.

    Raises:
        ParibusError: the lag reaches beyond the window.
    """
    return _from_window(fold, lag)


def _from_window(fold: Fold, lag: int) -> Tensor:
    window = fold.dataset.inputs[0].shape[1]
    if not 1 <= lag <= window:
        raise ParibusError(
            "lag of a naive forecast",
            got=f"{lag} steps",
            expected=f"1 to {window}, the length of a window",
            fix="Give a lag within the window, or make the windows longer.",
        )
    value = fold.dataset.inputs[0][fold.test, window - lag, :1]
    affine = fold.target_affines[0]
    return affine(value) if affine else value
