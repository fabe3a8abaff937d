"""The engines of paribus as contenders: one training by the loop, or many at once."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from functools import partial

import torch
from torch import Tensor

from benchmarks.engines.textbook import WATCHED, Taken
from benchmarks.engines.workloads import TORCH_ALONE, Workload
from paribus.data.dataset import Split
from paribus.engines.rnn import only
from paribus.engines.simd.trainer import COMPILED, CompiledTraining
from paribus.engines.vmapped.fit import StackedTraining
from paribus.execution.engine_choice import best_portion
from paribus.execution.pool import one_thread, warm_up
from paribus.runs.run import Run
from paribus.training.loop import Training, deterministic

KINDS = {COMPILED: partial(CompiledTraining, make_from=0.0)}


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
        split = workload.split
        warm_up()
        with one_thread(), deterministic(self.runs[0]), only(self.form):
            self.trainings: Sequence[Training | StackedTraining]
            if engine == "loop":
                self.trainings = [Training(self.runs[0], split)]
            else:
                kind = KINDS.get(engine, StackedTraining)
                size = len(seeds) if engine in KINDS else _portion(self.runs, split)
                parts = [self.runs[i : i + size] for i in range(0, len(seeds), size)]
                self.trainings = [kind(part, [split] * len(part)) for part in parts]

    def take(self, steps: int) -> Taken:
        """Take steps of every replicate, one portion after the other."""
        with one_thread(), deterministic(self.runs[0]), only(self.form):
            started = time.perf_counter()
            losses = [training.advance(steps) for training in self.trainings]
            seconds = time.perf_counter() - started
        for training in self.trainings:
            if isinstance(training, StackedTraining) and training.reason:
                raise RuntimeError(training.reason)
        last = [
            x[-WATCHED:].reshape(-1, n).mean(0, dtype=torch.float64) for x, n in self._sized(losses)
        ]
        return Taken(seconds, steps, torch.cat(last).numpy())

    def _sized(self, losses: Sequence[Tensor]) -> Iterator[tuple[Tensor, int]]:
        """Losses of each training with how many replicates it has."""
        for training, found in zip(self.trainings, losses, strict=True):
            yield found, len(training.runs) if isinstance(training, StackedTraining) else 1


def _portion(runs: Sequence[Run], split: Split) -> int:
    """How many are best trained at once, as the engine itself finds out before it trains."""
    return min(len(runs), best_portion(runs, split).limit)
