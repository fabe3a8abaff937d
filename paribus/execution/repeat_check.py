"""Check that a training repeats: made twice from one seed its numbers are the same, whatever ran before it."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import NamedTuple

import torch
from torch import Tensor

from paribus.data.dataset import Subset
from paribus.errors import ParibusError
from paribus.execution.executor import split_of
from paribus.experiment.variant import Variant
from paribus.metrics.outputs import as_tuple
from paribus.runs.fingerprint import calls
from paribus.runs.run import Run
from paribus.spec import digest
from paribus.training.determinism import REFUSED
from paribus.training.loop import Training, deterministic

STEPS = 2
SCORED = 64
TRUSTED = ("paribus", "torch", "torchvision", "torchmetrics")
STATE = (
    "Keep what changes from step to step in the network or the optimizer, made anew in the constructor, and not in "
    "a global or in an attribute of a class; draw by torch's own functions, without a generator."
)


class _Trace(NamedTuple):
    """Numbers of a short training."""

    start: dict[str, str]
    losses: Tensor
    outputs: tuple[Tensor, ...]


def check_repeats(variant: Variant, tried: set[str], *, paired: bool = False) -> None:
    """Train two steps twice where code of one's own has a part in it, unless the same code was tried before.

    Args:
        variant: that is tried, on its first seed.
        tried: digests of what was tried, to which this one is added.
        paired: whether other variants have the same network: weights that start differently each time are then found
            by the control of the whole comparison.

    Raises:
        ParibusError: weights are left as memory was, or the second training has other numbers than the first.
    """
    own = [c for c in calls((variant.recipe, variant.task.loss)) if not _trusted(c.target)]
    name = digest(("repeats", variant.task.name, variant.recipe.model, own))
    if not own or name in tried:
        return
    tried.add(name)
    recipe = variant.recipe.model_copy(update={"start": None})
    run = Run(variant.task, recipe, 0, "")
    first, again = _trace(run, variant.name), _trace(run)
    expected = "the same numbers from the same seed, whatever was trained before"
    what = f"a second training of variant {variant.name!r} with seed 0"
    if first.start != again.start:
        if not paired:
            names = [n for n, value in first.start.items() if again.start.get(n) != value]
            raise ParibusError(
                what,
                got=f"other first weights in {', '.join(names) or 'the network'}",
                expected=expected,
                fix="Set every number, and draw by torch, numpy.random or random, whose global generators are seeded; "
                "a generator of one's own needs a seed.",
            )
    elif found := _difference(first, again):
        raise ParibusError(what, got=found, expected=expected, fix=STATE)


def _trusted(target: str) -> bool:
    return target.partition(":")[0].partition(".")[0] in TRUSTED and "#" not in target


def _trace(run: Run, checked: str = "") -> _Trace:
    """Return the numbers of a short training; of one that is named, weights that nothing sets are refused."""
    with deterministic(run):
        with _memory_shows() if checked else nullcontext():
            training = Training(run, split_of(run))
        if checked:
            _refuse_unset(training, checked)
        losses = training.advance(min(STEPS, run.recipe.steps))
        part = training.parts.validation
        few = Subset(*(tuple(x[:SCORED] for x in xs) for xs in (part.inputs, part.targets)))
        return _Trace(training.initial, losses, as_tuple(training.outputs(few, 0)))


def _difference(first: _Trace, again: _Trace) -> str:
    """Return where the second of two trainings differs, or nothing; what is not a number in both is equal."""
    for step, (a, b) in enumerate(zip(first.losses, again.losses, strict=True), 1):
        if not _same(a, b):
            return f"a loss of {b.item():.6g} at step {step}, and {a.item():.6g} the first time"
    if not all(map(_same, first.outputs, again.outputs)):
        return f"other outputs in evaluation after {len(first.losses)} steps"
    return ""


def _same(a: Tensor, b: Tensor) -> bool:
    return bool(((a == b) | (a.isnan() & b.isnan())).all())


@contextmanager
def _memory_shows() -> Iterator[None]:
    """Have torch fill memory that nothing was written to with NaN, as it does where it is asked to be deterministic."""
    before = torch.are_deterministic_algorithms_enabled()
    warn_only = torch.is_deterministic_algorithms_warn_only_enabled()
    torch.use_deterministic_algorithms(True, warn_only=True)
    try:
        with (
            warnings.catch_warnings()
        ):  # of operations without a deterministic form, which nobody asked for
            warnings.filterwarnings("ignore", message=f".*{REFUSED}")
            yield
    finally:
        torch.use_deterministic_algorithms(before, warn_only=warn_only)


def _refuse_unset(training: Training, name: str) -> None:
    unset = [n for n, p in training.network.named_parameters() if p.isnan().any()]
    if unset:
        raise ParibusError(
            f"first weights of variant {name!r}",
            got=f"numbers that nothing sets, or NaN, in {', '.join(unset)}",
            expected="numbers, such as those of torch.nn.init: torch.empty holds whatever memory holds",
            fix="Set them in the constructor.",
        )
