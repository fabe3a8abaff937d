"""Numbers a seed that claims speak of, made from several runs: widths, areas, slopes, interactions, regrets.

Each is ``(results, variant, **settings) -> (seed,)``, NaN where a seed has no such number. ``results`` are that of one
comparison, or of every comparison of a suite.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

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
    sign = score.sign
    dummy = np.array([record.dummy[predictor][score.name] for record in row.present])
    gained: Floats = sign * (_or_dummy(row, score) - dummy)
    return gained


def advantage(results: Sequence[Result], variant: str, *, over: str, metric: str) -> Floats:
    """Return by how much the variant's test score is better than another's with the same seed, in the metric's unit.

    A failed run scores as the dummy predictor.

    Args:
        results: of one comparison.
        variant: whose.
        over: the other variant.
        metric: of the task.
    """
    (result,) = results
    score = _metric(result, metric)
    sign = score.sign
    mine, theirs = (_or_dummy(result.row(name), score) for name in (variant, over))
    gained: Floats = sign * (mine - theirs)
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
    """Return the mean of the last quarter of a curve's points over the mean of the first, NaN left out."""
    (result,) = results
    return np.array([_late_to_early(record, curve) for record in result.row(variant).present])


def _late_to_early(record: RunResult, curve: str) -> float:
    points = np.array(record.curves.get(curve, []), dtype=float)
    points = points[np.isfinite(points)]
    quarter = len(points) // 4
    if not record.completed or not quarter:
        return float("nan")
    return float(points[-quarter:].mean() / points[:quarter].mean())


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
        metric: of a recorded score, or the primary metric.
        instead: what the variant is held against.
        other: the third.
        other_instead: the fourth.
    """
    (result,) = results
    a, b, c, d = (
        _scores(result, name, metric) for name in (variant, instead, other, other_instead)
    )
    differences: Floats = (a - b) - (c - d)
    return differences


def _scores(result: Result, variant: str, name: str) -> Floats:
    row = result.row(variant)
    return row.scores if name == result.comparison.primary.name else row.values(name)


def gap_closed(
    results: Sequence[Result], variant: str, *, metric: str, worst: str, best: str
) -> Floats:
    """Return the variant's share of the way from the worst variant's mean score to the best one's.

    The gap is that of the means over seeds, so that a seed without one divides by nothing. A failed run scores as the
    dummy predictor.
    """
    (result,) = results
    each = {
        name: _or_dummy(result.row(name), _metric(result, metric))
        for name in (variant, worst, best)
    }
    gap = each[best].mean() - each[worst].mean()
    share: Floats = (each[variant] - each[worst]) / (gap or np.nan)
    return share


def worst_regret(results: Sequence[Result], variant: str) -> Floats:
    """Return the largest regret over all comparisons: below the seed's best, in units of best over dummy.

    Zero is the best of every comparison, one is no better than the dummy predictor in one of them, and no regret is
    larger than that.
    """
    worst: Floats = np.max([_regrets(result, variant) for result in results], axis=0)
    return worst


def _regrets(result: Result, variant: str) -> Floats:
    metric = result.comparison.task.primary
    sign = metric.sign
    scores = sign * np.array([_or_dummy(row, metric) for row in result.rows])
    dummy = sign * np.array([_dummy(record, metric) for record in result.baseline.present])
    own = sign * _or_dummy(result.row(variant), metric)
    best = np.maximum(scores.max(axis=0), dummy)
    gap = best - dummy
    regret = np.divide(best - own, gap, out=np.zeros_like(gap), where=gap > 0)
    clipped: Floats = np.clip(regret, 0.0, 1.0)
    return clipped


def usable_width(
    results: Sequence[Result],
    variant: str,
    *,
    path: str,
    metric: str,
    within: float = 0.05,
    between: Sequence[float] = (0.0, float("inf")),
) -> Floats:
    """Return decades of a positive setting over which a seed's score stays within a share of its best.

    Between two settings the score is a straight line over the setting's logarithm; a failed run scores as the dummy
    predictor.

    Args:
        results: of one comparison.
        variant: the others that differ from it at the path alone are the ones looked at.
        path: of the factor whose levels are the settings.
        metric: of the task.
        within: the share.
        between: the least and the largest setting that are counted; the best is that of all.
    """
    (result,) = results
    settings, rows = along(result, variant, path)
    score = _metric(result, metric)
    table = np.array([_or_dummy(row, score) for row in rows])
    best = table.max(axis=0) if score.higher_is_better else table.min(axis=0)
    sign = score.sign
    edge = best - sign * within * np.abs(best)
    above = sign * (table - edge)
    low, high = between
    # A setting that is meant to be a limit may differ from it by rounding.
    counted = (settings >= low * (1 - 1e-9)) & (settings <= high * (1 + 1e-9))
    return _covered(np.log10(settings[counted]), above[counted])


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
    return next(m for m in result.comparison.task.metrics if m.name == name)


def _or_dummy(row: Row, metric: Metric) -> Floats:
    """Return a test score of each run, ``(seed,)``, that of the first dummy predictor where it failed."""
    return np.array([r.scores.get(metric.name, _dummy(r, metric)) for r in row.present])


def _dummy(record: RunResult, metric: Metric) -> float:
    return next(iter(record.dummy.values()))[metric.name]
