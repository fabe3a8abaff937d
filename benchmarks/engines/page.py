"""Page and figure of the engines, made from measurements that are kept beside it, so that parts can be repeated."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.engines.contenders import TEXTBOOK
from benchmarks.engines.measure import ERRORS, MEMORY_REPLICATES, SHARE
from benchmarks.engines.sweep import EVALUATE_EVERY, MULTIPLES, SEEDS, STEPS, USUAL
from benchmarks.engines.workloads import WORKLOADS, Workload
from benchmarks.parts import add_part
from paribus.report.figures import plotting
from paribus.report.figures.learning_curves import save
from paribus.report.figures.plotting import GREY, Band, End, fit_scale, name_ends, style
from paribus.report.formatting import NOTHING, fixed, number
from paribus.report.tables import markdown

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Measured = Mapping[str, Any]
# Peak memory may grow by this share from the shortest training to the longest.
FLAT = 0.05
SWEEP_TIMES = {
    "seconds": "from end to end",
    "training": "training with evaluation, sum over processes",
    "steps": "training steps alone, sum over processes",
}
SWEEP_BARS = {"seconds": 60.0, "steps": 60.0}
FIGURE_STEPS = 1000
FIGURE_COLUMNS = 2
INTRODUCTION = f"""\
Time of a training by each engine, and its ratio to the textbook loop: an `nn.Module`, `torch.optim.Adam` and
`DataLoader(TensorDataset(...), batch_size=..., shuffle=True)`, on torch's default threads. Times are those of one step
of one replicate, where R replicates are trained at once. All train the same network on the same samples with the same
settings. `stacked` takes its replicates in chunks as large as it finds fastest, one after the other. Contenders take
turns; times and ratios are medians over rounds (and quartiles), each ratio within a round.

Before it is timed, each contender trains with several seeds. One whose mean loss differs from the textbook's by more
than {ERRORS:g} standard errors of the difference and {SHARE:.0%} of what the textbook gained has no time on this page.

`stacked-compiled` runs its steps as C++ with a replicate in each lane of a vector register; `torch alone` does without
the C++ kernel of recurrent layers, as on a machine without a compiler. A bar is the ratio that was asked for before the
engines were built."""


def write_page(out: Path, part: str, measured: Measured) -> None:
    """Put a part's measurement into ``engines.json`` in a folder, and write page and figure from all of its parts."""
    parts = add_part(out / "engines.json", part, measured)
    (out / "engines.md").write_text(page_text(parts), encoding="utf-8", newline="\n")
    if figure := draw(parts):
        save(figure, out / "engines.png")


def page_text(parts: Measured) -> str:
    """Return the whole page.

    Args:
        parts: measurements by name of a workload, ``memory`` and ``sweep``.
    """
    measured = [w for w in WORKLOADS if w.name in parts]
    text = ["# Engines", INTRODUCTION]
    if measured:
        text += ["## The bars", markdown(bar_lines(measured, parts))]
        text += ["![Time of a training against how many are trained at once](engines.png)"]
    for workload in measured:
        text += [f"## {workload.shape}", workload_text(workload, parts[workload.name])]
    if "memory" in parts:
        text += ["## Memory", memory_text(parts["memory"])]
    if "sweep" in parts:
        text += ["## From end to end", sweep_text(parts["sweep"])]
    places = [part["where"] for part in parts.values()]
    if facts := [where[name] for name in ("machine", "peers") for where in places if where[name]]:
        text += ["## Where it was measured", *dict.fromkeys(facts)]
    return "\n\n".join(text) + "\n"


def _when(where: Mapping[str, str]) -> str:
    load = f"; load average before it: {where['load']}" if "load" in where else ""
    return f"Measured {where['date']} with torch {where['torch']}{load}."


def bar_lines(measured: Sequence[Workload], parts: Measured) -> list[dict[str, str]]:
    """Return a line for each ratio that was asked for: paribus at its best, JAX at its best, reached or not."""
    lines = []
    for workload in measured:
        rows = parts[workload.name]["rows"]
        for replicates, bar in workload.bars.items():
            ours = best(rows, replicates)
            plain = best([r for r in rows if r["engine"] != workload.needs_compiler], replicates)
            plain_bar = f" ({bar.plain:g}x without a compiler)" if bar.plain else ""
            lines.append(
                {
                    "workload": workload.name,
                    "R": str(replicates),
                    "bar": f"{bar.ratio:g}x{plain_bar}",
                    "paribus, best": _ratio(ours),
                    "by": ours["name"] if ours else NOTHING,
                    "bar reached": reached(ours, bar.ratio),
                    "without a compiler": _ratio(plain),
                    "its bar reached": reached(plain, bar.plain) if bar.plain else "",
                    "JAX, best": _ratio(best(rows, replicates, peer="JAX")),
                    "`auto` takes": parts[workload.name]["auto"].get(str(replicates), NOTHING),
                }
            )
    return lines


def best(rows: Sequence[Measured], replicates: int, *, peer: str = "") -> Measured | None:
    """Return the fastest row of paribus, or of a peer; the loop has no more replicates than processes."""
    candidates = [
        row
        for row in rows
        if "ratio" in row
        and row["peer"] == peer
        and row["engine"] != TEXTBOOK
        and (row["replicates"] == replicates or row["engine"] == "loop")
    ]
    return max(candidates, key=lambda row: row["ratio"][0], default=None)


def reached(row: Measured | None, bar: float) -> str:
    """Return whether a row's median reaches a bar, or at least its upper quartile.

    >>> reached({"ratio": [10.0, 9.0, 11.0]}, 10.5)
    'within the spread'
    """
    if row is None:
        return "not measured"
    middle, _, high = row["ratio"]
    if middle >= bar:
        return "yes"
    return "within the spread" if high >= bar else "**no**"


def _ratio(row: Measured | None) -> str:
    return _quartiles(row["ratio"], "x") if row else NOTHING


def _quartiles(values: Sequence[float], unit: str = "") -> str:
    middle, low, high = map(number, values)
    return f"{middle}{unit} ({low} to {high})"


def workload_text(workload: Workload, measured: Measured) -> str:
    """Return one workload's table of all rows, and what the losses are."""
    lines = []
    for row in measured["rows"]:
        ours = not row["peer"] and row["engine"] != TEXTBOOK
        bar = workload.bars.get(row["replicates"]) if ours else None
        timed = "ratio" in row
        lines.append(
            {
                "engine": row["engine"],
                "R": str(row["replicates"]),
                "processes": str(row["processes"]),
                "µs a replicate-step": _quartiles(row["microseconds"]) if timed else NOTHING,
                "ratio (quartiles)": _ratio(row) if timed else row["reason"],
                "bar": f"{bar.ratio:g}x" if bar else "",
                "of the peak": share_of_peak(row, measured),
                "loss": f"{row['loss']:.4f} ± {row['error']:.4f}" if "loss" in row else NOTHING,
            }
        )
    seeds, steps = measured["checked"]
    rounds = max(row.get("rounds", 0) for row in measured["rows"])
    about = (
        f"{rounds} rounds. Loss: mean over the last batches of {steps} steps, over {seeds} seeds, with its standard "
        f"error; before training it is {measured['start']:.4f}. {_when(measured['where'])}"
    )
    return f"{markdown(lines)}\n\n{_limit(measured)}{about}"


def share_of_peak(row: Measured, measured: Measured) -> str:
    """Return which share of a step's time its multiply-adds take at the machine's peak, with as many cores."""
    if "multiply_adds" not in measured or "microseconds" not in row:
        return NOTHING
    plain = row["engine"] == TEXTBOOK or (row["peer"] and row["peer"] != "JAX")
    cores = measured["threads"] if plain else row["processes"] * _devices(row)
    seconds = measured["multiply_adds"] / measured["peak"][str(cores)]
    share = 1e6 * seconds / row["microseconds"][0]
    return f"{share:.0%}" if share >= 0.1 else f"{share:.1%}"


def _devices(row: Measured) -> int:
    return int(row["engine"].split()[1]) if row["peer"] == "JAX" else 1


def _limit(measured: Measured) -> str:
    if "multiply_adds" not in measured:
        return ""
    rates = {int(n): rate / 1e9 for n, rate in measured["peak"].items()}
    peaks = ", ".join(f"{rate:.1f} on {n} core{'s' * (n > 1)}" for n, rate in sorted(rates.items()))
    return (
        f"A step has {measured['multiply_adds'] / 1e6:.3g} million multiply-adds; at the machine's peak, measured in "
        f"the same run by products of large matrices ({peaks}; in 10^9 a second), they take "
        f"{1e3 * measured['multiply_adds'] / 1e6 / rates[1]:.3g} µs on 1 core. "
    )


def is_flat(peaks: Sequence[Mapping[str, float]]) -> bool:
    """Return whether the longest training has the shortest one's peak memory, within `FLAT`."""
    return peaks[-1]["peak"] <= (1 + FLAT) * peaks[0]["peak"]


def memory_text(measured: Measured) -> str:
    """Return peak memory by number of steps, and whether it grows."""
    peaks = measured["peaks"]
    each = ", ".join(
        f"{p['peak']:.0f} MB for {p['steps']:.0f} steps ({p['seconds']:.1f} s)" for p in peaks
    )
    steps = f"{peaks[0]['steps']:.0f} to {peaks[-1]['steps']:.0f} steps"
    growth = f"by more than {FLAT:.0%} from {steps}"
    return (
        f"Peak resident memory of a process that trains {MEMORY_REPLICATES} replicates of the MLP together, evaluation "
        f"and records included: {each}; torch and the data alone take {peaks[0]['before']:.0f} MB. "
        f"{f'It does not grow {growth}.' if is_flat(peaks) else f'**It grows {growth}.**'} {_when(measured['where'])}"
    )


def sweep_text(measured: Measured) -> str:
    """Return the sweep's seconds by the loop and stacked, and how many verdicts agree."""
    loop, stacked, lines = measured["loop"], measured["stacked"], []
    for name, label in SWEEP_TIMES.items():
        ratio, bar = loop[name] / stacked[name], SWEEP_BARS.get(name)
        state = "reached" if bar and ratio >= bar else "**not reached**"
        lines.append(
            {
                "seconds": label,
                "loop": f"{loop[name]:.1f}",
                "stacked": f"{stacked[name]:.1f}",
                "ratio": f"{ratio:.1f}x",
                "bar": f"{bar:g}x: {state}" if bar else "",
            }
        )
    rounds = ", ".join(fixed(seconds, 1) for seconds in sorted(measured["rounds"]))
    about = (
        f"{len(USUAL)} optimizers x {len(MULTIPLES)} learning rates x {SEEDS} seeds, {STEPS} steps each, scored every "
        f"{EVALUATE_EVERY}: `paribus run benchmarks/engines/sweep.py` into an empty store, {loop['runs']:.0f} runs, "
        "imports, pages and figures included, on all cores."
    )
    agreement = (
        f"Stacked is the median of {len(measured['rounds'])} rounds (from end to end: {rounds}), the loop one round. "
        f"Of {measured['verdicts']} verdicts, {measured['same']} are the same by both. {_when(measured['where'])}"
    )
    return f"{about}\n\n{markdown(lines)}\n\n{agreement}"


def draw(parts: Measured) -> Figure | None:
    """Return a figure with a panel for each measured workload, or None where there is none."""
    from matplotlib.figure import Figure

    measured = [w for w in WORKLOADS if w.name in parts]
    if not measured:
        return None
    columns = min(FIGURE_COLUMNS, len(measured))
    lines = -(-len(measured) // columns)
    figure = Figure(figsize=(8.0 * columns, 4.0 * lines), layout="constrained")
    for i, workload in enumerate(measured):
        axes = figure.add_subplot(lines, columns, i + 1)
        _panel(axes, workload, parts[workload.name]["rows"])
    title = f"Seconds of one training of {FIGURE_STEPS} steps against how many are trained at once"
    figure.suptitle(f"{title} (medians and quartiles over rounds)", fontsize=11)
    return figure


def bands_of(rows: Sequence[Measured], widest: int) -> dict[str, Band]:
    """Return seconds by number of replicates for each engine; what trains one at a time is a level line."""
    lines: dict[str, list[Measured]] = {}
    for row in rows:
        if "microseconds" in row:
            many = f", {row['processes']} processes" if row["processes"] > 1 else ""
            lines.setdefault(row["engine"] + many, []).append(row)
    bands = {}
    for name, line in lines.items():
        level = [line[0]] if len(line) == 1 and line[0]["replicates"] < widest else []
        replicates = [row["replicates"] for row in line] + [widest] * len(level)
        seconds = np.array([row["microseconds"] for row in line + level]) * FIGURE_STEPS / 1e6
        bands[name] = Band(np.array(replicates, dtype=float), *seconds.T)
    return bands


def _panel(axes: Axes, workload: Workload, rows: Sequence[Measured]) -> None:
    widest = max(workload.replicates)
    bands = bands_of(rows, widest)
    plotting.draw(axes, bands, "R, trained at once")
    axes.set_xscale("log", base=2)
    axes.set_xticks(sorted({1, *workload.replicates}))
    axes.xaxis.set_major_formatter("{x:g}")
    fit_scale(axes, np.concatenate([band.middle for band in bands.values()]))
    axes.set_title(workload.shape, fontsize=9)
    axes.set_ylabel("seconds", fontsize=9)
    if TEXTBOOK in bands:
        for r, bar in workload.bars.items():
            at = (r, bands[TEXTBOOK].middle[0] / bar.ratio)
            axes.plot(*at, marker="_", markersize=18, markeredgewidth=2.5, color=GREY, alpha=0.7)
            box = {"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 0.5}
            place = {
                "xytext": (-12, -3),
                "textcoords": "offset points",
                "horizontalalignment": "right",
            }
            axes.annotate(
                f"bar {bar.ratio:g}x", at, **place, fontsize=8, color=GREY, bbox=box, zorder=3
            )
    ends = [
        End(name, widest, float(band.middle[-1]), style(i)["color"])
        for i, (name, band) in enumerate(bands.items())
    ]
    name_ends(axes, ends, gap=0.075)
