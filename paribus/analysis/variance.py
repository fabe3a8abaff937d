"""Variance of a comparison's scores and differences by source of randomness."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch

from paribus import stats
from paribus.analysis.results import Floats, Result, Row, penalised_beside
from paribus.experiment.task import Metric
from paribus.runs.run import Predictions
from paribus.spec import Frozen
from paribus.stats import Component
from paribus.training.evaluate import each


class Spread(Frozen):
    """Spread of one number, by source.

    Args:
        name: of the number: a variant's score, or a difference such as ``adam against sgd``.
        variant: whose.
        difference: whether it is a variant's difference from the baseline, positive where the variant is better.
        mean: over the runs in which all sources vary.
        deviation: standard deviation of the same.
        components: part of each source.
        test: standard deviation that the size of the test part alone gives, on average; None where it is not known.
        failed: runs of the variant that failed, or of the pair.
    """

    name: str
    variant: str
    difference: bool
    mean: float
    deviation: float
    components: dict[str, Component]
    test: float | None
    failed: int


class VarianceBySource(Frozen):
    """Variance by source of one arm of a comparison on one device.

    Args:
        suite, comparison, question, arm, device, budget: what was trained.
        steps: of the base recipe.
        metric, unit, higher_is_better, margin: of the score.
        draws: how often each source was drawn anew.
        runs: how many runs there are.
        engines: that trained them.
        sources: that draw anything.
        test_samples: in the test part.
        test_drawn: whether each split has a test part of its own.
        spreads: the differences first, the baseline's score last.
        without: variants of which nothing is said, each with its reason.
    """

    suite: str
    comparison: str
    question: str
    arm: str
    device: str
    budget: str
    steps: int
    metric: str
    unit: str
    higher_is_better: bool
    margin: float | None
    draws: int
    runs: int
    engines: tuple[str, ...]
    sources: tuple[str, ...]
    test_samples: int
    test_drawn: bool
    baseline: str
    spreads: tuple[Spread, ...]
    without: dict[str, str]


def by_source(result: Result, draws: int, sources: Sequence[str]) -> VarianceBySource:
    """Return the parts of each source.

    Args:
        result: of runs in the order of `paribus.execution.redraws.Redraws`: ``2 draws`` in which all sources vary, then
            ``draws`` for each source.
        draws: how often each source was drawn anew.
        sources: in their order.
    """
    base, metric = result.baseline, result.comparison.primary
    without = {row.variant.name: why for row in result.rows if (why := _unusable(row))}
    usable = [row for row in result.rows if row.variant.name not in without]
    rows = usable if base.variant.name not in without else []
    said = {row.variant.name: [*result.predictions(row)] for row in rows}
    spreads = [_spread(result, rows, row, draws, sources, said) for row in (*rows[1:], *rows[:1])]
    return VarianceBySource(
        suite=result.suite.name,
        comparison=result.comparison.name,
        question=result.comparison.question,
        arm=result.arm,
        device=result.device,
        budget=result.budget,
        steps=result.comparison.recipe.steps,
        metric=metric.name,
        unit=metric.unit,
        higher_is_better=metric.higher_is_better,
        margin=metric.margin,
        draws=draws,
        runs=sum(len(row.present) + len(row.tried) for row in result.rows),
        engines=tuple(sorted({run.engine for row in result.rows for run in row.runs})),
        sources=tuple(sources),
        test_samples=max((len(p.target) for found in said.values() for p in found), default=0),
        test_drawn=any(map(_differ, said.values())),
        baseline=base.variant.name,
        spreads=tuple(spreads),
        without=without,
    )


def _unusable(row: Row) -> str:
    """Return why nothing is said of a variant, or nothing."""
    if not row.complete:
        return row.failed or "it has no runs"
    left_out = sum(state not in ("completed", "diverged") for state in row.states)
    if left_out:
        return f"{left_out} of {len(row.runs)} runs have no score"
    return "every run diverged" if row.count("diverged") == len(row.runs) else ""


def _differ(predictions: Sequence[Predictions]) -> bool:
    """Return whether test parts differ from run to run."""
    return any(not np.array_equal(predictions[0].target, p.target) for p in predictions)


def _spread(
    result: Result,
    rows: Sequence[Row],
    row: Row,
    draws: int,
    sources: Sequence[str],
    said: Mapping[str, Sequence[Predictions]],
) -> Spread:
    """Return the parts of a variant's difference from the baseline, of the baseline itself those of its score."""
    base, own = rows[0], row is rows[0]
    pair = [row] if own else [row, base]
    scores = penalised_beside(result, rows, row, base)
    if not own:
        sign = result.comparison.primary.sign
        scores = stats.paired_differences(
            sign * scores, sign * penalised_beside(result, rows, base, row), _rounding(row)
        )
    ordinary, redrawn = scores[: 2 * draws], scores[2 * draws :].reshape(len(sources), draws)
    name = row.variant.name
    return Spread(
        name=name if own else f"{name} against {base.variant.name}",
        variant=name,
        difference=not own,
        mean=float(ordinary.mean()),
        deviation=stats.deviation(ordinary),
        components=stats.components(scores[:draws], dict(zip(sources, redrawn, strict=True))),
        test=_test_part(result, [said[r.variant.name] for r in pair], [r.scores for r in pair]),
        failed=int(np.any([[not r.completed for r in each.present] for each in pair], 0).sum()),
    )


def _rounding(row: Row) -> float:
    return 8 * float(np.finfo(row.variant.recipe.dtype).eps)


def _test_part(
    result: Result, said: Sequence[Sequence[Predictions]], recorded: Sequence[Floats]
) -> float | None:
    """Return the standard deviation that a test part of this size leaves in a mean over its samples, on average.

    Args:
        result: says what the score is.
        said: predictions of each run, by variant: one, or two whose difference it is.
        recorded: their scores; where the predictions do not give these, nothing is known.
    """
    metric = result.comparison.primary
    if result.comparison.metric is not None or any(len(p) < len(recorded[0]) for p in said):
        return None
    each_run = []
    for i, runs in enumerate(zip(*said, strict=True)):
        samples = [_of_samples(metric, run) for run in runs]
        if any(
            s is None or not np.isclose(s.mean(), r[i])
            for s, r in zip(samples, recorded, strict=True)
        ):
            return None
        first, *others = (s for s in samples if s is not None)
        each_run.append(variance_of_mean(first - others[0] if others else first))
    return float(np.sqrt(np.mean(each_run)))


def variance_of_mean(values: Floats) -> float:
    """Return the variance of a mean over so many samples, ``(sample,)``.

    >>> variance_of_mean(np.array([1.0, 2.0, 3.0]))
    0.3333333333333333
    """
    return float(values.var(ddof=1)) / values.size if values.size > 1 else 0.0


def _of_samples(metric: Metric, run: Predictions) -> Floats | None:
    """Return the score of each sample, ``(sample,)``; None where it is one number of all, or of further outputs."""
    try:
        found = each(metric.function, torch.as_tensor(run.outputs), [torch.as_tensor(run.target)])
    except Exception:  # noqa: BLE001 - a score of several outputs cannot be had of the first alone
        return None
    values = found.double().numpy() if isinstance(found, torch.Tensor) else np.empty(0)
    return values if values.shape == (len(run.target),) else None
