"""Trade-off between two metrics over the variants: who is best at either, and what every other one gives up."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from paribus.analysis.results import Floats, Result
from paribus.experiment.task import Metric
from paribus.experiment.variant import Variant
from paribus.report.figures.learning_curves import drawn, plot_figure
from paribus.report.figures.plotting import GREY, MARKERS, style
from paribus.report.formatting import NOTHING, number, plus_minus
from paribus.report.tables import Line, heading, state

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Point(NamedTuple):
    """Scores of a variant at both metrics, ``(seed,)`` each, of the runs that finished."""

    first: Floats
    second: Floats

    @property
    def means(self) -> Floats:
        """Mean of each, ``(2,)``."""
        return np.array([self.first.mean(), self.second.mean()])


def metrics(result: Result) -> tuple[Metric, Metric]:
    """Return the two metrics that the comparison names."""
    metrics = {metric.name: metric for metric in result.comparison.task.metrics}
    first, second = (metrics[name] for name in result.comparison.frontier)
    return first, second


def points(result: Result) -> dict[str, Point]:
    """Return each complete variant with a run that finished, by name; none without a frontier."""
    if not result.comparison.frontier:
        return {}
    first, second = metrics(result)
    placed = {}
    for name, row in drawn(result).items():
        pair = np.array([row.values(first.name), row.values(second.name)])
        pair = pair[:, np.isfinite(pair).all(0)]
        if pair.size:
            placed[name] = Point(*pair)
    return placed


def regrets(result: Result) -> dict[str, Floats]:
    """Return how much worse each variant's means are than the best ones, ``(2,)`` by name."""
    placed = points(result)
    if not placed:
        return {}
    signs = np.array([m.sign for m in metrics(result)])
    means = {name: signs * point.means for name, point in placed.items()}
    best = np.max(list(means.values()), axis=0)
    return {name: best - mean for name, mean in means.items()}


def dominated(result: Result) -> dict[str, str]:
    """Return by whom each variant that is not on the frontier is beaten at both metrics: the first such, by name."""
    behind = regrets(result)
    return {
        name: other
        for name, mine in behind.items()
        for other in [
            o for o, theirs in behind.items() if (theirs <= mine).all() and (theirs < mine).any()
        ][:1]
    }


def lines(result: Result) -> list[Line]:
    """Return a row for each variant: both scores, what it gives up at either, and whether it is on the frontier."""
    placed, behind, beaten = points(result), regrets(result), dominated(result)
    if not placed:
        return []
    first, second = metrics(result)
    missing = [row.variant.name for row in result.rows if state(row, result)]
    rows: list[Line] = [
        {
            "variant": name,
            heading(first): plus_minus(point.first),
            f"{first.name}, behind the best": number(float(behind[name][0])),
            heading(second): plus_minus(point.second),
            f"{second.name}, behind the best": number(float(behind[name][1])),
            "on the frontier": "no" if name in beaten else "yes",
            "beaten by": beaten.get(name, NOTHING),
        }
        for name, point in placed.items()
    ]
    return [*rows, *({"variant": name, "on the frontier": "not run"} for name in missing)]


def picture(result: Result) -> Figure | None:
    """Draw every variant at its two means, with quartiles over seeds, the variants joined in their order."""
    placed = points(result)
    if not placed:
        return None
    first, second = metrics(result)
    figure = plot_figure(7.2, 5.2)
    axes = figure.add_subplot()
    ordered = [v.name for v in _in_order(result) if v.name in placed]
    means = np.array([placed[name].means for name in ordered])
    axes.plot(*means.T, color="0.7", linewidth=1, zorder=1)
    names = list(placed)
    for name in ordered:
        point, kind = placed[name], style(names.index(name))
        low, high = np.quantile(np.array(point), (0.25, 0.75), axis=1)
        middle = point.means
        colour = {"color": kind["color"], "linewidth": 1}
        axes.hlines(middle[1], low[0], high[0], **colour)
        axes.vlines(middle[0], low[1], high[1], **colour)
        marker = MARKERS[names.index(name) % len(MARKERS)]
        axes.plot(*middle, marker=marker, color=kind["color"], linestyle="none", label=name)
    for metric, label in ((first, axes.set_xlabel), (second, axes.set_ylabel)):
        label(heading(metric), fontsize=9)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color="0.9", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(labelsize=8)
    axes.set_title(
        f"mean of {len(result.seeds)} seeds, coloured lines from the 25th to the 75th percentile, a grey one from "
        "variant to variant in their order",
        fontsize=8,
        loc="left",
        color=GREY,
    )
    figure.suptitle(f"{result.comparison.name} on {result.device}: trade-off", fontsize=10)
    figure.legend(loc="outside right center", fontsize=8, frameon=False)
    return figure


def _in_order(result: Result) -> list[Variant]:
    """Return the variants in the order of the factor's levels, the baseline among them."""
    levels = [list(factor.levels) for factor in result.comparison.factors]
    return sorted(
        result.comparison.variants(),
        key=lambda v: [names.index(level) for names, level in zip(levels, v.levels, strict=True)],
    )
