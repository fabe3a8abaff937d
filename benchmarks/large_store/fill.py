"""A store of many runs, filled through its public writer by records of trainings that were made.

``python -m benchmarks.large_store.fill 1000000 FOLDER`` fills FOLDER/runs.sqlite.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks.growth.measure import suite
from paribus import Suite
from paribus.execution.cases import selected
from paribus.execution.orchestrate import run_suites
from paribus.execution.session import Session
from paribus.execution.settings import Settings
from paribus.runs.run import Predictions, Run, RunResult
from paribus.runs.store import Store

VARIANTS, SEEDS, STEPS = 5, 10, 200
TEST_SAMPLES = 100
FIRST_OTHER_SEED = 1000
"""Seeds of the runs beside those of the comparison, which no report of it reads."""


def settings_of(folder: Path) -> Settings:
    """Return the settings of the comparison whose runs stand among the others."""
    store = folder / "runs.sqlite"
    return Settings(device="cpu", jobs=1, seeds=SEEDS, out=folder / "pages", store=store)


def made() -> Suite:
    """Return the comparison whose 50 runs stand among the others."""
    return suite(VARIANTS, STEPS)


def fill(folder: Path, runs: int, first: int = FIRST_OTHER_SEED) -> None:
    """Train a comparison between the two halves of so many runs, each with predictions of 100 samples and curves.

    Args:
        folder: for the store.
        runs: how many, those of the comparison among them.
        first: seed of the others.
    """
    templates = _trained(folder / "templates")
    settings = settings_of(folder)
    _add(settings.store, templates, range(first, first + runs // 2))
    run_suites([made()], settings)
    _add(settings.store, templates, range(first + runs // 2, first + runs - VARIANTS * SEEDS))


def _trained(folder: Path) -> list[tuple[Run, RunResult]]:
    """Return one run of each variant with its record and predictions, which others are made like."""
    session = Session(replace(settings_of(folder), seeds=2), [made()])
    with session.study.store as store:
        cases = selected([made()], session.settings)
        session.prepare(cases)
        session.train_each(cases)
        runs = [session.study.runs(case)[0] for case in cases]
        records = store.get(run.key for run in runs)
        return [(run, records[run.key]) for run in runs]


def _add(path: Path, templates: list[tuple[Run, RunResult]], numbers: range) -> None:
    with Store(path) as store:
        for run, record in _others(templates, numbers):
            store.add(run, record)


def _others(
    templates: list[tuple[Run, RunResult]], numbers: range
) -> Iterator[tuple[Run, RunResult]]:
    """Yield runs of other seeds, with scores, curves and predictions that differ as those of a training do."""
    for seed in numbers:
        run, record = templates[seed % len(templates)]
        run = replace(run, seed=seed)
        draw = np.random.default_rng(seed)
        spread = float(np.exp(0.1 * draw.normal()))
        outputs = draw.normal(size=(TEST_SAMPLES, 2)).astype(np.float32)
        yield (
            run,
            replace(
                record,
                key=run.key,
                seed=run.seed,
                scores={name: score * spread for name, score in record.scores.items()},
                curves={
                    name: values if name == "step" else [value * spread for value in values]
                    for name, values in record.curves.items()
                },
                predictions=Predictions(
                    outputs, draw.integers(2, size=TEST_SAMPLES), np.zeros_like(outputs)
                ),
            ),
        )


if __name__ == "__main__":
    fill(Path(sys.argv[2]), int(sys.argv[1]))
