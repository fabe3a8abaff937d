"""Confusion of classes: a matrix for each variant, with the names of the classes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from paribus.analysis.results import Floats, Result
from paribus.metrics import predicted_class
from paribus.report.figures.learning_curves import drawn, plot_figure
from paribus.runs.run import Predictions

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MAX_CLASSES = 20
MAX_VARIANTS = 4
COLUMNS = 2


def confusion(result: Result) -> Figure | None:
    """Draw the share of each true class that is taken for each class, over all seeds, for the first few variants."""
    classes = result.classes
    if not 2 <= len(classes) <= MAX_CLASSES:
        return None
    rows_of = drawn(result)
    # No others are read: what is read is kept where evidence is, and predictions are most of it.
    predictions = {n: [*result.predictions(row)] for n, row in [*rows_of.items()][:MAX_VARIANTS]}
    shown = {name: runs for name, runs in predictions.items() if runs}
    if not shown:
        return None
    names = list(shown)
    columns, rows = min(COLUMNS, len(names)), -(-len(names) // COLUMNS)
    side = max(3.6, 0.36 * len(classes) + 1.2)
    figure = plot_figure(side * columns, side * rows + 0.5)
    for i, name in enumerate(names):
        axes = figure.add_subplot(rows, columns, i + 1)
        _draw(axes, shares(shown[name], len(classes)), classes, name)
    more = f", {len(names)} of {len(rows_of)} variants" if len(names) < len(rows_of) else ""
    about = f"percent of each true class, test parts of {len(result.seeds)} seeds{more}"
    figure.suptitle(f"{result.comparison.name} on {result.device}: {about}", fontsize=10)
    return figure


def shares(runs: Sequence[Predictions], classes: int) -> Floats:
    """Return the share of each true class (row) taken for each class (column), ``(class, class)``; 0 if absent."""
    import torch

    counts = np.zeros((classes, classes))
    for run in runs:
        guess = predicted_class(torch.from_numpy(run.outputs)).numpy()
        np.add.at(counts, (run.target, guess), 1)
    shares: Floats = counts / counts.sum(1, keepdims=True).clip(min=1)
    return shares


def _draw(axes: Axes, table: Floats, classes: Sequence[str], title: str) -> None:
    axes.imshow(table, cmap="Blues", vmin=0, vmax=1)
    for row, column in zip(*np.nonzero(table >= 0.005), strict=True):
        share = table[row, column]
        axes.text(
            column,
            row,
            f"{100 * share:.0f}",
            ha="center",
            va="center",
            fontsize=7,
            color="white" if share > 0.5 else "black",
        )
    places = range(len(classes))
    turned = max(map(len, classes)) > 2
    axes.set_xticks(places, classes, rotation=90 if turned else 0, fontsize=8)
    axes.set_yticks(places, classes, fontsize=8)
    axes.set_xlabel("taken for", fontsize=9)
    axes.set_ylabel("true class", fontsize=9)
    axes.set_title(title, fontsize=9)
