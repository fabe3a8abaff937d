"""Optimizer of a network in training: one, or several over parts of it, and whatever the recipe says of its rate.

An optimizer is anything with a method ``step``: one of `torch.optim`, a class of one's own, or what a function returns,
which may be several in a list. By the name of its first argument it is given the weights, ``named_parameters`` (pairs
of name and weight) or the whole ``network``.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

import torch
from torch import Tensor, nn

from paribus.errors import ParibusError
from paribus.experiment.recipe import Recipe
from paribus.spec import Call
from paribus.training.schedule import Schedule, told_steps

NAMED = ("named_parameters", "named_params")
NETWORK = ("network", "model", "module")
Evaluate = Callable[[], Tensor]
"""A function that leaves the gradient of a batch's loss with the weights and returns the loss."""


@dataclass
class Stepper:
    """One optimizer, and how it takes a step.

    Attributes:
        name: what people call it.
        optimizer: an object with a method ``step``.
        evaluates: whether its step evaluates the loss itself, as L-BFGS does, and needs a closure.
        refuses: whether it refuses to take a step without the closure that its signature leaves optional; its first
            step tells, and None says that it has not been taken.
    """

    name: str
    optimizer: Any
    evaluates: bool
    refuses: bool | None = None


class NetworkOptimizer:
    """Optimizers of a network, which take their steps together.

    Args:
        recipe: whose optimizers and schedule are made.
        network: whose weights are trained.
        named: those that are, by name; all that require a gradient if none are given.

    Attributes:
        seen: whether the optimizers show which weights they hold, by groups as torch's do.
        unheld: names of weights that no optimizer shows.
        evaluations: of the loss, so far.

    Raises:
        ParibusError: there is nothing to train, a pattern fits nothing, a weight fits none, or no ``step`` was made.
    """

    def __init__(
        self, recipe: Recipe, network: nn.Module, named: Mapping[str, nn.Parameter] | None = None
    ) -> None:
        whole = {n: p for n, p in network.named_parameters() if p.requires_grad}
        self.named = dict(whole if named is None else named)
        _refuse_nothing(network, self.named)
        self.steppers = list(_steppers(recipe, network, self.named))
        self.schedule = Schedule(recipe, [pair for s in self.steppers for pair in _scheduled(s)])
        self.seen, self.unheld = _unheld(self.named, [s.optimizer for s in self.steppers])
        forgetful = all(callable(getattr(s.optimizer, "zero_grad", None)) for s in self.steppers)
        self.forgotten = self.unheld if forgetful else [*self.named]
        self.modes = [m for s in self.steppers for m in _with_modes(s.optimizer)]
        self.training: bool | None = None
        self.evaluations = 0

    def train(self) -> None:
        """Put weights into the state in which steps are taken, for optimizers that know two."""
        self._switch(training=True)

    def eval(self) -> None:
        """Put weights into the state in which they are scored, for optimizers that know two."""
        self._switch(training=False)

    def _switch(self, *, training: bool) -> None:
        if training is not self.training:
            for optimizer in self.modes:
                optimizer.train() if training else optimizer.eval()
            self.training = training

    def zero_grad(self) -> None:
        """Forget the gradient of every weight, of those too that no optimizer shows."""
        for stepper in self.steppers:
            if callable(forget := getattr(stepper.optimizer, "zero_grad", None)):
                forget()
        for name in self.forgotten:
            self.named[name].grad = None

    @property
    def untrained(self) -> list[str]:
        """Names of weights that are not trained, as far as that can be seen."""
        return self.unheld if self.seen else []

    def step(self, evaluate: Evaluate) -> Tensor:
        """Take a step of every optimizer and return the loss before it.

        Those that need no closure step on one gradient, in their order; those that evaluate the loss themselves follow.
        """
        losses: list[Tensor] = []

        @torch.enable_grad()
        def evaluated() -> Tensor:
            losses.append(evaluate())
            return losses[-1]

        plain = [s for s in self.steppers if not s.evaluates]
        if plain:
            evaluated()
        for stepper in plain:
            _step_plainly(stepper, evaluated)
        for stepper in self.steppers:
            if stepper.evaluates:
                stepper.optimizer.step(evaluated)
        if not losses:
            raise RuntimeError("step(closure) did not call the closure that it asks for")
        self.evaluations += len(losses)
        self.schedule.step()
        return losses[0]


def _step_plainly(stepper: Stepper, evaluate: Evaluate) -> None:
    """Take a step on the gradient that is there; one that refuses its first is given the closure from then on."""
    if not stepper.refuses:
        try:
            stepper.optimizer.step()
        except Exception:
            if stepper.refuses is False or "closure" not in _parameters(stepper.optimizer.step):
                raise
            stepper.refuses = True
        else:
            stepper.refuses = False
            return
    stepper.optimizer.step(evaluate)


def _refuse_nothing(network: nn.Module, named: Mapping[str, nn.Parameter]) -> None:
    if not named:
        count = sum(1 for _ in network.parameters())
        raise ParibusError(
            "weights to train",
            got=f"none: all {count} are frozen" if count else "none: the network has no weights",
            expected="at least one weight that requires a gradient",
            fix="Leave a weight out of recipe.freeze, or check the network's requires_grad.",
        )


def _steppers(
    recipe: Recipe, network: nn.Module, named: dict[str, nn.Parameter]
) -> Iterator[Stepper]:
    for pattern, call, members in _parts(recipe, network, named):
        made = call(_first_argument(call, network, members), **told_steps(call, recipe.steps))
        several = made if isinstance(made, list | tuple) else [made]
        for optimizer in several:
            kind = type(optimizer).__name__
            if not callable(getattr(optimizer, "step", None)):
                raise ParibusError(
                    f"recipe.optimizer {call.label}",
                    got=f"{kind}, which has no step()",
                    expected="an optimizer, or a list of several",
                    fix="Have it return the optimizer.",
                )
            name = kind if pattern == "" else f"{kind} of {pattern}"
            yield Stepper(name, optimizer, needs_closure(optimizer))


def _parts(
    recipe: Recipe, network: nn.Module, named: dict[str, nn.Parameter]
) -> Iterator[tuple[str, Call, dict[str, nn.Parameter]]]:
    """Yield each pattern with its optimizer and weights; one optimizer of all weights has the empty pattern."""
    if isinstance(recipe.optimizer, Call):
        yield "", recipe.optimizer, named
        return
    names = [name for name, p in network.named_parameters() if p.requires_grad]
    places = by_pattern(names, [pattern for pattern, _ in recipe.optimizer])
    for pattern, call in recipe.optimizer:
        members = {name: named[name] for name in places[pattern] if name in named}
        if members:  # of weights that are updated in turn, some are none of a pattern's
            yield pattern, call, members


def by_pattern(names: Sequence[str], patterns: Sequence[str]) -> dict[str, list[str]]:
    """Return the names of each pattern of ``recipe.optimizer``: each name at the first that fits.

    Raises:
        ParibusError: a pattern has no names of its own, or a name no pattern.

    >>> by_pattern(["0.weight", "0.bias"], ["*.weight", "*"])
    {'*.weight': ['0.weight'], '*': ['0.bias']}
    """
    places: dict[str, list[str]] = {pattern: [] for pattern in patterns}
    for name in names:
        fitting = [pattern for pattern in places if fnmatchcase(name, pattern)]
        if not fitting:
            raise ParibusError(
                "recipe.optimizer",
                got=f"no pattern that fits {name!r}",
                expected=f"one for every weight that is trained, beside {', '.join(map(repr, places))}",
                fix="Add '*' as the last pattern, or name what is not trained in recipe.freeze.",
            )
        places[fitting[0]].append(name)
    for pattern, members in places.items():
        if not members:
            raise ParibusError(
                "recipe.optimizer",
                got=f"pattern {pattern!r}, which has no weight of its own",
                expected=f"one that fits some of {', '.join(names)} that no earlier pattern fits",
                fix="Name weights as named_parameters() does; * stands for any text.",
            )
    return places


def _first_argument(call: Call, network: nn.Module, named: Mapping[str, nn.Parameter]) -> object:
    """Return what an optimizer is given: its weights, pairs of name and weight, or the network."""
    first = next(iter(_parameters(call.resolve())), "")
    if first in NETWORK:
        if len(named) < sum(p.requires_grad for p in network.parameters()):
            raise ParibusError(
                f"recipe.optimizer {call.label}",
                got=f"the argument {first!r}, for a part of a network's weights",
                expected="an optimizer of params or named_parameters",
                fix="Take the weights, or leave the patterns out.",
            )
        return network
    return list(named.items()) if first in NAMED else list(named.values())


def _parameters(function: Callable[..., object]) -> Mapping[str, inspect.Parameter]:
    try:
        return inspect.signature(function).parameters
    except (TypeError, ValueError):  # built in
        return {}


def needs_closure(optimizer: Any) -> bool:
    """Return whether an optimizer evaluates the loss itself, as L-BFGS does: its step then needs a closure."""
    closure = _parameters(optimizer.step).get("closure")
    return closure is not None and closure.default is inspect.Parameter.empty


def _held(optimizer: object) -> list[torch.optim.Optimizer]:
    """Return the optimizers among an object's attributes, or in its lists and dictionaries."""
    found = []
    for value in getattr(optimizer, "__dict__", {}).values():
        items = value.values() if isinstance(value, dict) else value
        listed = items if isinstance(value, dict | list | tuple) else [value]
        found += [item for item in listed if isinstance(item, torch.optim.Optimizer)]
    return found


def leaves_of(optimizer: Any) -> list[Any]:
    """Return the optimizers whose groups of weights decide the rates: those that one is made of, or itself."""
    own = {id(group) for group in getattr(optimizer, "param_groups", ())}
    inner = _held(optimizer)
    if isinstance(optimizer, torch.optim.Optimizer):  # one that wraps another may share its groups
        inner = [o for o in inner if any(id(g) not in own for g in o.param_groups)]
    return [leaf for o in inner for leaf in leaves_of(o)] or [optimizer]


def _scheduled(stepper: Stepper) -> Iterator[tuple[str, Any]]:
    """Yield the optimizers whose rates decide a stepper's, with what people call each."""
    leaves = leaves_of(stepper.optimizer)
    for leaf in leaves:
        yield stepper.name if len(leaves) == 1 else type(leaf).__name__, leaf


def _with_modes(optimizer: Any) -> list[Any]:
    """Return an optimizer that has ``train()`` and ``eval()``, or those of what it is made of that have."""
    if all(callable(getattr(optimizer, name, None)) for name in ("train", "eval")):
        return [optimizer]
    return [mode for held in _held(optimizer) for mode in _with_modes(held)]


def _unheld(named: Mapping[str, nn.Parameter], optimizers: Sequence[Any]) -> tuple[bool, list[str]]:
    """Return whether optimizers show what they hold, and the names of the weights that none of them shows.

    Raises:
        ParibusError: an optimizer holds other weights than the network's.
    """
    groups = [
        group
        for top in optimizers
        for optimizer in (top, *leaves_of(top))
        for group in getattr(optimizer, "param_groups", ())
    ]
    held = {id(p) for group in groups for p in group["params"]}
    own = {id(p): name for name, p in named.items()}
    if held and not held & own.keys():
        raise ParibusError(
            "recipe.optimizer",
            got="an optimizer of other weights than the network's, such as copies of them",
            expected="one that changes the weights that it is given",
            fix="Hand on the parameters themselves.",
        )
    return bool(held), [name for key, name in own.items() if key not in held]
