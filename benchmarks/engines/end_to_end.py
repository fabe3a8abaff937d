"""The sweep from end to end by `paribus run` with either engine: seconds, and whether verdicts agree."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.engines.remote import ROOT
from benchmarks.engines.sweep import EVALUATE_EVERY, MULTIPLES, SEEDS, STEPS, USUAL
from benchmarks.engines.sweep_part import PART
from benchmarks.engines.sweep_part import SUITE as PART_SUITE
from benchmarks.engines.where import when, where
from paribus.cells import cells
from paribus.comparison import Suite
from paribus.session import Session
from paribus.settings import Settings

KINDS = {
    "seconds": "end to end",
    "training": "training with evaluation, all processes added up",
    "steps": "training steps alone, all processes added up",
}
BARS = {"seconds": 25.0, "steps": 60.0}
TIMES = len(MULTIPLES) / len(PART)

Found = Mapping[str, float]


def measure_sweep() -> dict[str, Any]:
    """All of the sweep stacked, a part of it by the loop; plain data, for the page and its file."""
    with tempfile.TemporaryDirectory() as folder:
        stacked, part, loop = (Path(folder) / name for name in ("stacked", "part", "loop"))
        _run("sweep_part", "stacked", part)  # compiles what is to be compiled
        found = {
            "stacked": {"seconds": _run("sweep", "stacked", stacked), **_training(stacked)},
            "part": {"seconds": _run("sweep_part", "loop", loop), **_training(loop)},
        }
        verdicts = [
            decisions(PART_SUITE, folder, e) for folder, e in ((part, "stacked"), (loop, "loop"))
        ]
    same = sum(a == b for a, b in zip(*verdicts, strict=True))
    found |= {
        "ratios": ratios(**found),
        "where": where(),
        "same": same,
        "verdicts": len(verdicts[0]),
    }
    return {**found, "text": told(found)}


def ratios(stacked: Found, part: Found) -> dict[str, float]:
    """How many times as fast the stacked engine is, the loop's part taken for as many learning rates.

    What the loop spends once, such as imports, is taken as often as the rest.
    """
    return {name: TIMES * part[name] / stacked[name] for name in KINDS}


def told(found: dict[str, Any]) -> str:
    """What the page says."""
    stacked, part = found["stacked"], found["part"]
    head = f"stacked, {stacked['runs']} runs | loop, {part['runs']} runs | loop, extrapolated | ratio | bar"
    lines = [f"| seconds | {head} |", "|---|---|---|---|---|---|"]
    for name, label in KINDS.items():
        bar = BARS.get(name)
        met = found["ratios"][name]
        asked = f"{bar:g}x: {'reached' if met >= bar else '**not reached**'}" if bar else ""
        times = f"{stacked[name]:.1f} | {part[name]:.1f} | {TIMES * part[name]:.0f}"
        lines.append(f"| {label} | {times} | {met:.1f}x | {asked} |")
    table = "\n".join(lines)
    return f"""\
{len(USUAL)} optimizers x {len(MULTIPLES)} learning rates x {SEEDS} seeds, {STEPS} steps each, scored every
{EVALUATE_EVERY}: `paribus run` into an empty store, pages and figures included, on all cores; what is compiled was
cached by a run before.

{table}

The loop trained {len(PART)} of the {len(MULTIPLES)} learning rates, and its seconds are taken {TIMES:g} times, because
all of them would take {TIMES * part["seconds"] / 60:.0f} minutes. Of the {found["verdicts"]} verdicts at these rates,
{found["same"]} are the same by both engines. {when(found["where"])}"""


def _run(suite: str, engine: str, out: Path) -> float:
    """Seconds of the command, in a process of its own."""
    started = time.perf_counter()
    subprocess.run(  # noqa: S603 - this interpreter, our own command line
        [
            *(sys.executable, "-c", "from paribus.cli import main; main()", "run"),
            *(f"benchmarks/engines/{suite}.py", "--engine", engine),
            *("--device", "cpu", "--out", str(out)),
        ],
        cwd=ROOT,
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


def decisions(suite: Suite, out: Path, engine: str) -> list[str]:
    """Every verdict of a suite that a store holds."""
    settings = Settings(device="cpu", engine=engine, out=out, store=out / "runs.sqlite")
    session = Session(settings)
    with session.store:
        every = [cell for cell in cells((suite,)) if cell.device == "cpu"]
        session.prepare(every)
        results = session.results(every)
    return [f"{name}: {c.decision}" for result in results for name, c in result.contrasts.items()]
