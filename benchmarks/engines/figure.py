"""The figure of the engines: time of one training against how many are trained at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from benchmarks.engines.workloads import WORKLOADS, Workload
from paribus.report.figures.plotting import GREY, End, name_ends, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.ticker import LogFormatter

STEPS = 1000
COLUMNS = 2


def draw(known: Mapping[str, Any]) -> Figure | None:
    """A panel for each measured workload, or None where there is none."""
    from matplotlib.figure import Figure

    measured = [w for w in WORKLOADS if w.name in known]
    if not measured:
        return None
    lines = -(-len(measured) // COLUMNS)
    figure = Figure(figsize=(6.6 * min(COLUMNS, len(measured)), 4.0 * lines), layout="constrained")
    for i, workload in enumerate(measured):
        axes = figure.add_subplot(lines, min(COLUMNS, len(measured)), i + 1)
        _panel(axes, workload, known[workload.name]["rows"])
    title = f"Seconds of one training of {STEPS} steps against how many are trained at once"
    figure.suptitle(f"{title} (medians and quartiles over rounds)", fontsize=11)
    return figure


def lines_of(rows: Sequence[Mapping[str, Any]]) -> dict[str, list[Mapping[str, Any]]]:
    """Timed rows by the name of their line, each in order of replicates."""
    found: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        if "microseconds" in row:
            many = f", {row['processes']} processes" if row["processes"] > 1 else ""
            found.setdefault(row["engine"] + many, []).append(row)
    return {name: sorted(line, key=lambda r: r["replicates"]) for name, line in found.items()}


def _panel(axes: Axes, workload: Workload, rows: Sequence[Mapping[str, Any]]) -> None:
    """Lines with their names at the right; what trains one at a time is a level line."""
    most = max(workload.replicates)
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    ends = []
    for i, (name, line) in enumerate(lines_of(rows).items()):
        kind = {**style(i), "markersize": 4, "linewidth": 1.5}
        seconds = [[x * STEPS / 1e6 for x in row["microseconds"]] for row in line]
        middle = [s[0] for s in seconds]
        at = [row["replicates"] for row in line]
        axes.errorbar(
            at,
            middle,
            yerr=[[s[0] - s[1] for s in seconds], [s[2] - s[0] for s in seconds]],
            elinewidth=0.8,
            **kind,
        )
        if len(line) == 1 and at[0] < most:
            axes.plot([at[0], most], middle * 2, color=kind["color"], linestyle=":", linewidth=0.9)
        ends.append(End(name, most, middle[-1], kind["color"]))
    _bars(axes, workload, rows)
    axes.set_title(workload.shape, fontsize=9)
    axes.set_xlabel("R, trained at once", fontsize=9)
    axes.set_ylabel("seconds", fontsize=9)
    axes.set_xticks(list(dict.fromkeys([1, *workload.replicates])))
    axes.xaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_formatter(_plain())
    axes.tick_params(labelsize=8)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", color="0.92", linewidth=0.8)
    name_ends(axes, ends, gap=0.075)


def _plain() -> LogFormatter:
    """Names the same minor ticks as matplotlib, without powers of ten."""
    from matplotlib.ticker import LogFormatter

    class Plain(LogFormatter):
        def __call__(self, x: float, pos: int | None = None) -> str:
            return f"{x:g}" if super().__call__(x, pos) else ""

    return Plain()


def _bars(axes: Axes, workload: Workload, rows: Sequence[Mapping[str, Any]]) -> None:
    """What is asked for: a short level stroke at the textbook's time over the bar, with the ratio."""
    textbook = next((r for r in rows if r["engine"] == "textbook" and "microseconds" in r), None)
    if textbook is None:
        return
    for r, bar in workload.bars.items():
        at = textbook["microseconds"][0] * STEPS / 1e6 / bar.ratio
        axes.plot([r / 1.25, r * 1.25], [at, at], color=GREY, linewidth=2.5, alpha=0.7)
        axes.text(
            *(r / 1.3, at, f"bar {bar.ratio:g}x"),
            fontsize=8,
            color=GREY,
            horizontalalignment="right",
            verticalalignment="center",
            bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 0.5},
            zorder=3,
        )
