"""Networks of one shape as one: weights in ``(replicate, parameter)``, buffers stacked, forward by ``vmap``."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state, vmap

from paribus.training.noise import NamedDropout


class Stack:
    """Replicates of one network.

    Attributes:
        weights: a leaf, ``(replicate, parameter)``, in the order of `torch.nn.Module.parameters`.
        buffers: stacked, ``(replicate, ...)``, updated in place by a training-mode forward.
        masks: keep-masks of each dropout, ``(replicate, batch, ...)``, for the next training-mode forward.
    """

    def __init__(self, networks: Sequence[nn.Module]) -> None:
        first = networks[0]
        self.base = copy.deepcopy(first)
        named = dict(first.named_parameters())
        self.names, self.shapes = list(named), [tuple(p.shape) for p in named.values()]
        self.sizes = [prod(shape) for shape in self.shapes]
        with torch.no_grad():
            rows = [torch.cat([p.reshape(-1) for p in n.parameters()]) for n in networks]
            self.weights = torch.stack(rows).requires_grad_()
        _, buffers = stack_module_state(list(networks))
        self.buffers = {name: value.clone() for name, value in buffers.items()}
        self.dropouts = [m for m in self.base.modules() if isinstance(m, NamedDropout)]
        self.noise = [[m for m in n.modules() if isinstance(m, NamedDropout)] for n in networks]

    def __len__(self) -> int:
        return len(self.weights)

    def parameters(self, weights: Tensor) -> dict[str, Tensor]:
        """Views of the weights by name, ``(replicate, ...)`` each."""
        parts = weights.split(self.sizes, dim=1)
        named = zip(self.names, parts, self.shapes, strict=True)
        return {name: part.view(len(weights), *shape) for name, part, shape in named}

    def call(
        self,
        function: Callable[..., Any],
        *arguments: tuple[Tensor, ...],
        weights: Tensor | None = None,
    ) -> Any:
        """``function(network, *arguments)`` for each replicate at once.

        Args:
            function: takes a callable network and a replicate's arguments, each a tuple of tensors.
            arguments: tuples of ``(replicate, ...)`` tensors.
            weights: in place of the stack's own, such as the best so far.
        """

        def one(p: dict[str, Tensor], b: dict[str, Tensor], *rest: tuple[Tensor, ...]) -> Any:
            return function(lambda *x: functional_call(self.base, (p, b), x), *rest)

        stacked = self.parameters(self.weights if weights is None else weights)
        return vmap(one)(stacked, self.buffers, *arguments)

    def replicate(self, index: int) -> nn.Module:
        """One replicate as an ordinary network of its own."""
        network = copy.deepcopy(self.base)
        named = {n: p[index] for n, p in self.parameters(self.weights.detach()).items()}
        network.load_state_dict({**named, **{n: b[index] for n, b in self.buffers.items()}})
        return network
