"""Which engine trains a run: asked for, or measured once for its kind of training and then kept."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from paribus.data import Fold
from paribus.executor import fold_of, one_thread, warm_up
from paribus.run import Run
from paribus.training.loop import Training, deterministic
from paribus.training.stacked import StackedTraining, self_check, why_not

# Choosing takes about a second: a check in float64, and a few steps of either engine.
WORTH_SECONDS = 5.0
MEASURED_SECONDS = 0.1
MOST_MEASURED = 64


class Choice(NamedTuple):
    """An engine, and why."""

    engine: str
    reason: str


def common(choices: Sequence[Choice]) -> Choice:
    """One engine for all variants of a comparison: the one that all would have, or else the loop.

    Engines agree to rounding and not to the bit, and their times do not compare, so none may vary with the factor.
    """
    engines = {choice.engine for choice in choices}
    if "loop" not in engines:
        engine = engines.pop() if len(engines) == 1 else "stacked"
        return Choice(engine, "; ".join(dict.fromkeys(choice.reason for choice in choices)))
    reasons = dict.fromkeys(choice.reason for choice in choices if choice.engine == "loop")
    for_all = "" if engines == {"loop"} else ", and one engine trains all variants"
    return Choice("loop", "; ".join(reasons) + for_all)


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
        if wanted == "stacked":
            return Choice("stacked", "asked for")
        return _faster(run, fold, min(replicates, MOST_MEASURED), alone)


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


def _faster(run: Run, fold: Fold, replicates: int, alone: float) -> Choice:
    """Whichever engine takes less time a step of one replicate."""
    seeds = [replace(run, seed=run.seed + i) for i in range(replicates)]
    with deterministic(run):
        together = _seconds(StackedTraining(seeds, [fold] * replicates)) / replicates
    found = f"{alone * 1e6:.0f} µs a step by the loop, {together * 1e6:.0f} stacked by {replicates}"
    return Choice("stacked" if together < alone else "loop", found)


def _seconds(training: Training | StackedTraining) -> float:
    """Seconds of a step, the best of three rounds."""
    training.advance(2)
    started = time.perf_counter()
    training.advance(1)
    steps = max(1, int(MEASURED_SECONDS / 3 / (time.perf_counter() - started)))
    rounds = []
    for _ in range(3):
        started = time.perf_counter()
        training.advance(steps)
        rounds.append((time.perf_counter() - started) / steps)
    return min(rounds)
