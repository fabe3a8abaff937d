"""What the first forward pass of a network shows: layers made late, layers it does not hold, how its outputs end."""

from __future__ import annotations

from contextlib import suppress
from typing import Any, NamedTuple

from torch import Tensor, nn
from torch.nn.modules.module import register_module_forward_pre_hook
from torch.utils._pytree import tree_leaves

from paribus.spec import Call
from paribus.training.layer_summary import evaluate_once

# Layers that functions stand for, by the names that torch's gradients have.
ENDS = {
    "SigmoidBackward0": "Sigmoid",
    "SoftmaxBackward0": "Softmax",
    "ReluBackward0": "ReLU",
    "TanhBackward0": "Tanh",
    "SoftplusBackward0": "Softplus",
}
# They change the shape or the type of outputs, and no number.
SHAPING = (
    "View",
    "Unsafe",
    "Squeeze",
    "Unsqueeze",
    "Reshape",
    "Select",
    "Slice",
    "Clone",
    "ToCopy",
)


class FirstPass(NamedTuple):
    """What a pass showed.

    Attributes:
        born_late: whether it made layers.
        loose: kinds of the layers with weights that it called and that are no part of the network.
        last: kind of the layer that the last function stands for, such as ``Sigmoid``, or nothing.
    """

    born_late: bool
    loose: tuple[str, ...]
    last: str


_seen: dict[Call, FirstPass] = {}


def first_pass(model: Call) -> FirstPass | None:
    """Return what the first pass of a network showed, or None if it was not tried yet."""
    return _seen.get(model)


def try_first_pass(model: Call, network: nn.Module, inputs: tuple[Tensor, ...]) -> None:
    """Pass samples through a network that is thrown away afterwards, once for each constructor."""
    before = {id(p) for p in network.parameters()}
    called: dict[int, nn.Module] = {}

    def note(module: nn.Module, _inputs: Any) -> None:
        called[id(module)] = module

    handle = register_module_forward_pre_hook(note)
    try:
        with suppress(Exception):  # what does not fit is told by the checks before training
            outputs = evaluate_once(network, inputs, gradient=True)
            after = {id(p) for p in network.parameters()}
            loose = [
                type(module).__name__
                for module in called.values()
                if any(
                    p.requires_grad and id(p) not in after
                    for p in module._parameters.values()
                    if p is not None
                )
            ]
            _seen[model] = FirstPass(after != before, tuple(loose), last_function(outputs))
    finally:
        handle.remove()


def last_function(outputs: Any) -> str:
    """Return the layer that the function stands for from which the first output comes, or nothing.

    >>> import torch
    >>> last_function(torch.sigmoid(torch.zeros(4, 1, requires_grad=True)).squeeze(-1))
    'Sigmoid'
    """
    tensor = next((leaf for leaf in tree_leaves(outputs) if isinstance(leaf, Tensor)), None)
    node: Any = None if tensor is None else tensor.grad_fn
    while node is not None and node.name().startswith(SHAPING):
        node = node.next_functions[0][0] if node.next_functions else None
    return "" if node is None else ENDS.get(node.name(), "")
