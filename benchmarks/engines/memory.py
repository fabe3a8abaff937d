"""Peak memory of a stacked training, by number of steps: each in a process of its own, because a peak never falls."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.engines.remote import ROOT
from benchmarks.engines.where import when, where
from benchmarks.engines.workloads import NAMED, Workload

REPLICATES = 512
STEPS = (250, 1000, 4000)
FLAT = 0.05


def measure_memory(workload: str = "MLP") -> dict[str, Any]:
    """Peak memory by number of steps; plain data, for the page and its file."""
    peaks, here = [_in_process(workload, steps) for steps in STEPS], where()
    text = f"{told(workload, peaks)} {when(here)}"
    return {"where": here, "peaks": peaks, "flat": flat(peaks), "text": text}


def flat(peaks: list[dict[str, float]]) -> bool:
    """Whether the longest training has the shortest one's peak, but for a twentieth."""
    return peaks[-1]["peak"] <= (1 + FLAT) * peaks[0]["peak"]


def told(workload: str, peaks: list[dict[str, float]]) -> str:
    """What the page says."""
    each = ", ".join(
        f"{p['peak']:.0f} MB for {p['steps']:.0f} steps ({p['seconds']:.1f} s)" for p in peaks
    )
    growth = (
        f"by more than {FLAT:.0%} from {peaks[0]['steps']:.0f} to {peaks[-1]['steps']:.0f} steps"
    )
    result = f"It does not grow {growth}." if flat(peaks) else f"**It grows {growth}.**"
    return (
        f"Peak resident memory of a process that trains {REPLICATES} replicates of the {workload} by `train_together`, "
        f"evaluation and records included: {each}; torch and the data alone take {peaks[0]['before']:.0f} MB. {result}"
    )


def _in_process(workload: str, steps: int) -> dict[str, float]:
    done = subprocess.run(  # noqa: S603 - this interpreter, this module
        [sys.executable, "-m", "benchmarks.engines.memory", workload, str(steps)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    found: dict[str, float] = json.loads(done.stdout)
    return found


def train(workload: Workload, steps: int, replicates: int = REPLICATES) -> dict[str, float]:
    """Train in this process; peak memory before and after, in MB, and the seconds of it."""
    import time

    from paribus.engines.vmapped.fit import train_together
    from paribus.execution.pool import one_thread, warm_up

    recipe = workload.recipe.model_copy(update={"steps": steps})
    runs = [replace(workload.run(seed, "stacked"), recipe=recipe) for seed in range(replicates)]
    splits = [workload.split] * replicates
    with one_thread():
        warm_up()
        before, started = peak(), time.perf_counter()
        train_together(runs, splits)
        seconds = time.perf_counter() - started
    return {"steps": float(steps), "before": before, "peak": peak(), "seconds": seconds}


def peak() -> float:
    """Largest resident memory of this process so far, in MB.

    Linux tells it by itself. What ``getrusage`` tells there includes the process that started this one.
    """
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        size = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return size / (1e6 if sys.platform == "darwin" else 1e3)
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) * 1024 / 1e6


if __name__ == "__main__":
    sys.stdout.write(json.dumps(train(NAMED[sys.argv[1]], int(sys.argv[2]))))
