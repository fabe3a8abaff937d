"""Optimizer steps for many replicates at once, each with hyper-parameters of its own.

The arithmetic is that of `torch.optim`'s single-tensor form, in its order, on parameters laid out as ``(replicate,
parameter)``; torch's own optimizers take one learning rate for all. What depends on the number of the step is worked
out in float64 for many steps ahead, so that a step is tensors in, tensors out, with nothing to decide.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from inspect import signature
from typing import Any

import torch
from torch import Tensor

from paribus.spec import Call

Numbers = Mapping[str, Tensor]
Optimizers = Call | tuple[tuple[str, Call], ...]
"""A recipe's optimizer, or those of its patterns of names."""


@dataclass
class Update:
    """Optimizer step on ``(replicate, parameter)`` tensors, in place.

    Attributes:
        kind: name in `torch.optim`.
        hyper: each hyper-parameter that may differ by replicate, ``(replicate, 1)`` in float64.
        fixed: what is decided once: the arguments that all share, and which terms there are at all.
        like: a tensor of the type and device of the parameters.
        state: running averages, ``(replicate, parameter)`` each.
        steps: steps taken so far.
    """

    kind: str
    hyper: dict[str, Tensor]
    fixed: dict[str, Any]
    like: Tensor
    state: dict[str, Tensor] = field(default_factory=dict)
    steps: int = 0

    def __post_init__(self) -> None:
        h = self.hyper
        self.fixed["decays"] = bool(h["weight_decay"].any())
        self.fixed["moves"] = "momentum" in h and bool(h["momentum"].any())
        self.constant = {name: x.to(self.like) for name, x in h.items()}
        for name in ("beta1", "beta2", "alpha"):
            if name in h:
                self.constant[f"1-{name}"] = (1 - h[name]).to(self.like)
        self.state = KINDS[self.kind].start(self)

    def coming(self, steps: int) -> list[Numbers]:
        """Return what each of the next steps needs besides weights and gradient, each ``(replicate, 1)``."""
        columns = self.ahead(steps)
        return [self.constant | {name: x[k] for name, x in columns.items()} for k in range(steps)]

    def ahead(self, steps: int) -> dict[str, Tensor]:
        """Return the part of it that depends on the number of the step, ``(step, replicate, 1)`` each."""
        number = torch.arange(
            self.steps + 1, self.steps + steps + 1, dtype=torch.float64, device=self.like.device
        )
        varying = KINDS[self.kind].varying(self, number[:, None, None])
        return {name: x.to(self.like) for name, x in varying.items()}

    @torch.no_grad()
    def __call__(self, weights: Tensor, gradient: Tensor, now: Numbers | None = None) -> None:
        """Take one step.

        Args:
            weights: ``(replicate, parameter)``, changed in place.
            gradient: the same shape, left as it is.
            now: this step's numbers from `coming`, if they were asked for ahead.
        """
        numbers = self.coming(1)[0] if now is None else now
        KINDS[self.kind].step(self.fixed, self.state, numbers, weights, gradient)
        self.steps += 1


def _zeros(*names: str) -> Callable[[Update], dict[str, Tensor]]:
    return lambda u: {name: torch.zeros_like(u.like) for name in names}


def _decayed(fixed: Mapping[str, Any], n: Numbers, w: Tensor, g: Tensor) -> Tensor:
    """Add the gradient of the L2 penalty, where any replicate has one."""
    return torch.addcmul(g, n["weight_decay"], w) if fixed["decays"] else g


def _sgd_varying(u: Update, t: Tensor) -> dict[str, Tensor]:
    # torch starts the buffer with the whole gradient, whatever the dampening, and has none without momentum.
    whole = (t == 1) | (u.hyper["momentum"] == 0)
    return {"gain": torch.where(whole, 1.0, 1 - u.hyper["dampening"])} if u.fixed["moves"] else {}


def _sgd(
    fixed: Mapping[str, Any], state: dict[str, Tensor], n: Numbers, w: Tensor, g: Tensor
) -> None:
    g = _decayed(fixed, n, w, g)
    if fixed["moves"]:
        buffer = state["momentum"].mul_(n["momentum"]).addcmul_(g, n["gain"])
        g = torch.addcmul(g, n["momentum"], buffer) if fixed["nesterov"] else buffer
    w.addcmul_(n["lr"], g, value=-1)


def _adagrad_varying(u: Update, t: Tensor) -> dict[str, Tensor]:
    return {"size": u.hyper["lr"] / (1 + (t - 1) * u.hyper["lr_decay"])}


def _adagrad(
    fixed: Mapping[str, Any], state: dict[str, Tensor], n: Numbers, w: Tensor, g: Tensor
) -> None:
    g = _decayed(fixed, n, w, g)
    total = state["sum"].addcmul_(g, g)
    w.addcdiv_(n["size"] * g, total.sqrt().add_(n["eps"]), value=-1)


def _rmsprop(
    fixed: Mapping[str, Any], state: dict[str, Tensor], n: Numbers, w: Tensor, g: Tensor
) -> None:
    g = _decayed(fixed, n, w, g)
    square = state["square"].mul_(n["alpha"]).addcmul_(n["1-alpha"] * g, g)
    root = square.sqrt().add_(n["eps"])
    if fixed["moves"]:
        moved = state["momentum"].mul_(n["momentum"]).addcdiv_(g, root)
        w.addcmul_(n["lr"], moved, value=-1)
    else:
        w.addcdiv_(n["lr"] * g, root, value=-1)


def _adam_varying(u: Update, t: Tensor) -> dict[str, Tensor]:
    return {
        "size": u.hyper["lr"] / (1 - u.hyper["beta1"] ** t),
        "scale": (1 - u.hyper["beta2"] ** t).sqrt(),
    }


def _adam(
    fixed: Mapping[str, Any], state: dict[str, Tensor], n: Numbers, w: Tensor, g: Tensor
) -> None:
    _adam_step(state, n, w, _decayed(fixed, n, w, g))


def _adamw_varying(u: Update, t: Tensor) -> dict[str, Tensor]:
    kept = 1 - u.hyper["lr"] * u.hyper["weight_decay"]
    return _adam_varying(u, t) | {"kept": kept.expand(len(t), *kept.shape)}


def _adamw(
    fixed: Mapping[str, Any], state: dict[str, Tensor], n: Numbers, w: Tensor, g: Tensor
) -> None:
    if fixed["decays"]:
        w.mul_(n["kept"])
    _adam_step(state, n, w, g)


def _adam_step(state: dict[str, Tensor], n: Numbers, w: Tensor, g: Tensor) -> None:
    mean = state["mean"].lerp_(g, n["1-beta1"])
    square = state["square"].mul_(n["beta2"]).addcmul_(n["1-beta2"] * g, g)
    root = square.sqrt().div_(n["scale"]).add_(n["eps"])
    w.addcdiv_(n["size"] * mean, root, value=-1)


def _sgd_start(u: Update) -> dict[str, Tensor]:
    return _zeros("momentum")(u) if u.fixed["moves"] else {}


def _adagrad_start(u: Update) -> dict[str, Tensor]:
    return {"sum": u.constant["initial_accumulator_value"].expand_as(u.like).clone()}


def _rmsprop_start(u: Update) -> dict[str, Tensor]:
    return _zeros("square")(u) | _sgd_start(u)


def _none(_u: Update, _t: Tensor) -> dict[str, Tensor]:
    return {}


@dataclass(frozen=True)
class Kind:
    """Optimizer that can be stacked.

    Attributes:
        step: its arithmetic, on ``(fixed, state, numbers, weights, gradient)``; state and weights change in place.
        start: its state before the first step.
        varying: what depends on the number of the step, ``(step, replicate, 1)``, for ``(step, 1, 1)``.
        numbers: hyper-parameters that may differ by replicate.
        switches: arguments that all replicates share.
    """

    step: Callable[[Mapping[str, Any], dict[str, Tensor], Numbers, Tensor, Tensor], None]
    start: Callable[[Update], dict[str, Tensor]]
    varying: Callable[[Update, Tensor], dict[str, Tensor]]
    numbers: tuple[str, ...]
    switches: tuple[str, ...] = ()


_MOMENTS = _zeros("mean", "square")
_BETAS = ("lr", "betas", "eps", "weight_decay")
KINDS: Mapping[str, Kind] = {
    "SGD": Kind(
        _sgd,
        _sgd_start,
        _sgd_varying,
        ("lr", "momentum", "dampening", "weight_decay"),
        ("nesterov",),
    ),
    "Adagrad": Kind(
        _adagrad,
        _adagrad_start,
        _adagrad_varying,
        ("lr", "lr_decay", "weight_decay", "initial_accumulator_value", "eps"),
    ),
    "RMSprop": Kind(
        _rmsprop, _rmsprop_start, _none, ("lr", "alpha", "eps", "weight_decay", "momentum")
    ),
    "Adam": Kind(_adam, _MOMENTS, _adam_varying, _BETAS),
    "AdamW": Kind(_adamw, _MOMENTS, _adamw_varying, _BETAS),
}


def refusal(optimizer: Optimizers) -> str:
    """Return the reason why an optimizer cannot be stacked, or an empty string."""
    if not isinstance(optimizer, Call):
        return "no stacked form of several optimizers over parts of a network"
    module, _, name = optimizer.target.partition(":")
    if not module.startswith("torch.optim") or name not in KINDS:
        return f"no stacked form of the optimizer {optimizer.target}"
    kind = KINDS[name]
    others = optimizer.kwargs.keys() - {*kind.numbers, *kind.switches}
    return f"no stacked form of {name}'s {', '.join(sorted(others))}" if others else ""


def shape_of(optimizer: Optimizers) -> Call:
    """Return an optimizer that can be stacked without the numbers that may differ within a cohort."""
    assert isinstance(optimizer, Call), "several are trained by the loop"
    kind = KINDS[optimizer.target.partition(":")[2]]
    kept = {k: v for k, v in optimizer.kwargs.items() if k not in kind.numbers}
    return Call(target=optimizer.target, kwargs=kept)


def operations_of(optimizer: Optimizers) -> Optimizers:
    """Return what decides which operations the optimizer's step has: of its numbers, which are zero.

    One that has no stacked form is left as it is: what its numbers do is not known.

    >>> from paribus.spec import call
    >>> operations_of(call("torch.optim:SGD", lr=0.1, momentum=0.9, weight_decay=0.0)).kwargs
    {'lr': True, 'momentum': True, 'weight_decay': False}
    """
    if not isinstance(optimizer, Call) or refusal(optimizer):
        return optimizer
    numbers = KINDS[optimizer.target.partition(":")[2]].numbers
    kept = {k: bool(v) if k in numbers else v for k, v in optimizer.kwargs.items()}
    return Call(target=optimizer.target, kwargs=kept)


def stacked_update(given: Sequence[Optimizers], like: Tensor) -> Update:
    """Return one step for all: each replicate's numbers in a column, torch's defaults where it gives none.

    Args:
        given: one a replicate, of one kind.
        like: parameters, ``(replicate, parameter)``, for type and device.
    """
    optimizers = [optimizer for optimizer in given if isinstance(optimizer, Call)]
    name = optimizers[0].target.partition(":")[2]
    kind = KINDS[name]
    defaults = {k: p.default for k, p in signature(optimizers[0].resolve()).parameters.items()}
    settings = [{**defaults, **o.kwargs} for o in optimizers]
    columns = {n: [s[n] for s in settings] for n in kind.numbers}
    if "betas" in columns:
        pairs = columns.pop("betas")
        columns |= {"beta1": [p[0] for p in pairs], "beta2": [p[1] for p in pairs]}
    hyper = {
        n: torch.tensor(v, dtype=torch.float64, device=like.device)[:, None]
        for n, v in columns.items()
    }
    return Update(name, hyper, {n: settings[0][n] for n in kind.switches}, like.detach())


def clipped(gradient: Tensor, limit: float) -> Tensor:
    """Return the gradient ``(replicate, parameter)``, each replicate's norm clipped as by `torch.nn.utils`."""
    norm = torch.linalg.vector_norm(gradient, dim=1, keepdim=True)
    within: Tensor = gradient * (limit / (norm + 1e-6)).clamp(max=1.0)
    return within
