"""Which engine trains a run: asked for, or measured once for its kind of training and then kept."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

from paribus.data import Fold
from paribus.executor import fold_of, one_thread, spread, warm_up
from paribus.run import Run
from paribus.training.cohorts import LARGEST
from paribus.training.compiled import COMPILED, CompiledTraining
from paribus.training.loop import Training, deterministic
from paribus.training.stacked import StackedTraining, self_check, why_not

# Choosing takes a few tenths of a second: a check in float64, and a few steps of either engine.
WORTH_SECONDS = 1.0
MEASURED_SECONDS = 0.05
MOST_MEASURED = 64
# A cohort whose steps take less is not worth the trial: compiling takes 5 to 10 s, loading what was compiled before 2
# to 6 s in each process, and a step becomes about twice as fast.
WORTH_COMPILING = 120.0
FEWEST_COMPILED = 5000
# Fewer steps than that are taken in the time that it takes to measure what suits them.
FEWEST_MEASURED = 200


# Halving what is trained at once has to save this share of a step to be worth the overhead of twice as many portions.
WORTH_HALVING = 0.1
# Trying a half takes some tenths of a second, and less training than that has too little to gain from it.
WORTH_TRYING_HALVES = 5.0


class Choice(NamedTuple):
    """An engine, why, and the most replicates that a process trains at once, which changes no number."""

    engine: str
    reason: str
    portion: int = LARGEST


def common(choices: Sequence[Choice]) -> Choice:
    """One engine for all variants of a comparison: the one that all would have, or else the loop.

    Engines agree to rounding and not to the bit, and their times do not compare, so none may vary with the factor.
    """
    engines = {choice.engine for choice in choices}
    if "loop" not in engines:
        engine = engines.pop() if len(engines) == 1 else "stacked"
        reason = "; ".join(dict.fromkeys(choice.reason for choice in choices))
        return Choice(engine, reason, min(choice.portion for choice in choices))
    reasons = dict.fromkeys(choice.reason for choice in choices if choice.engine == "loop")
    for_all = "" if engines == {"loop"} else ", and one engine trains all variants"
    return Choice("loop", "; ".join(reasons) + for_all)


class Question(NamedTuple):
    """Which engine is wanted for a run and how many others that are trained with it in one process."""

    wanted: str
    run: Run
    replicates: int


def resolve_each(questions: Sequence[Question], jobs: int) -> Iterator[tuple[int, Choice]]:
    """The engine for each question, with its place, as it is found.

    They are measured side by side, as what is chosen will be trained; on a GPU one after the other.
    """
    if jobs == 1 or len(questions) == 1 or any(q.run.device != "cpu" for q in questions):
        yield from ((i, resolve(*question)) for i, question in enumerate(questions))
    else:
        yield from spread(_resolved, questions, jobs)


def _resolved(question: Question) -> Choice:
    return resolve(*question)


def resolve(wanted: str, run: Run, replicates: int) -> Choice:
    """The engine for a kind of training.

    Args:
        wanted: ``auto``, ``loop`` or ``stacked``.
        run: one of its runs.
        replicates: how many are trained together in one process.

    A network that cannot be stacked is trained by the loop whatever was asked for, and the reason says why.
    """
    if wanted == "loop":
        return Choice("loop", "asked for")
    # Where weights start from changes no time, and others' training takes some.
    run = replace(run, recipe=run.recipe.model_copy(update={"start": None}))
    with one_thread():
        warm_up()
        fold = fold_of(run)
        alone = 0.0
        if wanted == "auto":
            alone, reason = _worth(run, fold, replicates)
            if reason:
                return Choice("loop", reason)
        reason = why_not(run) or self_check(run, fold)
        if reason:
            return Choice("loop", reason)
        chosen = _stacked(wanted, run, fold, replicates, alone)
        return _form(chosen, run, fold, replicates) if chosen.engine == "stacked" else chosen


def _worth(run: Run, fold: Fold, replicates: int) -> tuple[float, str]:
    """Seconds of a step by the loop, and why stacking is not even looked at, or nothing."""
    if replicates == 1:
        return 0.0, "a single run"
    try:
        alone = _loop_seconds(run, fold)
    except Exception as error:  # noqa: BLE001 - a training that fails is told when it is trained
        return 0.0, f"a trial step failed: {error}".partition("\n")[0]
    in_all = alone * run.recipe.steps * replicates
    little = in_all < WORTH_SECONDS
    return (
        alone,
        f"about {in_all:.1f} s of training, too little to gain by stacking" if little else "",
    )


def _loop_seconds(run: Run, fold: Fold) -> float:
    with deterministic(run):
        return _seconds(Training(run, fold))


def _stacked(wanted: str, run: Run, fold: Fold, replicates: int, alone: float) -> Choice:
    """The stacked engine with the portion that suits it best, or the loop if ``auto`` finds that it takes less time."""
    asked = Choice("stacked", "asked for")
    if wanted == "stacked" and (replicates == 1 or run.recipe.steps < FEWEST_MEASURED):
        return asked
    limit, portion, each = best_portion(run, fold, replicates)
    if wanted == "stacked":
        return asked._replace(portion=limit)
    found = f"{alone * 1e6:.0f} µs a step by the loop, {each * 1e6:.0f} stacked by {portion}"
    return Choice("stacked", found, limit) if each < alone else Choice("loop", found)


class Portion(NamedTuple):
    """How many are best trained at once.

    Attributes:
        limit: of how many a process is given at once; as many as there are, where more than were tried may be better.
        tried: how many were measured.
        each: seconds of a step of one of them.
    """

    limit: int
    tried: int
    each: float


def best_portion(run: Run, fold: Fold, replicates: int) -> Portion:
    """What is trained at once is halved for as long as that saves time.

    A large network's replicates leave a core's cache, and convolutions in groups get slower the more groups there are.
    Every portion's start is part of its time.
    """
    most = tried = min(replicates, MOST_MEASURED)
    each = _each(run, fold, tried)
    worth = each * run.recipe.steps * tried >= WORTH_TRYING_HALVES
    while worth and tried > 1:
        half = -(-tried // 2)
        found = _each(run, fold, half)
        if found > (1 - WORTH_HALVING) * each:
            break
        tried, each = half, found
    return Portion(LARGEST if tried == most else tried, tried, each)


def _each(run: Run, fold: Fold, replicates: int) -> float:
    """Seconds of a step of one of so many that are stacked, their start spread over the steps."""
    step, start = _stacked_seconds(StackedTraining, run, fold, replicates)
    return (step + start / run.recipe.steps) / replicates


def _form(chosen: Choice, run: Run, fold: Fold, replicates: int) -> Choice:
    """The form of a stacked step: operation by operation, or compiled where that repays itself.

    On a GPU the same question is asked of its own times; capturing a step as a CUDA graph would be a third answer here.
    """
    replicates = min(replicates, chosen.portion)
    steps = run.recipe.steps
    if steps < FEWEST_COMPILED:
        return chosen
    plain, _ = _stacked_seconds(StackedTraining, run, fold, replicates)
    if plain * steps < WORTH_COMPILING:
        return chosen
    try:
        compiled, build = _stacked_seconds(CompiledTraining, run, fold, replicates)
    except NotCompiledError as why:
        return chosen._replace(reason=f"{chosen.reason}; not compiled: {why}")
    found = f"{chosen.reason}; {plain * 1e6:.0f} µs a step of all {replicates}, {compiled * 1e6:.0f} compiled"
    return Choice(COMPILED if pays(plain, compiled, build, steps) else "stacked", found)


def pays(plain: float, compiled: float, build: float, steps: int) -> bool:
    """Whether compiling repays itself, within one process: seconds a step of either, and those of compiling.

    >>> pays(0.0014, 0.0006, 8.0, 10_000), pays(0.0014, 0.0006, 8.0, 9_999)
    (False, False)
    >>> pays(0.0014, 0.0006, 8.0, 10_001)
    True
    """
    return (plain - compiled) * steps > build


class NotCompiledError(Exception):
    """Why steps were not compiled."""


def _stacked_seconds(
    kind: type[StackedTraining], run: Run, fold: Fold, replicates: int
) -> tuple[float, float]:
    """Seconds of a step of so many replicates, and those that the start took, recording and compiling included."""
    seeds = [replace(run, seed=run.seed + i) for i in range(replicates)]
    with deterministic(run):
        started = time.perf_counter()
        training = kind(seeds, [fold] * replicates)
        # What is picked at once and not compiled may be a hundred steps, which nobody waits for to choose an engine.
        unit = training.at_once if kind is CompiledTraining else 1
        training.advance(unit)
        start = time.perf_counter() - started
        if training.reason:
            raise NotCompiledError(training.reason)
        return _seconds(training, unit), start


def _seconds(training: Training | StackedTraining, unit: int = 1) -> float:
    """Seconds of a step, the best of three rounds of so many units of steps; a step that takes long is taken twice."""
    first = _taken(training, unit)
    if unit * first > MEASURED_SECONDS:
        return min(first, _taken(training, unit))
    _taken(training, unit)
    units = max(1, int(MEASURED_SECONDS / 3 / (unit * _taken(training, unit))))
    return min(_taken(training, units * unit) for _ in range(3))


def _taken(training: Training | StackedTraining, steps: int) -> float:
    """Seconds of a step, of so many that are taken."""
    started = time.perf_counter()
    training.advance(steps)
    return (time.perf_counter() - started) / steps
