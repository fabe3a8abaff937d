"""Figure of each variant's difference from the baseline on every task, and what to expect on a new one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from paribus.analysis.new_task import Prospect, prospects
from paribus.analysis.ranking import TaskRanking
from paribus.report.figures.learning_curves import plot_figure
from paribus.report.figures.plotting import style
from paribus.report.ranking_answer import percent

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TICKS = (-100, -30, -10, -3, -1, 0, 1, 3, 10, 30, 100)


def task_effects(ranking: TaskRanking) -> Figure | None:
    """Draw a panel a variant, a row a task, with the typical task and a new one below; None where nothing is pooled."""
    expected = prospects(ranking)
    if not expected:
        return None
    names = [unit.name for unit in ranking.units]
    figure = plot_figure(2.0 + 2.4 * len(expected), 1.75 + 0.27 * (len(names) + 2))
    panels = figure.subplots(1, len(expected), sharey=True, sharex=True, squeeze=False)[0]
    for axes, each in zip(panels, expected, strict=True):
        _panel(axes, each, style(ranking.variants.index(each.variant))["color"])
    low, high = panels[0].get_xlim()
    ticks = [tick for tick in TICKS if low < tick < high]
    panels[0].set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    rows = range(len(names) + 2)
    panels[0].set_yticks(rows, [*names, "typical task", "new task"], fontsize=9)
    panels[0].invert_yaxis()
    base = ranking.variants[0]
    figure.supxlabel(
        f"difference from {base}, in margins of the task (right is better; grey: within the margin)",
        fontsize=9,
    )
    figure.suptitle(
        f"Difference from {base} on {len(names)} tasks, 95 % intervals over seeds; below, over tasks",
        fontsize=10,
    )
    return figure


def _panel(axes: Axes, each: Prospect, colour: str) -> None:
    """Draw one variant's intervals, one row below the other."""
    count = len(each.tasks)
    axes.axvspan(-1, 1, color="0.9", linewidth=0)
    axes.axvline(0, color="0.5", linewidth=0.8)
    for row, task in enumerate(each.tasks):
        axes.plot([task.low, task.high], [row, row], color=colour, linewidth=1.4)
        axes.plot([task.mean], [row], "o", color=colour, markersize=4)
    axes.axhline(count - 0.5, color="0.5", linewidth=0.8)
    axes.plot([each.middle.low, each.middle.high], [count] * 2, color="black", linewidth=3)
    axes.plot([each.middle.mean], [count], "D", color="black", markersize=6)
    axes.plot([each.new.low, each.new.high], [count + 1] * 2, color="black", linewidth=1.4)
    # Linear within a margin and logarithmic beyond it, as the effects were pooled.
    axes.set_xscale("asinh", linear_width=1.0)
    axes.tick_params(axis="x", labelsize=7)
    axes.tick_params(axis="y", length=0)
    axes.spines[["top", "right", "left"]].set_visible(False)
    told = f"better on {each.better_on} of {count},\non a new one with {percent(each.better)}"
    axes.set_title(f"{each.variant}\n{told}", fontsize=8)
