"""Page and figure of how the seconds of a comparison grow with seeds, variants and steps."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from itertools import pairwise
from math import log
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.growth.measure import GROWTH, START
from paribus.report.figures.learning_curves import save
from paribus.report.figures.plotting import GREY, style
from paribus.report.formatting import NOTHING, number
from paribus.report.tables import markdown

if TYPE_CHECKING:
    from matplotlib.figure import Figure

INTRODUCTION = f"""\
Seconds of one whole comparison, from the command to its pages, imports included, with filled caches and an empty store:
learning rates of Adam on the breast cancer table, an MLP of 30-16-8 units. One number grows at a time, and the others
stay at {START["seeds"]} seeds, {START["variants"]} variants and {START["steps"]} steps.

The slope is that of the logarithms, from one line to the next: 1 is seconds in proportion to what grows, and 0 is
seconds that do not grow."""


def write_page(out: Path, measured: Mapping[str, Any]) -> None:
    """Write ``growth.json`` into a folder, and page and figure from it."""
    out.mkdir(parents=True, exist_ok=True)
    text = json.dumps(measured, indent=1)
    (out / "growth.json").write_text(text, encoding="utf-8", newline="\n")
    (out / "growth.md").write_text(page_text(measured), encoding="utf-8", newline="\n")
    save(draw(measured["seconds"]), out / "growth.png")


def page_text(measured: Mapping[str, Any]) -> str:
    """Return the whole page."""
    text = ["# How cost grows", INTRODUCTION, "![Seconds against what grows](growth.png)"]
    for what, numbers in GROWTH.items():
        seconds = measured["seconds"][what]
        steep = [NOTHING, *(f"{slope:.2f}" for slope in slopes(numbers, seconds))]
        text.append(
            markdown(
                [
                    {what: str(many), "seconds": number(each), "slope": slope}
                    for many, each, slope in zip(numbers, seconds, steep, strict=True)
                ]
            )
        )
    place = measured["where"]
    text += ["## Where it was measured", place["machine"]]
    text.append(
        f"Measured {place['date']}, each once. A step of the textbook's loop took {1e3 * measured['step']:.2f} ms: "
        "seconds of another machine scale with it."
    )
    return "\n\n".join(text) + "\n"


def slopes(numbers: Sequence[int], seconds: Sequence[float]) -> list[float]:
    """Return slopes of log seconds against log numbers, from each to the next.

    >>> slopes([1, 10, 100], [2.0, 2.0, 20.0])
    [0.0, 1.0]
    """
    pairs = pairwise(zip(numbers, seconds, strict=True))
    return [round(log(s / r) / log(m / n), 6) for (n, r), (m, s) in pairs]


def draw(seconds: Mapping[str, Sequence[float]]) -> Figure:
    """Return a figure with a panel for each thing that grows, both axes logarithmic, on one scale of seconds."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import LogLocator, NullLocator

    figure = Figure(figsize=(11.0, 3.6), layout="constrained")
    shared = None
    for i, (what, numbers) in enumerate(GROWTH.items()):
        axes = figure.add_subplot(1, len(GROWTH), i + 1, sharey=shared)
        shared = shared or axes
        axes.plot(numbers, seconds[what], **{**style(0), "linewidth": 1.6, "markersize": 5})
        first, last = numbers[0], numbers[-1]
        high = seconds[what][-1]
        axes.plot(
            [first, last], [high * first / last, high], color=GREY, linewidth=1, linestyle=":"
        )
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_xticks(numbers)
        axes.set_xticks([], minor=True)
        axes.xaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        axes.yaxis.set_minor_locator(NullLocator())
        axes.yaxis.set_major_formatter("{x:g}")
        axes.set_xlabel(what, fontsize=9)
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(axis="y", color=GREY, alpha=0.25)
    if shared is not None:
        every = [value for each in seconds.values() for value in each]
        shared.set_ylim(min(every) / 1.6, max(every) * 1.6)
        shared.set_ylabel("seconds", fontsize=9)
    figure.suptitle(
        "Seconds of a whole comparison (dotted: in proportion to what grows)", fontsize=11
    )
    return figure
