"""Learning rate over the steps of a training: a scheduler of `torch.optim.lr_scheduler`, told how many there are."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Sequence
from typing import Any

from torch.optim.lr_scheduler import ReduceLROnPlateau

from paribus.errors import ParibusError
from paribus.experiment.recipe import Recipe
from paribus.spec import Call

LENGTHS = ("T_max", "total_steps", "total_iters", "num_training_steps")
"""Arguments that say how long a schedule is: it is told the recipe's steps, unless one is given."""
STEPS = (*LENGTHS, "steps", "num_steps", "max_steps")
"""Arguments that an optimizer or a schedule is told the recipe's steps by, where they have no default but None."""
# Of OneCycleLR, which says its length by them as well.
EPOCHS = ("epochs", "steps_per_epoch")


class Schedule:
    """Schedulers of a recipe, one for each of its optimizers; none where the rate stays.

    Args:
        recipe: whose ``schedule`` is made.
        optimizers: whose rates are scheduled, with what people call each.

    Attributes:
        moves_momentum: whether the momentum is scheduled as well, as by `OneCycleLR`.
    """

    def __init__(self, recipe: Recipe, optimizers: Sequence[tuple[str, Any]]) -> None:
        self.names = [name for name, _ in optimizers]
        self.optimizers, self.schedulers = [made for _, made in optimizers], list[Any]()
        self.noted: list[list[float]] = []
        self.momenta = [_momenta(optimizer) for optimizer in self.optimizers]
        self.moves_momentum, self.left = False, recipe.steps
        if recipe.schedule is not None:
            told = told_steps(recipe.schedule, recipe.steps, LENGTHS)
            self.schedulers = [recipe.schedule(o, **told) for o in self.optimizers]
        for scheduler, optimizer in zip(self.schedulers, self.optimizers, strict=False):
            _refuse_unsteppable(recipe, scheduler, optimizer)
            if by_loss(scheduler) and getattr(scheduler, "mode", "min") != "min":
                raise ParibusError(
                    f"recipe.schedule {type(scheduler).__name__}",
                    got=f"mode={scheduler.mode!r}",
                    expected="mode='min': it is shown the validation loss",
                    fix="Leave the mode out.",
                )

    def step(self) -> None:
        """Go on to the rate of the next step; after the last one of a run there is none, though its steps are timed."""
        self.left -= 1
        for scheduler in self.schedulers if self.left > 0 else ():
            if not by_loss(scheduler):
                scheduler.step()

    def evaluated(self, loss: float) -> None:
        """Show the validation loss to those that go by it, once an evaluation."""
        for scheduler in self.schedulers:
            if by_loss(scheduler):
                scheduler.step(loss)

    def note(self) -> None:
        """Keep the rates of the next step, of each optimizer's first group."""
        now = [_momenta(optimizer) for optimizer in self.optimizers]
        self.moves_momentum |= bool(self.schedulers) and now != self.momenta
        groups = [g for o in self.optimizers for g in getattr(o, "param_groups", ())[:1]]
        self.noted.append([float(group["lr"]) for group in groups if "lr" in group])

    def columns(self) -> list[tuple[str, list[float]]]:
        """Return the rates that were noted, by optimizer; none if no scheduler is there and they never changed."""
        columns = [list(column) for column in zip(*self.noted, strict=True)]
        if not self.schedulers and all(len(set(column)) == 1 for column in columns):
            return []
        return list(zip(self.names, columns, strict=False))


def _refuse_unsteppable(recipe: Recipe, scheduler: Any, optimizer: Any) -> None:
    """Refuse what takes no step, and what takes them for another optimizer than the one that trains."""
    assert recipe.schedule is not None, "only a schedule makes schedulers"
    if not callable(getattr(scheduler, "step", None)):
        raise ParibusError(
            f"recipe.schedule {recipe.schedule.label}",
            got="None" if scheduler is None else f"{type(scheduler).__name__}, which has no step()",
            expected="a scheduler of the optimizer that it is given",
            fix="Have it return the scheduler.",
        )
    scheduled = getattr(scheduler, "optimizer", optimizer)
    groups = {id(group) for group in getattr(optimizer, "param_groups", ())}
    its = getattr(scheduled, "param_groups", ())
    if groups and its and not any(id(group) in groups for group in its):
        raise ParibusError(
            f"recipe.schedule {recipe.schedule.label}",
            got=f"{type(scheduler).__name__} of another {type(scheduled).__name__}",
            expected="a scheduler of the optimizer that it is given",
            fix="Make it of the function's first argument.",
        )


def rate_curves(schedules: Iterable[Schedule]) -> dict[str, list[float]]:
    """Return the curves of the rates of a run: one where all its optimizers have the same, or else one for each."""
    columns = [pair for schedule in schedules for pair in schedule.columns()]
    if columns and all(column == columns[0][1] for _, column in columns):
        return {CURVE: columns[0][1]}
    curves: dict[str, list[float]] = {}
    for i, (name, column) in enumerate(columns):
        before = [other for other, _ in columns[:i]].count(name)
        curves[f"{CURVE}/{name}" + f" ({before + 1})" * (before > 0)] = column
    return curves


CURVE = "learning_rate"


def _momenta(optimizer: Any) -> list[object]:
    groups = getattr(optimizer, "param_groups", ())
    return [group.get(name) for group in groups for name in ("momentum", "betas")]


def by_loss(scheduler: object) -> bool:
    """Return whether a scheduler's step must be shown a score, as that of `ReduceLROnPlateau`."""
    if isinstance(scheduler, ReduceLROnPlateau):
        return True
    step = getattr(scheduler, "step", None)
    parameters = inspect.signature(step).parameters.values() if callable(step) else ()
    return any(p.default is p.empty and p.kind is p.POSITIONAL_OR_KEYWORD for p in parameters)


def told_steps(call: Call, steps: int, always: Sequence[str] = ()) -> dict[str, int]:
    """Return the arguments by which a call is told the steps of a run.

    Those named `STEPS` that have no default or None, and those named in ``always`` whatever their default.

    >>> from paribus.spec import call
    >>> told_steps(call("torch.optim.lr_scheduler:CosineAnnealingLR"), 150, LENGTHS)
    {'T_max': 150}
    >>> told_steps(call("torch.optim:Adam", lr=0.1), 150)
    {}
    """
    if any(name in call.kwargs for name in EPOCHS):
        return {}
    try:
        parameters = inspect.signature(call.resolve()).parameters
    except (TypeError, ValueError):  # built in
        return {}
    return {
        name: steps
        for name, p in parameters.items()
        if name in STEPS and name not in call.kwargs
        if name in always or p.default in (None, p.empty)
    }


def optimizer_calls(recipe: Recipe) -> list[Call]:
    """Return the calls that make a recipe's optimizers."""
    whole = recipe.optimizer
    return [whole] if isinstance(whole, Call) else [call for _, call in whole]


def ends(recipe: Recipe) -> bool:
    """Return whether a recipe's rate is made for so many steps: by a schedule, or an optimizer that is told them."""
    told = any(
        told_steps(call, recipe.steps) or {*STEPS} & call.kwargs.keys()
        for call in optimizer_calls(recipe)
    )
    return recipe.schedule is not None or told
