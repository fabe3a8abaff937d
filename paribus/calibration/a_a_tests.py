"""Variants trained against themselves (A/A tests), where every difference found is a false alarm."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from paribus.analysis.results import Result
from paribus.calibration.null_rejections import ALPHA, attainable, rejected, told_apart
from paribus.calibration.rates import Rate, Rule
from paribus.calibration.reserved_seeds import train_reserved
from paribus.errors import ParibusError
from paribus.execution.progress import ProgressBar
from paribus.execution.settings import Settings
from paribus.experiment.comparison import Budget, Comparison
from paribus.experiment.factor import Factor
from paribus.experiment.tuning import ARMS, Arm, Tuning
from paribus.experiment.variant import Variant
from paribus.runs.store_file import IN_MEMORY
from paribus.stats import min_seeds

FIRST_SEED = 70_000_000
"""Far from any seed that a comparison is trained with."""
RUNS_AT_ONCE = 4000


@dataclass(frozen=True)
class Repeats:
    """Number of repeats of a comparison with itself, and of seeds in each.

    Attributes:
        repeats: comparisons.
        seeds: paired seeds of each.

    Raises:
        ParibusError: there are too few seeds to reach a verdict, or no repeats.
    """

    repeats: int = 200
    seeds: int = 10

    def __post_init__(self) -> None:
        if self.seeds < min_seeds(1) or self.repeats < 1:
            raise ParibusError(
                "plan of a calibration",
                got=f"{self.repeats} repeats of {self.seeds} seeds",
                expected=f"at least one repeat of at least {min_seeds(1)} seeds, which a verdict needs",
                fix="Use --repeats 200 --seeds 10.",
            )


def against_itself(comparison: Comparison) -> Comparison:
    """Return a comparison of a comparison's baseline with itself: two names, whose streams differ by a salt.

    So differences are not zero by construction, and nothing but luck makes them. What it is tuned over stays, and what
    its verdicts speak of.

    Raises:
        ParibusError: all its seeds share one search.
    """
    _refuse_shared(comparison)
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
        tuning=_tuned_alike(comparison, base),
        inference=comparison.inference,
    )


def _refuse_shared(comparison: Comparison) -> None:
    """Refuse two names that search once each: their winners differ for good, and the difference is no false alarm."""
    if comparison.tuning is not None and comparison.tuning.shared:
        raise ParibusError(
            f"calibration of comparison {comparison.name!r}",
            got="a search that all seeds share, by which two names end with two configurations",
            expected="a search nested in each seed, so that nothing but luck parts the names",
            fix="Leave shared=True out of its tuning, or calibrate another comparison.",
        )


def _for_two(comparison: Comparison, budget: Budget) -> Budget:
    """Return the budget with the seconds of two variants."""
    seconds = budget.seconds * 2 / len(comparison.variants())
    return budget.model_copy(update={"seconds": seconds})


def _tuned_alike(comparison: Comparison, base: Variant) -> Tuning | None:
    """Return the baseline's own space and trials for both names; never widened, as a pilot for all would be."""
    tuning = comparison.tuning
    if tuning is None:
        return None
    trials = {name: tuning.trials_of(base.name, name) for name in tuning.trials}
    space = tuning.space_of(base.name, base.levels)
    return Tuning(spaces=space, trials=dict(trials), widen=False)


def repeats(
    settings: Settings,
    comparison: Comparison,
    plan: Repeats,
    *,
    arm: Arm = "default",
    progress: ProgressBar | None = None,
) -> Iterator[Result]:
    """Train one arm of a comparison again and again, each time with seeds of its own; yields the result of each time.

    Runs are counted and not kept: a store in memory holds some repeats at a time. They are trained by the stacked
    engine, unless another one is asked for.

    Raises:
        ParibusError: it cannot be trained, or what should be held equal was not.
    """
    engine = "stacked" if settings.engine == "auto" else settings.engine
    own = replace(settings, store=IN_MEMORY, engine=engine, trials=None, retrain=False)
    at_once = max(1, RUNS_AT_ONCE // (plan.seeds * _runs_a_seed(comparison, settings.budget, arm)))
    for start in range(0, plan.repeats, at_once):
        count = min(at_once, plan.repeats - start)
        first = FIRST_SEED + start * plan.seeds
        seeds = count * plan.seeds
        with train_reserved(comparison, own, first, seeds, arm=arm, progress=progress) as reserved:
            for i in range(count):
                yield reserved.result(slice(i * plan.seeds, (i + 1) * plan.seeds))


def _runs_a_seed(comparison: Comparison, budget: str, arm: Arm) -> int:
    """Return the number of trainings for one seed of all variants, trials included."""
    names = [variant.name for variant in comparison.variants()]
    if arm == "default" or comparison.tuning is None:
        return len(names)
    return sum(1 + comparison.tuning.trials_of(name, budget) for name in names)


def calibrate(
    settings: Settings, comparison: Comparison, plan: Repeats, progress: ProgressBar | None = None
) -> list[Rate]:
    """Count how often a comparison's baseline is told apart from itself, in each arm that the budget has.

    Raises:
        ParibusError: it cannot be trained, or what should be held equal was not.
    """
    made = against_itself(comparison)
    rates = []
    for arm in arms(made, settings.budget):
        trials = (
            made.tuning.trials_of("a", settings.budget) if arm == "tuned" and made.tuning else 0
        )
        tuned = f", tuned by {trials} trials nested in the seed" if trials else ""
        results = list(repeats(settings, made, plan, arm=arm, progress=progress))
        rates += rates_of(f"{comparison.name}{tuned}", results)
    return rates


def arms(comparison: Comparison, budget: str) -> tuple[Arm, ...]:
    """Return the arms that a comparison has at a budget."""
    tuned = comparison.tuning is not None and budget in comparison.tuning.trials
    return ARMS if tuned else ARMS[:1]


def rates_of(name: str, results: Sequence[Result]) -> list[Rate]:
    """Return the rates counted over repeats of a comparison in which there is nothing to find."""
    contrasts = [[*result.contrasts.values()] for result in results]
    n, count = len(results[0].seeds), len(results)
    held = sum(all(c.difference.low <= 0 <= c.difference.high for c in each) for each in contrasts)
    group = f"Trained against itself: {name}"
    size, rule, wrong = _expected(results[0])
    return [
        Rate(
            group,
            "rejected by Holm's test, before equivalence is looked at",
            sum(map(rejected, contrasts)),
            count,
            size,
            rule,
            wrong,
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


def _expected(result: Result) -> tuple[float, Rule, str]:
    """Return how often Holm's test may reject, by which rule, and what a failure would mean."""
    parted = "streams that are not parted, runs that are not paired, "
    if result.comparison.corrected:
        # One data set trained again and again: the variance that the corrected t adds for new data is not in it.
        return ALPHA, "at_most", f"{parted}a corrected t that corrects too little"
    return attainable(len(result.seeds)), "equal", f"{parted}a test that is not exact"
