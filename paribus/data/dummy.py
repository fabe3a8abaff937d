"""Predictors that learn nothing, the floor of every comparison: ``(split) -> outputs of the test part``."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from paribus.data.dataset import Split
from paribus.errors import ParibusError


def prior(split: Split, target: int = 0) -> Tensor:
    """Predict each class's share of training, one sample of each class added, as the logits of every test sample.

    Args:
        split: whose classes are counted.
        target: number of the target that is meant, where there are several.

    Returns:
        ``(sample, class)`` of log shares; for two classes ``(sample, 1)``, the log odds of the second.
    """
    dataset = split.dataset
    names = (dataset.classes, *dataset.further_classes)[target]
    counts = torch.bincount(dataset.targets[target][split.train], minlength=len(names)) + 1
    shares = (counts / counts.sum()).log()
    logits = shares[1:] - shares[:1] if len(names) == 2 else shares
    return logits.expand(len(split.test), -1)


def priors(split: Split, of: Sequence[int] = (0, 1)) -> tuple[Tensor, ...]:
    """Predict the `prior` for each output of a network that has several.

    Args:
        split: whose classes are counted.
        of: number of the target of each output.
    """
    return tuple(prior(split, target) for target in of)


def label_prior(split: Split) -> Tensor:
    """Predict each label's share of training, a sample with and one without it added, as logits ``(sample, label)``."""
    target = split.dataset.targets[0][split.train].double()
    held = target.sum(0) + 1
    odds = (held / (len(target) + 2 - held)).log()
    return odds.to(torch.get_default_dtype()).expand(len(split.test), -1)


def mean_target(split: Split) -> Tensor:
    """Predict the mean target of training, ``(sample, ...)`` in the scale of the prepared targets."""
    mean = split.part("train").targets[0].mean(0)
    return mean.expand(len(split.test), *mean.shape)


def identity(split: Split) -> Tensor:
    """Predict the input itself, where input and target are of one shape: a noisy image, not denoised."""
    return split.part("test").inputs[0]


def principal_components(split: Split, components: int | None = None) -> Tensor:
    """Project test inputs on the leading principal components of the training targets, in the targets' shape.

    The best that a linear autoencoder can do; mean and components are those of the training part.

    Args:
        split: whose first input and target are of one shape.
        components: how many; None takes as many as serve the validation part best, its inputs projected and held
            against its targets.

    Raises:
        ParibusError: more components than a target has numbers.
    """
    shape = split.dataset.targets[0].shape[1:]
    if components is not None and not 0 <= components <= shape.numel():
        raise ParibusError(
            "number of principal components",
            got=components,
            expected=f"0 to {shape.numel()}, the numbers of one target",
            fix="Give fewer, or leave it out to have the validation part choose.",
        )
    mean, axes = _principal_axes(split.part("train").targets[0].double().flatten(1))
    if components is None:
        held = split.part("validation")
        given, wanted = (
            (x[0].double().flatten(1) - mean) @ axes for x in (held.inputs, held.targets)
        )
        components = _best_count(given, wanted)
    kept = axes[:, :components]
    test = split.part("test").inputs[0]
    projected = (test.double().flatten(1) - mean) @ kept @ kept.T + mean
    return projected.to(test.dtype).view(-1, *shape)


def _principal_axes(x: Tensor) -> tuple[Tensor, Tensor]:
    """Return samples' mean ``(feature,)`` and principal axes ``(feature, component)``, that of most variance first."""
    mean = x.mean(0)
    centred = x - mean
    return mean, torch.linalg.eigh(centred.T @ centred).eigenvectors.flip(1)


def _best_count(given: Tensor, wanted: Tensor) -> int:
    """Return how many leading coordinates of ``given`` come nearest to ``wanted``, both ``(sample, axis)``."""
    saved = (wanted.square() - (wanted - given).square()).sum(0).cumsum(0)
    best = int(saved.argmax())
    return best + 1 if saved[best] > 0 else 0


def last_value(split: Split) -> Tensor:
    """Predict the last value of each test window, ``(sample, 1)`` in the scale of the prepared targets."""
    return _from_window(split, 1)


def seasonal_naive(split: Split, lag: int | None = None) -> Tensor:
    """Predict the value ``lag`` steps earlier, ``(sample, 1)`` in the scale of the prepared targets.

    Args:
        split: windows ``(sample, time, 1)``, each with the value one step later as its target.
        lag: how many steps a season has, at most as many as a window; None takes the data's own.

    Raises:
        ParibusError: the lag reaches beyond the window.
    """
    return _from_window(split, split.dataset.season if lag is None else lag)


def _from_window(split: Split, lag: int) -> Tensor:
    window = split.dataset.inputs[0].shape[1]
    if not 1 <= lag <= window:
        raise ParibusError(
            "lag of a dummy forecast",
            got=f"{lag} steps",
            expected=f"1 to {window}, the length of a window",
            fix="Give a lag within the window, or make the windows longer.",
        )
    value = split.dataset.inputs[0][split.test, window - lag, :1]
    affine = split.target_standardizers[0]
    return affine(value) if affine else value
