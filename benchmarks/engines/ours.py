"""The engines of paribus as contenders: one training by the loop, or many at once."""

from __future__ import annotations

import time
from collections.abc import Sequence

import torch

from benchmarks.engines.textbook import WATCHED, Taken
from benchmarks.engines.workloads import TORCH_ALONE, Workload
from paribus.executor import one_thread, warm_up
from paribus.training.compiled import COMPILED, CompiledTraining
from paribus.training.loop import Training, deterministic
from paribus.training.recurrent import only
from paribus.training.stacked import StackedTraining

KINDS = {COMPILED: CompiledTraining}


class Ours:
    """Trainings of one process, on one thread as the executor runs them.

    Args:
        workload: what is trained.
        seeds: of each replicate; the loop takes one.
        engine: ``loop``, or one of the workload's that stack.

    Raises:
        RuntimeError: if its steps are not taken in the form that the engine's name tells.
    """

    def __init__(self, workload: Workload, seeds: Sequence[int], engine: str) -> None:
        self.replicates = len(seeds)
        self.form = "torch" if engine == TORCH_ALONE else None
        self.runs = [workload.run(seed, engine.partition(",")[0]) for seed in seeds]
        fold = workload.fold
        warm_up()
        with one_thread(), deterministic(self.runs[0]):
            self.training: Training | StackedTraining = (
                Training(self.runs[0], fold)
                if engine == "loop"
                else KINDS.get(engine, StackedTraining)(self.runs, [fold] * len(seeds))
            )

    def take(self, steps: int) -> Taken:
        """Take steps of every replicate."""
        with one_thread(), deterministic(self.runs[0]), only(self.form):
            started = time.perf_counter()
            losses = self.training.advance(steps)
            seconds = time.perf_counter() - started
        if isinstance(self.training, StackedTraining) and self.training.reason:
            raise RuntimeError(self.training.reason)
        last = losses[-WATCHED:].reshape(-1, self.replicates).mean(0, dtype=torch.float64)
        return Taken(seconds, steps, last.numpy())
