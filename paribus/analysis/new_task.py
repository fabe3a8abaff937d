"""What to expect of a variant on a new task, from its differences from the baseline on the tasks that there are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from paribus import stats
from paribus.analysis.ranking import TaskRanking
from paribus.stats import Floats, Interval, Pooled


@dataclass(frozen=True)
class Prospect:
    """Differences of one variant from the baseline, task by task, and what they say of a new task.

    Differences are in margins of their task, since a margin is what counts as a difference on each of them: one
    accepts as little of a log-loss as of a squared error. They are pooled after `stats.squeeze`.

    Attributes:
        tasks: mean difference on each task, in margins, positive where the variant is better, with its 95 % t interval
            over seeds.
        errors: their standard errors, in margins, ``(task,)``.
    """

    variant: str
    tasks: tuple[Interval, ...]
    errors: Floats

    @classmethod
    def of(cls, variant: str, differences: Sequence[Floats], margins: Sequence[float]) -> Prospect:
        """Return the prospect of a variant.

        Args:
            variant: its name.
            differences: of each task, ``(pair of runs,)``, in the units of its score.
            margins: of each task.
        """
        scaled = [np.asarray(x) / m for x, m in zip(differences, margins, strict=True)]
        errors = [stats.deviation(x) / len(x) ** 0.5 for x in scaled]
        return cls(variant, tuple(map(stats.paired_t_interval, scaled)), np.array(errors))

    @property
    def effects(self) -> Floats:
        """Mean differences in margins, ``(task,)``."""
        return np.array([task.mean for task in self.tasks])

    @cached_property
    def pooled(self) -> Pooled:
        """Posterior of the squeezed effects."""
        return stats.pool(*stats.squeeze(self.effects, self.errors))

    @property
    def better_on(self) -> int:
        """Number of tasks whose mean difference is in the variant's favour."""
        return int((self.effects > 0).sum())

    @property
    def better(self) -> float:
        """Probability that the variant is better on a new task."""
        return self.pooled.chance_above(0.0)

    @property
    def better_by_margin(self) -> float:
        """Probability that it is better there by more than the margin."""
        return self.pooled.chance_above(float(np.arcsinh(1)))

    @property
    def worse_by_margin(self) -> float:
        """Probability that it is worse there by more than the margin."""
        return self.pooled.chance_below(-float(np.arcsinh(1)))

    @property
    def middle(self) -> Interval:
        """Effect on a typical task, in margins, with its 95 % interval."""
        return _in_margins(self.pooled.mean)

    @property
    def new(self) -> Interval:
        """Effect on a new task, in margins, with its 95 % prediction interval."""
        return _in_margins(self.pooled.new)


def _in_margins(squeezed: Interval) -> Interval:
    mean, low, high = (float(x) for x in np.sinh([squeezed.mean, squeezed.low, squeezed.high]))
    return Interval(mean, low, high, squeezed.level)


def prospects(ranking: TaskRanking) -> tuple[Prospect, ...]:
    """Return the prospect of each variant that differs from the baseline, or nothing where `unpooled` says why."""
    if unpooled(ranking):
        return ()
    contrasts = [unit.result.contrasts for unit in ranking.units]
    margins = [float(unit.result.comparison.primary.margin or 0) for unit in ranking.units]
    made = (
        Prospect.of(name, [np.array(c[name].differences) for c in contrasts], margins)
        for name in ranking.variants[1:]
    )
    return tuple(prospect for prospect in made if prospect.effects.any())


def unpooled(ranking: TaskRanking) -> str:
    """Return the reason why nothing is said of a new task, or an empty string."""
    if len(ranking.units) < stats.MIN_UNITS:
        few = f"fewer than {stats.MIN_UNITS} say too little of how much tasks differ"
        return f"{len(ranking.units)} tasks count, and {few}"
    for unit in ranking.units:
        if unit.result.comparison.primary.margin is None:
            return f"{unit.name} has no margin, the unit in which tasks are compared"
        if min(contrast.n for contrast in unit.result.contrasts.values()) < 2:
            return f"{unit.name} has fewer than two seeds"
    return ""
