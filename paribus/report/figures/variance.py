"""Figure of the variance by source: a bar for each source's share, with its limits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from paribus.analysis.variance import Spread, VarianceBySource
from paribus.report.figures.learning_curves import plot_figure
from paribus.report.figures.plotting import COLOURS, GREY

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLUMNS = 3


def parts_figure(part: VarianceBySource) -> Figure:
    """Return a panel for each number, differences first, with a horizontal bar a source."""
    columns = min(COLUMNS, len(part.spreads))
    lines = -(-len(part.spreads) // columns)
    height = 0.75 + 0.32 * len(part.sources)
    figure = plot_figure(max(5.5, 1.0 + 3.0 * columns), 0.5 + height * lines)
    for i, spread in enumerate(part.spreads):
        axes = figure.add_subplot(lines, columns, i + 1)
        _panel(axes, spread, part, named=i % columns == 0, last=i + columns >= len(part.spreads))
    arm = ", tuned" if part.arm == "tuned" else ""
    figure.suptitle(
        f"{part.comparison}{arm} on {part.device}: share of each source in the variance of {part.metric}, 95 % limits",
        fontsize=10,
    )
    return figure


def _panel(axes: Axes, spread: Spread, part: VarianceBySource, *, named: bool, last: bool) -> None:
    for place, source in enumerate(part.sources):
        share = spread.components[source].share
        value, low, high = (100 * x for x in (share.value, share.low, share.high))
        axes.barh(place, value, height=0.62, color=COLOURS[1 + place], alpha=0.75)
        axes.plot(
            [low, high], [place, place], color="black", linewidth=1.2, marker="|", markersize=6
        )
    axes.set_yticks(range(len(part.sources)), part.sources if named else [""] * len(part.sources))
    axes.set_ylim(len(part.sources) - 0.45, -0.55)
    axes.set_xlim(0, 100)
    axes.set_title(f"{spread.name} (sd {spread.deviation:.2g})", fontsize=9)
    if last:
        axes.set_xlabel("share, %", fontsize=9)
    axes.tick_params(labelsize=8, colors=GREY)
    axes.tick_params(axis="y", labelsize=9, labelcolor="black")
    axes.grid(axis="x", color="0.9", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
