"""Layers of a network in the order in which they are called, their outputs and their parameters."""

from __future__ import annotations

from collections import Counter
from typing import Any, TypedDict

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.utils._pytree import tree_leaves

from paribus.data.dataset import Subset
from paribus.training.layers import kind_of, named_weights, outer_modules, parametrisations


class LayerLine(TypedDict):
    """Layer: its kind and ordinal, the shape of its output for one sample, and its number of trained parameters.

    `weights` holds the shape of each of its own weights by name, trained or not.
    """

    layer: str
    output: list[int] | None
    weights: dict[str, list[int]]
    parameters: int


def layer_table(network: nn.Module, part: Subset) -> list[LayerLine]:
    """Return the layers of a network in the order in which they are first called, by passing one sample.

    A layer is a module without parts, or with parameters of its own; one that changes nothing (`nn.Identity`) is left
    out. Of several outputs, as a recurrent layer has, the first counts. Layers that are not called stand at the end
    with no output. The network is left as it was.

    Args:
        network: on the CPU, in float32.
        part: samples of which the first is passed.
    """
    seen: dict[nn.Module, list[int]] = {}

    def note(module: nn.Module, _inputs: Any, outputs: Any) -> None:
        tensor = next(leaf for leaf in tree_leaves(outputs) if isinstance(leaf, Tensor))
        seen.setdefault(module, list(tensor.shape[1:]))

    named, own = _named(network), _own(network)
    handles = [module.register_forward_hook(note) for module in named]
    try:
        evaluate_once(network, tuple(x[:1] for x in part.inputs))
    finally:
        for handle in handles:
            handle.remove()
    unused = [m for m in named if m not in seen and own[m]]
    return [
        {
            "layer": named[module],
            "output": seen.get(module),
            "weights": {name: list(p.shape) for name, p in named_weights(module)},
            "parameters": own[module],
        }
        for module in (*seen, *unused)
    ]


def evaluate_once(network: nn.Module, inputs: tuple[Tensor, ...], *, gradient: bool = False) -> Any:
    """Pass samples through in evaluation mode, on copies of the buffers, with the global generator restored."""
    training = network.training
    buffers = {name: b.clone() for name, b in network.named_buffers()}
    with torch.random.fork_rng(devices=[]), torch.set_grad_enabled(gradient):
        outputs = functional_call(network.eval(), buffers, inputs)
    network.train(training)
    return outputs


def _named(network: nn.Module) -> dict[nn.Module, str]:
    """Return the layers by module, each named for its kind and its ordinal among modules of that kind."""
    count: Counter[str] = Counter()
    named: dict[nn.Module, str] = {}
    for module in outer_modules(network):
        kind = kind_of(module)
        holds = next(named_weights(module), None) is not None
        if holds or not (_has_parts(module) or isinstance(module, nn.Identity)):
            named[module] = f"{kind}{count[kind]}"
            count[kind] += 1
    return named


def _own(network: nn.Module) -> dict[nn.Module, int]:
    """Count the parameters each module trains; shared ones count for the first module, frozen ones for none."""
    counted: set[int] = set()
    counts = {}
    for module in outer_modules(network):
        new = {id(p): p.numel() for _, p in named_weights(module) if _counts(p, counted)}
        counted |= new.keys()
        counts[module] = sum(new.values())
    return counts


def _has_parts(module: nn.Module) -> bool:
    return len([*module.children()]) > bool(parametrisations(module))


def _counts(parameter: nn.Parameter, counted: set[int]) -> bool:
    """Return whether a parameter is trained and was not counted yet."""
    return parameter.requires_grad and id(parameter) not in counted
