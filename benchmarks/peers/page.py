"""Page of the whole comparison by each library, made from measurements that are kept beside it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.parts import add_part
from benchmarks.peers.measure import PARIBUS, PEERS
from benchmarks.peers.problem import OPTIMIZERS, SEEDS, STEPS
from paribus.report.formatting import NOTHING, number
from paribus.report.tables import markdown

INTRODUCTION = f"""\
One whole comparison, from the command to its table: {len(OPTIMIZERS)} optimizers, {SEEDS} seeds, the breast cancer
table, an MLP of 30-16-8 units, {STEPS} steps of 32 samples, and a table with differences, intervals and p-values.
Everybody trains the same {len(OPTIMIZERS) * SEEDS} networks. Seconds are those from the command until the table is
there, imports included.

Cold: nothing is kept from an earlier time, so that paribus builds its library and JAX compiles. Warm: once more, with
what the first time left in the caches; nothing trained is kept. The others keep nothing.

Paribus does more within its time: it evaluates every 50 steps, scores the best weights, tries a dummy and times a step
of each optimizer. After its table it writes pages and figures; `end` is when the process has ended. ictonyx trains all
seeds on one split, and its statistics are its own."""
BARS = {"cold": 10.0, "warm": 50.0}


def write_page(out: Path, name: str, measured: Mapping[str, Any]) -> None:
    """Put one library's measurement into ``peers.json`` in a folder, and write the page from all that are there."""
    parts = add_part(out / "peers.json", name, measured)
    (out / "peers.md").write_text(page_text(parts), encoding="utf-8", newline="\n")


def page_text(parts: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the whole page.

    Args:
        parts: measurements by name of a library.
    """
    there = {name: parts[name] for name in PEERS if name in parts}
    text = ["# The same comparison by other libraries", INTRODUCTION]
    text.append(markdown([_line(name, there) for name in there]))
    if PARIBUS in there and len(there) > 1:
        text.append(_bars(there))
    text += [
        "## What they found",
        "Mean test log-loss in nats; splits and weights differ, but not what is trained.",
    ]
    text.append(markdown([_found(name, each["means"]) for name, each in there.items()]))
    steps = sorted(each["step"] for each in there.values())
    facts = dict.fromkeys(each["where"]["machine"] for each in there.values())
    dates = sorted({each["where"]["date"] for each in there.values()})
    text += ["## Where it was measured", *facts]
    text.append(
        f"Measured {' and '.join(dates)}. A step of the textbook's loop took {1e3 * steps[0]:.2f} to "
        f"{1e3 * steps[-1]:.2f} ms: seconds of another machine scale with it."
    )
    return "\n\n".join(text) + "\n"


def _line(name: str, parts: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    each, ours = parts[name], parts.get(PARIBUS)
    times = {
        f"paribus {kind} is faster": f"{each['cold'] / ours[kind]:.1f}x"
        if ours and name != PARIBUS
        else NOTHING
        for kind in BARS
    }
    kept = each["warm"] != each["cold"]
    return {
        "library": name,
        "version": str(each["version"]),
        "how": PEERS[name].how,
        "cold (s)": number(each["cold"]),
        "warm (s)": number(each["warm"]) if kept else NOTHING,
        "end, cold (s)": number(each["end"]),
        **times,
    }


def _bars(parts: Mapping[str, Mapping[str, Any]]) -> str:
    """Say whether paribus is as far ahead of everybody's cold start as was asked for."""
    ours = parts[PARIBUS]
    others = {name: each["cold"] for name, each in parts.items() if name != PARIBUS}
    sentences = []
    for kind, bar in BARS.items():
        behind = [
            f"{name} {seconds / ours[kind]:.1f}x"
            for name, seconds in others.items()
            if seconds / ours[kind] < bar
        ]
        sentences.append(
            f"Asked for was {bar:g}x from a {kind} start: "
            + (f"not reached against {', '.join(behind)}." if behind else "reached against all.")
        )
    return " ".join(sentences)


def _found(name: str, means: Mapping[str, float]) -> dict[str, str]:
    return {"library": name, **{optimizer: number(means[optimizer]) for optimizer in OPTIMIZERS}}
