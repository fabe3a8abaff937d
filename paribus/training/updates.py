"""Optimizer steps for many replicates at once, each with hyper-parameters of its own.

The arithmetic is that of `torch.optim`'s single-tensor form, in its order, on parameters laid out as ``(replicate,
parameter)``; torch's own optimizers take one learning rate for all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from inspect import signature
from typing import Any

import torch
from torch import Tensor

from paribus.spec import Call

State = dict[str, Tensor]


@dataclass
class Update:
    """An optimizer step on ``(replicate, parameter)`` tensors, in place.

    Attributes:
        kind: name in `torch.optim`.
        hyper: each hyper-parameter that may differ by replicate, ``(replicate, 1)``.
        fixed: the others, the same for all.
        state: running averages, ``(replicate, parameter)`` each.
        steps: steps taken so far.
    """

    kind: str
    hyper: dict[str, Tensor]
    fixed: dict[str, Any]
    state: State = field(default_factory=dict)
    steps: int = 0

    @torch.no_grad()
    def __call__(self, weights: Tensor, gradient: Tensor) -> None:
        """Take one step."""
        self.steps += 1
        KINDS[self.kind].step(self, weights, gradient)

    def running(self, name: str, like: Tensor) -> Tensor:
        """A running average, zero at first."""
        if name not in self.state:
            self.state[name] = torch.zeros_like(like)
        return self.state[name]


def _decayed(update: Update, weights: Tensor, gradient: Tensor) -> Tensor:
    """The gradient with the L2 penalty's, where any replicate has one."""
    decay = update.hyper["weight_decay"]
    return gradient + decay * weights if decay.any() else gradient


def _sgd(u: Update, w: Tensor, g: Tensor) -> None:
    g = _decayed(u, w, g)
    momentum = u.hyper["momentum"]
    if momentum.any():
        first = "momentum" not in u.state
        buffer = u.running("momentum", w)
        # torch starts the buffer with the whole gradient, whatever the dampening.
        buffer.mul_(momentum).add_(g if first else g * (1 - u.hyper["dampening"]))
        moved = g + momentum * buffer if u.fixed["nesterov"] else buffer
        g = torch.where(momentum != 0, moved, g)
    w.sub_(u.hyper["lr"] * g)


def _adagrad(u: Update, w: Tensor, g: Tensor) -> None:
    g = _decayed(u, w, g)
    if "sum" not in u.state:
        u.state["sum"] = u.hyper["initial_accumulator_value"].expand_as(w).clone()
    total = u.state["sum"].addcmul_(g, g)
    lr = u.hyper["lr"] / (1 + (u.steps - 1) * u.hyper["lr_decay"])
    w.sub_(lr * g / total.sqrt().add_(u.hyper["eps"]))


def _rmsprop(u: Update, w: Tensor, g: Tensor) -> None:
    g = _decayed(u, w, g)
    alpha = u.hyper["alpha"]
    square = u.running("square", w)
    square.mul_(alpha).add_((1 - alpha) * g * g)
    step = g / square.sqrt().add_(u.hyper["eps"])
    momentum = u.hyper["momentum"]
    if momentum.any():
        step = u.running("momentum", w).mul_(momentum).add_(step)
    w.sub_(u.hyper["lr"] * step)


def _adam(u: Update, w: Tensor, g: Tensor) -> None:
    _adam_step(u, w, _decayed(u, w, g))


def _adamw(u: Update, w: Tensor, g: Tensor) -> None:
    w.mul_(1 - u.hyper["lr"] * u.hyper["weight_decay"])
    _adam_step(u, w, g)


def _adam_step(u: Update, w: Tensor, g: Tensor) -> None:
    first, second = u.hyper["beta1"], u.hyper["beta2"]
    mean, square = u.running("mean", w), u.running("square", w)
    mean.add_((1 - first) * (g - mean))
    square.mul_(second).add_((1 - second) * g * g)
    size = u.hyper["lr"] / (1 - first**u.steps)
    scale = (1 - second**u.steps).sqrt()
    w.sub_(size * mean / (square.sqrt() / scale).add_(u.hyper["eps"]))


@dataclass(frozen=True)
class Kind:
    """An optimizer that can be stacked.

    Attributes:
        step: its arithmetic.
        numbers: hyper-parameters that may differ by replicate.
        switches: arguments that all replicates share.
    """

    step: Callable[[Update, Tensor, Tensor], None]
    numbers: tuple[str, ...]
    switches: tuple[str, ...] = ()


KINDS: Mapping[str, Kind] = {
    "SGD": Kind(_sgd, ("lr", "momentum", "dampening", "weight_decay"), ("nesterov",)),
    "Adagrad": Kind(
        _adagrad, ("lr", "lr_decay", "weight_decay", "initial_accumulator_value", "eps")
    ),
    "RMSprop": Kind(_rmsprop, ("lr", "alpha", "eps", "weight_decay", "momentum")),
    "Adam": Kind(_adam, ("lr", "betas", "eps", "weight_decay")),
    "AdamW": Kind(_adamw, ("lr", "betas", "eps", "weight_decay")),
}


def refusal(optimizer: Call) -> str:
    """Why an optimizer cannot be stacked, or nothing."""
    module, _, name = optimizer.target.partition(":")
    if not module.startswith("torch.optim") or name not in KINDS:
        return f"no stacked form of the optimizer {optimizer.target}"
    kind = KINDS[name]
    others = optimizer.kwargs.keys() - {*kind.numbers, *kind.switches}
    return f"no stacked form of {name}'s {', '.join(sorted(others))}" if others else ""


def shape_of(optimizer: Call) -> Call:
    """The optimizer without the numbers that may differ within a cohort."""
    kind = KINDS[optimizer.target.partition(":")[2]]
    kept = {k: v for k, v in optimizer.kwargs.items() if k not in kind.numbers}
    return Call(target=optimizer.target, kwargs=kept)


def stacked_update(optimizers: Sequence[Call], like: Tensor) -> Update:
    """One step for all: each replicate's numbers in a column, torch's own defaults where it gives none.

    Args:
        optimizers: one a replicate, of one kind.
        like: parameters, ``(replicate, parameter)``, for type and device.
    """
    name = optimizers[0].target.partition(":")[2]
    kind = KINDS[name]
    defaults = {k: p.default for k, p in signature(optimizers[0].resolve()).parameters.items()}
    settings = [{**defaults, **o.kwargs} for o in optimizers]
    columns = {n: [s[n] for s in settings] for n in kind.numbers}
    if "betas" in columns:
        pairs = columns.pop("betas")
        columns |= {"beta1": [p[0] for p in pairs], "beta2": [p[1] for p in pairs]}
    hyper = {n: torch.tensor(v, dtype=torch.float64).to(like)[:, None] for n, v in columns.items()}
    return Update(name, hyper, {n: settings[0][n] for n in kind.switches})
