"""Verdicts of a comparison over a grid of the choices that its variants hold equal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isnan, nan

from paribus.analysis.results import Result
from paribus.analysis.verdict import Contrast, Decision
from paribus.experiment.grid import Grid
from paribus.experiment.multiverse import ComparisonAt
from paribus.spec import Frozen

OUTCOMES = ("better", "equivalent", "undecided", "worse")
"""What a verdict counts as, from one side to the other."""


class Verdict(Frozen):
    """Verdict of one contrast in one setting.

    Args:
        values: place of each path's value in its axis.
        label: as it is printed, such as ``clearly better``, or why there is none.
        outcome: one of `OUTCOMES`.
        mean, low, high: difference, positive where the variant is better, and its interval; NaN where there is none.
    """

    values: tuple[int, ...]
    label: str
    outcome: str
    mean: float
    low: float
    high: float

    @property
    def there(self) -> bool:
        """True where the setting has a result."""
        return not isnan(self.mean)


class Multiverse(Frozen):
    """One comparison over its grid, on one device.

    Args:
        suite, comparison, question, device, budget: what was trained.
        metric, unit, higher_is_better, margin: of the score.
        baseline: that variants are compared with.
        axes: values of each path, as texts.
        unlike: what variants declare at a path at which they differ and are given the same values, by path.
        seeds: paired seeds of each setting.
        runs: how many runs there are.
        engines: that trained them.
        contrasts: verdicts of each variant against the baseline, a setting each.
    """

    suite: str
    comparison: str
    question: str
    device: str
    budget: str
    metric: str
    unit: str
    higher_is_better: bool
    margin: float | None
    baseline: str
    axes: dict[str, tuple[str, ...]]
    unlike: dict[str, str]
    seeds: int
    runs: int
    engines: tuple[str, ...]
    contrasts: dict[str, tuple[Verdict, ...]]


def over_grid(
    results: Sequence[Result], name: str, grid: Grid, unlike: Mapping[str, str]
) -> Multiverse:
    """Return the verdicts of a comparison's results, one a setting.

    Args:
        results: of `ComparisonAt`, in any order.
        name: of the comparison as it is declared.
        grid: values by path.
        unlike: as in `Multiverse`.
    """
    first = results[0]
    metric = first.comparison.primary
    return Multiverse(
        suite=first.suite.name,
        comparison=name,
        question=first.comparison.question,
        device=first.device,
        budget=first.budget,
        metric=metric.name,
        unit=metric.unit,
        higher_is_better=metric.higher_is_better,
        margin=metric.margin,
        baseline=first.baseline.variant.name,
        axes={path: tuple(map(str, values)) for path, values in grid.items()},
        unlike=dict(unlike),
        seeds=len(first.seeds),
        runs=sum(len(row.present) for result in results for row in result.rows),
        engines=tuple(sorted({run.engine for r in results for row in r.rows for run in row.runs})),
        contrasts={
            row.variant.name: tuple(
                _verdict(result, result.contrasts.get(row.variant.name), grid) for result in results
            )
            for row in first.rows[1:]
        },
    )


def _verdict(result: Result, contrast: Contrast | None, grid: Grid) -> Verdict:
    comparison = result.comparison
    assert isinstance(comparison, ComparisonAt), "only these have choices"
    values = tuple(list(grid[path]).index(value) for path, value in comparison.choices)
    if contrast is None:
        return Verdict(
            values=values, label="no result", outcome="undecided", mean=nan, low=nan, high=nan
        )
    outcome = {
        Decision.better: "better",
        Decision.worse: "worse",
        Decision.equivalent: "equivalent",
        Decision.identical: "equivalent",
    }.get(contrast.decision, "undecided")
    ends = contrast.difference
    return Verdict(
        values=values,
        label=contrast.label,
        outcome=outcome,
        mean=ends.mean,
        low=ends.low,
        high=ends.high,
    )
