"""Overfit one point, then one batch: a check of a training loop that needs no test data."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch

from paribus.data.dataset import Split
from paribus.execution.executor import dataset_of
from paribus.execution.optimizer_check import check_optimizer
from paribus.execution.own_data import with_own_data
from paribus.execution.pool import one_thread
from paribus.execution.preflight import try_once
from paribus.execution.settings import Settings
from paribus.experiment.suite import Suite
from paribus.experiment.variant import Variant
from paribus.runs.run import Run
from paribus.training.loop import Training, deterministic
from paribus.training.run_state import evaluation, output_doubt
from paribus.training.schedule import ends

SHARE_LEFT = 0.01
SMALLEST = 1e-4
ROUND = 25


@dataclass(frozen=True)
class Fitted:
    """Loss and score of an overfit check on a few samples.

    Attributes:
        samples: how many.
        steps: steps taken until they were fitted, or all there were.
        before: mean loss before training, in evaluation mode.
        after: mean loss after it.
        accuracy: share of the samples that are right, None where the task has no accuracy.
        reason: why it could not be tried, or nothing.
        doubt: what a person should know of the range of the outputs, or nothing.
        schedules: how often a schedule of the recipe's steps was begun, 1 where it has none.
    """

    samples: int
    steps: int = 0
    before: float = float("nan")
    after: float = float("nan")
    accuracy: float | None = None
    reason: str = ""
    schedules: int = 1
    doubt: str = ""

    @property
    def passed(self) -> bool:
        """True where the loss fell to a hundredth of what it was and every sample is right."""
        enough = self.after <= max(SHARE_LEFT * self.before, SMALLEST)
        return enough and self.accuracy in (None, 1.0)

    @property
    def summary(self) -> str:
        """Outcome in a line.

        >>> Fitted(samples=32, steps=50, before=2.3, after=0.01, accuracy=1.0).summary
        'one batch of 32: fitted, loss 2.3 -> 0.01, accuracy 1 after 50 steps'
        """
        name = "one point" if self.samples == 1 else f"one batch of {self.samples}"
        if self.reason:
            return f"{name}: not tried, {self.reason}"
        right = "" if self.accuracy is None else f", accuracy {self.accuracy:.3g}"
        return (
            f"{name}: {'fitted' if self.passed else 'NOT FITTED'}, loss {self.before:.3g} -> {self.after:.3g}{right} "
            f"after {self.steps} steps"
            + f", {self.schedules} times its schedule" * (self.schedules > 1)
            + (f"; {self.doubt}" if self.doubt else "")
        )


def check(variant: Variant, *, steps: int = 2000, seed: int = 0) -> Iterator[Fitted]:
    """Overfit the first point and then the first batch that a seed's training would see.

    The recipe is the variant's own, with early stopping left out; a schedule of its steps begins again when it is over,
    with an optimizer that does. Samples are prepared as in a whole training.

    Args:
        variant: a task and a recipe.
        steps: how many are taken at most.
        seed: whose split, weights and order are taken.
    """
    recipe = variant.recipe.model_copy(update={"early_stopping": None, "time_limit": None})
    run = Run(variant.task, recipe, seed, "")
    split = variant.task.make_split(dataset_of(variant.task, seed), run.streams)
    order = torch.randperm(len(split.train), generator=run.streams.generator("order", 0))
    for samples in (1, min(recipe.batch_size, len(split.train))):
        yield _fitted(run, split.only(split.train[order[:samples]]), steps)


def check_all(
    suite: Suite, settings: Settings, *, variants: bool = False, steps: int = 2000
) -> Iterator[tuple[str, Fitted]]:
    """Check the baseline of every comparison, or every variant; yields names and outcomes.

    Args:
        suite: whose tasks and networks.
        settings: that say what data stand in for embedded ones.
        variants: all of them, not the baselines alone.
        steps: how many are taken at most.
    """
    made: list[tuple[str, Variant]] = []
    for declared in suite.comparisons:
        comparison = with_own_data(declared, settings)
        # A schedule is as long as a run, which the budget says.
        of_budget = comparison.at(next(iter(comparison.budgets))).variants()
        made += [(f"{comparison.name}, {v.name}", v) for v in of_budget[: None if variants else 1]]
    for _, variant in made:
        try_once(variant)
        check_optimizer(variant)
    for name, variant in made:
        for fitted in check(variant, steps=steps):
            yield name, fitted


def _fitted(run: Run, split: Split, steps: int) -> Fitted:
    samples = len(split.train)
    with one_thread(), deterministic(run):
        try:
            training = Training(run, split)
            before = _measured(run, training)
            scores, taken, length = before, 0, steps
            if ends(run.recipe):
                length = run.recipe.steps
            while taken < steps and not _outcome(samples, taken, before, scores).passed:
                if taken and taken % length == 0:
                    training.make_optimizers()
                count = min(ROUND, length - taken % length)
                training.advance(count)
                taken += count
                scores = _measured(run, training)
        except ValueError as error:
            if samples > 1:
                raise
            return Fitted(samples, reason=f"{error}".partition("\n")[0])
    doubt = output_doubt(run, split, training.outputs(training.parts.train), training.layers)
    return replace(
        _outcome(samples, taken, before, scores),
        schedules=-(-max(taken, 1) // length),
        doubt=doubt if samples > 1 else "",
    )


def _measured(run: Run, training: Training) -> dict[str, float]:
    """Return loss and scores on the samples, in evaluation mode."""
    part = training.parts.train
    scores = evaluation(run, training.outputs(part), part)
    return {name.removeprefix("validation/"): value for name, value in scores.items()}


def _outcome(samples: int, steps: int, before: dict[str, float], after: dict[str, float]) -> Fitted:
    return Fitted(samples, steps, before["loss"], after["loss"], after.get("accuracy"))
