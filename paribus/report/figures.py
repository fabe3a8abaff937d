"""Figures of a comparison: learning curves, and what its diagnostics saw, as medians and bands over seeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from paribus.report.evidence import distinct
from paribus.report.tables import state
from paribus.results import Floats, Result, Row
from paribus.run import Record

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito's colours, told apart by every kind of colour vision; the baseline is black.
COLOURS = ("#000000", "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
DASHES: tuple[Any, ...] = (
    "-",
    (0, (6, 2)),
    (0, (2, 1.5)),
    (0, (7, 2, 1.5, 2)),
    (0, (4, 1, 1, 1, 1, 1)),
)
MARKERS = "osD^vPX*"
LOG_BEYOND = 20.0
TITLES = {
    "gradient_ratio": "gradient norm, first over last layer",
    "dead_share": "share of hidden units that are dead",
    "mean_activation": "mean activation",
    "activation_offset": "mean activation, in standard deviations",
    "output_scale": "root mean square of the outputs",
}
LAYERS = "gradient_norm/"


class Band(NamedTuple):
    """Median and quartiles over seeds at each step, ``(step,)`` each, of the runs that got there."""

    steps: Floats
    middle: Floats
    low: Floats
    high: Floats


def band(records: Sequence[Record], curve: str) -> Band:
    """A curve's median and quartiles over seeds; between its evaluations a run's curve is a straight line."""
    kept = [(r.curves["step"], r.curves[curve]) for r in records if r.curves.get(curve)]
    grid = np.unique(np.concatenate([np.asarray(steps, dtype=float) for steps, _ in kept]))
    table = np.array([np.interp(grid, *pair, left=np.nan, right=np.nan) for pair in kept])
    finite = np.isfinite(table).any(axis=0)
    quartiles = np.nanquantile(table[:, finite], (0.25, 0.5, 0.75), axis=0)
    return Band(grid[finite], quartiles[1], quartiles[0], quartiles[2])


def drawn(result: Result) -> dict[str, Row]:
    """The rows that a figure shows, by the name that it gives them: complete ones, shared runs once."""
    return distinct(result, [row for row in result.rows if not state(row, result)])


def curves(result: Result) -> Figure | None:
    """Validation score over steps, or None where there is nothing to show."""
    metric = result.comparison.task.primary
    name = f"validation/{metric.name}"
    rows = {label: row for label, row in drawn(result).items() if _has(row, name)}
    if not rows:
        return None
    figure = _figure(8.0, 4.8)
    axes = figure.add_subplot()
    bands = {_label(label, row): band(row.known, name) for label, row in rows.items()}
    _draw(axes, bands)
    floor = _floor(result)
    if floor is not None:
        axes.axhline(floor, color="0.35", linestyle="--", linewidth=1)
        naive = next(iter(result.comparison.task.naive))
        axes.annotate(
            f"learns nothing ({naive})", (0.01, floor), xycoords=("axes fraction", "data"),
            xytext=(0, 3), textcoords="offset points", fontsize=8, color="0.35",
        )  # fmt: skip
    better = "higher" if metric.higher_is_better else "lower"
    unit = f", {metric.unit}" if metric.unit else ""
    axes.set_ylabel(f"validation {metric.name}{unit} ({better} is better)")
    axes.set_title(f"{result.comparison.name} on {result.device}: {_seeds(result)}", fontsize=10)
    _scale(axes, bands, floor)
    _label_ends(axes, bands)
    return figure


def diagnostics(result: Result) -> Figure | None:
    """What the diagnostics saw over steps, a panel each, or None where there were none."""
    rows = drawn(result)
    names = [name for name in _diagnosed(rows) if not name.startswith(LAYERS)]
    layered = any(name.startswith(LAYERS) for name in _diagnosed(rows))
    panels = len(names) + layered
    if not panels:
        return None
    columns = min(panels, 3)
    figure = _figure(4.0 * columns, 3.2 * -(-panels // columns) + 0.7)
    all_axes = [figure.add_subplot(-(-panels // columns), columns, i + 1) for i in range(panels)]
    for axes, name in zip(all_axes, names, strict=False):
        bands = {_label(k, r): band(r.known, name) for k, r in rows.items() if _has(r, name)}
        _draw(axes, bands)
        _scale(axes, bands, None, 100.0)
        axes.set_title(TITLES.get(name, name), fontsize=9)
    if layered:
        _draw_layers(all_axes[-1], rows)
    figure.suptitle(f"{result.comparison.name} on {result.device}: {_seeds(result)}", fontsize=10)
    handles, labels = all_axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4, fontsize=8, frameon=False)
    return figure


def save(figure: Figure, path: Path) -> Path:
    """Write a figure as PNG."""
    figure.savefig(
        path, dpi=130, bbox_inches="tight", facecolor="white", metadata={"Software": None}
    )
    return path


def _figure(width: float, height: float) -> Figure:
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def _has(row: Row, curve: str) -> bool:
    return any(np.isfinite(record.curves.get(curve, [])).any() for record in row.known)


def _label(name: str, row: Row) -> str:
    failed = row.count("diverged")
    return f"{name} ({failed} of {len(row.runs)} diverged)" if failed else name


def _seeds(result: Result) -> str:
    return f"median of {len(result.seeds)} seeds, band from the 25th to the 75th percentile"


def _floor(result: Result) -> float | None:
    """Median score of the first naive predictor on the test part, by the task's own metric."""
    naive, name = next(iter(result.comparison.task.naive)), result.comparison.task.primary.name
    scores = [r.naive[naive][name] for r in result.baseline.known if name in r.naive.get(naive, {})]
    return float(np.median(scores)) if scores else None


def _diagnosed(rows: Mapping[str, Row]) -> list[str]:
    """Names of the curves that diagnostics left, in the order in which they were measured."""
    names = dict.fromkeys(n for row in rows.values() for r in row.known for n in r.curves)
    ours = [n for n in names if n != "step" and not n.startswith(("train/", "validation/"))]
    return [n for n in ours if any(_has(row, n) for row in rows.values())]


def _style(i: int) -> dict[str, Any]:
    """Colour, dashes and marker of the i-th line, so that two lines differ in more than one of them."""
    return {
        "color": COLOURS[i % len(COLOURS)],
        "linestyle": DASHES[(i + i // len(COLOURS)) % len(DASHES)],
        "marker": MARKERS[i % len(MARKERS)],
    }


def _draw(axes: Axes, bands: Mapping[str, Band]) -> None:
    for i, (label, found) in enumerate(bands.items()):
        spaced = max(1, len(found.steps) // 8)
        style = {**_style(i), "markevery": (i * spaced // len(bands) % spaced, spaced)}
        axes.plot(found.steps, found.middle, label=label, linewidth=1.6, markersize=4, **style)
        axes.fill_between(
            found.steps, found.low, found.high, color=style["color"], alpha=0.15, linewidth=0
        )
    axes.set_xlabel("optimizer steps")
    _plain(axes)


def _draw_layers(axes: Axes, rows: Mapping[str, Row]) -> None:
    """Gradient norm of each weight matrix before training, first layer to last."""
    for i, (label, row) in enumerate(rows.items()):
        first = [_first(record) for record in row.known]
        norms = np.array([norms for norms in first if norms], dtype=float)
        if not norms.size:
            continue
        low, middle, high = np.nanquantile(norms, (0.25, 0.5, 0.75), axis=0)
        x = np.arange(1, norms.shape[1] + 1)
        axes.plot(x, middle, label=_label(label, row), linewidth=1.6, markersize=4, **_style(i))
        axes.fill_between(x, low, high, color=_style(i)["color"], alpha=0.15, linewidth=0)
    axes.set_yscale("log")
    axes.set_xlabel("weight matrix, first to last")
    axes.set_title("gradient norm before training", fontsize=9)
    _plain(axes)


def _first(record: Record) -> list[float]:
    names = [name for name in record.curves if name.startswith(LAYERS)]
    return [record.curves[name][0] for name in names]


def _plain(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", color="0.9", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(labelsize=8)


def _scale(
    axes: Axes, bands: Mapping[str, Band], floor: float | None, beyond: float = LOG_BEYOND
) -> None:
    """Logarithmic where all values are positive and their medians span more than ``beyond``."""
    values = np.concatenate([found.middle for found in bands.values()])
    lows = np.concatenate([found.low for found in bands.values()])
    everything = np.append(values, [] if floor is None else [floor])
    if lows.min() > 0 and everything.min() > 0 and everything.max() / everything.min() > beyond:
        axes.set_yscale("log")


def _label_ends(axes: Axes, bands: Mapping[str, Band], gap: float = 0.055) -> None:
    """Name each line at its right end, apart from one another, a thin line leading to each name."""
    axes.margins(x=0.02)
    inverse = axes.transAxes.inverted()
    ends = {
        label: inverse.transform(axes.transData.transform((found.steps[-1], found.middle[-1])))
        for label, found in bands.items()
    }
    heights = apart([float(y) for _, y in ends.values()], gap)
    for i, (label, end) in enumerate(ends.items()):
        colour = _style(i)["color"]
        axes.annotate(
            label, tuple(end), xycoords="axes fraction", xytext=(1.04, heights[i]),
            textcoords="axes fraction", fontsize=9, color=colour, va="center", annotation_clip=False,
            arrowprops={"arrowstyle": "-", "color": colour, "linewidth": 0.6, "shrinkB": 2},
        )  # fmt: skip


def apart(heights: Sequence[float], gap: float) -> list[float]:
    """Heights moved as little as needed to stand a gap apart, in their order, within 0 to 1 as far as they fit.

    >>> [round(y, 2) for y in apart([0.5, 0.5, 0.9], 0.1)]
    [0.5, 0.6, 0.9]
    """
    order = sorted(range(len(heights)), key=lambda i: heights[i])
    placed = [min(1.0, max(0.0, heights[i])) for i in order]
    for k in range(1, len(placed)):
        placed[k] = max(placed[k], placed[k - 1] + gap)
    over = max(0.0, placed[-1] - max(1.0, gap * (len(placed) - 1))) if placed else 0.0
    for k in reversed(range(len(placed))):
        ceiling = placed[k] - over if k == len(placed) - 1 else placed[k + 1] - gap
        placed[k] = min(placed[k], ceiling)
    found = dict(zip(order, placed, strict=True))
    return [found[i] for i in range(len(heights))]
