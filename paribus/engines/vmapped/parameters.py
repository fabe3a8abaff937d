"""Networks of one shape as one: weights in ``(replicate, parameter)``, buffers stacked, forward by ``vmap``."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from math import prod
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap

from paribus.engines.rnn import make_stackable
from paribus.engines.vmapped import convolution
from paribus.engines.vmapped.batches import Tensors
from paribus.training.dropout import NamedDropout, give_masks

Loss = Callable[..., Tensor]
State = tuple[Tensor, dict[str, Tensor]]
"""Weights, ``(replicate, parameter)``, and buffers by name."""


class StackedNetwork:
    """Replicates of one network.

    Args:
        networks: of one architecture, on one device, their dropout named (see `name_noise`).

    Raises:
        ValueError: a recurrent layer has no stacked form.

    Attributes:
        base: the architecture, whose own weights are never used.
        weights: a leaf, ``(replicate, parameter)``, in the order of `torch.nn.Module.parameters`; those that are frozen
            are left out.
        buffers: stacked, ``(replicate, ...)``, updated in place by a training-mode forward, and frozen weights.
        changing: names of those that a forward changes: all but the masks and what is frozen.
        frozen: names of frozen weights.
        masks: names of the dropout masks among the buffers, each with the replicates' dropouts.
    """

    def __init__(self, networks: Sequence[nn.Module]) -> None:
        every = dict(networks[0].named_parameters())
        named = {name: p for name, p in every.items() if p.requires_grad}
        self.frozen = [name for name in every if name not in named]
        self.names, self.shapes = list(named), [tuple(p.shape) for p in named.values()]
        self.sizes = [prod(shape) for shape in self.shapes]
        with torch.no_grad():
            rows = [trained_row(n) for n in networks]
            self.weights = torch.stack(rows).requires_grad_()
            buffers = [dict(network.named_buffers()) for network in networks]
            self.buffers = {n: torch.stack([b[n] for b in buffers]) for n in buffers[0]}
            self.changing = [*self.buffers]
            for name in self.frozen:
                self.buffers[name] = torch.stack([n.get_parameter(name) for n in networks])
        self.base = copy.deepcopy(networks[0])
        if reason := make_stackable(self.base):
            raise ValueError(reason)
        convolution.make_stackable(self.base)
        modules = [dict(network.named_modules()) for network in networks]
        self.masks = {
            name: [m[name.removesuffix("mask").removesuffix(".")] for m in modules]
            for name in give_masks(self.base)
        }
        for name in self.masks:
            self.buffers[name] = torch.ones(len(networks)).to(self.weights)

    masks: dict[str, list[NamedDropout]]

    def __len__(self) -> int:
        return len(self.weights)

    def draw_masks(self, step: int) -> None:
        """Draw each replicate's masks of a step, as the loop draws them, into the buffers."""
        for name, mask in self.masks_of([step]).items():
            self.buffers[name] = mask[0].to(self.weights)

    def masks_of(
        self, steps: Sequence[int], shapes: Mapping[str, torch.Size | None] | None = None
    ) -> dict[str, Tensor]:
        """Return which entries are kept by name, ``(step, replicate, ...)`` each; none of what was not called yet.

        Args:
            steps: whose masks they are.
            shapes: of a replicate's masks by name, if not those of a training batch; None for what is not called.
        """
        masks: dict[str, Tensor] = {}
        for name, dropouts in self.masks.items():
            shape = dropouts[0].shape if shapes is None else shapes[name]
            if shape is None:  # the first pass did not call this one
                continue
            # Replicates of one seed share theirs.
            distinct = list({id(dropout): dropout for dropout in dropouts}.values())
            drawn = torch.empty(len(steps), len(distinct), *shape, dtype=torch.bool)
            for k, step in enumerate(steps):
                for i, dropout in enumerate(distinct):
                    dropout.begin(step)
                    drawn[k, i] = dropout.keep(shape)
            place = {id(dropout): i for i, dropout in enumerate(distinct)}
            which = [place[id(dropout)] for dropout in dropouts]
            masks[name] = drawn[:, which] if len(distinct) < len(dropouts) else drawn
        return masks

    def parameters(self, weights: Tensor) -> dict[str, Tensor]:
        """Return views of the weights by name, ``(replicate, ...)`` each."""
        parts = weights.split(self.sizes, dim=1)
        named = zip(self.names, parts, self.shapes, strict=True)
        return {name: part.view(len(weights), *shape) for name, part, shape in named}

    def call(self, function: Callable[..., Any], *arguments: Tensors) -> Any:
        """Return ``function(network, *arguments)`` for each replicate at once.

        Args:
            function: takes a callable network and a replicate's arguments, each a tuple of tensors.
            arguments: tuples of ``(replicate, ...)`` tensors.
        """
        return self._mapped(function, self.parameters(self.weights), self.buffers, *arguments)

    def _mapped(
        self,
        function: Callable[..., Any],
        parameters: dict[str, Tensor],
        buffers: dict[str, Tensor],
        *arguments: Tensors,
    ) -> Any:
        def one(p: dict[str, Tensor], b: dict[str, Tensor], *rest: Tensors) -> Any:
            return function(lambda *x: functional_call(self.base, (p, b), x), *rest)

        return vmap(one)(parameters, buffers, *arguments)

    def losses(
        self,
        loss: Loss,
        parameters: dict[str, Tensor],
        buffers: dict[str, Tensor],
        inputs: Tensors,
        targets: Tensors,
    ) -> Tensor:
        """Return the mean loss of each replicate's batch, ``(replicate,)``; the buffers given are updated in place.

        Args:
            loss: of outputs and targets, ``(sample,)``.
            parameters: by name, ``(replicate, ...)`` each.
            buffers: the same.
            inputs: ``(replicate, batch, ...)`` each.
            targets: the same.
        """

        def mean(network: Callable[..., Tensor], x: Tensors, y: Tensors) -> Tensor:
            return loss(network(*x), *y).mean()

        values: Tensor = self._mapped(mean, parameters, buffers, inputs, targets)
        return values

    def gradient(self, loss: Loss, inputs: Tensors, targets: Tensors) -> tuple[Tensor, Tensor]:
        """Return each replicate's gradient of its mean loss, ``(replicate, parameter)``, and losses, ``(replicate,)``.

        Buffers are updated in place.
        """
        parameters = self.parameters(self.weights)
        losses = self.losses(loss, parameters, self.buffers, inputs, targets)
        (gradient,) = torch.autograd.grad(losses.sum(), self.weights)
        return gradient, losses.detach()

    def state(self) -> State:
        """Return a copy of weights and buffers."""
        copies = {name: b.clone() for name, b in self.buffers.items()}
        return self.weights.detach().clone(), copies

    def keep(self, chosen: Tensor, best: State) -> None:
        """Copy the chosen replicates' weights and buffers into ``best``; ``chosen`` is ``(replicate,)``."""
        weights, buffers = best
        weights[chosen] = self.weights.detach()[chosen]
        for name in buffers.keys() - self.masks.keys():
            buffers[name][chosen] = self.buffers[name][chosen]

    def same(self, one: State, other: State) -> bool:
        """Return whether two states give the same outputs: all numbers are equal but those of the masks."""
        names = [name for name in self.buffers if name not in self.masks]
        pairs = [(one[0], other[0]), *((one[1][name], other[1][name]) for name in names)]
        return all(torch.equal(*pair) for pair in pairs)

    @torch.no_grad()
    def restore(self, state: State) -> None:
        """Put weights and buffers back."""
        self.weights.copy_(state[0])
        self.buffers = state[1]

    def load(self, network: nn.Module, index: int) -> None:
        """Put one replicate's weights and buffers into a network of the same architecture."""
        named = self.buffers | self.parameters(self.weights.detach())
        own = dict(network.named_buffers())
        with torch.no_grad():
            for name, parameter in network.named_parameters():
                parameter.copy_(named[name][index])
            for name, buffer in own.items():
                buffer.copy_(self.buffers[name][index])


def trained_row(network: nn.Module) -> Tensor:
    """Return a copy of the weights of a network that are trained, in one row, ``(parameter,)``."""
    return torch.cat([p.detach().reshape(-1) for p in network.parameters() if p.requires_grad])
