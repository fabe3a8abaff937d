"""Which engine trains a run: asked for, or predicted from its work, and tried where predictions are close."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from paribus.engines.cohorts import MAX_CHUNK
from paribus.engines.simd.library import build_ahead
from paribus.engines.simd.trainer import COMPILED
from paribus.engines.vmapped.fit import why_not
from paribus.engines.vmapped.trainer import WORTH_TRACING
from paribus.execution.cost_model import chunk_size_of, costs, count_updates
from paribus.execution.engine_trials import START_SECONDS, TRIED_STEPS, NotCompiledError, trial
from paribus.execution.executor import split_of
from paribus.execution.executors import Executor, Failure, WorkerDiedError
from paribus.execution.local_workers import LocalExecutor
from paribus.execution.machine_rates import are_known, lane_rates, machine_rates
from paribus.execution.network_facts import network_facts
from paribus.execution.pool import one_thread
from paribus.runs.run import Run

# Less training than that has too little to gain from another engine than the loop.
WORTH_SECONDS = 0.2
# A step has hardly fewer operations: those of a layer, a loss, their gradients and an update.
FEWEST_OPERATIONS = 25
# Seconds that the loop takes for an operation on a fast machine, where this one's rates are not known yet.
LEAST_OPERATION = 5e-6
# Predictions of engines are told apart where one is so many times the other.
SURE = 2.0
# Trials may take this share of the training that they decide on.
TRIAL_SHARE = 0.02
# An engine that was not tried has to be predicted to be so many times as fast as the loop: where a step is mostly
# arithmetic, stacks wait for memory that several processes share, which a prediction for one of them does not see.
LOOP_AHEAD = 1.25
NAMES = {"loop": "by the loop", "stacked": "stacked", COMPILED: "compiled"}


class EngineChoice(NamedTuple):
    """Engine of a cohort or an arm.

    Attributes:
        engine: its name.
        reason: why it is taken.
        chunk_size: the largest chunk of replicates, which changes numbers by rounding at most.
        lasting: whether later sessions keep to it; not where no engine could be looked at.
    """

    engine: str
    reason: str
    chunk_size: int = MAX_CHUNK
    lasting: bool = True


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
    lasting = all(choice.lasting for choice in choices)
    return EngineChoice("loop", "; ".join(reasons) + for_all, lasting=lasting)


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


def resolve_each(
    questions: Sequence[EngineQuery],
    jobs: int,
    cluster: Callable[[int], Executor] | None = None,
) -> Iterator[tuple[int, EngineChoice]]:
    """Yield the engine for each question, with its place, as it is found.

    Questions are answered where and as what is chosen will be trained: side by side, on a ``cluster`` if there is one,
    which makes an executor that does so many pieces of work at once; on a GPU one after the other. Where a process died
    that looked for an answer, another one looks with nothing beside it, since somebody else may have killed the first.
    """
    for precision in {q.run.recipe.dtype for q in questions if _may_be_compiled(q)}:
        build_ahead(precision)
    alone = cluster is None and jobs == 1
    if alone or any(q.run.device != "cpu" for q in questions):
        yield from ((i, resolve(*question)) for i, question in enumerate(questions))
    else:
        if cluster is None:
            _measure_rates()  # which all processes read, and only one that nothing disturbs measures
        kind: Callable[[int], Executor] = cluster or LocalExecutor
        died = list[tuple[int, EngineQuery]]()
        for numbered, found in kind(jobs).spread(_resolved, enumerate(questions), limit=_limit):
            if isinstance(found, Failure) and isinstance(found.error, WorkerDiedError):
                died.append(numbered)
            else:
                yield numbered[0], _chosen(found)
        again = kind(1).spread(_resolved, died, limit=_limit) if died else ()
        for (i, _), found in again:
            yield i, _chosen(found)


def _measure_rates() -> None:
    """Have a worker measure this machine, if nobody has: it has loaded already what a step takes."""
    if not are_known():
        for _, found in LocalExecutor(1).spread(_rates_here, [None], limit=_limit):
            if isinstance(found, Failure):
                machine_rates()


def _rates_here(_: None) -> None:
    machine_rates()


TRIAL_LIMIT = 3600.0
"""Seconds after which the choice of an engine, which tries a few steps, is taken to hang."""


def _limit(_numbered: object) -> float:
    return TRIAL_LIMIT


def _chosen(found: EngineChoice | Failure) -> EngineChoice:
    """Return what was found; for now the loop where the process that looked was lost, and the run will tell.

    Raises:
        ParibusError: the network, the loss or the data raised an error.
    """
    if not isinstance(found, Failure):
        return found
    if not found.lost:
        raise found.error
    reason = f"its first steps could not be timed: {found.error}"
    return EngineChoice("loop", reason, lasting=False)


def _resolved(numbered: tuple[int, EngineQuery]) -> EngineChoice:
    query = numbered[1]
    chosen = resolve(*query)
    if chosen.engine != "loop":
        # A forecast asks for them, in a process that would load torch's compiler to count.
        count_updates(run.recipe for run in query.beside)
    return chosen


def _may_be_compiled(question: EngineQuery) -> bool:
    """Return whether the training is long enough that SIMD lanes are likely asked for."""
    wanted, run, replicates, _ = question
    steps = run.recipe.steps
    least = FEWEST_OPERATIONS * LEAST_OPERATION * steps * replicates
    long = replicates > 1 and steps >= WORTH_TRACING and least >= WORTH_SECONDS
    return wanted != "loop" and run.device == "cpu" and long and not why_not(run)


def _cohort(question: EngineQuery) -> list[Run]:
    """Return as many runs as are trained together: those of the question in turn, seed after seed."""
    runs = [run.unstarted() for run in (question.run, *question.beside)]
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
        if wanted == "auto" and (reason := _too_little(run, replicates)):
            return EngineChoice("loop", reason)
        if reason := why_not(run):
            return EngineChoice("loop", reason)
        return _best(wanted, cohort)


def _too_little(run: Run, replicates: int) -> str:
    """Return why no other engine than the loop is looked at, or nothing."""
    if replicates == 1:
        return "a single run"
    if run.device != "cpu":
        return ""
    least = FEWEST_OPERATIONS * machine_rates().loop_operation * run.recipe.steps * replicates
    if least >= WORTH_SECONDS:
        return ""
    return f"{replicates} runs of {run.recipe.steps} steps, too little to gain by stacking"


def _best(wanted: str, cohort: Sequence[Run]) -> EngineChoice:
    """Return the engine that is predicted, or else tried, to train a cohort in the least time."""
    run = cohort[0]
    facts = network_facts(run)
    if isinstance(facts, str):
        return EngineChoice("loop", facts)
    if wanted == "stacked" and (len(cohort) == 1 or run.recipe.steps < WORTH_TRACING):
        return EngineChoice("stacked", ASKED)
    if run.device != "cpu" or not facts.counted:  # rates and counts say nothing of it
        chunk_size = chunk_size_of(run) if run.device == "cpu" else MAX_CHUNK
        if wanted == "stacked":
            return EngineChoice("stacked", ASKED, chunk_size)
        return _tried(["loop", "stacked"], cohort, "", chunk_size)
    predicted, chunk_size = costs(facts, run.recipe, len(cohort), machine_rates(), lane_rates)
    if wanted == "stacked":
        del predicted["loop"]
    asked = f"{ASKED}; " if wanted == "stacked" else ""
    close = unsure(predicted)
    if len(close) > 1 and _worth_trying(predicted, close, run.recipe.steps):
        return _tried(close, cohort, asked, chunk_size)
    return _least(predicted, f"{asked}predicted", chunk_size, LOOP_AHEAD)


ASKED = "asked for"


def _least(
    seconds: Mapping[str, float], how: str, chunk_size: int, ahead: float = 1.0
) -> EngineChoice:
    """Return the engine of the least seconds; how those are known stands before them in the reason.

    The loop is taken where no other engine is ``ahead`` times as fast.
    """
    engine = min(seconds, key=seconds.__getitem__)
    if seconds.get("loop", float("inf")) < ahead * seconds[engine]:
        engine = "loop"
    reason = f"{how}: {_told(seconds)}"
    return EngineChoice(engine, reason, MAX_CHUNK if engine == "loop" else chunk_size)


def unsure(predicted: Mapping[str, float]) -> list[str]:
    """Return the engines that may be the best: those whose seconds are predicted to be within twice the least.

    >>> unsure({"loop": 9.0, "stacked": 1.9, "stacked-compiled": 1.0})
    ['stacked', 'stacked-compiled']
    """
    least = min(predicted.values())
    return [engine for engine, seconds in predicted.items() if seconds < SURE * least]


def _worth_trying(predicted: Mapping[str, float], engines: Sequence[str], steps: int) -> bool:
    """Return whether trials of these engines take a small share of the training.

    >>> _worth_trying({"loop": 23.0, "stacked": 22.0}, ["loop", "stacked"], steps=10_000)
    True
    >>> _worth_trying({"loop": 19.0, "stacked": 20.0}, ["loop", "stacked"], steps=10_000)
    False
    """
    trials = sum(START_SECONDS + TRIED_STEPS * predicted[engine] / steps for engine in engines)
    return trials <= TRIAL_SHARE * min(predicted.values())


def _tried(
    engines: Sequence[str], cohort: Sequence[Run], asked: str, chunk_size: int
) -> EngineChoice:
    """Return the engine whose trial steps take the least time, or the loop where they fail."""
    found, refusal, split = dict[str, float](), "", split_of(cohort[0])
    for engine in engines:
        try:
            found[engine] = trial(engine, cohort, split, chunk_size)
        except NotCompiledError as error:
            refusal = f"; not compiled: {error}"
        except Exception as error:  # noqa: BLE001 - a training that fails is told when it is trained
            return EngineChoice("loop", f"a trial step failed: {error}".partition("\n")[0])
    chosen = _least(found, f"{asked}tried", chunk_size)
    return chosen._replace(reason=f"{chosen.reason}{refusal}")


def _told(seconds: Mapping[str, float]) -> str:
    """Return seconds of each engine in words.

    >>> _told({"loop": 9.04, "stacked": 0.52})
    '9 s by the loop, 0.52 s stacked'
    """
    return ", ".join(f"{s:.2g} s {NAMES[engine]}" for engine, s in seconds.items())
