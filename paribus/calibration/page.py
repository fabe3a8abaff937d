"""Page of the calibration: every rate that was counted, its band, and what would have failed it."""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from importlib.metadata import version
from itertools import groupby
from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING

from paribus.calibration.rates import LEVEL, Rate, band, limits
from paribus.report.figures.learning_curves import plot_figure, save
from paribus.report.figures.plotting import COLOURS, DASHES, GREY, MARKERS
from paribus.report.formatting import NOTHING, listed
from paribus.report.tables import Line, markdown

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

SHARE = f"{100 * LEVEL:g} %"
INTRODUCTION = (
    "A verdict can be believed as far as the procedure behind it can. Here it is put to questions whose answers are "
    f"known, each many times over. A rate is counted, with the limits within which the true one lies at {SHARE}; the "
    f"band is where {SHARE} of counts would lie if the expected rate were true. A count within it is consistent with "
    "the expected rate, and with others near it: the limits say with which. What is wrong on purpose must be seen to "
    "lie outside."
)
MUST = {
    "equal": "within the band",
    "at_most": "not above the band",
    "at_least": "not below the band",
    "above": "above the band",
    "below": "below the band",
    "shown": NOTHING,
}


def write_calibration(part: str, rates: Sequence[Rate], about: str, out: Path) -> list[Path]:
    """Put a part's rates into ``calibration.json`` in a folder, and write the page from all parts that it holds.

    Args:
        part: its name; what was kept under it is replaced.
        rates: at least one.
        about: how they were counted, in a sentence or two.
        out: folder for them, made if it is not there.
    """
    out.mkdir(parents=True, exist_ok=True)
    file = out / "calibration.json"
    parts = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    parts[part] = {"about": [about, versions()], "rates": [asdict(rate) for rate in rates]}
    file.write_text(json.dumps(parts, indent=1), encoding="utf-8", newline="\n")
    return [*write_again(file, out), file]


def write_again(file: Path, out: Path) -> list[Path]:
    """Write the page and its figures from the ``calibration.json`` that `write_calibration` left."""
    parts = json.loads(file.read_text(encoding="utf-8"))
    every = [Rate(**fields) for part in parts.values() for fields in part["rates"]]
    abouts = sorted((part["about"] for part in parts.values()), key=lambda about: about[1])
    return _pages(every, [sentence for about in abouts for sentence in about], out)


def versions() -> str:
    """Return a sentence about the versions that the rates were counted with."""
    named = [f"{name} {version(name)}" for name in ("numpy", "scipy", "torch")]
    return f"Counted with Python {platform.python_version()}, {listed(named)}."


def _pages(rates: Sequence[Rate], about: Sequence[str], out: Path) -> list[Path]:
    drawn = {
        "Rates and their bands": (rates_figure(rates), out / "calibration-rates.png"),
        "Coverage by number of seeds": (coverage_figure(rates), out / "calibration-coverage.png"),
    }
    written = {text: save(f, path) for text, (f, path) in drawn.items() if f is not None}
    path = out / "calibration.md"
    names = {text: made.name for text, made in written.items()}
    path.write_text(
        calibration(rates, list(dict.fromkeys(about)), names), encoding="utf-8", newline="\n"
    )
    return [path, *written.values()]


def calibration(rates: Sequence[Rate], about: Sequence[str], figures: Mapping[str, str]) -> str:
    """Return the whole page."""
    blocks = ["# Calibration", INTRODUCTION, verdict(rates)]
    blocks += [f"![{text}]({name})" for text, name in figures.items()]
    for group, found in groups(rates).items():
        blocks += [f"## {group}", markdown([_line(rate) for rate in found])]
        counted = [_labels(rate) for rate in found if rate.labels]
        blocks += [EVERY_LABEL, markdown(counted)] if counted else []
    blocks += ["## How it was counted", "\n".join(f"- {sentence}" for sentence in about)]
    return "\n\n".join(blocks) + "\n"


EVERY_LABEL = (
    "How often each label was printed, in % of comparisons; in bold those that do not hold there."
)


def _labels(rate: Rate) -> Line:
    """Return a line with the share of each label."""
    world, _, _ = rate.name.partition(": ")
    shares = {
        name: f"{100 * count / rate.trials:.3g}" for name, count in (rate.labels or {}).items()
    }
    wrong = {name for name in shares if name in rate.wrong}
    cells = {name: f"**{text}**" if name in wrong else text for name, text in shares.items()}
    return {"differences and effect": world, "seeds": str(rate.n), **cells}


def groups(rates: Sequence[Rate]) -> dict[str, list[Rate]]:
    """Return the rates by group, in the order in which groups first appear, what is wrong on purpose after all else."""
    last = sorted(rates, key=lambda rate: rate.planted)
    order = list(dict.fromkeys(rate.group for rate in last))
    ranked = sorted(rates, key=lambda rate: order.index(rate.group))
    return {
        name: list(rates_of_group)
        for name, rates_of_group in groupby(ranked, key=lambda rate: rate.group)
    }


def verdict(rates: Sequence[Rate]) -> str:
    """Return how many rates are consistent with what is expected, and how many chance alone would put outside."""
    failed = [rate for rate in rates if not rate.passed]
    planted = [rate for rate in rates if rate.planted]
    sound = [rate for rate in rates if not rate.planted and rate.rule != "shown"]
    counted = (
        f"**{sum(rate.passed for rate in sound)} of {len(sound)} rates are consistent with what is expected, and "
        f"{sum(rate.passed for rate in planted)} of {len(planted)} faults made on purpose were seen.** Chance "
        f"alone puts at most {(1 - LEVEL) * len(sound):.2g} sound ones outside on average."
    )
    counted += _shown([rate for rate in rates if rate.rule == "shown"])
    if not failed:
        return counted
    names = "\n".join(f"- **FAILED**: {rate.group}: {_name(rate)}" for rate in failed)
    return f"{counted}\n\n{names}"


def _shown(rates: Sequence[Rate]) -> str:
    """Say how many rates are shown of which nothing is promised, and the worst of those above their band."""
    above = [rate for rate in rates if rate.rate > rate.band[1]]
    if not above:
        return ""
    worst = max(above, key=lambda rate: rate.rate - rate.expected)
    return (
        f" {len(rates)} more are shown of which nothing is promised; {len(above)} of them lie above their band, the "
        f"worst at {share(worst.rate)} in place of {share(worst.expected)} ({worst.group}: {_name(worst)})."
    )


def reads(rate: Rate) -> str:
    """Return in a phrase how a count compares with what is expected."""
    if rate.rule == "shown":
        return "shown, nothing is promised"
    if not rate.passed:
        return "FAILED"
    return "seen" if rate.planted else "consistent"


def _name(rate: Rate) -> str:
    return rate.name if rate.n is None else f"{rate.name} (n = {rate.n})"


def _line(rate: Rate) -> Line:
    low, high = limits(rate.hits, rate.trials)
    return {
        "counted": rate.name,
        "seeds": NOTHING if rate.n is None else str(rate.n),
        "rate": f"{share(rate.rate)} ({rate.hits} of {rate.trials})",
        f"true rate, {SHARE}": f"{share(low)} to {share(high)}",
        "expected": share(rate.expected),
        f"{SHARE} band": " to ".join(map(share, rate.band)),
        "must lie": MUST[rate.rule],
        "reads": reads(rate) if rate.passed else f"**{reads(rate)}**",
        "would have failed it": rate.fails_if,
    }


def rate_line(rate: Rate) -> str:
    """Return a rate in a line, for a terminal."""
    low, high = map(share, rate.band)
    return (
        f"{rate.group}: {rate.name}: {share(rate.rate)} of {rate.trials}, expected {share(rate.expected)}, band {low} "
        f"to {high}: {reads(rate)}"
    )


def share(value: float) -> str:
    """Return a share in percent.

    >>> share(0.03125), share(1.0), share(0.0)
    ('3.12 %', '100 %', '0 %')
    """
    return f"{100 * value:.3g} %"


def rates_figure(rates: Sequence[Rate]) -> Figure | None:
    """Return a figure of every rate expected to be small beside its band, by group; None where there is none."""
    promised = [rate for rate in rates if rate.rule != "shown"]
    kept = [r for found in groups(promised).values() for r in found if r.expected < 0.5]
    if not kept:
        return None
    figure = plot_figure(9.5, 1.2 + 0.27 * len(kept))
    axes = figure.add_subplot()
    for i, rate in enumerate(kept):
        _stroke(axes, i, rate)
    axes.set_yticks(
        range(len(kept)), [fill(_whole(rate).replace("`", ""), 90) for rate in kept], fontsize=7
    )
    axes.set_ylim(len(kept) - 0.4, -0.6)
    axes.set_xlabel("share of comparisons, % (logarithmic beyond 10)", fontsize=9)
    axes.set_xscale("symlog", linthresh=10)
    ticks = [0, 2.5, 5, 10, 20, 50, 100]
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks], fontsize=8)
    axes.set_xlim(-0.3, 110)
    axes.grid(axis="x", color="0.9", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    title = f"Counted rates (marks), and where {SHARE} of sound counts lie (bars)"
    figure.suptitle(title, fontsize=10)
    handles = [_mark(axes, planted=planted) for planted in (False, True)]
    names = ["sound: must lie on its bar", "known to be wrong: must lie beside it"]
    figure.legend(handles, names, loc="outside lower center", ncols=2, fontsize=8, frameon=False)
    return figure


def _whole(rate: Rate) -> str:
    """Return a rate's name, with its group's text after a colon."""
    _, _, part = rate.group.partition(": ")
    return f"{part}: {_name(rate)}" if part else _name(rate)


def _stroke(axes: Axes, place: int, rate: Rate) -> None:
    """Draw one band and its mark."""
    low, high = rate.band
    low = 0.0 if rate.rule == "at_most" else low
    axes.barh(place, 100 * (high - low), left=100 * low, height=0.62, color="0.85")
    axes.plot([100 * rate.expected] * 2, [place - 0.31, place + 0.31], color=GREY, linewidth=1)
    colour, marker = _style(planted=rate.planted)
    axes.plot(100 * rate.rate, place, marker, color=colour, markersize=5)


def _style(*, planted: bool) -> tuple[str, str]:
    return (COLOURS[2], MARKERS[1]) if planted else (COLOURS[1], MARKERS[0])


def _mark(axes: Axes, *, planted: bool) -> Line2D:
    colour, marker = _style(planted=planted)
    (line,) = axes.plot([], [], marker, color=colour, markersize=5)
    return line


def coverage_figure(rates: Sequence[Rate]) -> Figure | None:
    """Return the coverage of each interval by number of seeds, over the band of 95 %; None where there is none."""
    kept = [rate for rate in rates if rate.n is not None and rate.expected >= 0.9]
    lines = {name: [rate for rate in kept if rate.name == name] for name in _names(kept)}
    lines = {name: found for name, found in lines.items() if len({r.n for r in found}) > 1}
    if not lines:
        return None
    figure = plot_figure(8.0, 4.6)
    axes = figure.add_subplot()
    trials = next(iter(lines.values()))[0].trials
    low, high = band(0.95, trials)
    axes.axhspan(100 * low, 100 * high, color="0.88")
    axes.axhline(95, color=GREY, linewidth=1)
    for i, (name, found) in enumerate(lines.items()):
        axes.plot(
            [str(rate.n) for rate in found],
            [100 * rate.rate for rate in found],
            color=COLOURS[i % len(COLOURS)],
            linestyle=DASHES[i % len(DASHES)],
            marker=MARKERS[i % len(MARKERS)],
            label=name,
        )
    axes.set_xlabel("paired seeds", fontsize=9)
    axes.set_ylabel("intervals that hold the truth, %", fontsize=9)
    axes.tick_params(labelsize=8)
    axes.spines[["top", "right"]].set_visible(False)
    figure.suptitle(
        f"Coverage of 95 % intervals; the grey band holds {SHARE} of {trials} repeats' counts",
        fontsize=10,
    )
    figure.legend(loc="outside lower center", ncols=1, fontsize=8, frameon=False)
    return figure


def _names(rates: Sequence[Rate]) -> list[str]:
    return list(dict.fromkeys(rate.name for rate in rates))
