"""Time of one training step against the baseline's: interleaved, on one pinned thread, device synchronised.

It is always a step of the loop, whichever engine trained: the stacked engine takes no step of one run alone.
"""

from __future__ import annotations

import gc
import os
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from filelock import FileLock, Timeout

from paribus.data.cache import claims_folder
from paribus.execution.executor import dataset_of
from paribus.execution.executors import Failure, WorkerDiedError
from paribus.execution.local_workers import LocalExecutor
from paribus.execution.pool import one_thread
from paribus.runs.run import Run
from paribus.runs.timing import Timing
from paribus.training.loop import Training, deterministic

ROUNDS = 11
ROUND_SECONDS = 0.01
WARM_UP = 3
TIMERS = 2
"""Processes that time at once, each on a core of its own: more of them would wait for each other's memory."""

T = TypeVar("T")


class Turns(NamedTuple):
    """Variants that take turns with their baseline, one run of each."""

    variants: Sequence[Run]
    baseline: Run


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


def time_side_by_side(
    work: Sequence[Turns], timers: int, limit: Callable[[Turns], float]
) -> Generator[tuple[int, list[Timing] | Failure], None, None]:
    """Yield the place of each in ``work`` and what `time_steps` returns for it, some at a time, each on its own core.

    Variants and their baseline take turns in one process, so that what goes on beside them slows all of them alike.
    Where a process is killed, that is done once more, with nothing beside it.

    Args:
        work: what is timed.
        timers: how many processes time at once.
        limit: tells how many seconds each may take.
    """
    claims = claims_folder()
    pieces = [(i, turns, claims) for i, turns in enumerate(work)]
    killed = list[tuple[int, Turns, Path | None]]()

    def timed(processes: LocalExecutor, pieces: Sequence[tuple[int, Turns, Path | None]]) -> Any:
        return closing(processes.spread(_timed, pieces, limit=lambda piece: limit(piece[1])))

    with timed(LocalExecutor(timers if claims else 1), pieces) as done:
        for piece, found in done:
            if isinstance(found, Failure) and isinstance(found.error, WorkerDiedError):
                # Perhaps by somebody else, or for want of memory beside another.
                killed.append(piece)
            else:
                yield piece[0], found
    with timed(LocalExecutor(1), killed) as done:
        for piece, found in done:
            yield piece[0], found


def _timed(piece: tuple[int, Turns, Path | None]) -> list[Timing]:
    _, turns, claims = piece
    return time_steps(*turns, claims)


def time_steps(variants: Sequence[Run], baseline: Run, claims: Path | None = None) -> list[Timing]:
    """Return seconds of a step of each variant by the loop, round by round, all taking turns with one baseline.

    Each round takes as many steps as fill about 10 ms of the baseline; the first few steps are not counted. Neither
    evaluation nor the reading of data is in it.

    Args:
        variants: one run of each.
        baseline: a run of theirs.
        claims: as `pinned` takes them.
    """
    with pinned(claims), one_thread(), deterministic(baseline):
        trainings: list[Training] = []
        for run in (each.unstarted() for each in (*variants, baseline)):
            beside = next((t for t in trainings if _same_data(t.run, run)), None)
            if beside is None:
                split = run.task.make_split(dataset_of(run.task, run.seed), run.streams)
                trainings.append(Training(run, split))
            else:  # the data are there once, however many variants there are
                trainings.append(Training(run, beside.split, beside.parts))
        for training in trainings:
            training.advance(WARM_UP)
        ((probe,),) = take_turns([partial(_seconds, trainings[-1], WARM_UP)], 1)
        steps = max(1, int(ROUND_SECONDS / probe))
        *found, base = take_turns([partial(_seconds, t, steps) for t in trainings], ROUNDS)
        return [Timing(seconds, base) for seconds in found]


def _same_data(one: Run, other: Run) -> bool:
    """Return whether two runs have the same parts of one split."""
    alike = one.recipe.dtype == other.recipe.dtype and one.device == other.device
    return alike and one.task == other.task and one.streams == other.streams


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
def pinned(claims: Path | None = None) -> Iterator[None]:
    """Keep this process on one core while the context lasts, where the system allows it.

    Args:
        claims: folder in which processes that are pinned at the same time say whose a core is, so that none share one.
    """
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    cores = os.sched_getaffinity(0)
    with ExitStack() as held:
        for core in sorted(cores, reverse=True):
            if claims is None or _claimed(claims / f"core-{core}", held):
                os.sched_setaffinity(0, {core})
                # Processes started later inherit the mask, so it must not stay.
                held.callback(os.sched_setaffinity, 0, cores)
                break
        yield


def _claimed(file: Path, held: ExitStack) -> bool:
    """Return whether no other process holds a file, which this one does from now on, until it ends at the latest."""
    lock = FileLock(file)
    try:
        held.enter_context(lock.acquire(blocking=False))
    except Timeout:
        return False
    return True
