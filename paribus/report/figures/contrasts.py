"""Contrasts of a comparison: each difference with the interval of its verdict, beside the margin, seeds as dots."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from math import ceil, isfinite
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from paribus.analysis.results import Floats, Result
from paribus.analysis.verdict import Contrast, Decision, Size
from paribus.report.figures.plotting import COLOURS, GREY
from paribus.report.formatting import number, plural
from paribus.report.secondary_tables import interaction_label
from paribus.report.tables import sign
from paribus.stats import Interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Blue for better, vermilion for worse, green for no difference; the words say it too.
UP, DOWN, SAME = COLOURS[1], COLOURS[2], COLOURS[3]
SIGNS = {
    **dict.fromkeys((Decision.better, Decision.wins_more), UP),
    **dict.fromkeys((Decision.worse, Decision.wins_less), DOWN),
    **dict.fromkeys((Decision.equivalent, Decision.identical), SAME),
}
# Inches: the figure, a row, a letter of a name and one of the key. A layout engine would draw all of it twice.
WIDTH, ROW_HEIGHT, LETTER, SMALL_LETTER = 8.0, 0.36, 0.072, 0.061
MAX_LETTERS = 30  # of a line of a name
# Seeds are shown as far as this many times what intervals and the middle of the seeds need.
FARTHER = 2.5
# A scale is cut where it is this much longer than what two thirds of the contrasts need, to that and a bit.
STRETCHED, ROOM, MOST = 2.5, 1.15, 2 / 3


class Scale(NamedTuple):
    """Ends of the axis, and whether means or seeds lie outside them."""

    low: float
    high: float
    cut: bool
    hidden: bool


def picture(result: Result) -> Figure | None:
    """Draw the contrasts of a result, and its interactions where they are of scores; None where there are none."""
    metric, scale = result.comparison.primary, result.comparison.interaction_scale
    crossed = result.interactions.values() if scale == "score" else ()
    contrasts = [result.contrasts[r.variant.name] for r in result.rows[1:] if _in(r, result)]
    if not contrasts:
        return None
    arm = ", tuned," if result.arm == "tuned" else ""
    score = ", ".join(filter(None, (f"test {metric.name}", metric.unit)))
    return forest(
        {c.variant: (c, c.label) for c in contrasts}
        | {c.variant: (c, interaction_label(c)) for c in crossed},
        f"{result.comparison.name}{arm} on {result.device}, {plural(len(result.seeds), 'seed')}",
        f"difference in {score}: {sign(result)}",
    )


def _in(row: Any, result: Result) -> bool:
    return row.variant.name in result.contrasts


def forest(judged: Mapping[str, tuple[Contrast, str]], title: str, axis: str) -> Figure:
    """Draw contrasts of one family, one a row.

    The line is the interval of the whole family, which verdicts of better and worse rest on; the thick line, where
    something is called equivalent or slight, that of the test of equivalence. The grey band is the margin, and dots are
    seeds. An axis that a few contrasts would stretch is cut, with an arrow and the number where one lies outside.

    Args:
        judged: one or more contrasts by name, each with its verdict in words.
        title: what is compared.
        axis: what the differences are of.
    """
    from matplotlib.figure import Figure

    contrasts = [contrast for contrast, _ in judged.values()]
    names = ["\n".join(textwrap.wrap(name, MAX_LETTERS)) or name for name in judged]
    letters = max(len(line) for name in names for line in name.split("\n"))
    labels = [label for _, label in judged.values()]
    left, right = 0.4 + LETTER * letters, 0.35 + LETTER * max(map(len, labels))
    lines = sum(max(1.0, 0.75 * (1 + name.count("\n"))) for name in names) + 0.4
    width = max(WIDTH, left + right + 3.5)
    scale = _scale(contrasts)
    key = textwrap.wrap(_key(contrasts, scale), int((width - 0.2) / SMALL_LETTER))
    below, above = 0.55, 0.5 + 0.15 * len(key)
    height = below + above + ROW_HEIGHT * lines
    figure = Figure(figsize=(width, height))
    axes = figure.add_axes(
        (left / width, below / height, 1 - (left + right) / width, ROW_HEIGHT * lines / height)
    )
    axes.set_xlim(scale.low, scale.high)
    axes.set_ylim(len(contrasts) - 0.3, -0.7)
    _margin(axes, contrasts[0])
    for row, contrast in enumerate(contrasts):
        _row(axes, row, contrast, scale)
        axes.text(
            *(1.02, row, labels[row]),
            transform=axes.get_yaxis_transform(),
            va="center",
            fontsize=9,
            color=SIGNS.get(contrast.decision, GREY),
        )
    axes.set_yticks(range(len(contrasts)), names, fontsize=9)
    axes.tick_params(axis="y", length=0, pad=9)
    axes.tick_params(axis="x", labelsize=8)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.set_xlabel(f"{axis}; positive is better", fontsize=9)
    figure.text(0.1 / width, 1 - 0.12 / height, title, fontsize=10, va="top")
    figure.text(0.1 / width, 1 - 0.34 / height, "\n".join(key), fontsize=8, va="top", color=GREY)
    return figure


def _scale(contrasts: Sequence[Contrast]) -> Scale:
    """Return the ends of an axis that shows the margin, zero, intervals, and most of the seeds."""
    margin = contrasts[0].margin or 0.0
    shown = [contrast for contrast in contrasts if not _all_failed(contrast)]
    ends = [_ends(contrast) for contrast in shown] or [(-1.0, 1.0)]
    reaches = [max(abs(low), abs(high)) for low, high in ends]
    reach = np.sort(reaches)
    enough = max(ROOM * float(reach[ceil(MOST * (len(reach) - 1))]), 2 * margin)
    cut = bool(reach[-1] > STRETCHED * enough)
    limit = enough if cut else FARTHER * float(max(reach[-1], margin))
    near = [c.differences for c, far in zip(shown, reaches, strict=False) if far <= limit]
    seeds = np.concatenate([(0.0,), *near])
    low = max(-limit, min(-1.3 * margin, float(seeds.min()), *(end[0] for end in ends)))
    high = min(limit, max(1.3 * margin, float(seeds.max()), *(end[1] for end in ends)))
    pad = 0.04 * (high - low) or 1.0
    low, high = low - pad, high + pad
    every = np.concatenate([(0.0,), *(contrast.differences for contrast in shown)])
    return Scale(low, high, cut, hidden=bool(((every < low) | (every > high)).any()))


def _all_failed(contrast: Contrast) -> bool:
    """Return whether every run of the variant failed, which leaves it no mean."""
    return contrast.n > 0 and contrast.failures[0] == contrast.n


def _ends(contrast: Contrast) -> tuple[float, float]:
    """Return what a row needs: its interval, and the middle eight tenths of its seeds."""
    values = [contrast.difference.low, contrast.difference.high, contrast.difference.mean]
    if contrast.differences:
        values += np.quantile(contrast.differences, (0.1, 0.9)).tolist()
    finite = [x for x in values if isfinite(x)] or [0.0]
    return min(finite), max(finite)


def _margin(axes: Axes, first: Contrast) -> None:
    if first.margin is not None:
        axes.axvspan(-first.margin, first.margin, color="0.91", linewidth=0, zorder=0)
    axes.axvline(0, color="black", linewidth=0.8, zorder=1)


def _row(axes: Axes, row: int, contrast: Contrast, scale: Scale) -> None:
    """Draw one contrast: seeds, intervals and mean; only words where every run failed, which leaves no mean."""
    colour = SIGNS.get(contrast.decision, GREY)
    if _all_failed(contrast):
        text = f" diverged {contrast.n} of {contrast.n}"
        axes.text(scale.low, row, text, va="center", fontsize=8, color=GREY)
        return
    seeds = np.asarray(contrast.differences)
    _seeds(axes, row, seeds, colour, scale)
    mean = contrast.difference.mean
    if contrast.tost is not None and contrast.size is Size.within:
        _line(axes, row, contrast.tost, scale, color=colour, linewidth=5, alpha=0.4)
    _line(axes, row, contrast.difference, scale, color=colour, linewidth=1.6)
    inside = scale.low <= mean <= scale.high
    if inside:
        hollow = contrast.size is not Size.beyond
        face = "white" if hollow else colour
        style: dict[str, Any] = {
            "markerfacecolor": face,
            "markeredgecolor": colour,
            "markersize": 6,
        }
        axes.plot([mean], [row], marker="o", linestyle="", zorder=4, **style)
    elif isfinite(mean):
        _arrow(axes, row, mean, colour, scale)


def _seeds(axes: Axes, row: int, seeds: Floats, colour: str, scale: Scale) -> None:
    """Draw seeds in a thin strip, always at the same heights; those outside the axis are left out."""
    heights = row + 0.16 * (np.arange(len(seeds)) % 5 - 2) / 2
    there = (seeds >= scale.low) & (seeds <= scale.high)
    style: dict[str, Any] = {"color": colour, "alpha": 0.25, "markersize": 3, "linestyle": ""}
    axes.plot(seeds[there], heights[there], marker="o", markeredgewidth=0, zorder=2, **style)


def _line(axes: Axes, row: int, interval: Interval, scale: Scale, **style: Any) -> None:
    """Draw an interval as far as the axis goes."""
    if not (isfinite(interval.low) and isfinite(interval.high)):
        return
    ends = np.clip([interval.low, interval.high], scale.low, scale.high)
    if ends[0] < ends[1]:
        axes.plot(ends, [row, row], solid_capstyle="butt", zorder=3, **style)


def _arrow(axes: Axes, row: int, mean: float, colour: str, scale: Scale) -> None:
    """Draw an arrow at the end of the axis with the mean that lies beyond it."""
    left = mean < scale.low
    edge, side = (scale.low, "left") if left else (scale.high, "right")
    axes.plot([edge], [row], marker="<" if left else ">", color=colour, markersize=7, clip_on=False)
    text = f"  {number(mean)}  ".replace("-", "−")  # as the axis has it
    axes.text(edge, row - 0.28, text, ha=side, va="center", fontsize=8, color=colour)


def _key(contrasts: Sequence[Contrast], scale: Scale) -> str:
    """Say what lines, dots and arrows are."""
    first = contrasts[0]
    limits = [c.difference for c in contrasts if isfinite(c.difference.low)]
    kind = "confidence sequence" if first.sequential else "interval"
    parts = [f"line: {_level(limits[0])} {kind} of the family"] if limits else []
    small = [c.tost for c in contrasts if c.tost is not None and c.size is Size.within]
    parts += [f"thick: {_level(small[0])}, of the test of equivalence"] if small else []
    parts += [f"grey: margin of ±{first.margin:g}"] if first.margin is not None else []
    parts += [f"dots: seeds{', some of which lie outside' * scale.hidden}"]
    parts += ["the axis is cut, arrows point beyond it"] if scale.cut else []
    return "; ".join(parts)


def _level(interval: Interval) -> str:
    return f"{100 * interval.level:.0f} %"
