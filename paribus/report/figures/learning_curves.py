"""Figures of a comparison: learning curves, and what its diagnostics saw, as medians and bands over seeds."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from paribus.analysis.results import Result, Row
from paribus.report.figures.plotting import (
    GREY,
    Band,
    End,
    band,
    draw,
    fit_scale,
    name_ends,
    quartiles,
    show_values,
    style,
)
from paribus.report.provenance_tables import distinct
from paribus.report.tables import state
from paribus.runs.run import RunResult
from paribus.spec import Call
from paribus.training.schedule import CURVE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

NUMBER = re.compile(r"-?[\d.]+(e-?\d+)?")
STEPS = "optimizer steps"
# Inches that an entry of a legend takes, a letter, the stroke before it and a line; and those of one panel alone.
NAME_WIDTH, STROKE_WIDTH, NAME_HEIGHT, MIN_WIDTH = 0.075, 0.5, 0.2, 5.5
# Inches around what is drawn, which hold what a layout gets wrong.
PAD = 0.1
TITLES = {
    "gradient_ratio": "gradient norm, first over last layer",
    "dead_share": "share of hidden units that are dead",
    "mean_activation": "mean activation",
    "activation_offset": "mean activation, in standard deviations",
    "output_scale": "root mean square of the outputs",
    "border_sensitivity": "gradient by border pixels, over that by others",
    "fitted/loss": "training loss in evaluation mode",
    "gap/loss": "validation loss minus training loss",
    "forgotten_eval": "loss added where eval() is forgotten",
    "update_norm": "norm of the weights' change in a step",
    "effective_step": "norm of the change over that of the gradient",
    "silent": "whether all outputs are zero",
}
LOSSES = ("fitted/loss", "gap/loss", "forgotten_eval")
# Curves of which there is one a layer, by what their names begin with: the panel's title, and what a layer is.
LAYERS = {
    "gradient_norm/": ("gradient norm before training", "weight matrix, first to last"),
    "activation_variance/": ("variance of outputs before training", "hidden layer, first to last"),
    "gradient_variance/": ("variance of gradients before training", "hidden layer, first to last"),
}


def curves(result: Result) -> Figure | None:
    """Draw the validation score over steps, or None where there is nothing to show: a single step is no curve."""
    metric = result.comparison.task.primary
    bands = _bands(drawn(result), f"validation/{metric.name}")
    if max((line.steps[-1] for line in bands.values()), default=0) < 2:
        return None
    figure = plot_figure(8.0, 4.8)
    axes = figure.add_subplot()
    draw(axes, bands, STEPS)
    floor = _floor(result)
    show_values(axes, bands, floor)
    better = "higher" if metric.higher_is_better else "lower"
    unit = f", {metric.unit}" if metric.unit else ""
    axes.set_ylabel(f"validation {metric.name}{unit} ({better} is better)", fontsize=9)
    figure.suptitle(caption(result), fontsize=10)
    name_ends(axes, [*_ends(bands), *_floor_line(axes, result, floor)])
    return figure


def diagnostics(result: Result) -> Figure | None:
    """Draw what the diagnostics measured over steps, a panel each, or None; what is zero throughout has no panel."""
    rows = drawn(result)
    names = [name for name in _diagnosed(rows) if not name.startswith(tuple(LAYERS))]
    panels = {_title(name, result): _bands(rows, name) for name in names}
    layers = {start: lines for start in LAYERS if (lines := _layer_bands(rows, start))}
    return _panels(result, panels, layers)


def _title(name: str, result: Result) -> str:
    """Name a panel, a loss with its unit where a metric of the task is that loss."""
    task = result.comparison.task
    units = [m.unit for m in task.metrics if m.unit and unclipped(m.function) == task.loss]
    unit = units[:1] if name in LOSSES else []
    return ", ".join([TITLES.get(name, name), *unit])


def unclipped(function: Call) -> Call:
    """Return a score without the clip that its loss does not have."""
    kept = {name: value for name, value in function.kwargs.items() if name != "clip"}
    return Call(target=function.target, kwargs=kept)


def chosen(result: Result, curves: Mapping[str, str]) -> Figure | None:
    """Draw recorded curves over steps, a panel each under the title given by its name; None where there were none."""
    rows = drawn(result)
    return _panels(result, {title: _bands(rows, name) for name, title in curves.items()}, {})


def _panels(
    result: Result,
    panels: Mapping[str, Mapping[str, Band]],
    layers: Mapping[str, Mapping[str, Band]],
) -> Figure | None:
    """Draw a panel for each title that has bands, and one for each number that layers have."""
    panels = {title: bands for title, bands in panels.items() if _any(bands)}
    count = len(panels) + len(layers)
    if not count:
        return None
    columns, lines = min(count, 3), -(-count // 3)
    names = {name for bands in (*panels.values(), *layers.values()) for name in bands}
    width = max(4.0 * columns, MIN_WIDTH)
    beside = max(1, min(4, int(width / (NAME_WIDTH * max(map(len, names)) + STROKE_WIDTH))))
    figure = plot_figure(width, 3.0 * lines + 0.5 + NAME_HEIGHT * -(-len(names) // beside))
    axes = [figure.add_subplot(lines, columns, i + 1) for i in range(count)]
    for place, (title, bands) in zip(axes, panels.items(), strict=False):
        _panel(place, bands, STEPS, title)
    for place, (start, bands) in zip(axes[len(panels) :], layers.items(), strict=True):
        title, x = LAYERS[start]
        _panel(place, bands, x, title)
    figure.suptitle(caption(result), fontsize=10)
    handles, labels = max((a.get_legend_handles_labels() for a in axes), key=lambda x: len(x[1]))
    figure.legend(
        handles, labels, loc="outside lower center", ncols=beside, fontsize=8, frameon=False
    )
    return figure


def _any(bands: Mapping[str, Band]) -> bool:
    """Return whether any of them is anything but zero."""
    return any(np.any(line.high) or np.any(line.low) for line in bands.values())


def save(figure: Figure, path: Path) -> Path:
    """Write a figure as PNG, of its own size: cutting it to what is drawn would draw it twice."""
    figure.savefig(path, dpi=130, facecolor="white")
    return path


def drawn(result: Result) -> dict[str, Row]:
    """Return the rows that a figure shows, by the name that it gives them: complete ones, shared runs once."""
    rows = distinct(result, [row for row in result.rows if not state(row, result)])
    return {_named(name, result): row for name, row in rows.items()}


def _named(name: str, result: Result) -> str:
    """Return a row's name, one that is a bare number behind the setting's."""
    paths = result.comparison.paths
    alone = len(paths) == 1 and "." in paths[0] and NUMBER.fullmatch(name)
    return f"{paths[0].rpartition('.')[2]} {name}" if alone else name


def plot_figure(width: float, height: float) -> Figure:
    """Return a figure of so many inches, apart from any window and global state."""
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    return Figure(figsize=(width, height), layout=ConstrainedLayoutEngine(w_pad=PAD, h_pad=PAD))


def caption(result: Result) -> str:
    """Return what a figure is of."""
    seeds = f"median of {len(result.seeds)} seeds, band from the 25th to the 75th percentile"
    arm = ", tuned," if result.arm == "tuned" else ""
    return f"{result.comparison.name}{arm} on {result.device}: {seeds}"


def _bands(rows: Mapping[str, Row], curve: str) -> dict[str, Band]:
    bands = {
        _label(name, row): band(row.present, curve)
        for name, row in rows.items()
        if _has(row, curve)
    }
    return {name: line for name, line in bands.items() if line.steps.size}


def _has(row: Row, curve: str) -> bool:
    return any(np.isfinite(record.curves.get(curve, [])).any() for record in row.present)


def _label(name: str, row: Row) -> str:
    """Return a row's name, with how many of its runs left the curve early."""
    failed = row.count("diverged")
    return f"{name} ({failed} of {len(row.runs)} diverged)" if failed else name


def _ends(bands: Mapping[str, Band]) -> list[End]:
    return [
        End(name, float(b.steps[-1]), float(b.middle[-1]), style(i)["color"])
        for i, (name, b) in enumerate(bands.items())
    ]


def _floor(result: Result) -> float | None:
    """Return the median score of the first dummy predictor on the test part, where it is one for all variants."""
    dummy, name = next(iter(result.comparison.task.dummy)), result.comparison.task.primary.name
    scores = [
        [r.dummy[dummy][name] for r in row.present if name in r.dummy.get(dummy, {})]
        for row in drawn(result).values()
    ]
    finite = [[x for x in values if np.isfinite(x)] for values in scores]
    medians = {float(np.median(values)) for values in finite if values}
    return medians.pop() if len(medians) == 1 else None


def _floor_line(axes: Axes, result: Result, floor: float | None) -> list[End]:
    if floor is None:
        return []
    axes.axhline(floor, color=GREY, linestyle="--", linewidth=1)
    dummy = next(iter(result.comparison.task.dummy))
    return [End(f"learns nothing ({dummy})", axes.get_xlim()[1], floor, GREY)]


def _diagnosed(rows: Mapping[str, Row]) -> list[str]:
    """Return the names of the curves that diagnostics left, in the order in which they were measured."""
    names = dict.fromkeys(n for row in rows.values() for r in row.present for n in r.curves)
    return [n for n in names if n != "step" and not n.startswith(("train/", "validation/", CURVE))]


def _layer_bands(rows: Mapping[str, Row], start: str) -> dict[str, Band]:
    """Return a number of each layer before training, first to last, of the curves whose names begin so."""
    tables = {
        _label(name, row): [norms for record in row.present if (norms := _first(record, start))]
        for name, row in rows.items()
    }
    return {
        name: quartiles(range(1, len(table[0]) + 1), table)
        for name, table in tables.items()
        if table
    }


def _first(record: RunResult, start: str) -> list[float]:
    return [curve[0] for name, curve in record.curves.items() if name.startswith(start) and curve]


def _panel(axes: Axes, bands: Mapping[str, Band], x: str, title: str) -> None:
    draw(axes, bands, x)
    fit_scale(axes, np.concatenate([line.middle for line in bands.values()]), 100.0)
    axes.set_title(title, fontsize=9)
