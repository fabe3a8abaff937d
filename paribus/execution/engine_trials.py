"""Trial steps of each engine, where their costs cannot be told apart without."""

from __future__ import annotations

import time
from collections.abc import Sequence

from paribus.data.dataset import Split
from paribus.engines.simd.trainer import COMPILED, CompiledTraining
from paribus.engines.vmapped.fit import StackedTraining
from paribus.engines.vmapped.tracing import load_tracer
from paribus.engines.vmapped.trainer import WORTH_TRACING
from paribus.execution.executor import split_of
from paribus.execution.pool import warm_up
from paribus.runs.run import Run
from paribus.training.loop import Training, deterministic

# Stacked replicates of a trial; the time of more is in proportion.
MOST_TRIED = 32
TRIAL_SECONDS = 0.02
# What a trial costs: a start, with recording, and a few steps of all that are trained.
START_SECONDS, TRIED_STEPS = 0.2, 5
# Lanes take as many steps at once as there are between evaluations, which may be all.
MOST_STEPS = 64


class NotCompiledError(Exception):
    """Why steps were not compiled."""


def trial(engine: str, cohort: Sequence[Run], split: Split, chunk_size: int) -> float:
    """Return the seconds that a cohort's training takes by an engine, from a few steps.

    Args:
        engine: its name.
        cohort: what one process trains.
        split: what it is trained on, where seeds have no data of their own.
        chunk_size: how many replicates are stacked at most.

    Raises:
        NotCompiledError: steps in lanes were asked for, and there are none.
    """
    run, steps = cohort[0], cohort[0].recipe.steps
    warm_up()  # so that no trial has the import of torch's compiler in its time
    with deterministic(run):
        if engine == "loop":
            return len(cohort) * steps * _step_seconds(Training(run, split), 1)
        if run.recipe.steps >= WORTH_TRACING:
            load_tracer()  # which is no part of the training
        tried = cohort[: min(MOST_TRIED, chunk_size)]
        # How data of its own are laid out for each seed is part of what is recorded.
        splits = [split_of(run) if run.task.redrawn else split for run in tried]
        kind = CompiledTraining if engine == COMPILED else StackedTraining
        started = _clock(run.device)
        training = kind(tried, splits)
        # What is picked at once may be a hundred steps, which nobody waits for to choose an engine.
        training.advance(training.at_once + training.watching if engine == COMPILED else 1)
        if training.reason:
            raise NotCompiledError(training.reason)
        start = _clock(run.device) - started
        at_once = min(training.at_once, MOST_STEPS) if engine == COMPILED else 1
        step = _step_seconds(training, at_once)
        return start + steps * step * len(cohort) / len(tried)


def _step_seconds(training: Training | StackedTraining, at_once: int) -> float:
    """Return seconds of a step, the best of two rounds; a step that takes long is taken twice."""
    device = training.run.device if isinstance(training, Training) else training.device
    first = _taken(training, at_once, device)
    repeats = max(1, int(TRIAL_SECONDS / 2 / max(first * at_once, 1e-6)))
    return min(_taken(training, repeats * at_once, device) for _ in range(2 if repeats > 1 else 1))


def _taken(training: Training | StackedTraining, steps: int, device: str) -> float:
    """Return seconds of a step, of so many that are taken."""
    started = _clock(device)
    training.advance(steps)
    return (_clock(device) - started) / steps


def _clock(device: str) -> float:
    """Return seconds of this process, of which other processes take none; beside a GPU, which it waits for, of all."""
    return time.process_time() if device == "cpu" else time.perf_counter()
