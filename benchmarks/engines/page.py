"""The page of the engines: tables from measurements, which are kept beside it so that parts can be measured again."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.engines.clock import HOW, ROUNDS
from benchmarks.engines.figure import draw
from benchmarks.engines.measure import TOLERANCE
from benchmarks.engines.where import when
from benchmarks.engines.workloads import TORCH_ALONE, WORKLOADS, Bar, Workload
from paribus.engines.simd.trainer import COMPILED

Measured = Mapping[str, Any]
NOTHING = "–"


def keep(out: Path, part: str, found: Measured) -> None:
    """Put a part's measurement into ``engines.json`` in a folder and write the page and the figure from all of it."""
    out.mkdir(parents=True, exist_ok=True)
    kept = out / "engines.json"
    known = json.loads(kept.read_text(encoding="utf-8")) if kept.exists() else {}
    known[part] = found
    kept.write_text(json.dumps(known, indent=1), encoding="utf-8")
    page = text(known)
    if figure := draw(known):
        figure.savefig(out / "engines.png", dpi=130, bbox_inches="tight", facecolor="white")
    (out / "engines.md").write_text(page, encoding="utf-8", newline="\n")


def text(known: Measured) -> str:
    """The whole page.

    Args:
        known: measurements by part: names of workloads, ``memory``, ``sweep``.
    """
    measured = [w for w in WORKLOADS if w.name in known]
    parts = ["# Engines", INTRODUCTION]
    if measured:
        parts += ["## The bars", bars(measured, known)]
        parts += ["![Time of a training against how many are trained at once](engines.png)"]
    for workload in measured:
        parts += [f"## {workload.shape}", workload_text(workload, known[workload.name])]
    parts += [f"## {TITLES[part]}\n\n{known[part]['text']}" for part in TITLES if part in known]
    return "\n\n".join([*parts, *provenance(known)]) + "\n"


TITLES = {"memory": "Memory", "sweep": "From end to end"}
INTRODUCTION = f"""\
How long one training takes by each engine, and how many times as fast that is as the loop of every tutorial: an
`nn.Module`, `torch.optim.Adam` and `DataLoader(TensorDataset(...), batch_size=..., shuffle=True)`, on torch's default
threads. A time is that of one step of one replicate, where R replicates are trained at once. Everyone trains the same
network on the same samples with the same settings. `stacked` takes its replicates in portions as large as it finds
fastest, one after the other, as it does when it trains. All take turns: medians and quartiles are over {ROUNDS} rounds,
and a ratio is taken within a round. A sample is taken again when other processes were busy; what stayed disturbed is
counted. {HOW}

Before any time is told, everyone trains as many steps with several seeds. One whose mean loss differs from the
textbook's by more than {TOLERANCE} has no time on this page.

`stacked-compiled` has its steps as machine code: C++ with a replicate in each lane of a vector register; `torch alone`
does without the C++ kernel of recurrent layers, as a machine without a compiler. A bar is the ratio that was asked for
before anything was built; what `was seen` was reached by rougher means than these engines are."""


def bars(measured: Sequence[Workload], known: Measured) -> str:
    """A line for each ratio that is asked for: ours at its best, JAX at its best, reached or not."""
    lines = []
    for workload in measured:
        rows = known[workload.name]["rows"]
        for r, bar in workload.bars.items():
            ours = best(rows, r, peer="")
            plain = best([row for row in rows if needs_no_compiler(workload, row)], r, peer="")
            jax = best(rows, r, peer="JAX")
            lines.append(
                {
                    "workload": workload.name,
                    "R": r,
                    "bar": _bar(bar),
                    "ours, best": shown(ours),
                    "by": ours["name"] if ours else NOTHING,
                    "bar reached": reached(ours, bar.ratio),
                    "without a compiler": shown(plain),
                    "its bar reached": reached(plain, bar.plain) if bar.plain else "",
                    "JAX, best": shown(jax),
                    "`auto` takes": known[workload.name]["auto"].get(str(r), NOTHING),
                }
            )
    return table(lines)


def best(rows: Sequence[Measured], replicates: int, *, peer: str) -> Measured | None:
    """The fastest row of ours, or of a peer; the loop has as many processes as replicates at most."""
    mine = [
        row
        for row in rows
        if "ratio" in row
        and row["peer"] == peer
        and row["engine"] != "textbook"
        and (row["replicates"] == replicates or row["engine"] == "loop")
    ]
    return max(mine, key=lambda row: row["ratio"][0], default=None)


def needs_no_compiler(workload: Workload, row: Measured) -> bool:
    """Whether a machine without a compiler has this row too."""
    return bool(
        row["engine"] in ("loop", *[e for e in workload.engines if e != with_compiler(workload)])
    )


def with_compiler(workload: Workload) -> str:
    """The one of its engines that a compiler is needed for: compiled steps, or recurrent layers in C++."""
    return "stacked" if TORCH_ALONE in workload.engines else COMPILED


def reached(row: Measured | None, bar: float) -> str:
    """Yes, no, or that it is within the quartiles.

    >>> reached({"ratio": [10.0, 9.0, 11.0]}, 10.5)
    'within the spread'
    """
    if row is None:
        return "not measured"
    middle, _, high = row["ratio"]
    if middle >= bar:
        return "yes"
    return "within the spread" if high >= bar else "**no**"


def _bar(bar: Bar) -> str:
    plain = f" ({bar.plain:g}x without a compiler)" if bar.plain else ""
    beyond = f"; {bar.beyond:g}x was seen" if bar.beyond else ""
    return f"{bar.ratio:g}x{plain}{beyond}"


def shown(row: Measured | None) -> str:
    """A ratio with its quartiles, such as ``92x (88 to 95)``."""
    if row is None:
        return NOTHING
    middle, low, high = (f"{x:.3g}" for x in row["ratio"])
    return f"{middle}x ({low} to {high})"


def workload_text(workload: Workload, found: Measured) -> str:
    """One workload: every row, and what everyone learned."""
    lines = []
    for row in found["rows"]:
        bar = workload.bars.get(row["replicates"]) if not row["peer"] else None
        timed = "ratio" in row
        lines.append(
            {
                "engine": row["engine"],
                "R": row["replicates"],
                "processes": row["processes"],
                "µs a replicate-step": _microseconds(row) if timed else NOTHING,
                "ratio (quartiles)": shown(row) if timed else row["reason"],
                "bar": f"{bar.ratio:g}x" if bar and row["engine"] != "textbook" else "",
                "disturbed": f"{row['disturbed']} of {row['rounds']}" if timed else "",
                "loss": f"{row['loss']:.4f} ± {row['error']:.4f}" if "loss" in row else NOTHING,
            }
        )
    seeds, steps = found["checked"]
    told = (
        f"Loss: mean over the last batches of {steps} steps, over {seeds} seeds, with its standard error; before "
        f"training it is {found['start']:.4f}."
    )
    return f"{table(lines)}\n\n{told} {when(found['where'])}"


def _microseconds(row: Measured) -> str:
    middle, low, high = (f"{x:.3g}" for x in row["microseconds"])
    return f"{middle} ({low} to {high})"


def table(lines: Sequence[Measured]) -> str:
    """Lines of equal keys as a Markdown table."""
    if not lines:
        return "Nothing was measured."
    heads = list(lines[0])
    rows = [[str(line[h]).replace("|", "\\|") for h in heads] for line in lines]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in [heads, ["---"] * len(heads), *rows])


def provenance(known: Measured) -> list[str]:
    """Machine, versions and threads, once where all parts agree."""
    told = dict.fromkeys(found["where"]["machine"] for found in known.values() if "where" in found)
    return ["## Where it was measured", *told] if told else []
