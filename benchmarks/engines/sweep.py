"""Five optimizers at 16 learning rates each, 2000 steps a run: the suite that is timed from end to end.

``paribus run benchmarks/engines/sweep.py`` trains it as any suite; with ten seeds it has 800 runs. One comparison holds
the five optimizers at the same multiple of their usual learning rates.
"""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

from paribus import Budget, Comparison, Factor, Recipe, Suite, call
from paribus.execution.cases import selected
from paribus.execution.session import Session
from paribus.execution.settings import Settings
from paribus.suites.tasks.tabular import TABULAR

STEPS = 2000
SEEDS = 10
EVALUATE_EVERY = 100
ROUNDS = 3
USUAL = {
    "sgd": call("torch.optim:SGD", lr=0.01),
    "momentum": call("torch.optim:SGD", lr=0.01, momentum=0.95),
    "adagrad": call("torch.optim:Adagrad", lr=0.01),
    "rmsprop": call("torch.optim:RMSprop", lr=0.01),
    "adam": call("torch.optim:Adam", lr=0.001),
}
# From a thirtieth to thirty times the usual rate.
MULTIPLES = tuple(round(10 ** (1.5 * (2 * i / 15 - 1)), 4) for i in range(16))


def _comparison(multiple: float) -> Comparison:
    optimizers = {
        name: call(usual.target, **{**usual.kwargs, "lr": usual.kwargs["lr"] * multiple})
        for name, usual in USUAL.items()
    }
    return Comparison(
        name=f"rate x{multiple:g}",
        question=f"Which optimizer is best at {multiple:g} times its usual learning rate?",
        task=TABULAR,
        recipe=Recipe(
            model=call("paribus.models.mlp:MLP", hidden=[16, 8]),
            optimizer=optimizers["sgd"],
            steps=STEPS,
            evaluate_every=EVALUATE_EVERY,
        ),
        factors=(Factor("recipe.optimizer", optimizers),),
        baseline=("sgd",),
        budgets={"quick": Budget(SEEDS, STEPS, 40)},
    )


SUITE = Suite(
    name="sweep",
    title="Optimizers by learning rate",
    comparisons=tuple(map(_comparison, MULTIPLES)),
)


def measure_sweep() -> dict[str, Any]:
    """Run the sweep by the loop once and stacked a few times, each into an empty store; returns plain data.

    The loop runs among the stacked rounds, since it takes longer than all of them. Machine code that the first round
    makes is there for the others.
    """
    from benchmarks.engines.measure import where

    place = where()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        rounds, loop = [], {}
        for i in range(ROUNDS):
            rounds.append(run_sweep("stacked", folder / f"stacked-{i}", folder / "cache"))
            if i == ROUNDS // 2:
                loop = run_sweep("loop", folder / "loop", folder / "cache")
        by_loop, stacked = (
            decisions(folder / "loop", "loop"),
            decisions(folder / "stacked-0", "stacked"),
        )
    return {
        "loop": loop,
        "stacked": {number: median(each[number] for each in rounds) for number in loop},
        "rounds": [each["seconds"] for each in rounds],
        "same": sum(a == b for a, b in zip(by_loop, stacked, strict=True)),
        "verdicts": len(by_loop),
        "where": place,
    }


def run_sweep(engine: str, out: Path, cache: Path) -> dict[str, float]:
    """Run the sweep by the command line; returns its seconds, runs, and the seconds that these spent in training."""
    arguments = ["run", "benchmarks/engines/sweep.py", "--engine", engine, "--device", "cpu"]
    started = time.perf_counter()
    subprocess.run(  # noqa: S603 - this interpreter, our own command line
        [
            sys.executable,
            "-c",
            "from paribus.frontends.cli import main; main()",
            *arguments,
            "--out",
            str(out),
        ],
        cwd=Path(__file__).parents[2],
        env={**os.environ, "PARIBUS_CACHE": str(cache)},
        capture_output=True,
        check=True,
    )
    seconds = time.perf_counter() - started
    with sqlite3.connect(out / "runs.sqlite") as db:
        records = [json.loads(text) for (text,) in db.execute("select record from runs")]
    db.close()
    return {
        "seconds": seconds,
        "runs": len(records),
        "training": sum(record["seconds"] for record in records),
        "steps": sum(record["step_seconds"] for record in records),
    }


def decisions(out: Path, engine: str) -> list[str]:
    """Return every verdict of the sweep that a store holds."""
    settings = Settings(device="cpu", engine=engine, out=out, store=out / "runs.sqlite")
    session = Session(settings, [SUITE])
    with session.study.store:
        every = selected([SUITE], settings)
        session.prepare(every)
        return [
            f"{result.comparison.name}, {name}: {contrast.decision}"
            for result in session.study.results(every)
            for name, contrast in result.contrasts.items()
        ]
