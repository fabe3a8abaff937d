"""Numbers that claims speak of, made from several runs: widths, areas, slopes, interactions, regrets.

Each is ``(results, variant, **settings) -> (seed,)``, or ``(task,)`` where it averages over seeds, NaN where there is
no such number. ``results`` are that of one comparison, or of every comparison of a suite. What is made of several
variants is linear in their scores: a ratio of two estimates is no number whose mean could be tested. A failed run
scores the worse of the dummy predictor and of the others that it is compared with on that seed: failing never pays.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from paribus import stats
from paribus.analysis.results import Floats, Result, Row
from paribus.experiment.task import Metric
from paribus.runs.run import RunResult


def parameters(results: Sequence[Result], variant: str) -> Floats:
    """Return the number of parameters that the variant trains."""
    (result,) = results
    return np.array([float(record.parameters) for record in result.row(variant).present])


def step_ratio(results: Sequence[Result], variant: str) -> Floats:
    """Return seconds of a step over the baseline's, ``(round,)``, timed in turn; empty where they were not timed."""
    (result,) = results
    timing = result.row(variant).timing
    return np.array([] if timing is None else timing.ratios)


def over_dummy(results: Sequence[Result], variant: str, *, predictor: str, metric: str) -> Floats:
    """Return by how much the variant's test score is better than that of a dummy predictor, in the metric's unit.

    Args:
        results: of one comparison.
        variant: whose.
        predictor: name of one of the task's dummy predictors.
        metric: of the task.
    """
    (result,) = results
    score, row = _metric(result, metric), result.row(variant)
    dummy = np.array([record.dummy[predictor][score.name] for record in row.present])
    own, dummy = _penalised(np.stack([_of(result, row, score), dummy]), result, row, score)
    gained: Floats = score.sign * (own - dummy)
    return gained


def area(results: Sequence[Result], variant: str, *, curve: str) -> Floats:
    """Return the area under a curve over the steps that it spans: its mean height, by trapezoids."""
    (result,) = results
    return np.array([_area(record, curve) for record in result.row(variant).present])


def _area(record: RunResult, curve: str) -> float:
    steps, heights = record.curves.get("step", []), record.curves.get(curve, [])
    if not record.completed or len(heights) < 2:
        return float("nan")
    return float(np.trapezoid(heights, steps)) / (steps[-1] - steps[0])


def late_to_early(results: Sequence[Result], variant: str, *, curve: str) -> Floats:
    """Return the logarithm of the mean of a curve's last quarter over that of its first, NaN left out."""
    (result,) = results
    return np.array([_late_to_early(record, curve) for record in result.row(variant).present])


def _late_to_early(record: RunResult, curve: str) -> float:
    points = np.array(record.curves.get(curve, []), dtype=float)
    points = points[np.isfinite(points)]
    quarter = len(points) // 4
    if not record.completed or not quarter:
        return float("nan")
    return float(np.log(points[-quarter:].mean() / points[:quarter].mean()))


def log_slope(results: Sequence[Result], variant: str, *, layers: str) -> Floats:
    """Return the change of the logarithm of a layer's number from layer to layer before training, by least squares.

    Args:
        results: of one comparison.
        variant: whose.
        layers: what the curves of the layers' numbers begin with, such as ``gradient_norm/``.
    """
    (result,) = results
    return np.array([_log_slope(record, layers) for record in result.row(variant).present])


def _log_slope(record: RunResult, layers: str) -> float:
    starts = [curve[0] for name, curve in record.curves.items() if name.startswith(layers)]
    if len(starts) < 2 or min(starts) <= 0:
        return float("nan")
    return float(np.polyfit(range(len(starts)), np.log(starts), 1)[0])


def excess(results: Sequence[Result], variant: str, *, metric: str) -> Floats:
    """Return the primary score less another recorded one."""
    (result,) = results
    row = result.row(variant)
    difference: Floats = row.scores - row.values(metric)
    return difference


def weights_a_step(results: Sequence[Result], variant: str) -> Floats:
    """Return multiplications a step of time and sample: each weight of a recurrent or linear matrix is used once.

    Counted from the shapes of the initial weights that the runs left.
    """
    (result,) = results
    return np.array([_weights(record) for record in result.row(variant).present])


def _weights(record: RunResult) -> float:
    named = record.hashes.get("init")
    shapes = [SHAPE.search(name) for name in (named if isinstance(named, dict) else ())]
    return float(sum(int(s[1]) * int(s[2]) for s in shapes if s is not None))


# The end of the name of a weight matrix, such as ``LSTM0.weight_ih_l0(128, 1)``; a bias also names its layer's weights.
SHAPE = re.compile(r"^[^ ]*\((\d+), (\d+)\)$")


def interaction(
    results: Sequence[Result],
    variant: str,
    *,
    metric: str,
    instead: str,
    other: str,
    other_instead: str,
) -> Floats:
    """Return a difference of differences: the variant less another, minus a third less a fourth.

    Args:
        results: of one comparison.
        variant: the first of four.
        metric: of the task, or the comparison's own.
        instead: what the variant is held against.
        other: the third.
        other_instead: the fourth.
    """
    a, b, c, d = _together(results, (variant, instead, other, other_instead), metric)
    differences: Floats = (a - b) - (c - d)
    return differences


def past_midpoint(
    results: Sequence[Result], variant: str, *, metric: str, worst: str, best: str
) -> Floats:
    """Return by how much the variant's score is nearer to the best variant's than to the worst's.

    The score less the mean of the two others', positive where it is nearer to the best: a linear contrast, as the share
    of the way that it has come would be a ratio of two estimates, whose test errs.

    Args:
        results: of one comparison.
        variant: whose.
        metric: of the task.
        worst: the variant at one end.
        best: the variant at the other.
    """
    (result,) = results
    own, low, high = _together(results, (variant, worst, best), metric)
    past: Floats = _metric(result, metric).sign * (own - (low + high) / 2)
    return past


def task_regrets(results: Sequence[Result], variant: str, *, pair: Sequence[str]) -> Floats:
    """Return by how much the variant falls short of each task's best, averaged over the task's seeds.

    A number a task, in units of what the dummy predictor lacks of the ideal score. The best variant of a task is chosen
    for each seed by the means of its other seeds: the largest of several scores of one seed would be raised by noise.

    Args:
        results: of every comparison of a suite.
        variant: whose.
        pair: the two variants that the claim compares: a failed run of one is penalised beside the other.
    """
    return np.array([_regret(result, variant, pair) for result in results])


def _regret(result: Result, variant: str, pair: Sequence[str]) -> float:
    metric = result.comparison.primary
    names = [row.variant.name for row in result.rows]
    each = [_together([result], (name,), metric.name)[0] for name in names]
    gap = result.baseline.dummy.mean() - (result.suite.across.ideal if result.suite.across else 0.0)
    best = best_by_the_others(metric.sign * np.array(each))
    own = metric.sign * _together([result], pair, metric.name)[list(pair).index(variant)]
    return float((best - own).mean() / abs(gap)) if gap else float("nan")


def best_by_the_others(scores: Floats) -> Floats:
    """Return each seed's score of the variant that is best on average over the other seeds, ``(seed,)``.

    Args:
        scores: ``(variant, seed)``, more is better, two seeds or more.

    >>> best_by_the_others(np.array([[0.8, 0.1, 0.0], [0.5, 0.5, 0.5]])).tolist()
    [0.5, 0.5, 0.5]
    """
    others = scores.sum(axis=1, keepdims=True) - scores
    chosen: Floats = np.take_along_axis(scores, others.argmax(axis=0)[None], axis=0)[0]
    return chosen


def usable_width(
    results: Sequence[Result],
    variant: str,
    *,
    path: str,
    metric: str,
) -> Floats:
    """Return decades of a positive setting over which a seed's score is within the metric's margin of its best.

    The margin is the largest difference that does not matter. Between two settings the score is a straight line over
    the setting's logarithm.

    Args:
        results: of one comparison.
        variant: the others that differ from it at the path alone are the ones looked at.
        path: of the factor whose levels are the settings.
        metric: of the task, with a margin.
    """
    (result,) = results
    settings, rows = along(result, variant, path)
    score = _metric(result, metric)
    assert score.margin is not None, "a usable width needs a metric with a margin"
    table = score.sign * _together(results, [row.variant.name for row in rows], metric)
    return _covered(np.log10(settings), table - table.max(axis=0) + score.margin)


def _covered(x: Floats, heights: Floats) -> Floats:
    """Return the length of x over which a line through ``(point, seed)`` heights is at or above zero, ``(seed,)``."""
    low, high = np.minimum(heights[:-1], heights[1:]), np.maximum(heights[:-1], heights[1:])
    rise = high - low
    part = np.divide(high, rise, out=np.ones_like(rise), where=rise > 0)
    share = np.where(low >= 0, 1.0, np.where(high < 0, 0.0, part))
    covered: Floats = (share * np.diff(x)[:, None]).sum(axis=0)
    return covered


def along(result: Result, variant: str, path: str) -> tuple[Floats, list[Row]]:
    """Return the settings of a factor with numeric levels, in order, and the rows that differ from a variant there.

    Returns:
        ``(setting,)``, and as many rows.
    """
    place = result.comparison.paths.index(path)
    levels = result.comparison.factors[place].levels
    own = result.row(variant).variant.levels
    rows = {
        float(levels[row.variant.levels[place]]): row
        for row in result.rows
        if _without(row.variant.levels, place) == _without(own, place)
    }
    settings = sorted(rows)
    return np.array(settings), [rows[setting] for setting in settings]


def _without(levels: Sequence[str], place: int) -> tuple[str, ...]:
    return (*levels[:place], *levels[place + 1 :])


def _metric(result: Result, name: str) -> Metric:
    return next(
        m for m in (*result.comparison.task.metrics, result.comparison.primary) if m.name == name
    )


def _together(results: Sequence[Result], variants: Sequence[str], name: str) -> Floats:
    """Return a score of variants that are compared with each other, ``(variant, seed)``, failed runs penalised.

    Args:
        results: of one comparison.
        variants: whose.
        name: of a metric.
    """
    (result,) = results
    metric, rows = _metric(result, name), [result.row(variant) for variant in variants]
    scores = np.stack([_of(result, row, metric) for row in rows])
    table = _penalised(scores, result, rows[0], metric)
    finished = np.array([[record.completed for record in row.present] for row in rows])
    return np.where(finished, scores, table)  # a score that is undefined stays so


def _of(result: Result, row: Row, metric: Metric) -> Floats:
    """Return a score of each run, NaN where it failed; a metric of the comparison's own is no score of the record."""
    primary = metric.name == result.comparison.primary.name
    return row.scores if primary else row.values(metric.name)


def _penalised(scores: Floats, result: Result, row: Row, metric: Metric) -> Floats:
    """Return ``(variant, seed)``, a failed run at the worse of the dummy predictor's score and the others'.

    Args:
        scores: NaN where a run failed.
        result: that they are of.
        row: whose runs know the dummy predictor's score.
        metric: of the scores.
    """
    dummy = row.dummy
    if metric.name != result.comparison.primary.name:
        first = next(iter(result.comparison.task.dummy))
        dummy = np.array([record.dummy[first][metric.name] for record in row.present])
    failed = stats.failure_scores(metric.higher_is_better, dummy, scores)
    return stats.penalised(scores, failed, higher_is_better=metric.higher_is_better)
