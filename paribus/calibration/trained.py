"""A variant against itself, trained: the whole pipeline on a question whose answer is no, again and again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from paribus.calibration.nulls import ALPHA, attainable, rejected, told_apart
from paribus.calibration.reserved import Reserved
from paribus.comparison import Budget, Comparison, Factor
from paribus.errors import ParibusError
from paribus.progress import Progress
from paribus.rates import Rate
from paribus.results import Result
from paribus.session import Settings
from paribus.stats import least_seeds

FIRST_SEED = 70_000_000
"""Far from any seed that a comparison is trained with."""


@dataclass(frozen=True)
class Plan:
    """How often a variant is held against itself, and over how many seeds each time.

    Attributes:
        repeats: comparisons.
        seeds: paired seeds of each.

    Raises:
        ParibusError: there are too few seeds to reach a verdict, or no repeats.
    """

    repeats: int = 200
    seeds: int = 10

    def __post_init__(self) -> None:
        if self.seeds < least_seeds(1) or self.repeats < 1:
            raise ParibusError(
                "plan of a calibration",
                got=f"{self.repeats} repeats of {self.seeds} seeds",
                expected=f"at least one repeat of at least {least_seeds(1)} seeds, which a verdict needs",
                fix="Use --repeats 200 --seeds 10.",
            )


def against_itself(comparison: Comparison) -> Comparison:
    """The comparison of a comparison's baseline with itself: two names, whose random streams a salt parts.

    So differences are not zero by construction, and nothing but luck makes them.
    """
    base = comparison.variants()[0]
    levels = {name: f"{base.recipe.salt}{name}" for name in ("a", "b")}
    return Comparison(
        name=comparison.name,
        question=f"Does {base.name} train better than itself?",
        task=base.task,
        recipe=base.recipe,
        factors=(Factor(path="recipe.salt", levels=levels),),
        baseline=("a",),
        budgets={name: _for_two(comparison, b) for name, b in comparison.budgets.items()},
        metric=base.metric if comparison.metric is not None else None,
    )


def _for_two(comparison: Comparison, budget: Budget) -> Budget:
    """The budget with the seconds of two variants."""
    seconds = budget.seconds * 2 / len(comparison.variants())
    return budget.model_copy(update={"seconds": seconds})


def repeats(
    settings: Settings, comparison: Comparison, plan: Plan, progress: Progress | None = None
) -> list[Result]:
    """Train a comparison with the seeds of all repeats, unless they are known; returns the result of each repeat.

    Raises:
        ParibusError: it cannot be trained, or what should be held equal was not.
    """
    n = plan.seeds
    session = Reserved(settings, FIRST_SEED, plan.repeats * n, progress)
    with session.store:
        trained = session.train_all(comparison)
        return [session.part(trained, slice(i * n, (i + 1) * n)) for i in range(plan.repeats)]


def calibrate(
    settings: Settings, comparison: Comparison, plan: Plan, progress: Progress | None = None
) -> list[Rate]:
    """How often a comparison's baseline is told apart from itself, over the plan's repeats.

    Raises:
        ParibusError: it cannot be trained, or what should be held equal was not.
    """
    found = repeats(settings, against_itself(comparison), plan, progress)
    return rates_of(comparison.name, found)


def rates_of(name: str, found: Sequence[Result]) -> list[Rate]:
    """What is counted over repeats of a comparison in which there is nothing to find."""
    contrasts = [[*result.contrasts.values()] for result in found]
    n, count = len(found[0].seeds), len(found)
    held = sum(all(c.difference.low <= 0 <= c.difference.high for c in each) for each in contrasts)
    group = f"Trained against itself: {name}"
    return [
        Rate(
            group,
            "rejected by Holm's test, before equivalence is looked at",
            sum(map(rejected, contrasts)),
            count,
            attainable(n),
            "equal",
            "streams that are not parted, runs that are not paired, a test that is not exact",
            n,
        ),
        Rate(
            group,
            "verdict `better` or `worse`",
            sum(map(told_apart, contrasts)),
            count,
            ALPHA,
            "at_most",
            "a verdict that does not follow from the test",
            n,
        ),
        Rate(
            group,
            "the interval holds zero",
            held,
            count,
            1 - ALPHA,
            "at_least",
            "an interval that is too short for scores as they are",
            n,
        ),
    ]
