"""Figures over all tasks of a suite: ranks on a line, interquartile means, and profiles of steps to the target."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from paribus import stats
from paribus.analysis.ranking import TaskRanking
from paribus.report.figures.learning_curves import plot_figure
from paribus.report.figures.plotting import GREY, End, name_ends, style
from paribus.report.figures.task_effects import task_effects

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BEYOND = 1.15
"""Factor beyond the largest ratio up to which a profile is drawn."""


def pictures(standing: TaskRanking) -> dict[str, Figure]:
    """Draw every figure that there are numbers for, by title."""
    made = {
        "Differences over tasks": task_effects(standing),
        "Mean ranks": ranks(standing),
        "Interquartile means": middles(standing),
        "Steps to target": profiles(standing),
    }
    return {title: figure for title, figure in made.items() if figure is not None}


def ranks(standing: TaskRanking) -> Figure:
    """Draw mean ranks on a line, bars over those that Nemenyi's difference does not tell apart."""
    count = len(standing.variants)
    order = np.argsort(standing.mean_ranks, kind="stable")
    groups = stats.not_told_apart(standing.mean_ranks, standing.distance)
    half = -(-count // 2)
    depth = 0.35 * len(groups) + 0.55
    figure = plot_figure(7.5, 1.5 + 0.32 * (half + len(groups)))
    axes = figure.add_subplot()
    for place, i in enumerate(order):
        left = place < half
        row = place if left else count - 1 - place
        _name(axes, standing, int(i), depth + 0.5 * row, left=left)
    for row, group in enumerate(groups):
        ranks = [float(standing.mean_ranks[i]) for i in group]
        ends = (min(ranks) - 0.04, max(ranks) + 0.04)
        axes.plot(ends, [0.35 * (row + 1)] * 2, color=GREY, linewidth=4, solid_capstyle="butt")
    _critical(axes, standing.distance)
    axes.set_xlim(0.2, count + 0.8)
    axes.set_ylim(depth + 0.5 * half, -1.2)
    _rank_axis(axes, count)
    names = "bars join what Nemenyi's critical difference does not tell apart"
    figure.suptitle(f"Mean rank over {len(standing.units)} tasks, 1 the best; {names}", fontsize=10)
    return figure


def _name(axes: Axes, standing: TaskRanking, i: int, y: float, *, left: bool) -> None:
    """Draw a variant's rank, led to its name beside the line."""
    rank, edge = float(standing.mean_ranks[i]), 0.7 if left else len(standing.variants) + 0.3
    colour = style(i)["color"]
    axes.plot([rank, rank, edge], [0, y, y], color=colour, linewidth=1)
    axes.plot([rank], [0], color=colour, marker=style(i)["marker"], markersize=6)
    side = {"ha": "right" if left else "left", "va": "center", "color": colour, "fontsize": 9}
    text = f"{standing.variants[i]}  {rank:.2f}"
    axes.text(edge + (-0.05 if left else 0.05), y, text, **side)


def _critical(axes: Axes, distance: float) -> None:
    """Draw the critical difference as a ruler above the line."""
    axes.plot([1, 1 + distance], [-0.75] * 2, color="black", linewidth=1.2, marker="|")
    axes.text(
        1 + distance / 2, -0.85, f"critical difference {distance:.2f}", ha="center", fontsize=8
    )


def _rank_axis(axes: Axes, count: int) -> None:
    axes.plot([1, count], [0, 0], color="black", linewidth=1)
    for rank in range(1, count + 1):
        axes.plot([rank, rank], [0, -0.12], color="black", linewidth=1)
        axes.text(rank, -0.2, str(rank), ha="center", fontsize=8)
    axes.axis("off")


def middles(standing: TaskRanking) -> Figure:
    """Draw interquartile means of normalised scores with their intervals, a row a variant."""
    figure = plot_figure(7.0, 1.1 + 0.36 * len(standing.variants))
    axes = figure.add_subplot()
    for i, middle in enumerate(standing.middles):
        colour = style(i)["color"]
        axes.plot([middle.low, middle.high], [i, i], color=colour, linewidth=2)
        axes.plot([middle.mean], [i], color=colour, marker=style(i)["marker"], markersize=6)
    axes.set_yticks(range(len(standing.variants)), standing.variants, fontsize=9)
    axes.margins(y=0.12)
    axes.invert_yaxis()
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="x", color="0.9", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(labelsize=8)
    axes.set_xlabel(
        "normalised score: 0 learns nothing, "
        f"1 is a score of {standing.across.ideal:g} (higher is better)",
        fontsize=9,
    )
    runs = sum(unit.normalised[0].size for unit in standing.units)
    figure.suptitle(
        f"Interquartile mean of {runs} runs over {len(standing.units)} tasks, 95 % interval over seeds",
        fontsize=10,
    )
    return figure


def profiles(standing: TaskRanking) -> Figure | None:
    """Draw the share of targets reached within so many times the steps of the fastest, or None without targets."""
    efforts = standing.efforts
    if efforts is None or not np.isfinite(efforts).any():
        return None
    largest = BEYOND * float(efforts[np.isfinite(efforts)].max())
    factors = np.unique([1.0, *efforts[np.isfinite(efforts)], largest])
    figure = plot_figure(7.5, 4.4)
    axes = figure.add_subplot()
    ends = []
    for i, name in enumerate(standing.variants):
        shares = stats.profile(efforts[:, i], factors)
        look = {key: value for key, value in style(i).items() if key != "marker"}
        axes.step(factors, shares, where="post", label=name, linewidth=1.6, **look)
        ends.append(End(name, largest, float(shares[-1]), look["color"]))
    axes.set_xscale("log")
    axes.set_xlim(1.0, largest)
    axes.set_ylim(-0.02, 1.02)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.xaxis.set_minor_formatter(lambda value, _: f"{value:g}" if f"{value:g}"[0] in "25" else "")
    axes.tick_params(which="both", labelsize=8)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color="0.9", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.set_xlabel("steps to the target, times those of the fastest", fontsize=9)
    axes.set_ylabel("share of problems", fontsize=9)
    name_ends(axes, ends)
    figure.suptitle(
        f"Targets reached, of {len(efforts)} problems (a task and a seed); a miss is never reached",
        fontsize=10,
    )
    return figure
