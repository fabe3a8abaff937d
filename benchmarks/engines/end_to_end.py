"""The sweep from end to end by `paribus run`, by the loop and stacked: seconds, and whether verdicts agree."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.engines.remote import ROOT
from benchmarks.engines.sweep import EVALUATE_EVERY, MULTIPLES, SEEDS, STEPS, SUITE, USUAL
from benchmarks.engines.where import when, where
from paribus.cells import cells
from paribus.session import Session
from paribus.settings import Settings

KINDS = {
    "seconds": "from end to end",
    "training": "training with evaluation, all processes added up",
    "steps": "training steps alone, all processes added up",
}
BARS = {"seconds": 25.0, "steps": 60.0}
KINDS_OF_STEPS = {"stacked": "stacked", "compiled": "stacked, compiled ahead"}
ROUNDS = 3

Found = Mapping[str, float]


def measure_sweep() -> dict[str, Any]:
    """The whole sweep by the loop once, and stacked some times with and without machine code made ahead; plain data."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        caches = {kind: {"PARIBUS_CACHE": str(folder / f"cache-{kind}")} for kind in KINDS_OF_STEPS}
        rounds: dict[str, list[dict[str, float]]] = {kind: [] for kind in caches}
        making = _seconds(
            ["compile", "benchmarks/engines/sweep.py", "--device", "cpu"], caches["compiled"]
        )
        loop = {}
        for i in range(ROUNDS):
            for kind, cache in caches.items():
                rounds[kind].append(_measured("stacked", folder / f"{kind}-{i}", cache))
            if i == ROUNDS // 2:  # among them, since it takes longer than all of them
                loop = _measured("loop", folder / "loop", caches["stacked"])
        by_loop = decisions(folder / "loop", "loop")
        same = {kind: _same(by_loop, decisions(folder / f"{kind}-0", "stacked")) for kind in rounds}
    found = {
        "loop": loop,
        **{kind: middle(each) for kind, each in rounds.items()},
        "seconds": {kind: [each["seconds"] for each in found] for kind, found in rounds.items()},
        "making": making,
        "same": same,
        "verdicts": len(by_loop),
        "where": where(),
    }
    found["ratios"] = {kind: ratios(loop, found[kind]) for kind in rounds}
    return {**found, "text": told(found)}


def _same(some: Sequence[str], others: Sequence[str]) -> int:
    return sum(a == b for a, b in zip(some, others, strict=True))


def middle(rounds: Sequence[Found]) -> dict[str, float]:
    """The median of each number over rounds."""
    return {name: median(each[name] for each in rounds) for name in rounds[0]}


def ratios(loop: Found, stacked: Found) -> dict[str, float]:
    """How many times as fast the stacked engine is."""
    return {name: loop[name] / stacked[name] for name in KINDS}


def told(found: dict[str, Any]) -> str:
    """What the page says."""
    columns = KINDS_OF_STEPS
    heads = [f"{head} | ratio" for head in columns.values()]
    lines = [
        f"| seconds | loop | {' | '.join(heads)} | bar |",
        "|---" * (3 + 2 * len(columns)) + "|",
    ]
    for name, label in KINDS.items():
        parts = [label, f"{found['loop'][name]:.1f}"]
        for kind in columns:
            parts += [f"{found[kind][name]:.1f}", f"{found['ratios'][kind][name]:.1f}x"]
        lines.append(f"| {' | '.join([*parts, _bar(found, name)])} |")
    table = "\n".join(lines)
    spread = "; ".join(
        f"{head} {', '.join(f'{x:.1f}' for x in sorted(found['seconds'][kind]))}"
        for kind, head in columns.items()
    )
    agree = found["same"]
    return f"""\
{len(USUAL)} optimizers x {len(MULTIPLES)} learning rates x {SEEDS} seeds, {STEPS} steps each, scored every
{EVALUATE_EVERY}: `paribus run benchmarks/engines/sweep.py` into an empty store, {found["loop"]["runs"]:.0f} runs,
imports, pages and figures included, on all cores. What is compiled ahead, `paribus compile` made before, in
{found["making"]:.0f} s.

{table}

Stacked is the median of {ROUNDS} rounds (from end to end: {spread}), the loop one round.
Of {found["verdicts"]} verdicts, {agree["stacked"]} are the loop's when stacked and {agree["compiled"]} when compiled
ahead. {when(found["where"])}"""


def _bar(found: dict[str, Any], name: str) -> str:
    """Which bar there is, and which form reaches it."""
    bar = BARS.get(name)
    if bar is None:
        return ""
    reach = [head for kind, head in KINDS_OF_STEPS.items() if found["ratios"][kind][name] >= bar]
    return f"{bar:g}x: " + (f"reached {' and '.join(reach)}" if reach else "**not reached**")


def _measured(engine: str, out: Path, cache: Mapping[str, str]) -> dict[str, float]:
    command = ["run", "benchmarks/engines/sweep.py", "--engine", engine]
    seconds = _seconds([*command, "--device", "cpu", "--out", str(out)], cache)
    return {"seconds": seconds, **_training(out)}


def _seconds(arguments: Sequence[str], environment: Mapping[str, str]) -> float:
    """Seconds of the command, in a process of its own."""
    started = time.perf_counter()
    subprocess.run(  # noqa: S603 - this interpreter, our own command line
        [sys.executable, "-c", "from paribus.cli import main; main()", *arguments],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        check=True,
    )
    return time.perf_counter() - started


def _training(out: Path) -> dict[str, float]:
    """Runs in a store, and the seconds that they spent, evaluation included and steps alone."""
    with sqlite3.connect(out / "runs.sqlite") as db:
        records = [json.loads(text) for (text,) in db.execute("select record from runs")]
    db.close()
    return {
        "runs": len(records),
        "training": sum(record["seconds"] for record in records),
        "steps": sum(record["step_seconds"] for record in records),
    }


def decisions(out: Path, engine: str) -> list[str]:
    """Every verdict of the sweep that a store holds."""
    settings = Settings(device="cpu", engine=engine, out=out, store=out / "runs.sqlite")
    session = Session(settings)
    with session.store:
        every = [cell for cell in cells((SUITE,)) if cell.device == "cpu"]
        session.prepare(every)
        results = session.results(every)
    return [
        f"{result.comparison.name}, {name}: {c.decision}"
        for result in results
        for name, c in result.contrasts.items()
    ]
