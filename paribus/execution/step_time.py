"""Time of one training step against the baseline's: interleaved, on one pinned thread, device synchronised.

It is always a step of the loop, whichever engine trained: the stacked engine takes no step of one run alone.
"""

from __future__ import annotations

import gc
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TypeVar

from paribus.execution.executor import dataset_of
from paribus.execution.pool import one_thread
from paribus.runs.run import Run
from paribus.runs.store import Timing
from paribus.training.loop import Training, deterministic

ROUNDS = 11
ROUND_SECONDS = 0.01
WARM_UP = 3

T = TypeVar("T")


class ReplayClock:
    """Clock that can be told what to show, so that a benchmark reports seconds that were measured elsewhere.

    Called, it gives seconds as `time.perf_counter` does. pytest-benchmark takes it as its timer: a training's
    seconds are then the same whether it ran now, in several processes, or was found in the store.
    """

    __name__ = "Clock"

    def __init__(self) -> None:
        self._ahead = 0.0

    def __call__(self) -> float:
        """Return seconds since some moment."""
        return time.perf_counter() + self._ahead

    @contextmanager
    def showing(self) -> Iterator[list[float]]:
        """However long the context takes, let the clock show the sum of the seconds put into the list."""
        started, seconds = self(), list[float]()
        yield seconds
        self._ahead += sum(seconds) - (self() - started)


def time_steps(variants: Sequence[Run], baseline: Run) -> list[Timing]:
    """Return seconds of a step of each variant by the loop, round by round, all taking turns with one baseline.

    Each round takes as many steps as fill about 10 ms of the baseline; the first few steps are not counted. Neither
    evaluation nor the reading of data is in it.
    """
    with pinned(), one_thread(), deterministic(baseline):
        trainings = [
            Training(run, run.task.make_split(dataset_of(run.task, run.seed), run.streams))
            for run in (*variants, baseline)
        ]
        for training in trainings:
            training.advance(WARM_UP)
        ((probe,),) = take_turns([partial(_seconds, trainings[-1], WARM_UP)], 1)
        steps = max(1, int(ROUND_SECONDS / probe))
        *found, base = take_turns([partial(_seconds, t, steps) for t in trainings], ROUNDS)
        return [Timing(seconds, base) for seconds in found]


def take_turns(contenders: Sequence[Callable[[], T]], rounds: int) -> list[list[T]]:
    """Call every contender once a round, without the garbage collector, and return the results of each, by round.

    Each round starts with another contender, so that nothing periodic favours one.
    """
    results: list[list[T]] = [[] for _ in contenders]
    gc.disable()
    try:
        for first in range(rounds):
            for i in range(len(contenders)):
                place = (first + i) % len(contenders)
                results[place].append(contenders[place]())
    finally:
        gc.enable()
    return results


def _seconds(training: Training, steps: int) -> float:
    """Return mean seconds of a step over some steps."""
    started = time.perf_counter()
    training.advance(steps)
    return (time.perf_counter() - started) / steps


@contextmanager
def pinned() -> Iterator[None]:
    """Keep this process on one core while the context lasts, where the system allows it."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(cores)})
    try:
        yield
    finally:
        # Processes started later inherit the mask, so it must not stay.
        os.sched_setaffinity(0, cores)
