"""Cohorts of runs that can be trained together, and the chunks of them that are sent to workers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from paribus.engines.vmapped.fit import why_not
from paribus.engines.vmapped.optimizers import shape_of
from paribus.runs.run import Run
from paribus.spec import digest, to_plain

MAX_CHUNK = 512


def cohort_key(run: Run) -> str:
    """Return a key that is equal for runs whose shapes are equal: they differ in seeds and in optimizer numbers only.

    All are trials, or none is.
    """
    trial = None if run.trial is None else 0
    run = replace(run, engine="loop", seed=0, redrawn=(), trial=trial)  # the engine is chosen later
    recipe = run.recipe
    if not why_not(run):
        recipe = recipe.model_copy(update={"optimizer": shape_of(recipe.optimizer), "salt": ""})
    return digest({**run.identity, "recipe": to_plain(recipe)})


def stacked(run: Run) -> bool:
    """Return whether a run's engine trains a cohort at once, compiled or not."""
    return run.engine.startswith("stacked")


def chunks(runs: Sequence[Run], jobs: int, largest: int = MAX_CHUNK) -> list[list[Run]]:
    """Return chunks of runs, each for one process: one run for the loop, part of a cohort for the stacked engine.

    A cohort is divided evenly, so that all processes have work, in chunks of at most ``largest``, and seed by seed:
    each has runs of all variants, whose numbers decide which operations a step has.
    """
    alone = [[run] for run in runs if not stacked(run)]
    cohorts: dict[tuple[str, str], list[Run]] = {}
    for run in runs:
        if stacked(run):
            cohorts.setdefault((run.engine, cohort_key(run)), []).append(run)
    return [
        chunk for cohort in cohorts.values() for chunk in _even_chunks(cohort, jobs, largest)
    ] + alone


def _even_chunks(cohort: list[Run], jobs: int, largest: int) -> list[list[Run]]:
    cohort = sorted(cohort, key=lambda run: run.seed)
    rounds = -(-len(cohort) // (jobs * largest))
    size = -(-len(cohort) // (jobs * rounds))
    return [cohort[i : i + size] for i in range(0, len(cohort), size)]
