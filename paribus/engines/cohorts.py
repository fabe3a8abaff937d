"""Cohorts of runs that can be trained together, and the chunks of them that are sent to workers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from paribus.engines.vmapped.fit import why_not
from paribus.engines.vmapped.optimizers import shape_of
from paribus.runs.run import Run
from paribus.spec import digest

MAX_CHUNK = 512
# Replicates of a chunk from which on half of them take about half of the time.
EFFICIENT = 32


def cohort_key(run: Run) -> str:
    """Return a key that is equal for runs whose shapes are equal: they differ in seeds and in optimizer numbers only.

    All are trials, or none is.
    """
    trial = None if run.trial is None else 0
    run = replace(run, engine="loop", seed=0, redrawn=(), trial=trial)  # the engine is chosen later
    recipe = run.recipe
    if not why_not(run):
        recipe = recipe.model_copy(update={"optimizer": shape_of(recipe.optimizer), "salt": ""})
    return digest({**run.identity, "recipe": recipe})


def stacked(run: Run) -> bool:
    """Return whether a run's engine trains a cohort at once, compiled or not."""
    return run.engine.startswith("stacked")


def chunks(
    runs: Sequence[Run],
    jobs: int,
    largest: Callable[[Run], int] = lambda _run: MAX_CHUNK,
    seconds: Callable[[Sequence[Run]], float] = len,
) -> list[list[Run]]:
    """Return chunks of runs, each for one process: one run for the loop, part of a cohort for the stacked engine.

    A small cohort takes hardly less time by halves, so it stays whole where other work keeps the other processes busy:
    as many cohorts as are left over when all processes have had the same number are divided evenly, the largest ones,
    and so are those whose parts are large still. Chunks are of limited size, and seed by seed: each has runs of all
    variants, whose numbers decide which operations a step has. The longest come first.

    Args:
        runs: of any cohorts.
        jobs: processes.
        largest: tells how many runs a chunk has at most, by one of them.
        seconds: tells how long a chunk takes, in any unit.
    """
    alone = [[run] for run in runs if not stacked(run)]
    by_key: dict[tuple[str, str], list[Run]] = {}
    for run in runs:
        if stacked(run):
            by_key.setdefault((run.engine, cohort_key(run)), []).append(run)
    cohorts = sorted(by_key.values(), key=len, reverse=True)
    counts = parts([len(cohort) for cohort in cohorts], jobs, beside=len(alone))
    work = [
        chunk
        for cohort, count in zip(cohorts, counts, strict=True)
        for chunk in _even_chunks(cohort, count, largest(cohort[0]))
    ]
    return sorted(work, key=seconds, reverse=True) + alone


def parts(sizes: Sequence[int], jobs: int, beside: int = 0) -> list[int]:
    """Return over how many processes each cohort is divided.

    Args:
        sizes: of cohorts that are trained at once, the largest first.
        jobs: processes.
        beside: runs that are trained one by one beside them.

    >>> parts([20, 10, 10], jobs=2), parts([100, 10], jobs=2), parts([10], jobs=2)
    ([2, 1, 1], [2, 1], [2])
    """
    left_over = 0 if beside else len(sizes) % jobs
    divided = (i < left_over or size >= jobs * EFFICIENT for i, size in enumerate(sizes))
    return [jobs if each else 1 for each in divided]


def _even_chunks(cohort: list[Run], parts: int, largest: int) -> list[list[Run]]:
    cohort = sorted(cohort, key=lambda run: run.seed)
    rounds = -(-len(cohort) // (parts * largest))
    size = -(-len(cohort) // (parts * rounds))
    return [cohort[i : i + size] for i in range(0, len(cohort), size)]
