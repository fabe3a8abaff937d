"""Measure runs with one and two local workers beside a simulation: ``python -m benchmarks.scale.validate``."""

from __future__ import annotations

import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from benchmarks.growth.measure import suite
from benchmarks.scale.page import Measured, predicted
from paribus.execution.cases import selected
from paribus.execution.executor import train_chunk
from paribus.execution.local_workers import LocalExecutor
from paribus.execution.session import Session
from paribus.execution.settings import Settings
from paribus.runs.run import Run, RunResult

RUNS = 100
STEPS = 50
WARM = 8


def measure(workers: int, folder: Path) -> Measured:
    """Train runs of a small network by the loop, a piece each, in so many workers that have imported torch."""
    place = {"device": "cpu", "out": folder, "store": folder / f"{workers}.sqlite"}
    settings = Settings(engine="loop", seeds=RUNS // 2 + WARM, jobs=workers, **place)
    session = Session(settings, [suite(2, STEPS)])
    study, spent = session.study, list[float]()
    with study.store as store:
        runs = [run for case in selected([suite(2, STEPS)], settings) for run in study.runs(case)]

        def keep(run: Run, record: RunResult) -> None:
            spent.append(float(str(record.provenance["piece"])))
            store.add(run, record)

        def all_of(runs: list[Run]) -> float:
            started = time.perf_counter()
            work = [[run] for run in runs]
            for (run,), found in LocalExecutor(workers).spread(_timed, work):
                keep(run, found[0])
            return time.perf_counter() - started

        all_of(runs[: 2 * WARM])
        spent.clear()
        seconds = all_of(runs[2 * WARM :])
    return Measured(workers, len(spent), sum(spent) / len(spent), seconds)


def _timed(chunk: list[Run]) -> list[RunResult]:
    """Train a piece as a worker does, and say how long that took."""
    started = time.perf_counter()
    (record,) = train_chunk(chunk)
    seconds = time.perf_counter() - started
    return [replace(record, provenance={**record.provenance, "piece": seconds})]


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        for count in (1, 2):
            found = measure(count, Path(name))
            sys.stdout.write(f"{found}, simulated {predicted(found):.3f} s\n")
