"""Measurements: whether all contenders learn the same, how long a step of each takes, and how much memory is used."""

from __future__ import annotations

import datetime
import gc
import os
import platform
import resource
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from statistics import fmean
from typing import Any, NamedTuple

import numpy as np
import torch

from benchmarks.engines.arithmetic import multiply_adds, peak_rate
from benchmarks.engines.contenders import (
    TEXTBOOK,
    Contender,
    Processes,
    Row,
    Textbook,
    peer_versions,
    rows,
    start_process,
)
from benchmarks.engines.workloads import NAMED, Workload
from paribus.data.cache import processor
from paribus.engines.vmapped.fit import train_together
from paribus.execution.engine_choice import resolve
from paribus.execution.pool import available_jobs, one_thread, warm_up
from paribus.execution.step_time import ROUNDS, take_turns

THREADS = torch.get_num_threads()  # torch's default, read before anything here changes it
SAMPLE_SECONDS = 0.25
MAX_STEPS = 4000
PROBE_STEPS = 1000
# Allowed difference of mean losses, in standard errors and as a share of what training gained.
ERRORS, SHARE = 3.0, 0.03
MEMORY_REPLICATES = 512
MEMORY_STEPS = (1000, 4000, 8000)  # all of them are evaluated in between, every 500 steps


def time_in_turns(
    contenders: Mapping[str, Contender], rounds: int = ROUNDS
) -> dict[str, list[float]]:
    """Return seconds of a step of one replicate, by round; those of this process may use torch's default threads."""
    torch.set_num_threads(THREADS)
    calls = [partial(_seconds, c, _sample_steps(c)) for c in contenders.values()]
    gc.collect()
    return dict(zip(contenders, take_turns(calls, rounds), strict=True))


def _seconds(contender: Contender, steps: int) -> float:
    taken = contender.take(steps)
    return taken.seconds / taken.steps / contender.replicates


def _sample_steps(contender: Contender) -> int:
    """Return the steps that fill a sample, after a warm-up that also compiles what is to be compiled."""
    contender.take(24)
    taken = contender.take(8)
    steps = int(SAMPLE_SECONDS * taken.steps / taken.seconds)
    # Some take eight steps a call, and a smaller last call costs them more than an epoch's end would.
    return max(2, min(steps - steps % 8 if steps >= 8 else steps, MAX_STEPS))


def quartiles(values: Sequence[float]) -> list[float]:
    """Return median, lower and upper quartile."""
    return [float(x) for x in np.quantile(values, (0.5, 0.25, 0.75))]


def timing(seconds: Sequence[float], textbook: Sequence[float]) -> dict[str, Any]:
    """Return microseconds of a step of one replicate, and the ratio to the textbook within each round."""
    return {
        "microseconds": quartiles([1e6 * x for x in seconds]),
        "ratio": quartiles([a / b for a, b in zip(textbook, seconds, strict=True)]),
        "rounds": len(seconds),
    }


def losses_by_seed(
    start: Callable[[Sequence[int]], Contender], workload: Workload
) -> Sequence[float]:
    """Return each seed's loss after the steps of the check, trained one by one or at once as the contender does."""
    count, steps = workload.checked
    losses: list[float] = []
    while len(losses) < count:
        losses += start(range(len(losses), count)).take(steps).losses.tolist()
    return losses


class Learned(NamedTuple):
    """Mean loss over seeds, its standard error, and why it is not the textbook's, or nothing."""

    loss: float
    error: float
    reason: str = ""


def learned(losses: Sequence[float], textbook: Sequence[float], start: float) -> Learned:
    """Compare losses, one a seed, with the textbook's; ``start`` is the textbook's loss before training."""
    # NumPy's deviation of NaN is NaN; in the standard library it is an error.
    error, textbook_error = (float(np.std(x, ddof=1)) / len(x) ** 0.5 for x in (losses, textbook))
    loss, wanted = fmean(losses), fmean(textbook)
    allowed = ERRORS * (error**2 + textbook_error**2) ** 0.5 + SHARE * abs(start - wanted)
    same = abs(loss - wanted) <= allowed  # False for NaN
    return Learned(loss, error, "" if same else f"loss {loss:.4g}, the textbook's {wanted:.4g}")


def measure(workload: Workload) -> dict[str, Any]:
    """Check all rows of a workload, then time them in turns; returns plain data for the page."""
    every, jobs, place = rows(workload, available_jobs()), available_jobs(), where()
    with Processes() as processes:
        start, checks = _check(processes, workload, [row for row in every if not row.missing])
        results = [
            {**row._asdict(), "name": row.name, "reason": row.missing, **checks.get(row.engine, {})}
            for row in every
        ]
        contenders = {
            row.name: processes.start(workload, row, range(row.replicates))
            for row, result in zip(every, results, strict=True)
            if not result["reason"]
        }
        seconds = time_in_turns(contenders)
    for result in results:
        if result["name"] in seconds:
            result.update(timing(seconds[result["name"]], seconds[every[0].name]))
    rates = {str(n): peak_rate(n) for n in sorted({1, jobs, THREADS})}
    chosen = {r: resolve("auto", workload.run(0), -(-r // jobs)) for r in workload.replicates}
    return {
        "where": place,
        "start": start,
        "multiply_adds": multiply_adds(workload),
        "peak": rates,
        "threads": THREADS,
        "checked": list(workload.checked),
        "auto": {str(r): f"{choice.engine} ({choice.reason})" for r, choice in chosen.items()},
        "rows": results,
    }


def _check(
    processes: Processes, workload: Workload, present: Sequence[Row]
) -> tuple[float, dict[str, dict[str, Any]]]:
    """Return the loss before training and, by engine, what it reached or why it could not be trained.

    Args:
        processes: those that contenders live in.
        workload: what is trained.
        present: rows whose libraries are installed, the textbook's first.
    """
    checks: dict[str, dict[str, Any]] = {}
    textbook: Sequence[float] = ()
    with one_thread():
        start = fmean(Textbook(workload, [seed]).take(1).losses[0] for seed in range(8))
        for row in present:
            if row.engine in checks or row.processes > 1:
                continue
            try:
                losses = losses_by_seed(partial(processes.start, workload, row), workload)
            except Exception as error:  # whatever a contender raises is why it has no time
                if row.engine == TEXTBOOK:
                    raise
                reason = f"cannot do this: {error}".partition("\n")[0][:200]
                checks[row.engine] = {"reason": reason}
                continue
            textbook = textbook or losses
            checks[row.engine] = learned(losses, textbook, start)._asdict()
    return start, checks


def where() -> dict[str, str]:
    """Return date, versions and machine, and the load before a measurement, which a quiet machine has not."""
    names = [x.partition(":")[2] for x in processor().splitlines() if x.startswith("model name")]
    now = datetime.datetime.now(datetime.UTC)
    return {
        "date": f"{now:%Y-%m-%d}",
        "torch": torch.__version__,
        "peers": peer_versions(),
        "load": f"{os.getloadavg()[0]:.1f}",
        "machine": (
            f"{names[0].strip() if names else platform.machine()}, {available_jobs()} cores, {platform.system()}, "
            f"Python {platform.python_version()}, torch {torch.__version__}; torch's default is {THREADS} threads; "
            "our engines use one thread a process."
        ),
    }


def textbook_step() -> float:
    """Return seconds of a step of the textbook's MLP, by which machines are told apart."""
    taken = Textbook(NAMED["MLP"], [0]).take(PROBE_STEPS)
    return taken.seconds / taken.steps


def measure_memory(workload: str = "MLP") -> dict[str, Any]:
    """Return peak memory by number of steps, each in a process of its own, because a peak never falls."""
    peaks, place = [], where()
    for steps in MEMORY_STEPS:
        with start_process() as process:
            peaks.append(process.submit(peak_of_training, workload, steps).result())
    return {"where": place, "peaks": peaks}


def peak_of_training(
    workload: str, steps: int, replicates: int = MEMORY_REPLICATES
) -> dict[str, float]:
    """Train in this process; returns its peak memory before and after, in MB, and the seconds."""
    made = NAMED[workload]
    recipe = made.recipe.model_copy(update={"steps": steps})
    runs = [replace(made.run(seed, "stacked"), recipe=recipe) for seed in range(replicates)]
    splits = [made.split] * replicates
    with one_thread():
        warm_up()
        before, started = peak_memory(), time.perf_counter()
        train_together(runs, splits)
        seconds = time.perf_counter() - started
    return {"steps": float(steps), "before": before, "peak": peak_memory(), "seconds": seconds}


def peak_memory() -> float:
    """Return the largest resident memory of this process so far, in MB.

    On Linux ``getrusage`` would include the process that started this one.
    """
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        size = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return size / (1e6 if sys.platform == "darwin" else 1e3)
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) * 1024 / 1e6
