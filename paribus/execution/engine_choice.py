"""Which engine trains a run: asked for, or measured once for its kind of training and then kept."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

from paribus.data.dataset import Split
from paribus.engines.cohorts import MAX_CHUNK
from paribus.engines.simd.trainer import COMPILED, CompiledTraining
from paribus.engines.vmapped.fit import StackedTraining, self_check, why_not
from paribus.execution.executor import split_of, spread
from paribus.execution.pool import one_thread, warm_up
from paribus.runs.run import Run
from paribus.training.loop import Training, deterministic

# Choosing takes a few tenths of a second: a check in float64, and a few steps of either engine.
WORTH_SECONDS = 1.0
MEASURED_SECONDS = 0.05
MOST_MEASURED = 64
# Lanes take as many steps at once as there are between evaluations, which may be all.
MOST_STEPS_MEASURED = 64
# Shorter trainings, by steps and by seconds in a process, are not tried in lanes.
FEWEST_IN_LANES, WORTH_LANES = 500, 1.0
# Seconds that recording the steps takes a process, and holding them against one another.
LOADING = 0.5
# Fewer steps than that are taken in the time that it takes to measure what suits them.
FEWEST_MEASURED = 200
# Halving what is trained at once has to save this share of a step to be worth the overhead of twice as many chunks.
WORTH_HALVING = 0.1
# Trying a half takes some tenths of a second, and less training than that has too little to gain from it.
WORTH_TRYING_HALVES = 5.0


class EngineChoice(NamedTuple):
    """Engine, its reason and the largest chunk of replicates, which changes numbers by rounding at most."""

    engine: str
    reason: str
    chunk_size: int = MAX_CHUNK


def common(choices: Sequence[EngineChoice]) -> EngineChoice:
    """Return one engine for all variants of a comparison: the one that all would have, or else the loop.

    Engines agree to rounding and not to the bit, and their times do not compare, so none may vary with the factor.
    """
    engines = {choice.engine for choice in choices}
    if "loop" not in engines:
        engine = engines.pop() if len(engines) == 1 else "stacked"
        reason = "; ".join(dict.fromkeys(choice.reason for choice in choices))
        # A process is given no more than suit all cohorts.
        return EngineChoice(engine, reason, min(choice.chunk_size for choice in choices))
    reasons = dict.fromkeys(choice.reason for choice in choices if choice.engine == "loop")
    for_all = "" if engines == {"loop"} else ", and one engine trains all variants"
    return EngineChoice("loop", "; ".join(reasons) + for_all)


class EngineQuery(NamedTuple):
    """Which engine is wanted for a cohort.

    Attributes:
        wanted: ``auto``, ``loop`` or ``stacked``.
        run: one of its runs.
        replicates: how many are trained together in one process.
        beside: runs of other variants among them, whose numbers may decide which operations a step has.
    """

    wanted: str
    run: Run
    replicates: int
    beside: Sequence[Run] = ()


def resolve_each(questions: Sequence[EngineQuery], jobs: int) -> Iterator[tuple[int, EngineChoice]]:
    """Yield the engine for each question, with its place, as it is found.

    Questions are answered side by side, as what is chosen will be trained; on a GPU one after the other.
    """
    if jobs == 1 or len(questions) == 1 or any(q.run.device != "cpu" for q in questions):
        yield from ((i, _resolved(question)) for i, question in enumerate(questions))
    else:
        yield from spread(_resolved, questions, jobs)


def _resolved(question: EngineQuery) -> EngineChoice:
    return resolve(*question)


def _cohort(question: EngineQuery) -> list[Run]:
    """Return as many runs as are trained together: those of the question in turn, seed after seed."""
    runs = list(map(_unstarted, (question.run, *question.beside)))
    return [
        replace(runs[i % len(runs)], seed=question.run.seed + i // len(runs))
        for i in range(question.replicates)
    ]


def resolve(wanted: str, run: Run, replicates: int, beside: Sequence[Run] = ()) -> EngineChoice:
    """Return the engine for a kind of training; the arguments are those of a `EngineQuery`.

    A network that cannot be stacked is trained by the loop whatever was asked for, and the reason says why.
    """
    if wanted == "loop":
        return EngineChoice("loop", "asked for")
    cohort = _cohort(EngineQuery(wanted, run, replicates, beside))
    run = cohort[0]
    with one_thread():
        warm_up()
        split = split_of(run)
        alone = 0.0
        if wanted == "auto":
            alone, reason = _worth(run, split, replicates)
            if reason:
                return EngineChoice("loop", reason)
        reason = why_not(run) or self_check(run, split)
        if reason:
            return EngineChoice("loop", reason)
        return _stacked(wanted, cohort, split, alone)


def _unstarted(run: Run) -> Run:
    """Return the run from weights of its own: where it starts from changes no time, and others' training takes some."""
    return replace(run, recipe=run.recipe.model_copy(update={"start": None}))


def _worth(run: Run, split: Split, replicates: int) -> tuple[float, str]:
    """Return seconds of a step by the loop, and why stacking is not even looked at, or nothing."""
    if replicates == 1:
        return 0.0, "a single run"
    try:
        alone = _loop_seconds(run, split)
    except Exception as error:  # noqa: BLE001 - a training that fails is told when it is trained
        return 0.0, f"a trial step failed: {error}".partition("\n")[0]
    in_all = alone * run.recipe.steps * replicates
    little = in_all < WORTH_SECONDS
    return (
        alone,
        f"about {in_all:.1f} s of training, too little to gain by stacking" if little else "",
    )


def _loop_seconds(run: Run, split: Split) -> float:
    with deterministic(run):
        return _seconds(Training(run, split))


def _stacked(wanted: str, cohort: Sequence[Run], split: Split, alone: float) -> EngineChoice:
    """Return the stacked engine in the form and chunk size that suit it best, or the loop where it is faster."""
    steps = cohort[0].recipe.steps
    if wanted == "stacked" and (len(cohort) == 1 or steps < FEWEST_MEASURED):
        return EngineChoice("stacked", "asked for")
    best = best_chunk_size(cohort, split)
    if wanted == "stacked":
        chosen = EngineChoice("stacked", "asked for", best.limit)
    else:
        each = best.each(steps)
        reason = (
            f"{alone * 1e6:.0f} µs a step by the loop, {each * 1e6:.0f} stacked by {best.tried}"
        )
        if each >= alone:
            return EngineChoice("loop", reason)
        chosen = EngineChoice("stacked", reason, best.limit)
    at_once = best.dealt(len(cohort))
    return _form(chosen, cohort[:at_once], split, best.step * at_once / best.tried)


class ChunkSize(NamedTuple):
    """Number of runs that are best trained at once, with their times.

    Attributes:
        limit: of how many a process is given at once; as many as there are, where more than were tried may be better.
        tried: how many were measured.
        step: seconds of a step of all of these.
        start: seconds that they took to start.
    """

    limit: int
    tried: int
    step: float
    start: float

    def each(self, steps: int) -> float:
        """Return seconds of a step of one of them, the start spread over so many steps."""
        return (self.step + self.start / steps) / self.tried

    def dealt(self, replicates: int) -> int:
        """Return how many of so many are trained at once, in chunks as equal as can be."""
        return -(-replicates // -(-replicates // self.limit))


def best_chunk_size(cohort: Sequence[Run], split: Split) -> ChunkSize:
    """Halve the chunk for as long as that saves time.

    A large network's replicates leave a core's cache, and convolutions in groups get slower the more groups there are.
    Every chunk's start is part of its time.
    """
    steps, largest = cohort[0].recipe.steps, min(len(cohort), MOST_MEASURED)
    best = ChunkSize(MAX_CHUNK, largest, *_stacked_seconds(cohort[:largest], split))
    worth = best.each(steps) * steps * largest >= WORTH_TRYING_HALVES
    while worth and best.tried > 1:
        half = -(-best.tried // 2)
        halved = ChunkSize(half, half, *_stacked_seconds(cohort[:half], split))
        if halved.each(steps) > (1 - WORTH_HALVING) * best.each(steps):
            break
        best = halved
    return best


def _form(chosen: EngineChoice, cohort: Sequence[Run], split: Split, plain: float) -> EngineChoice:
    """Return the form of a stacked step: operation by operation, or compiled where that repays itself.

    On a GPU the same question is asked of its own times; capturing a step as a CUDA graph would be a third answer here.

    Args:
        chosen: the stacked engine.
        cohort: of one chunk.
        split: what it is trained on.
        plain: seconds of a step of all of them that is not compiled.
    """
    steps = cohort[0].recipe.steps
    if steps < FEWEST_IN_LANES or plain * steps < WORTH_LANES:
        return chosen
    try:
        compiled = _compiled_seconds(cohort, split)
    except NotCompiledError as why:
        return chosen._replace(reason=f"{chosen.reason}; not compiled: {why}")
    reason = f"{chosen.reason}; {plain * 1e6:.0f} µs a step of all {len(cohort)}, {compiled * 1e6:.0f} compiled"
    return EngineChoice(
        COMPILED if pays(plain, compiled, steps) else "stacked", reason, chosen.chunk_size
    )


def pays(plain: float, compiled: float, steps: int) -> bool:
    """Return whether machine code repays loading it, by seconds a step without it and with it, in each process.

    >>> pays(0.0010, 0.0005, 1000), pays(0.0010, 0.0005, 1001)
    (False, True)
    """
    return (plain - compiled) * steps > LOADING


class NotCompiledError(Exception):
    """Why steps were not compiled."""


def _stacked_seconds(runs: Sequence[Run], split: Split) -> tuple[float, float]:
    """Return seconds of a step of so many replicates, and those that the start took, recording included."""
    with deterministic(runs[0]):
        started = time.perf_counter()
        training = StackedTraining(runs, [split] * len(runs))
        # What is picked at once may be a hundred steps, which nobody waits for to choose an engine.
        training.advance(1)
        start = time.perf_counter() - started
        return _seconds(training), start


def _compiled_seconds(runs: Sequence[Run], split: Split) -> float:
    """Return seconds of a compiled step of so many replicates.

    Args:
        runs: of one process.
        split: what they are trained on, where seeds have no data of their own.

    Raises:
        NotCompiledError: there is no machine code, and why.
    """
    # How data of its own are laid out for each seed is part of what is compiled.
    splits = [split_of(run) if run.task.redrawn else split for run in runs]
    with deterministic(runs[0]):
        training = CompiledTraining(runs, splits)
        if not training.reason:
            # One more where the last one is watched, which is taken apart.
            training.advance(training.at_once + training.watching)
        if training.reason:
            raise NotCompiledError(training.reason)
        return _seconds(training, min(training.at_once, MOST_STEPS_MEASURED))


def _seconds(training: Training | StackedTraining, at_once: int = 1) -> float:
    """Return seconds of a step, the best of three rounds of steps; a step that takes long is taken twice."""
    first = _taken(training, at_once)
    if at_once * first > MEASURED_SECONDS:
        return min(first, _taken(training, at_once))
    _taken(training, at_once)
    repeats = max(1, int(MEASURED_SECONDS / 3 / (at_once * _taken(training, at_once))))
    return min(_taken(training, repeats * at_once) for _ in range(3))


def _taken(training: Training | StackedTraining, steps: int) -> float:
    """Return seconds of a step, of so many that are taken."""
    started = time.perf_counter()
    training.advance(steps)
    return (time.perf_counter() - started) / steps
