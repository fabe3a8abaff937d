"""Figure of a tuned arm: what the best of n trials is worth on the validation part, for every n."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from paribus.analysis.results import Floats, Result, Row
from paribus.report.figures.learning_curves import caption, drawn, plot_figure
from paribus.report.figures.plotting import Band, End, draw, fit_scale, name_ends, quartiles, style
from paribus.stats.best_of_n import best_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure


MANY_TRIALS = 20  # from which on their axis is logarithmic


def best_of_trials(result: Result) -> Figure | None:
    """Draw the expected validation score of the best of n trials over n, a line a variant; None where none was."""
    rows = {
        name: row
        for name, row in drawn(result).items()
        if row.searched is not None and row.searched.complete and row.searched.search.trials > 1
    }
    if not rows:
        return None
    bands = {name: expected(row, _ceiling(result)) for name, row in rows.items()}
    figure = plot_figure(8.0, 4.8)
    axes = figure.add_subplot()
    draw(axes, bands, "trials, of which the best by its validation score is taken")
    fit_scale(axes, np.concatenate([band.middle for band in bands.values()]))
    if max(band.steps[-1] for band in bands.values()) >= MANY_TRIALS:
        axes.set_xscale("log")  # most is gained by the first few
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    metric = result.comparison.task.primary
    better = "higher" if metric.higher_is_better else "lower"
    unit = f", {metric.unit}" if metric.unit else ""
    axes.set_ylabel(f"expected validation {metric.name}{unit} ({better} is better)", fontsize=9)
    figure.suptitle(caption(result), fontsize=10)
    ends = [
        End(name, float(band.steps[-1]), float(band.middle[-1]), style(i)["color"])
        for i, (name, band) in enumerate(bands.items())
    ]
    name_ends(axes, ends)
    return figure


def expected(row: Row, ceiling: float | None) -> Band:
    """Return median and quartiles over seeds of the expected best of the first trial and n - 1 others, ``(n,)``.

    The first is at the stated settings and is always there; the others are drawn at random.

    A trial that failed, or did worse than learning nothing, counts as learning nothing; where that is not known, as the
    worst that finished.
    """
    searched = row.searched
    assert searched is not None, "only a tuned row has trials"
    higher = searched.search.metric.higher_is_better
    table = []
    for scores in searched.scores:
        values = limited(np.array(scores), ceiling, higher)
        first, others = float(values[0]), limited(values[1:], float(values[0]), higher).tolist()
        table.append([first, *(best_of(others, n, higher) for n in range(1, len(values)))])
    return quartiles(range(1, searched.search.trials + 1), table)


def limited(scores: Floats, bound: float | None, higher_is_better: bool) -> Floats:
    """Limit scores so that none is worse than the bound, ``(trial,)``; failed ones, not finite, are at it.

    >>> limited(np.array([0.2, np.nan, 5.0]), 0.7, False)
    array([0.2, 0.7, 0.7])
    """
    finite = scores[np.isfinite(scores)]
    if bound is None:
        bound = (
            0.0 if not finite.size else float(finite.min() if higher_is_better else finite.max())
        )
    filled = np.where(np.isfinite(scores), scores, bound)
    return np.maximum(filled, bound) if higher_is_better else np.minimum(filled, bound)


def _ceiling(result: Result) -> float | None:
    """Return the median score of the first dummy predictor by the task's own metric, on the test part."""
    dummy, name = next(iter(result.comparison.task.dummy)), result.comparison.task.primary.name
    scores = [
        score
        for r in result.baseline.present
        if np.isfinite(score := r.dummy.get(dummy, {}).get(name, np.nan))
    ]
    return float(np.median(scores)) if scores else None
