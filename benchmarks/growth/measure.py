"""Seconds of a whole comparison, from the command to its pages, against seeds, variants and steps.

``python -m benchmarks.growth.measure 10 5 1000 FOLDER`` runs one of so many seeds, variants and steps into a folder.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.engines.measure import textbook_step, where
from paribus import Budget, Comparison, Factor, Recipe, Suite, call
from paribus.execution.orchestrate import run_suites
from paribus.execution.settings import Settings
from paribus.suites.tasks.tabular import TABULAR

ROOT = Path(__file__).parents[2]
START = {"seeds": 8, "variants": 4, "steps": 1000}
"""One comparison, of which one number is changed at a time."""
GROWTH = {
    "seeds": (2, 8, 32, 128, 512),
    "variants": (2, 4, 8, 16),
    "steps": (250, 1000, 4000, 16000),
}


def suite(variants: int, steps: int) -> Suite:
    """Return a comparison of so many learning rates of Adam, on the breast cancer table."""
    rates = np.geomspace(1e-4, 1e-1, variants)
    optimizers = {f"{rate:.2g}": call("torch.optim:Adam", lr=float(rate)) for rate in rates}
    comparison = Comparison(
        name="growth",
        question="Which learning rate?",
        task=TABULAR,
        recipe=Recipe(
            model=call("paribus.models.mlp:MLP", hidden=[16, 8]),
            optimizer=next(iter(optimizers.values())),
        ),
        factor=Factor("recipe.optimizer", optimizers),
        baseline=next(iter(optimizers)),
        budgets={"quick": Budget(10, steps, 10)},
    )
    return Suite(name="growth", title="Growth", comparisons=(comparison,))


def run_here(seeds: int, variants: int, steps: int, out: Path) -> None:
    """Run one comparison in this process and write its pages."""
    settings = Settings(device="cpu", seeds=seeds, out=out, store=out / "runs.sqlite")
    run_suites([suite(variants, steps)], settings)


def measure_growth() -> dict[str, Any]:
    """Run every size of comparison in a process of its own, with caches that a first one has filled.

    Returns:
        ``seconds`` by what grows, one for each of its numbers in `GROWTH`.
    """
    place, seconds = where(), dict[str, list[float]]()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _timed(START, folder, folder / "first")
        for what, sizes in sizes_of_growth():
            seconds[what] = [
                _timed(size, folder, folder / f"{what}-{i}") for i, size in enumerate(sizes)
            ]
    return {"seconds": seconds, "where": place, "step": textbook_step()}


def sizes_of_growth() -> Iterator[tuple[str, list[dict[str, int]]]]:
    """Yield what grows, with the comparisons in which it does and nothing else changes."""
    for what, numbers in GROWTH.items():
        yield what, [{**START, what: number} for number in numbers]


def _timed(size: dict[str, int], folder: Path, out: Path) -> float:
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    numbers = [str(size[name]) for name in START]
    started = time.perf_counter()
    subprocess.run(  # noqa: S603 - this interpreter, this file
        [sys.executable, "-m", "benchmarks.growth.measure", *numbers, str(out)],
        cwd=ROOT,
        env=environment | {"PARIBUS_CACHE": str(folder / "cache")},
        capture_output=True,
        check=True,
    )
    return time.perf_counter() - started


if __name__ == "__main__":
    run_here(*map(int, sys.argv[1:4]), Path(sys.argv[4]))
