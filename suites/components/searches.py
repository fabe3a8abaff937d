"""Searches as optimizers: each step evaluates the loss where the weights are and puts them at the next trial.

Weights are shares of ranges, in the unit cube. The seed of a search is read off the weights that it starts from, so
that it comes from whatever drew them; that first point is replaced, and nothing is told of it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from itertools import product
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer


class Point(nn.Module):
    """Point in the unit cube as a network: each input times a weight of its own, ``(batch, n) -> (batch, n)``.

    Args:
        inputs: shape of one sample, ``(n,)``.
    """

    def __init__(self, *, inputs: Sequence[int]) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(inputs[0]))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the point from U(0, 1) in each direction."""
        nn.init.uniform_(self.weight)

    def forward(self, x: Tensor) -> Tensor:
        """Return the inputs, scaled, ``(batch, n)``."""
        return x * self.weight


class Search(Optimizer, ABC):
    """Base of all searches: they propose points and receive their losses.

    Args:
        params: tensors of shares.
    """

    def __init__(self, params: Iterable[Tensor], **defaults: Any) -> None:
        super().__init__(params, defaults)
        self.tensors: list[Tensor] = [p for group in self.param_groups for p in group["params"]]
        self.size = sum(p.numel() for p in self.tensors)
        first = float(self.tensors[0].detach().reshape(-1)[0])
        self.seed = int(abs(first) * 2**24) % 2**31
        self.trials = 0

    @abstractmethod
    def propose(self) -> list[float]:
        """Return the next point, a share for each weight."""

    def tell(self, loss: float) -> None:
        """Hear the loss at the point proposed last."""

    def step(self, closure: Callable[[], Tensor]) -> Tensor:  # type: ignore[override]
        """Evaluate the loss where the weights are, and put them at the next trial; returns the loss."""
        with torch.enable_grad():
            loss = closure()
        if self.trials:
            self.tell(loss.item())
        point = torch.tensor(self.propose(), dtype=self.tensors[0].dtype)
        with torch.no_grad():
            for tensor, part in zip(
                self.tensors, point.split([p.numel() for p in self.tensors]), strict=True
            ):
                tensor.copy_(part.view_as(tensor))
        self.trials += 1
        return loss


class Grid(Search):
    """Every combination of so many values a direction, in the middle of equal parts of the range.

    Args:
        params: tensors of shares.
        levels: values a direction; after ``levels ** n`` trials it begins again.
    """

    def __init__(self, params: Iterable[Tensor], levels: int) -> None:
        super().__init__(params, levels=levels)
        values = [(i + 0.5) / levels for i in range(levels)]
        self.points = [list(point) for point in product(values, repeat=self.size)]

    def propose(self) -> list[float]:
        """Return the next combination, the last direction changing first."""
        return self.points[self.trials % len(self.points)]


class Random(Search):
    """Points from U(0, 1) in each direction, each drawn by itself (Bergstra and Bengio 2012)."""

    def __init__(self, params: Iterable[Tensor]) -> None:
        super().__init__(params)
        self.generator = torch.Generator().manual_seed(self.seed)

    def propose(self) -> list[float]:
        """Return the next draw."""
        drawn: list[float] = torch.rand(self.size, generator=self.generator).tolist()
        return drawn


class Bayesian(Search):
    """Optuna's tree-structured Parzen estimator, which learns from the losses that it is told (Bergstra et al. 2011).

    Args:
        params: tensors of shares.
        startup: trials at random before it begins to learn.

    Raises:
        ImportError: Optuna is not installed.
    """

    def __init__(self, params: Iterable[Tensor], startup: int = 10) -> None:
        super().__init__(params, startup=startup)
        import optuna

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        sampler = optuna.samplers.TPESampler(seed=self.seed, n_startup_trials=startup)
        self.study = optuna.create_study(sampler=sampler)

    def propose(self) -> list[float]:
        """Return what Optuna suggests."""
        self.trial = self.study.ask()
        return [self.trial.suggest_float(str(i), 0.0, 1.0) for i in range(self.size)]

    def tell(self, loss: float) -> None:
        """Let Optuna know."""
        self.study.tell(self.trial, loss)
