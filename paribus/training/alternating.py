"""How a network takes a step: one update of all weights by the task's loss, or updates of its own, one after another.

A network that brings its own has a method ``rounds()``: pairs of the parameters that are updated together and their
loss, ``(inputs, targets, generator) -> scalar``. Each pair gets an optimizer of its own, of the recipe's kind, and each
step takes all of them in their order, as adversarial training does.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from paribus.runs.run import Run
from paribus.spec import Call
from paribus.training.dropout import NamedDropout

OWN_ROUNDS = "the network takes steps of its own"
Loss = Callable[[Sequence[Tensor], Sequence[Tensor], torch.Generator], Tensor]


@dataclass(frozen=True)
class Round:
    """Some of a network's parameters, what they are trained by, and the optimizer that does it."""

    parameters: list[nn.Parameter]
    loss: Loss
    optimizer: torch.optim.Optimizer


class Rounds:
    """The rounds of a network's steps.

    Args:
        network: whose ``rounds()`` are taken.
        run: whose recipe makes the optimizers, and whose noise streams draw: one for each round and step.
        noise: the network's dropouts; each round of a step has the step's own masks.
    """

    def __init__(self, network: nn.Module, run: Run, noise: Sequence[NamedDropout] = ()) -> None:
        self.run, self.noise = run, noise
        self.rounds = []
        for named, loss in network.rounds():  # type: ignore[operator]  # as takes_rounds told
            trained = [p for p in named if p.requires_grad]
            self.rounds.append(Round(trained, loss, run.recipe.optimizer(trained)))

    def __call__(self, inputs: Sequence[Tensor], targets: Sequence[Tensor], step: int) -> Tensor:
        """Take a step; returns the sum of the rounds' losses, a scalar."""
        losses = []
        for i, each in enumerate(self.rounds):
            for layer in self.noise:
                layer.begin(step)
            generator = self.run.streams.generator("noise", "round", i, step)
            losses.append(self._take(each, inputs, targets, generator))
        return torch.stack(losses).sum()

    def _take(
        self,
        each: Round,
        inputs: Sequence[Tensor],
        targets: Sequence[Tensor],
        generator: torch.Generator,
    ) -> Tensor:
        loss = each.loss(inputs, targets, generator)
        each.optimizer.zero_grad()
        loss.backward()
        if self.run.recipe.clip_norm is not None:
            nn.utils.clip_grad_norm_(each.parameters, self.run.recipe.clip_norm)
        each.optimizer.step()
        return loss.detach()


def takes_rounds(network: object) -> bool:
    """Whether a network, or its class, brings its own updates."""
    return callable(getattr(network, "rounds", None))


def model_takes_rounds(model: Call) -> bool:
    """Whether the network that a recipe names brings its own updates, as far as its class tells."""
    return takes_rounds(model.resolve())
