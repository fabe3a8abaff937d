"""Ranking over all tasks of a suite: mean ranks, normalised scores and targets, one data set a unit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from paribus import stats
from paribus.analysis.results import Floats, Result, penalised
from paribus.analysis.target_steps import target_steps
from paribus.experiment.suite import Ranking
from paribus.stats import Friedman, Interval

MIN_TASKS = 5  # below it no order of the tasks' ranks can say much: two variants alike on all of four have p = 1/8


@dataclass(frozen=True)
class TaskScores:
    """Scores of each variant on one task.

    Attributes:
        scores: mean primary score of each variant, failed runs at their penalty, ``(variant,)``.
        normalised: for each variant, ``(run,)``: 0 as good as the predictor that learns nothing, 1 ideal.
        steps: steps to the target, ``(seed, variant)``, infinite where it was missed, or None without a target.
    """

    result: Result
    scores: Floats
    normalised: tuple[Floats, ...]
    steps: Floats | None

    @property
    def name(self) -> str:
        """Name of the task's comparison, under which its section stands on the page."""
        return self.result.comparison.name

    @classmethod
    def of(cls, result: Result, ideal: float) -> TaskScores:
        """Read a result of which nothing is missing."""
        rows, table, _ = penalised(result)
        parts = tuple(
            (row.dummy - x) / (row.dummy - ideal) for x, row in zip(table, rows, strict=True)
        )
        steps = None
        if result.comparison.target is not None:
            taken = [target_steps(result.comparison, row) for row in rows]
            steps = np.maximum(np.stack(taken, axis=1), 1.0)  # met before the first step: one step
        return cls(result, table.mean(axis=1), parts, steps)


@dataclass(frozen=True)
class TaskRanking:
    """Ranks of variants over the tasks of a suite, in one arm on one device.

    Attributes:
        units: the tasks that count, two or more.
        left_out: tasks that do not, each with the reason.
    """

    across: Ranking
    device: str
    arm: str
    variants: tuple[str, ...]
    units: tuple[TaskScores, ...]
    left_out: tuple[str, ...]

    @property
    def exploratory(self) -> bool:
        """True if any task's result was looked at before with other seeds."""
        return any(unit.result.exploratory for unit in self.units)

    @cached_property
    def ranks(self) -> Floats:
        """Rank of each variant on each task, the best 1, ``(task, variant)``."""
        turned = [unit.result.comparison.primary.sign * unit.scores for unit in self.units]
        return stats.ranks_of(turned, higher_is_better=True)

    @property
    def mean_ranks(self) -> Floats:
        """Over the tasks, ``(variant,)``."""
        means: Floats = self.ranks.mean(axis=0)
        return means

    @cached_property
    def friedman(self) -> Friedman:
        """Friedman test of whether the variants rank alike."""
        return stats.friedman(self.ranks)

    @cached_property
    def distance(self) -> float:
        """Nemenyi's critical difference."""
        return stats.nemenyi_distance(len(self.variants), len(self.units))

    @cached_property
    def p(self) -> Floats:
        """Against the baseline, the first variant, Holm-adjusted, ``(variant,)``."""
        return stats.against_baseline(self.ranks)

    @cached_property
    def middles(self) -> tuple[Interval, ...]:
        """Interquartile mean of each variant's normalised scores over all runs of all tasks."""
        return tuple(
            stats.interquartile_interval([unit.normalised[i] for unit in self.units])
            for i in range(len(self.variants))
        )

    @cached_property
    def shortfalls(self) -> Floats:
        """Shortfall of each variant's mean normalised score from the task's best, ``(task, variant)``."""
        means = np.array([[x.mean() for x in unit.normalised] for unit in self.units])
        lacking: Floats = means.max(axis=1, keepdims=True) - means
        return lacking

    @cached_property
    def efforts(self) -> Floats | None:
        """Steps to the target over the least of any variant, ``(task and seed, variant)``; None without targets."""
        steps = [unit.steps for unit in self.units if unit.steps is not None]
        return stats.effort_ratios(np.concatenate(steps)) if steps else None


def standing(results: Sequence[Result]) -> TaskRanking | None:
    """Return the ranking of a suite's variants over its tasks, or None where fewer than two tasks count.

    Args:
        results: of one suite, in one arm on one device.
    """
    across = results[0].suite.across if results else None
    if across is None or results[0].skipped:
        return None
    reasons = {result.comparison.name: missing(result) for result in results}
    kept = [result for result in results if not reasons[result.comparison.name]]
    if len(kept) < 2:
        return None
    return TaskRanking(
        across=across,
        device=results[0].device,
        arm=results[0].arm,
        variants=tuple(row.variant.name for row in kept[0].rows),
        units=tuple(TaskScores.of(result, across.ideal) for result in kept),
        left_out=tuple(f"{task}: {reason}" for task, reason in reasons.items() if reason),
    )


def standings(results: Sequence[Result]) -> list[TaskRanking]:
    """Return the rankings of a suite's variants over its tasks, in each arm on each device."""
    places = dict.fromkeys((result.device, result.arm) for result in results)
    rankings = (standing([r for r in results if (r.device, r.arm) == place]) for place in places)
    return [each for each in rankings if each is not None]


def missing(result: Result) -> str:
    """Return the reason why a task does not count, or an empty string."""
    return _unfit(result) or _unlearned(result)


def _unfit(result: Result) -> str:
    """Return the reason why its mean scores cannot be ranked, or an empty string."""
    if result.control.broken:
        return "control broke"
    if result.cap is not None:
        return "its seeds are a sequence"
    if not all(row.complete for row in result.rows):
        return "not all variants have all their runs"
    for outcome in ("exhausted", "skipped"):
        if any(row.count(outcome) for row in result.rows):
            return f"runs were {outcome}"
    if any(row.undefined() for row in result.rows):
        return "its score is undefined on some seeds"
    return ""


def _unlearned(result: Result) -> str:
    """Return the reason why nothing can be said to have been learned, or an empty string."""
    rows, table, _ = penalised(result)
    if not all(np.isfinite(row.dummy).all() for row in rows):
        return "the score of the predictor that learns nothing is not known"
    gains = [
        result.comparison.primary.sign * (x - row.dummy).mean()
        for x, row in zip(table, rows, strict=True)
    ]
    if max(gains) <= (result.comparison.primary.margin or 0.0):
        return "no variant beats the predictor that learns nothing by the margin"
    return ""
