"""How fast the engines are: ratios to the loop of every tutorial, in one run; the page is results/latest/engines.md.

``pytest benchmarks`` leaves this file out, because it takes minutes and needs a quiet machine. Name it to run it:
``pytest benchmarks/test_engines.py``, with ``-k RNN`` for one kind of training; ``tox -e peers`` adds other libraries.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from benchmarks.engines.end_to_end import measure_sweep
from benchmarks.engines.measure import measure
from benchmarks.engines.memory import measure_memory
from benchmarks.engines.page import keep
from benchmarks.engines.rows import Row, rows
from benchmarks.engines.workloads import WORKLOADS, Workload
from paribus.execution.pool import available_jobs
from paribus.frontends.pytest_session import CLOCK

CASES = [
    pytest.param(workload, row, id=f"{workload.name}: {row.name}")
    for workload in WORKLOADS
    for row in rows(workload, available_jobs())
]


@pytest.fixture(scope="module")
def measured(pytestconfig: pytest.Config) -> Callable[[Workload], dict[str, Any]]:
    """A function that measures all rows of a workload, once, and puts them on the page."""

    @cache
    def once(name: str) -> dict[str, Any]:
        found = measure(next(w for w in WORKLOADS if w.name == name))
        keep(Path(pytestconfig.getoption("--paribus-out")), name, found)
        return found

    return lambda workload: once(workload.name)


@pytest.mark.parametrize(("workload", "row"), CASES)
@pytest.mark.benchmark(timer=CLOCK)
def test_engine(workload: Workload, row: Row, measured: Any, benchmark: Any) -> None:
    """Seconds of a step of one replicate, and how many times as fast as the textbook that is."""
    (found,) = (r for r in measured(workload)["rows"] if r["name"] == row.name)
    if row.missing:
        pytest.skip(row.missing)
    assert not found["reason"]
    benchmark.group = f"{workload.name}: a step of one replicate, median"
    benchmark.pedantic(_show, args=(found,), rounds=1, iterations=1)
    benchmark.extra_info |= {
        "ratio": found["ratio"][0],
        "ratio, lower quartile": found["ratio"][1],
        "ratio, upper quartile": found["ratio"][2],
        "replicates": float(row.replicates),
        "disturbed samples": float(found["disturbed"]),
        "loss": found["loss"],
    }


def _show(found: dict[str, Any]) -> None:
    with CLOCK.showing() as seconds:
        seconds.append(found["microseconds"][0] / 1e6)


@pytest.mark.benchmark(group="peak memory of 512 replicates of the MLP")
def test_memory(pytestconfig: pytest.Config, benchmark: Any) -> None:
    """Peak memory by number of steps, each in a process of its own."""
    found = benchmark.pedantic(measure_memory, rounds=1, iterations=1)
    keep(Path(pytestconfig.getoption("--paribus-out")), "memory", found)
    benchmark.extra_info |= {f"MB, {p['steps']:.0f} steps": p["peak"] for p in found["peaks"]}
    assert found["flat"]


@pytest.mark.benchmark(group="five optimizers at sixteen learning rates, from end to end")
def test_sweep(pytestconfig: pytest.Config, benchmark: Any) -> None:
    """`paribus run` with either engine, store and pages included."""
    found = benchmark.pedantic(measure_sweep, rounds=1, iterations=1)
    keep(Path(pytestconfig.getoption("--paribus-out")), "sweep", found)
    benchmark.extra_info |= found["ratios"]
    assert found["same"] == found["verdicts"]
