"""Bands over seeds, styles that every eye tells apart, scales, and names at the ends of lines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from paribus.analysis.results import Floats
from paribus.runs.run import RunResult

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Okabe and Ito's colours, told apart by every kind of colour vision, with brown and violet for their yellow, and Tol's
# olive and wine; the baseline is black. Dashes and markers differ as well, for print without colour.
COLOURS = (
    *("#000000", "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9"),
    *("#8C510A", "#5E3C99", "#999933", "#882255"),
)
DASHES: tuple[Any, ...] = ("-", (0, (6, 2)), (0, (2, 1.5)), (0, (7, 2, 1.5, 2)), (0, (3, 1, 1, 1)))
MARKERS = "osD^vPX*"
GREY = "0.35"
LOG_BEYOND = 20.0
STRETCH = {"linear": 10.0, "log": 20.0}


class Band(NamedTuple):
    """Median and quartiles over seeds at each step, ``(step,)`` each, of the runs that got there."""

    steps: Floats
    middle: Floats
    low: Floats
    high: Floats


class End(NamedTuple):
    """Name beside the right end of a line, at a point in units of the data."""

    name: str
    x: float
    y: float
    colour: str


def band(records: Sequence[RunResult], curve: str) -> Band:
    """Return a curve's median and quartiles over seeds; between its evaluations a run's curve is a straight line.

    It ends where fewer than half of the runs are left: those that stop late are not the others' like.
    """
    kept = [(r.curves["step"], r.curves[curve]) for r in records if r.curves.get(curve)]
    grid = np.unique(np.concatenate([np.asarray(steps, dtype=float) for steps, _ in kept]))
    table = [np.interp(grid, steps, values, np.nan, np.nan) for steps, values in kept]
    left = np.isfinite(table).sum(axis=0) * 2 >= len(table)
    last = int(np.flatnonzero(left)[-1]) + 1 if left.any() else len(grid)
    return quartiles(grid[:last], np.array(table)[:, :last])


def quartiles(x: npt.ArrayLike, table: npt.ArrayLike) -> Band:
    """Return the band of ``(seed, step)`` values at ``(step,)``; infinite values and empty steps are left out."""
    steps, values = np.asarray(x, dtype=float), np.array(table, dtype=float)
    values[~np.isfinite(values)] = np.nan
    there = ~np.isnan(values).all(axis=0)
    low, middle, high = np.nanquantile(values[:, there], (0.25, 0.5, 0.75), axis=0)
    return Band(steps[there], middle, low, high)


def style(i: int) -> dict[str, Any]:
    """Return colour, dashes and marker of the i-th line: two lines differ in more than one of them, one is black."""
    rounds, place = divmod(i - 1, len(COLOURS) - 1) if i else (0, -1)
    return {
        "color": COLOURS[1 + place],
        "linestyle": DASHES[(i + rounds) % len(DASHES)],
        "marker": MARKERS[i % len(MARKERS)],
    }


def draw(axes: Axes, bands: Mapping[str, Band], x: str) -> None:
    """Draw every band in its own style, its markers apart from the others', over an axis of this name."""
    from matplotlib.ticker import MaxNLocator

    for i, (name, curve) in enumerate(bands.items()):
        marks = _marks(len(curve.steps), i / len(bands))
        kind = {**style(i), "markevery": marks, "markersize": 4, "linewidth": 1.6}
        axes.plot(curve.steps, curve.middle, label=name, **kind)
        colour = {"color": kind["color"], "alpha": 0.13, "linewidth": 0}
        axes.fill_between(curve.steps, curve.low, curve.high, **colour)
    axes.margins(x=0.02)
    axes.set_xlabel(x, fontsize=9)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", color="0.9", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(labelsize=8)
    if all(np.array_equal(curve.steps, np.round(curve.steps)) for curve in bands.values()):
        axes.xaxis.set_major_locator(MaxNLocator("auto", steps=[1, 2, 2.5, 5, 10], integer=True))


def _marks(points: int, shift: float, most: int = 8) -> list[int]:
    """Return which points have a marker: all of a few, else some that differ from line to line, and the last."""
    if points <= most:
        return list(range(points))
    apart = points // most
    return [*range(int(shift * apart), points - 1, apart), points - 1]


def fit_scale(axes: Axes, values: Floats, beyond: float = LOG_BEYOND) -> None:
    """Set a logarithmic scale where values span more than ``beyond`` times, a symmetric one if not all are positive."""
    sizes = np.abs(values[values != 0])
    if not sizes.size or sizes.max() / sizes.min() <= beyond:
        return
    if values.min() > 0:
        axes.set_yscale("log")
        _plain_decades(axes, float(sizes.max() / sizes.min()))
    elif sizes.max() > beyond**2 * np.median(sizes):
        # A whole decade, lest a tick below it stand on that of zero.
        axes.set_yscale("symlog", linthresh=10.0 ** np.ceil(np.log10(np.median(sizes))))


def _plain_decades(axes: Axes, factor: float, most: float = 1e3) -> None:
    """Write numbers such as 0.2 beside a few decades, where powers of ten would say too little."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    few = factor < most
    plain = FuncFormatter(lambda value, _: f"{value:g}")
    if few:
        axes.yaxis.set_major_formatter(plain)
        axes.yaxis.set_minor_locator(LogLocator(subs=(2, 5)))
        axes.grid(axis="y", which="both", color="0.9", linewidth=0.8)
    axes.yaxis.set_minor_formatter(plain if few else NullFormatter())
    axes.tick_params(which="both", labelsize=8)


def show_values(axes: Axes, bands: Mapping[str, Band], floor: float | None) -> None:
    """Choose scale and limits; starts that would flatten all that comes after are left outside, and the axes say so."""
    extra = [] if floor is None else [floor]
    later = np.concatenate([*(b.middle[1:] for b in bands.values() if len(b.middle) > 1), extra])
    everything = np.concatenate([*(b.middle for b in bands.values()), extra])
    span = float(np.ptp(later)) if later.size else 0.0
    wide = everything.min() > 0 and everything.max() > LOG_BEYOND * everything.min()
    if span == 0 or np.ptp(everything) <= STRETCH["log" if wide else "linear"] * span:
        fit_scale(axes, everything)
        return
    edges = [limit[1:] for b in bands.values() for limit in (b.low, b.high)]
    _set_limits(axes, _near(everything, later, span), _near(np.concatenate(edges), later, span))
    low, high = axes.get_ylim()
    outside = [f"{n} {b.middle[0]:.2g}" for n, b in bands.items() if not low <= b.middle[0] <= high]
    if outside:
        text = "off the scale before training: " + ", ".join(outside)
        axes.set_title(text, fontsize=8, loc="left", color=GREY)


def _near(values: Floats, later: Floats, span: float) -> Floats:
    """Return those no farther from what comes later than that spans."""
    near: Floats = values[(values >= later.min() - span) & (values <= later.max() + span)]
    return near


def _set_limits(axes: Axes, shown: Floats, edges: Floats) -> None:
    """Set a scale that fits the values, and limits that hold them and the edges of their bands with some room."""
    fit_scale(axes, shown)
    everything = np.append(shown, edges)
    if axes.get_yscale() == "log":
        positive = everything[everything > 0]
        axes.set_ylim(positive.min() / 1.3, positive.max() * 1.3)
    else:
        room = 0.08 * float(np.ptp(everything))
        axes.set_ylim(everything.min() - room, everything.max() + room)


def name_ends(axes: Axes, ends: Sequence[End], gap: float = 0.055) -> None:
    """Name each line at its right end, names apart from one another, a thin line leading to each."""
    from matplotlib.collections import LineCollection

    axes.set_ylim(axes.get_ylim())  # what follows counts on the limits as they are now
    inverse = axes.transAxes.inverted()
    points = [inverse.transform(axes.transData.transform((end.x, end.y))) for end in ends]
    # One that ends off the scale is named at the edge: a figure has to hold what its lines lead to.
    points = [np.clip(point, 0.0, 1.0) for point in points]
    heights = apart([float(y) for _, y in points], gap)
    # Strokes and texts: an annotation's arrow is clipped by bisection, which takes a fifth of a figure's time.
    strokes = [[tuple(point), (1.04, y)] for point, y in zip(points, heights, strict=True)]
    colours = [end.colour for end in ends]
    axes.add_artist(
        LineCollection(
            strokes, colors=colours, linewidths=0.6, transform=axes.transAxes, clip_on=False
        )
    )
    for end, height in zip(ends, heights, strict=True):
        axes.text(
            *(1.05, height, end.name),
            fontsize=9,
            color=end.colour,
            verticalalignment="center",
            transform=axes.transAxes,
        )


def apart(heights: Sequence[float], gap: float) -> list[float]:
    """Move heights so that they stand a gap apart, in their order, within 0 to 1 as far as they fit.

    >>> [round(y, 2) for y in apart([0.5, 0.5, 0.9], 0.1)]
    [0.45, 0.55, 0.9]
    """
    order = sorted(range(len(heights)), key=lambda i: heights[i])
    clusters: list[list[float]] = []
    for i in order:
        clusters.append([min(1.0, max(0.0, heights[i]))])
        while len(clusters) > 1 and _foot(clusters[-1], gap) - _top(clusters[-2], gap) < gap:
            clusters[-2:] = [clusters[-2] + clusters[-1]]
    placed = [_foot(c, gap) + k * gap for c in clusters for k in range(len(c))]
    return [y for _, y in sorted(zip(order, placed, strict=True))]


def _foot(cluster: Sequence[float], gap: float) -> float:
    """Return the lowest place of a cluster round its mean that keeps it within 0 and 1."""
    height = gap * (len(cluster) - 1)
    return max(0.0, min(float(np.mean(cluster)) - height / 2, 1 - height))


def _top(cluster: Sequence[float], gap: float) -> float:
    return _foot(cluster, gap) + gap * (len(cluster) - 1)
