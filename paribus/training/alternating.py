"""Alternating updates: a network's parameters in groups, updated in turn within a step, as in adversarial training.

Such a network has a method ``alternating_updates()``, which returns pairs of the parameters that are updated together
and their loss, ``(inputs, targets, generator) -> scalar``. Each pair gets an optimizer of its own, of the recipe's
kind, and each step makes all updates in their order.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from paribus.runs.run import Run
from paribus.spec import Call
from paribus.training.dropout import NamedDropout
from paribus.training.optimizer import NetworkOptimizer

Loss = Callable[[Sequence[Tensor], Sequence[Tensor], torch.Generator], Tensor]


@dataclass(frozen=True)
class GroupUpdate:
    """Parameters that are updated together, their loss and their optimizer."""

    parameters: list[nn.Parameter]
    loss: Loss
    optimizer: NetworkOptimizer


class AlternatingUpdates:
    """Step of a network that has alternating updates.

    Args:
        network: whose ``alternating_updates()`` are made.
        run: whose recipe makes the optimizers, and whose noise streams draw: one for each update and step.
        noise: the network's dropouts; each update of a step has the step's own masks.
    """

    def __init__(self, network: nn.Module, run: Run, noise: Sequence[NamedDropout] = ()) -> None:
        self.run, self.noise = run, noise
        self.updates = []
        names = {id(weight): name for name, weight in network.named_parameters()}
        for group, loss in network.alternating_updates():  # type: ignore[operator]  # checked by alternates()
            named = {names[id(p)]: p for p in group if p.requires_grad}
            optimizer = NetworkOptimizer(run.recipe, network, named)
            self.updates.append(GroupUpdate([*named.values()], loss, optimizer))

    @property
    def optimizers(self) -> list[NetworkOptimizer]:
        """Those of the updates, in their order."""
        return [update.optimizer for update in self.updates]

    def __call__(self, inputs: Sequence[Tensor], targets: Sequence[Tensor], step: int) -> Tensor:
        """Take a step and return the sum of the updates' losses, a scalar."""
        losses = []
        for i, update in enumerate(self.updates):
            losses.append(self._take(update, inputs, targets, (i, step)))
        return torch.stack(losses).sum()

    def _take(
        self,
        update: GroupUpdate,
        inputs: Sequence[Tensor],
        targets: Sequence[Tensor],
        place: tuple[int, int],
    ) -> Tensor:
        """Take the update of that number in a step; however often it evaluates the loss, draws are the same."""

        def evaluate() -> Tensor:
            for layer in self.noise:
                layer.begin(place[1])
            loss = update.loss(
                inputs, targets, self.run.streams.generator("noise", "round", *place)
            )
            update.optimizer.zero_grad()
            loss.backward()
            if self.run.recipe.clip_norm is not None:
                nn.utils.clip_grad_norm_(update.parameters, self.run.recipe.clip_norm)
            return loss

        return update.optimizer.step(evaluate).detach()


def alternates(network: object) -> bool:
    """Return whether a network, or its class, has alternating updates."""
    return callable(getattr(network, "alternating_updates", None))


def model_alternates(model: Call) -> bool:
    """Return whether a recipe's network has alternating updates, as far as its class shows."""
    return alternates(model.resolve())
