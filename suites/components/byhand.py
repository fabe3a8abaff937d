"""Optimizers written out as their equations, to be held against torch's own: every number by itself."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer


class ByHand(Optimizer, ABC):
    """Step that is worked out parameter by parameter.

    Args:
        params: what is changed.
        settings: hyper-parameters by name.
    """

    def __init__(self, params: Iterable[Tensor], **settings: float) -> None:
        super().__init__(params, settings)

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """Change every parameter that has a gradient.

        Raises:
            ValueError: a closure is given, which no step here would call.
        """
        if closure is not None:
            raise ValueError(
                "closure: got one, expected None: no step here asks for the loss again."
            )
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is not None:
                    weight.copy_(weight - self.move(weight.grad, self.state[weight], group))

    @abstractmethod
    def move(self, gradient: Tensor, state: dict[str, Any], settings: dict[str, Any]) -> Tensor:
        """Return what is subtracted from a weight."""


class SGD(ByHand):
    """``w <- w - lr g``."""

    def move(self, gradient: Tensor, _state: dict[str, Any], settings: dict[str, Any]) -> Tensor:
        """``lr g``."""
        moved: Tensor = settings["lr"] * gradient
        return moved


class RMSprop(ByHand):
    """``v <- alpha v + (1 - alpha) g^2``, ``w <- w - lr g / (sqrt(v) + eps)``: each weight has a v of its own.

    Source: T. Tieleman and G. Hinton, Lecture 6.5 of Neural Networks for Machine Learning, 2012.
    """

    def __init__(
        self, params: Iterable[Tensor], lr: float = 0.01, alpha: float = 0.99, eps: float = 1e-8
    ) -> None:
        super().__init__(params, lr=lr, alpha=alpha, eps=eps)

    def move(self, gradient: Tensor, state: dict[str, Any], settings: dict[str, Any]) -> Tensor:
        """``lr g / (sqrt(v) + eps)``."""
        alpha = settings["alpha"]
        v = alpha * state.get("v", torch.zeros_like(gradient)) + (1 - alpha) * gradient**2
        state["v"] = v
        moved: Tensor = settings["lr"] * gradient / (v.sqrt() + settings["eps"])
        return moved
