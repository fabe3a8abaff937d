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
from paribus.execution.cases import cases
from paribus.execution.session import Session
from paribus.execution.settings import Settings

KINDS = {
    "seconds": "from end to end",
    "training": "training with evaluation, all processes added up",
    "steps": "training steps alone, all processes added up",
}
BARS = {"seconds": 25.0, "steps": 60.0}
ROUNDS = 3

Found = Mapping[str, float]


def measure_sweep() -> dict[str, Any]:
    """The whole sweep by the loop once, and stacked some times; plain data."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        rounds = []
        loop: dict[str, float] = {}
        for i in range(ROUNDS):
            rounds.append(_measured("stacked", folder / f"stacked-{i}", folder / "cache"))
            if i == ROUNDS // 2:  # among them, since it takes longer than all of them
                loop = _measured("loop", folder / "loop", folder / "cache")
        by_loop = decisions(folder / "loop", "loop")
        same = _same(by_loop, decisions(folder / "stacked-0", "stacked"))
    stacked = middle(rounds)
    found = {
        "loop": loop,
        "stacked": stacked,
        "seconds": [each["seconds"] for each in rounds],
        "same": same,
        "verdicts": len(by_loop),
        "where": where(),
        "ratios": ratios(loop, stacked),
    }
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
    lines = ["| seconds | loop | stacked | ratio | bar |", "|---|---|---|---|---|"]
    for name, label in KINDS.items():
        seconds = [found[engine][name] for engine in ("loop", "stacked")]
        ratio = found["ratios"][name]
        cells = [label, *(f"{x:.1f}" for x in seconds), f"{ratio:.1f}x", _bar(ratio, name)]
        lines.append(f"| {' | '.join(cells)} |")
    table = "\n".join(lines)
    spread = ", ".join(f"{x:.1f}" for x in sorted(found["seconds"]))
    return f"""\
{len(USUAL)} optimizers x {len(MULTIPLES)} learning rates x {SEEDS} seeds, {STEPS} steps each, scored every
{EVALUATE_EVERY}: `paribus run benchmarks/engines/sweep.py` into an empty store, {found["loop"]["runs"]:.0f} runs,
imports, pages and figures included, on all cores.

{table}

Stacked is the median of {ROUNDS} rounds (from end to end: {spread}), the loop one round.
Of {found["verdicts"]} verdicts, {found["same"]} are the loop's when stacked. {when(found["where"])}"""


def _bar(ratio: float, name: str) -> str:
    """Which bar there is, and whether it is reached."""
    bar = BARS.get(name)
    return "" if bar is None else f"{bar:g}x: {'reached' if ratio >= bar else '**not reached**'}"


def _measured(engine: str, out: Path, cache: Path) -> dict[str, float]:
    """Seconds of the command, in a process of its own, and of the training in it."""
    arguments = ["run", "benchmarks/engines/sweep.py", "--engine", engine]
    started = time.perf_counter()
    subprocess.run(  # noqa: S603 - this interpreter, our own command line
        [
            *(sys.executable, "-c", "from paribus.frontends.cli import main; main()"),
            *(*arguments, "--device", "cpu", "--out", str(out)),
        ],
        cwd=ROOT,
        env={**os.environ, "PARIBUS_CACHE": str(cache)},
        capture_output=True,
        check=True,
    )
    return {"seconds": time.perf_counter() - started, **_training(out)}


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
        every = [cell for cell in cases((SUITE,)) if cell.device == "cpu"]
        session.prepare(every)
        results = session.results(every)
    return [
        f"{result.comparison.name}, {name}: {c.decision}"
        for result in results
        for name, c in result.contrasts.items()
    ]
