"""Diagnostics of a network in training: gradient norms a layer, dead units, mean activations, the fit.

Each is ``(network, subset, loss) -> {name: number}`` and leaves the network unchanged. One that has an argument
``last`` is given the step before as well.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.func import functional_call

from paribus.data.dataset import Subset
from paribus.metrics import diagnostic_numbers as of_tensors
from paribus.metrics.outputs import Outputs, as_tuple
from paribus.spec import Call


class LastStep(NamedTuple):
    """Change of the weights in the last step and the (clipped) gradient that it was given, ``(parameter,)`` each."""

    change: Tensor
    gradient: Tensor


def needs_last_step(diagnostic: Call) -> bool:
    """Return whether a diagnostic is given the last step."""
    return "last" in inspect.signature(diagnostic.resolve()).parameters


def update_norm(
    _network: nn.Module, _subset: Subset, _loss: Callable[..., Tensor], *, last: LastStep | None
) -> dict[str, float]:
    """Measure the length of the last step, and its length for each unit of gradient.

    Returns:
        ``update_norm``: Euclidean norm of the weights' change; ``effective_step``: that norm over the gradient's, which
        is the learning rate for plain gradient descent. Both are NaN before the first step.
    """
    if last is None:
        return {"update_norm": float("nan"), "effective_step": float("nan")}
    return _floats(of_tensors.update_norm(*last))


def layer_variances(
    network: nn.Module, subset: Subset, loss: Callable[..., Tensor]
) -> dict[str, float]:
    """Measure the variance of each hidden linear or convolutional layer's output, and of the loss's gradient there.

    Returns:
        ``activation_variance/0`` and on, and ``gradient_variance/0`` and on, in order of definition and without the
        last layer: mean squares over units and samples, a sample's gradient being that of its own loss. Both have
        mean zero over draws of the weights, so that these are variances over draws.

    Source: K. He et al., Delving Deep into Rectifiers, ICCV 2015, equations 5 to 14.
    """
    layer_outputs: list[Tensor] = []
    handles = [
        m.register_forward_hook(lambda *args: layer_outputs.append(args[2]))
        for m in hidden_layers(network)
    ]
    try:
        total = loss(_forward(network, subset), *subset.targets).sum()
    finally:
        for handle in handles:
            handle.remove()
    gradients = torch.autograd.grad(total, layer_outputs) if layer_outputs else ()
    return _floats(of_tensors.layer_variances(layer_outputs, gradients))


def gradient_norms(
    network: nn.Module, subset: Subset, loss: Callable[..., Tensor]
) -> dict[str, float]:
    """Measure the Euclidean norm of each weight matrix's gradient, and the first one's ratio to the last.

    Returns:
        ``gradient_norm/0`` and on, in order of definition, and ``gradient_ratio`` (NaN where the last norm is zero).
        Gradients are those of a training step on the given samples, batch statistics included.
    """
    named = dict(network.named_parameters())
    weights = {name: p for name, p in named.items() if p.ndim > 1 and p.requires_grad}
    outputs = _forward(network, subset)
    gradients = torch.autograd.grad(loss(outputs, *subset.targets).mean(), list(weights.values()))
    return _floats(of_tensors.gradient_norms(gradients))


def border_sensitivity(
    network: nn.Module, subset: Subset, loss: Callable[..., Tensor]
) -> dict[str, float]:
    """Measure how much the loss depends on the pixels at an image's border, relative to the others.

    Returns:
        ``border_sensitivity``: mean absolute gradient of the loss by the pixels of the outermost rows and columns of
        the first input ``(sample, channel, height, width)``, over that by the others; NaN where the latter is zero.
    """
    image = subset.inputs[0].detach().clone().requires_grad_()
    outputs = _forward(network, Subset((image, *subset.inputs[1:]), subset.targets))
    (gradient,) = torch.autograd.grad(loss(outputs, *subset.targets).mean(), [image])
    return _floats(of_tensors.border_sensitivity(gradient))


@torch.no_grad()
def activations(
    network: nn.Module, subset: Subset, _loss: Callable[..., Tensor]
) -> dict[str, float]:
    """Measure dead units, mean and offset of the hidden units, over all activation modules.

    Returns:
        ``dead_share``: share of units that put out exactly zero for every sample, so that no gradient passes them;
        ``mean_activation``: mean output over units and samples, averaged over modules;
        ``activation_offset``: absolute mean over standard deviation, averaged over modules (zero is centred);
        ``output_scale``: root mean square of the network's outputs, the only entry without an activation module.
    """
    with _captured(network) as layer_outputs:
        outputs = _forward(network, subset)
    return _floats(of_tensors.activations(as_tuple(outputs), layer_outputs))


@torch.no_grad()
def train_fit(network: nn.Module, subset: Subset, loss: Callable[..., Tensor]) -> dict[str, float]:
    """Measure the loss on the training samples in evaluation mode, and how much higher it is in training mode.

    Returns:
        ``fitted/loss``: mean loss in evaluation mode, which dropout and batch statistics do not disturb; a run's curves
        then have ``gap/loss``, validation loss minus this.
        ``forgotten_eval``: by how much the loss is higher where ``eval()`` is forgotten.
    """
    training = network.training
    outputs = [_forward(network.train(mode), subset) for mode in (False, True)]
    network.train(training)
    return _floats(of_tensors.train_fit(*(loss(o, *subset.targets) for o in outputs)))


@torch.no_grad()
def all_zero_output(
    network: nn.Module, subset: Subset, _loss: Callable[..., Tensor]
) -> dict[str, float]:
    """Report whether the network puts out exactly zero for every sample, as one whose units have all died does.

    Returns:
        ``silent``: one if it does, else zero.
    """
    return _floats(of_tensors.all_zero_output(as_tuple(_forward(network, subset))))


def hidden_layers(network: nn.Module) -> list[nn.Module]:
    """Return the linear and convolutional layers in order of definition, without the last."""
    weighted: list[nn.Module] = [
        m for m in network.modules() if isinstance(m, nn.Linear | nn.modules.conv._ConvNd)
    ]
    return weighted[:-1]


def activation_modules(network: nn.Module) -> list[nn.Module]:
    """Return the activations that are modules, in order of definition."""
    return [m for m in network.modules() if type(m).__module__ == nn.ReLU.__module__]


def _floats(numbers: Mapping[str, Tensor]) -> dict[str, float]:
    return {name: number.item() for name, number in numbers.items()}


def _forward(network: nn.Module, subset: Subset) -> Outputs:
    """Run a pass that updates copies of the buffers, so that running statistics stay as they are."""
    buffers = {name: b.clone() for name, b in network.named_buffers()}
    outputs: Outputs = functional_call(network, buffers, subset.inputs)
    return outputs


@contextmanager
def _captured(network: nn.Module) -> Iterator[list[Tensor]]:
    """Collect what each activation module puts out while the context lasts."""
    layer_outputs: list[Tensor] = []
    handles = [
        m.register_forward_hook(lambda *args: layer_outputs.append(args[2]))
        for m in activation_modules(network)
    ]
    try:
        yield layer_outputs
    finally:
        for handle in handles:
            handle.remove()
