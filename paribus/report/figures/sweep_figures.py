"""Score against a setting that is a number: a line for each other level, or for each comparison of a suite."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np

from paribus.analysis.results import Floats, Result, penalised
from paribus.experiment.factor import Factor
from paribus.report.figures.learning_curves import plot_figure
from paribus.report.figures.plotting import Band, End, draw, fit_scale, name_ends, quartiles, style
from paribus.report.tables import state

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MIN_POINTS = 4  # levels that make a line
MAX_TICKS = 8  # settings that are named one by one
WIDE = 20.0  # largest over least setting from which on their axis is logarithmic


def pictures(results: Sequence[Result]) -> dict[int, tuple[str, Figure]]:
    """Draw the figures of one suite, each with its title, by the place of the result that it stands with.

    Comparisons that vary the same number, in one arm on one device, share a figure.
    """
    places = [(key, i) for i, result in enumerate(results) if (key := _key(result))]
    pictures = {}
    for key, group in groupby(sorted(places), key=lambda place: place[0]):
        alike = [i for _, i in group]
        lines = _lines([results[i] for i in alike])
        if lines:
            first = results[alike[0]]
            name = first.comparison.name if len(alike) == 1 else first.suite.name
            setting = key[0].rpartition(".")[2]
            pictures[alike[0]] = (f"Score against {setting}", _picture(first, name, lines))
    return pictures


def _key(result: Result) -> tuple[str, str, str, str] | None:
    """Return what results that share a figure have in common, or None where nothing that varies is a number."""
    path = next((f.path for f in result.comparison.factors if numbers(f)), None)
    if path is None or result.skipped:
        return None
    return path, result.arm, result.device, result.comparison.primary.name


def numbers(factor: Factor) -> dict[str, float]:
    """Return the numbers of a factor's levels by name: their values, or names that are numbers, if all are."""
    numbers_of = {name: _number(level, name) for name, level in factor.levels.items()}
    numeric = {name: x for name, x in numbers_of.items() if x is not None}
    return numeric if len(numeric) == len(numbers_of) >= MIN_POINTS else {}


def _number(level: object, name: str) -> float | None:
    if isinstance(level, int | float) and not isinstance(level, bool):
        return float(level)
    try:
        return float(name)
    except ValueError:
        return None


def _lines(results: Sequence[Result]) -> dict[str, Band]:
    """Return median and quartiles of the penalised score at each setting, by what the line is of."""
    lines: dict[str, Band] = {}
    for result in results:
        for name, points in _points(result).items():
            title = " ".join([*([result.comparison.name] * (len(results) > 1)), name])
            settings = sorted(points)
            lines[title.strip()] = quartiles(settings, np.array([points[x] for x in settings]).T)
    return lines


def _points(result: Result) -> dict[str, dict[float, Floats]]:
    """Return scores, ``(seed,)``, by the other levels' names and the setting."""
    factors = result.comparison.factors
    place = next(i for i, factor in enumerate(factors) if numbers(factor))
    x_of = numbers(factors[place])
    rows, table, _ = penalised(result)
    lines: dict[str, dict[float, Floats]] = {}
    for row, scores in zip(rows, table, strict=True):
        if not state(row, result):
            levels = row.variant.levels
            others = " × ".join(level for i, level in enumerate(levels) if i != place)
            lines.setdefault(others, {})[x_of[levels[place]]] = scores
    return {name: points for name, points in lines.items() if len(points) >= MIN_POINTS}


def _name_settings(axes: Axes, settings: Floats) -> None:
    """Put a tick at every setting, as it is written, where they are few: those are what was tried."""
    from matplotlib.ticker import NullLocator

    if len(settings) > MAX_TICKS:
        return
    axes.set_xticks(settings.tolist(), [f"{x:.3g}" if x < 1000 else f"{x:g}" for x in settings])
    axes.xaxis.set_minor_locator(NullLocator())


def _axis(result: Result) -> str:
    """Name the settings: the last of the path's names, or how many entries a list has there."""
    factor = next(f for f in result.comparison.factors if numbers(f))
    setting = factor.path.rpartition(".")[2]
    levels = factor.levels.items()
    counts = all(isinstance(x, list) and len(x) == float(name) for name, x in levels)
    return f"entries of {setting}" if counts else setting


def _picture(result: Result, name: str, lines: Mapping[str, Band]) -> Figure:
    metric, device = result.comparison.primary, result.device
    figure = plot_figure(8.0, 4.8)
    axes = figure.add_subplot()
    settings = np.concatenate([line.steps for line in lines.values()])
    draw(axes, lines, _axis(result))
    if settings.min() > 0 and settings.max() / settings.min() >= WIDE:
        axes.set_xscale("log")
    _name_settings(axes, np.unique(settings))
    fit_scale(axes, np.concatenate([line.middle for line in lines.values()]))
    better = "higher" if metric.higher_is_better else "lower"
    unit = f", {metric.unit}" if metric.unit else ""
    axes.set_ylabel(f"test {metric.name}{unit} ({better} is better)", fontsize=9)
    tuned = ", tuned" if result.arm == "tuned" else ""
    figure.suptitle(
        f"{name} on {device}{tuned}: median of {len(result.seeds)} seeds, band from the 25th to the 75th "
        "percentile,\nfailed runs at their penalty",
        fontsize=10,
    )
    ends = [
        End(name, float(line.steps[-1]), float(line.middle[-1]), style(i)["color"])
        for i, (name, line) in enumerate(lines.items())
        if name
    ]
    name_ends(axes, ends)
    return figure
