"""Numbers that diagnostics come to, from tensors of one network: for one alone, and by `torch.vmap` for many.

Each returns numbers without dimensions, in float64. None decides anything by what a tensor holds.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

Numbers = dict[str, Tensor]


def update_norm(change: Tensor, gradient: Tensor) -> Numbers:
    """Return the norm of a step, and its ratio to the gradient's; ``(parameter,)`` each."""
    length = change.double().norm()
    return {"update_norm": length, "effective_step": _ratio(length, gradient.double().norm())}


def layer_variances(outputs: Sequence[Tensor], gradients: Sequence[Tensor]) -> Numbers:
    """Return the mean squares of layers' outputs, ``(sample, ...)``, and of the loss's gradients there."""
    return {
        f"{name}/{i}": x.detach().double().square().mean()
        for name, tensors in (("activation_variance", outputs), ("gradient_variance", gradients))
        for i, x in enumerate(tensors)
    }


def gradient_norms(gradients: Sequence[Tensor]) -> Numbers:
    """Return the norm of each weight matrix's gradient, and the first one's ratio to the last."""
    norms = [gradient.double().norm() for gradient in gradients]
    named = {f"gradient_norm/{i}": norm for i, norm in enumerate(norms)}
    return named | {"gradient_ratio": _ratio(norms[0], norms[-1])}


def border_sensitivity(gradient: Tensor) -> Numbers:
    """Return the mean size of the loss's gradient at images' borders, over that by the other pixels.

    Args:
        gradient: by the pixels, ``(sample, channel, height, width)``.
    """
    size = gradient.double().abs()
    inner = size[:, :, 1:-1, 1:-1]
    border = (size.sum() - inner.sum()) / (size.numel() - inner.numel())
    return {"border_sensitivity": _ratio(border, inner.mean())}


def activations(outputs: Sequence[Tensor], layers: Sequence[Tensor]) -> Numbers:
    """Return dead units, mean and offset of activation modules' outputs, and the scale of the network's own.

    Args:
        outputs: of the network.
        layers: outputs of its activation modules, ``(sample, unit, ...)`` each; there may be none.
    """
    numbers = torch.cat([output.double().flatten() for output in outputs])
    scale = {"output_scale": numbers.square().mean().sqrt()}
    if not layers:
        return scale
    largest = torch.cat([x.abs().transpose(0, 1).flatten(1).amax(1) for x in layers])
    spread = [_spread(x.double()) for x in layers]
    means, deviations = (torch.stack(each) for each in zip(*spread, strict=True))
    return {
        "dead_share": (largest == 0).double().mean(),
        "mean_activation": means.mean(),
        "activation_offset": (means.abs() / deviations.clamp(min=1e-12)).mean(),
    } | scale


def train_fit(fitted: Tensor, disturbed: Tensor) -> Numbers:
    """Return the mean loss in evaluation mode, and how much higher it is in training mode; ``(sample,)`` each."""
    loss = fitted.double().mean()
    return {"fitted/loss": loss, "forgotten_eval": disturbed.double().mean() - loss}


def all_zero_output(outputs: Sequence[Tensor]) -> Numbers:
    """Return one if every output is exactly zero, else zero."""
    some = torch.stack([output.any() for output in outputs]).any()
    return {"silent": some.logical_not().double()}


def _spread(x: Tensor) -> tuple[Tensor, Tensor]:
    """Return mean and standard deviation; torch's own for the CPU takes ten times as long."""
    mean = x.mean()
    return mean, ((x - mean).square().sum() / (x.numel() - 1)).sqrt()


def _ratio(value: Tensor, divisor: Tensor) -> Tensor:
    return torch.where(divisor == 0, torch.nan, value / divisor)
