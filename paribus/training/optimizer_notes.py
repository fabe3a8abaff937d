"""Remarks on a run's optimizer for the reader of its page: what it leaves as it is, what it was told, what it costs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from torch import nn

from paribus.experiment.recipe import Recipe
from paribus.spec import Call
from paribus.training.network import unmoved
from paribus.training.optimizer import NetworkOptimizer
from paribus.training.schedule import EPOCHS, LENGTHS, STEPS, by_loss, optimizer_calls, told_steps

if TYPE_CHECKING:
    from paribus.training.loop import Training

MAX_NAMED = 4  # weights that a note names


def remarks(training: Training) -> list[str]:
    """Return what a reader would not expect of a run's optimizers, each once."""
    recipe, notes = training.run.recipe, list[str]()
    still = {id(weight) for weight in unmoved(training.network, training.initial)}
    for optimizer in training.optimizers:
        notes += _of(optimizer, training.network, training.steps)
        if training.steps:
            notes += _stood_still(optimizer, still, training.steps)
    return list(dict.fromkeys([*notes, *lengths(recipe)]))


def _of(optimizer: NetworkOptimizer, network: nn.Module, steps: int) -> Iterator[str]:
    names = " and ".join(s.name for s in optimizer.steppers)
    if optimizer.untrained:
        count, all_of = len(optimizer.untrained), len(optimizer.named)
        yield f"{names} leaves {count} of {all_of} weights untrained: {', '.join(optimizer.untrained)}"
    if optimizer.modes and any(
        getattr(m, "running_mean", None) is not None for m in network.modules()
    ):
        yield (
            f"{names} scores other weights than it trains; the running statistics of batch norm are those of the "
            "weights in training"
        )
    if optimizer.schedule.moves_momentum:
        kinds = dict.fromkeys(type(s).__name__ for s in optimizer.schedule.schedulers)
        yield f"{' and '.join(kinds)} changes the momentum too, besides the rate"
    if optimizer.evaluations > steps > 0:
        yield f"{names} evaluated the loss {optimizer.evaluations / steps:.1f} times a step"


def _stood_still(optimizer: NetworkOptimizer, still: set[int], steps: int) -> Iterator[str]:
    """Yield what was to change in a training and did not: weights, and rates of a schedule."""
    names = " and ".join(s.name for s in optimizer.steppers)
    kept = [n for n, p in optimizer.named.items() if id(p) in still]
    kept = [name for name in kept if name not in optimizer.untrained]
    if kept:
        yield unmoved_weights(names, kept, len(optimizer.named), steps)
    kinds = dict.fromkeys(type(s).__name__ for s in optimizer.schedule.schedulers if not by_loss(s))
    columns = optimizer.schedule.columns()
    if kinds and columns and all(len(set(column)) == 1 for _, column in columns):
        yield (
            f"{' and '.join(kinds)} left the rate as it was in all {steps} steps; it counts steps, and not epochs"
        )


def unmoved_weights(optimizer: str, kept: Sequence[str], count: int, steps: int) -> str:
    """Return what a page says of weights that an optimizer holds and did not move."""
    more = f" and {len(kept) - MAX_NAMED} more" if len(kept) > MAX_NAMED else ""
    return (
        f"{optimizer} left {len(kept)} of {count} weights where they started in all {steps} steps: no gradient of any "
        "size reaches them, as a bias before a batch norm has none, or the rate is too small: "
        f"{', '.join(kept[:MAX_NAMED])}{more}"
    )


def lengths(recipe: Recipe) -> Iterator[str]:
    """Yield what schedules and optimizers are told of a run's length, and what they are given that differs from it."""
    for call in optimizer_calls(recipe):
        yield from _length(call, recipe.steps, ())
    if recipe.schedule is not None:
        yield from _length(recipe.schedule, recipe.steps, LENGTHS)


def _length(call: Call, steps: int, always: Sequence[str]) -> Iterator[str]:
    name = call.label.partition("(")[0]
    for argument in told_steps(call, steps, always):
        yield f"{name} is told {argument}={steps}, the steps of a run"
    given = {k: v for k, v in call.kwargs.items() if k in STEPS and v != steps}
    if EPOCHS[0] in call.kwargs and EPOCHS[1] in call.kwargs:
        product = call.kwargs[EPOCHS[0]] * call.kwargs[EPOCHS[1]]
        given |= {" x ".join(EPOCHS): product} if product != steps else {}
    for argument, value in given.items():
        yield f"{name} is given {argument}={value}, and a run takes {steps} steps"
