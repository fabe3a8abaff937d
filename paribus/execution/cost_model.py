"""Seconds that a training of many replicates takes by each engine, from the work of a step and a machine's rates.

A step of the loop takes, for each replicate, a dispatch for every operation, and time for the numbers that operations
put out and for the multiply-adds of products and convolutions. A stacked step dispatches its operations once for all
replicates of a chunk, and is cheaper by that alone; the rest is done for each replicate all the same, products and
convolutions at a rate of their own. A step in SIMD lanes dispatches nothing, and has rates of its own: a vector
register of replicates costs the same whether all of its lanes are in use or one. Besides, evaluations cost a forward
pass, about a third of the work of a step, over the validation part, and recording a step takes as long as some
hundreds of it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import torch

from paribus.data.cache import cached_record, keep_latest
from paribus.engines.cohorts import MAX_CHUNK
from paribus.engines.simd.steps import MAX_BYTES, REGISTER
from paribus.engines.simd.trainer import COMPILED
from paribus.engines.vmapped.optimizers import operations_of, refusal
from paribus.engines.vmapped.trainer import WORTH_TRACING
from paribus.engines.work import Work, update_operations
from paribus.execution.machine_rates import (
    LaneRates,
    MachineRates,
    lane_rates,
    lanes,
    machine_rates,
)
from paribus.execution.network_facts import PLAIN, NetworkFacts, known_facts, network_facts
from paribus.execution.pool import warm_up
from paribus.experiment.recipe import Recipe
from paribus.runs.run import Run
from paribus.spec import canonical, digest
from paribus.training.batch_order import steps_per_epoch

# Recording an operation takes as long as taking it so many times; a program for lanes is recorded once more from it.
RECORDING = 350
RECORDING_LANES = 2.5 * RECORDING
# Share of a step that its forward pass is.
FORWARD = 1 / 3
# Share of the numbers of a step that are in memory at once: most are read by the next operation alone.
HELD = 1 / 3
# Bytes that the replicates of a chunk use at most, so that steps do not wait for memory: a processor's last cache.
CHUNK_BYTES = 2**25


class Costs(NamedTuple):
    """Seconds of a training of so many replicates in one process.

    Attributes:
        seconds: by the name of the engine.
        chunk_size: how many replicates are stacked at most.
    """

    seconds: dict[str, float]
    chunk_size: int


def costs(
    facts: NetworkFacts,
    recipe: Recipe,
    replicates: int,
    rates: MachineRates,
    in_lanes: Callable[[], LaneRates],
) -> Costs:
    """Return the seconds of each engine that can train a network.

    Args:
        facts: of the network.
        recipe: by which it is trained.
        replicates: how many of it in one process.
        rates: of the machine.
        in_lanes: gives those of its lanes, if they are needed.
    """
    loop, stack = _with_update(facts, recipe)
    epoch = steps_per_epoch(facts.trained, recipe.batch_size)
    evaluations = recipe.steps / (recipe.evaluate_every or epoch)
    passes = evaluations * FORWARD * facts.validated / recipe.batch_size
    chunk_size = _chunk_size(stack, facts.parameters, recipe.dtype)
    chunks = -(-replicates // chunk_size)
    drawn = recipe.steps * replicates * recipe.batch_size * rates.sample

    dispatched = loop.operations * rates.loop_operation
    alone = dispatched + _moved(loop, rates.number, rates.loop_product, rates.loop_convolved)
    by_loop = replicates * (
        recipe.steps * alone + evaluations * FORWARD * dispatched + passes * (alone - dispatched)
    )

    together = replicates * _moved(
        stack, rates.number, rates.stacked_product, rates.stacked_convolved
    )
    mapped = chunks * stack.operations * rates.mapped_operation
    recorded = chunks * stack.operations * rates.recorded_operation
    scored = evaluations * FORWARD * mapped + passes * together + drawn
    worth_recording = recipe.steps >= WORTH_TRACING
    stacked = recipe.steps * ((recorded if worth_recording else mapped) + together) + scored
    recording = stack.operations * rates.recorded_operation
    stacked += RECORDING * recording if worth_recording else 0.0
    seconds = {"loop": by_loop, "stacked": stacked}
    start = RECORDING_LANES * recording
    # Where recording takes too long anyway, nobody has to know how fast lanes are.
    found = in_lanes() if start < stacked and _has_lanes(facts, stack, recipe) else None
    if found is not None and found.number > 0:
        registers = -(-replicates // lanes(recipe.dtype))
        step = registers * _moved(stack, found.number, found.product, found.convolved)
        seconds[COMPILED] = recipe.steps * step + scored + start
    return Costs(seconds, chunk_size)


def chunk_seconds(runs: Sequence[Run]) -> float:
    """Return the seconds that a chunk of stacked runs is predicted to take; of one that nothing is known of, its steps.

    Steps of a millisecond each are the guess then.
    """
    known = _predicted(runs)
    return len(runs) * runs[0].recipe.steps / 1000 if known is None else known


def time_limit(runs: Sequence[Run]) -> float:
    """Return the seconds after which a chunk is taken to hang, far beyond what it is predicted to take."""
    known = _predicted(runs)
    if known is None:
        return LEAST_LIMIT + UNKNOWN_STEP * len(runs) * runs[0].recipe.steps
    return LEAST_LIMIT + LIMIT_FACTOR * known


LEAST_LIMIT, LIMIT_FACTOR, UNKNOWN_STEP = 3600.0, 50.0, 2.5


def predictable(run: Run) -> NetworkFacts | None:
    """Return the facts of a run's network, or None where rates and counts say nothing of its training.

    The facts of a network hold for any optimizer, and some of those have no stacked form whose work could be counted.
    """
    if run.device != "cpu" or refusal(run.recipe.optimizer):
        return None
    facts = known_facts(run)
    return facts if facts is not None and facts.counted else None


def _predicted(runs: Sequence[Run]) -> float | None:
    run = runs[0]
    facts = predictable(run)
    if facts is None:
        return None
    seconds = costs(facts, run.recipe, len(runs), machine_rates(), lane_rates).seconds
    return seconds.get(run.engine, seconds["stacked"])


def _moved(work: Work, number: float, product: float, convolved: float) -> float:
    """Return the seconds of a replicate's step besides dispatch."""
    return work.numbers * number + work.products * product + work.convolved * convolved


def _with_update(facts: NetworkFacts, recipe: Recipe) -> tuple[Work, Work]:
    """Return the work of a step by the loop and of a stacked one with the recipe's own optimizer."""
    more = _updates(canonical(operations_of(recipe.optimizer)), recipe) - _updates(
        canonical(operations_of(PLAIN)), recipe.model_copy(update={"optimizer": PLAIN})
    )
    numbers = more * facts.parameters
    loop, stack = facts.loop, facts.stack
    return (
        loop._replace(
            operations=loop.operations + more * facts.tensors, numbers=loop.numbers + numbers
        ),
        stack._replace(operations=stack.operations + more, numbers=stack.numbers + numbers),
    )


_known: dict[str, float] = {}


class UpdateWork(NamedTuple):
    """Operations of an optimizer's step, for each tensor of weights."""

    operations: float


def _updates(kind: str, recipe: Recipe) -> float:
    if kind not in _known:
        # In the cache: counting loads torch's compiler, which takes longer than the training that waits for it.
        file = f"update-{digest([kind, torch.__version__])}.json"
        work = cached_record(file, _read_update, lambda: _counted(recipe))
        keep_latest(_known, kind, work.operations, 64)
    return _known[kind]


def count_updates(recipes: Iterable[Recipe]) -> None:
    """Count the operations of optimizers' steps, and keep them in the cache for other processes."""
    for recipe in recipes:
        if not refusal(recipe.optimizer):
            _updates(canonical(operations_of(recipe.optimizer)), recipe)


def _read_update(text: str) -> UpdateWork:
    work = UpdateWork(**json.loads(text))
    if not isinstance(work.operations, float):
        raise TypeError("operations are a number")
    return work


def _counted(recipe: Recipe) -> UpdateWork:
    warm_up()  # whatever that import computes would be counted
    return UpdateWork(float(update_operations(recipe)))


def chunk_size_of(run: Run) -> int:
    """Return how many replicates of a run's network are stacked at most, as many as there are where it cannot be."""
    facts = network_facts(run)
    if isinstance(facts, str):
        return MAX_CHUNK
    return _chunk_size(_with_update(facts, run.recipe)[1], facts.parameters, run.recipe.dtype)


def _chunk_size(stack: Work, parameters: int, dtype: str) -> int:
    """Return how many replicates are stacked at once, so that their numbers stay in the processor's cache."""
    size = 8 if dtype == "float64" else 4
    each = size * (HELD * stack.numbers + parameters)
    return max(1, min(MAX_CHUNK, int(CHUNK_BYTES / max(each, 1.0))))


def _has_lanes(facts: NetworkFacts, stack: Work, recipe: Recipe) -> bool:
    """Return whether a network likely has a form in lanes: its layers have one, and a register of it fits a cache."""
    small = HELD * stack.numbers * REGISTER <= MAX_BYTES
    plain = recipe.evaluate_every != 1 and not recipe.augment and not recipe.freeze
    return facts.in_lanes and small and plain
