"""Specification curve: a contrast's differences over all settings in order, verdicts by colour, choices by dots."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from paribus.analysis.multiverse import OUTCOMES, Multiverse, Verdict
from paribus.report.figures.learning_curves import plot_figure
from paribus.report.figures.plotting import COLOURS, GREY, MARKERS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

STYLES = {
    "better": (COLOURS[1], MARKERS[2]),
    "equivalent": (COLOURS[3], MARKERS[1]),
    "undecided": ("0.6", MARKERS[0]),
    "worse": (COLOURS[2], MARKERS[3]),
}
ROW, BELOW = 0.19, 0.1
"""Inches of a row of dots, and of the gap between the rows of two choices."""
# Differences that span more than this many times their middle are drawn on a scale that bends.
BENT = 20.0


def specification_curve(multiverse: Multiverse, variant: str) -> Figure | None:
    """Return the figure of one variant against the baseline; None where no setting has a result."""
    verdicts = [v for v in multiverse.contrasts[variant] if v.there]
    if not verdicts:
        return None
    verdicts.sort(key=lambda v: (v.mean, v.values))
    rows = sum(map(len, multiverse.axes.values()))
    below = ROW * rows + BELOW * len(multiverse.axes)
    figure = plot_figure(max(6.5, min(14.0, 2.5 + 0.16 * len(verdicts))), 3.4 + below)
    top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=(2.6, below))
    _curve(top, verdicts, multiverse, variant)
    _dots(bottom, verdicts, multiverse)
    handles, names = top.get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=5, fontsize=8, frameon=False)
    base = multiverse.baseline
    figure.suptitle(
        f"{variant} against {base} in {len(verdicts)} settings, {multiverse.seeds} seeds each",
        fontsize=10,
    )
    return figure


def _curve(axes: Axes, verdicts: list[Verdict], multiverse: Multiverse, variant: str) -> None:
    """Draw each setting's difference with its interval, in the colour of its verdict."""
    axes.axhline(0, color=GREY, linewidth=0.8)
    if multiverse.margin is not None:
        axes.axhspan(-multiverse.margin, multiverse.margin, color="0.92", label="within the margin")
    for outcome in OUTCOMES:
        kept = [(i, v) for i, v in enumerate(verdicts) if v.outcome == outcome]
        colour, marker = STYLES[outcome]
        places = [i for i, _ in kept]
        axes.vlines(
            places, [v.low for _, v in kept], [v.high for _, v in kept], color=colour, linewidth=1.2
        )
        label = f"{outcome} ({len(kept)})"
        means = [v.mean for _, v in kept]
        axes.plot(places, means, marker, color=colour, markersize=4.5, label=label)
    _bend(axes, verdicts)
    unit = f", {multiverse.unit}" if multiverse.unit else ""
    axes.set_ylabel(
        f"difference in {multiverse.metric}{unit}\n(positive: {variant} is better)", fontsize=8
    )
    axes.tick_params(labelsize=8)
    axes.tick_params(axis="x", length=0)
    axes.grid(axis="y", color="0.9", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right", "bottom"]].set_visible(False)


def _bend(axes: Axes, verdicts: list[Verdict]) -> None:
    """Set a scale that is logarithmic away from zero where a few differences would flatten all others."""
    ends = np.array([x for v in verdicts for x in (v.low, v.high) if np.isfinite(x)])
    sizes = np.abs(ends[ends != 0])
    if sizes.size and sizes.max() > BENT * np.median(sizes):
        axes.set_yscale("symlog", linthresh=10.0 ** np.ceil(np.log10(np.median(sizes))))


def _dots(axes: Axes, verdicts: list[Verdict], multiverse: Multiverse) -> None:
    """Draw which value each setting has of each choice."""
    height, names, places = 0.0, [], []
    for at, (path, values) in enumerate(multiverse.axes.items()):
        heights = [height + i for i in range(len(values))]
        for i, verdict in enumerate(verdicts):
            colour, _ = STYLES[verdict.outcome]
            axes.plot(i, heights[verdict.values[at]], "o", color=colour, markersize=3.5)
        names += [f"{path.rpartition('.')[2]} {value}" for value in values]
        places += heights
        height = heights[-1] + 1 + BELOW / ROW
    axes.set_yticks(places, names, fontsize=8)
    axes.set_ylim(height - 0.5, -0.7)
    axes.set_xticks([])
    axes.set_xlim(-0.7, len(verdicts) - 0.3)
    axes.grid(axis="y", color="0.93", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right", "bottom"]].set_visible(False)
