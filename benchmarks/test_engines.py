"""Speed of the engines: ratios to the textbook loop, in one run; the page is results/latest/engines.md.

``pytest benchmarks`` leaves this file out, because it takes minutes and needs a quiet machine. Name it to run it:
``pytest benchmarks/test_engines.py``, with ``-k RNN`` for one kind of training; ``tox -e peers`` adds other libraries.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from benchmarks.engines.contenders import Row, rows
from benchmarks.engines.measure import measure, measure_memory
from benchmarks.engines.page import is_flat, write_page
from benchmarks.engines.sweep import measure_sweep
from benchmarks.engines.workloads import NAMED, WORKLOADS, Workload
from paribus.execution.pool import available_jobs
from paribus.frontends.pytest_session import CLOCK

CASES = [
    pytest.param(workload, row, id=f"{workload.name}: {row.name}")
    for workload in WORKLOADS
    for row in rows(workload, available_jobs())
]


@pytest.fixture(scope="module")
def measured(pytestconfig: pytest.Config) -> Callable[[str], dict[str, dict[str, Any]]]:
    """Return a function that measures all rows of a workload, once, puts them on the page and returns them by name."""

    @cache
    def once(name: str) -> dict[str, dict[str, Any]]:
        results = measure(NAMED[name])
        write_page(Path(pytestconfig.getoption("--paribus-out")), name, results)
        return {row["name"]: row for row in results["rows"]}

    return once


@pytest.mark.parametrize(("workload", "row"), CASES)
@pytest.mark.benchmark(timer=CLOCK)
def test_engine(workload: Workload, row: Row, measured: Any, benchmark: Any) -> None:
    """Seconds of a step of one replicate, and the ratio to the textbook."""
    result = measured(workload.name)[row.name]
    if row.missing:
        pytest.skip(row.missing)
    assert not result["reason"]
    benchmark.group = f"{workload.name}: a step of one replicate, median"
    benchmark.pedantic(_show, args=(result,), rounds=1, iterations=1)
    middle, low, high = result["ratio"]
    benchmark.extra_info |= {
        "ratio": middle,
        "ratio, lower quartile": low,
        "ratio, upper quartile": high,
        "replicates": float(row.replicates),
        "loss": result["loss"],
    }


def _show(result: dict[str, Any]) -> None:
    with CLOCK.showing() as seconds:
        seconds.append(result["microseconds"][0] / 1e6)


@pytest.mark.benchmark(group="peak memory of 512 replicates of the MLP")
def test_memory(pytestconfig: pytest.Config, benchmark: Any) -> None:
    """Peak memory by number of steps, each in a process of its own."""
    results = benchmark.pedantic(measure_memory, rounds=1, iterations=1)
    write_page(Path(pytestconfig.getoption("--paribus-out")), "memory", results)
    benchmark.extra_info |= {f"MB, {p['steps']:.0f} steps": p["peak"] for p in results["peaks"]}
    assert is_flat(results["peaks"])


@pytest.mark.benchmark(group="five optimizers at sixteen learning rates, from end to end")
def test_sweep(pytestconfig: pytest.Config, benchmark: Any) -> None:
    """`paribus run` with either engine, store and pages included."""
    results = benchmark.pedantic(measure_sweep, rounds=1, iterations=1)
    write_page(Path(pytestconfig.getoption("--paribus-out")), "sweep", results)
    benchmark.extra_info |= {
        f"{engine}: {name}": float(results[engine][name])
        for engine in ("loop", "stacked")
        for name in ("seconds", "training", "steps")
    }
    assert results["same"] == results["verdicts"]
