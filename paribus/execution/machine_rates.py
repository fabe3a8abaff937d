"""Rates of this machine: seconds that each engine takes for a unit of work, measured once and kept in the cache."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from itertools import pairwise
from typing import NamedTuple, TypeVar

import torch
from torch import nn

from paribus.data.cache import cached_record, processor
from paribus.data.dataset import Dataset, Split
from paribus.engines.simd.steps import REGISTER
from paribus.engines.simd.trainer import CompiledTraining
from paribus.engines.vmapped.fit import StackedTraining
from paribus.engines.work import Work
from paribus.execution.executor import split_of
from paribus.execution.network_facts import PLAIN, NetworkFacts, network_facts
from paribus.execution.pool import one_thread, warm_up
from paribus.experiment.recipe import Recipe
from paribus.experiment.task import Metric, Task
from paribus.runs.fingerprint import fingerprint
from paribus.runs.run import Run
from paribus.spec import call, digest
from paribus.training.loop import Training, deterministic

ROUND_SECONDS = 0.008
ROUNDS = 3
REPLICATES = 16


class MachineRates(NamedTuple):
    """Seconds for a unit of work, on one thread.

    Attributes:
        loop_operation: that the loop dispatches, with the modules and the automatic differentiation about it.
        recorded_operation: of a stack's recorded step.
        mapped_operation: of a stack's step that is not recorded.
        number: that an operation puts out.
        loop_product: multiply-add of matrices, one replicate at a time.
        stacked_product: the same of all replicates in one call.
        loop_convolved: multiply-add of a convolution, one replicate at a time.
        stacked_convolved: the same of all replicates in one call.
        sample: of a batch that is drawn, for each replicate.
    """

    loop_operation: float
    recorded_operation: float
    mapped_operation: float
    number: float
    loop_product: float
    stacked_product: float
    loop_convolved: float
    stacked_convolved: float
    sample: float


class LaneRates(NamedTuple):
    """Seconds for a unit of work in SIMD lanes, of a vector register of replicates.

    Attributes:
        number: that an operation puts out; 0 where no compiler built the lanes.
        product: multiply-add of a product.
        convolved: multiply-add of a convolution, the moves of its images included.
    """

    number: float
    product: float
    convolved: float


Rates = TypeVar("Rates", MachineRates, LaneRates)
Made = TypeVar("Made")


def lanes(dtype: str) -> int:
    """Return how many replicates a vector register holds."""
    width = {"AVX512": REGISTER, "AVX2": REGISTER // 2}
    size = width.get(torch.backends.cpu.get_cpu_capability(), REGISTER // 4)
    return size // (8 if dtype == "float64" else 4)


@cache
def machine_rates() -> MachineRates:
    """Return the rates of this processor with this torch and these engines, measured in less than a second."""
    return _cached("rates", MachineRates, _measured)


def are_known() -> bool:
    """Return whether the rates are in the cache."""
    return _cached("rates", MachineRates, lambda: None) is not None


@cache
def lane_rates() -> LaneRates:
    """Return the same of its lanes, whose library is built for that if it is not there yet."""
    return _cached("lanes", LaneRates, _measured_lanes)


def _cached(name: str, kind: type[Rates], measure: Callable[[], Made]) -> Rates | Made:
    """Return rates from the cache; those of a damaged file are measured again."""

    def read(text: str) -> Rates | Made:
        rates = kind(**json.loads(text))
        if not all(isinstance(rate, float) and rate >= 0 for rate in rates):
            raise ValueError("rates are seconds")
        return rates

    code = fingerprint((), "stacked-compiled")
    made_from = digest([processor(), torch.__version__, code])
    return cached_record(f"{name}-{made_from}.json", read, measure)


# What is measured: networks in which one kind of work outweighs the others.


def noise(shape: Sequence[int]) -> Dataset:
    """Return samples of a shape in two classes, of nothing but noise."""
    inputs = torch.randn(1024, *shape, generator=torch.Generator().manual_seed(0))
    return Dataset("noise", "drawn", (inputs,), (torch.arange(1024) % 2,), digest=str([*shape]))


def dense(*, inputs: Sequence[int], outputs: int, hidden: Sequence[int]) -> nn.Module:
    """Return linear layers with activations between them."""
    widths = [*inputs, *hidden]
    pairs = pairwise(widths)
    layers = [layer for a, b in pairs for layer in (nn.Linear(a, b), nn.ReLU())]
    return nn.Sequential(*layers, nn.Linear(widths[-1], outputs))


def images(*, inputs: Sequence[int], outputs: int) -> nn.Module:
    """Return two convolutions with a pool after each."""
    channels = inputs[0]
    return nn.Sequential(
        *(nn.Conv2d(channels, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(8, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.LazyLinear(outputs)),
    )


def _run(
    model: str, shape: list[int], batch_size: int, steps: int = 1000, **settings: object
) -> Run:
    here = "paribus.execution.machine_rates"
    loss = call("paribus.metrics:log_loss")
    task = Task(
        name="noise",
        source=call(f"{here}:noise", shape=shape),
        reader=call("paribus.data.readers.table:read_table"),
        split=call("paribus.data.splits:random_split"),
        loss=loss,
        metrics=(Metric(name="log_loss", function=loss, higher_is_better=False),),
        dummy={"prior": call("paribus.data.dummy:prior")},
    )
    recipe = Recipe(
        model=call(f"{here}:{model}", **settings),
        optimizer=PLAIN,
        batch_size=batch_size,
        steps=steps,
        evaluate_every=steps,
    )
    return Run(task=task, recipe=recipe, seed=0, data_digest=str(shape))


class _Shape(NamedTuple):
    """Network of the calibration: its facts, and seconds of a step by the loop and stacked."""

    facts: NetworkFacts
    loop: float
    stacked: float


def _measured() -> MachineRates:
    """Return rates from steps of a small network, and of others in which one kind of work is added to it.

    Each rate is what is left of a step's seconds after the rates that are known already.
    """
    with one_thread():
        warm_up()
        sample = _sample_seconds(_run("dense", [4], 32, hidden=[8, 8]))
        small = _timed(_run("dense", [4], 8, hidden=[8, 8]), sample)
        long = _timed(_run("dense", [4], 512, hidden=[8, 8]), sample, by_loop=False)
        wide = _timed(_run("dense", [4], 64, hidden=[256, 256]), sample)
        images = _timed(_run("images", [1, 12, 12], 32), sample)
        mapped = _stacked_seconds(_run("dense", [4], 8, steps=9, hidden=[8, 8]))
    loop_operation = small.loop / small.facts.loop.operations
    number = _rate(long.stacked - small.stacked, _more("numbers", long, small))
    recorded = _rest(small.stacked, small.facts.stack.numbers * REPLICATES * number)
    operations = small.facts.stack.operations
    loop_product = _product_rate(wide.loop, wide.facts.loop, loop_operation, number, 1)
    recorded_operation = recorded / operations
    product = _product_rate(wide.stacked, wide.facts.stack, recorded_operation, number, REPLICATES)
    return MachineRates(
        loop_operation=loop_operation,
        recorded_operation=recorded_operation,
        mapped_operation=mapped / operations,
        number=number,
        loop_product=loop_product,
        stacked_product=product,
        loop_convolved=_convolution_rate(
            images.loop, images.facts.loop, loop_operation, number, loop_product, 1
        ),
        stacked_convolved=_convolution_rate(
            images.stacked, images.facts.stack, recorded_operation, number, product, REPLICATES
        ),
        sample=sample,
    )


def _measured_lanes() -> LaneRates:
    """Return rates from steps of a network of narrow layers, of which products are a small part, and two others."""
    sample, registers = machine_rates().sample, -(-REPLICATES // lanes("float32"))
    seconds, works = [], []
    with one_thread():
        warm_up()
        for run in (
            _run("dense", [4], 64, hidden=[4, 4, 4]),
            _run("dense", [4], 32, hidden=[24, 24]),
            _run("images", [1, 8, 8], 32),
        ):
            drawn = REPLICATES * run.recipe.batch_size * sample
            seconds.append(max(_lane_seconds(run) - drawn, 0.0) / registers)
            works.append(_facts(run).stack)
    narrow, broad, images = works
    number = seconds[0] / narrow.numbers
    product = _rate(seconds[1] - broad.numbers * number, broad.products)
    known = images.numbers * number + images.products * product
    return LaneRates(number, product, _rest(seconds[2], known) / images.convolved)


def _more(kind: str, one: _Shape, other: _Shape) -> float:
    """Return how much more of a kind of work a stacked step of one has than one of the other."""
    a, b = (getattr(shape.facts.stack, kind) for shape in (one, other))
    return float(a - b) * REPLICATES


def _rest(seconds: float, known: float) -> float:
    """Return the seconds that remain after known ones; where noise leaves next to none, a tenth."""
    return max(seconds - known, 0.1 * seconds)


def _rate(seconds: float, work: float) -> float:
    return max(seconds, 0.0) / work


def _product_rate(
    seconds: float, work: Work, operation: float, number: float, replicates: int
) -> float:
    known = work.operations * operation + replicates * work.numbers * number
    return _rest(seconds, known) / (replicates * work.products)


def _convolution_rate(
    seconds: float, work: Work, operation: float, number: float, product: float, replicates: int
) -> float:
    known = work.operations * operation
    known += replicates * (work.numbers * number + work.products * product)
    return _rest(seconds, known) / (replicates * work.convolved)


def _timed(run: Run, sample: float, *, by_loop: bool = True) -> _Shape:
    """Return a network's seconds of both engines, without those of drawing samples."""
    drawn = REPLICATES * run.recipe.batch_size * sample
    loop = _loop_seconds(run) if by_loop else 0.0
    return _Shape(_facts(run), loop, _rest(_stacked_seconds(run), drawn))


def _facts(run: Run) -> NetworkFacts:
    facts = network_facts(run)
    assert isinstance(facts, NetworkFacts), "the networks of the calibration can be stacked"
    return facts


def _loop_seconds(run: Run) -> float:
    with deterministic(run):
        return step_seconds(Training(run, split_of(run)))


def _cohort(run: Run) -> tuple[list[Run], list[Split]]:
    return [replace(run, seed=seed) for seed in range(REPLICATES)], [split_of(run)] * REPLICATES


def _stacked_seconds(run: Run) -> float:
    with deterministic(run):
        training = StackedTraining(*_cohort(run))
        training.advance(1)
        return step_seconds(training)


def _lane_seconds(run: Run) -> float:
    """Return seconds of a step in lanes, or nothing where no compiler built them."""
    with deterministic(run):
        training = CompiledTraining(*_cohort(run))
        training.advance(training.at_once)
        return 0.0 if training.reason else step_seconds(training, 64)


def _sample_seconds(run: Run) -> float:
    """Return seconds for a sample of a batch, of many batches of each replicate."""
    with deterministic(run):
        batches, steps = StackedTraining(*_cohort(run)).batches, 256
        started = time.process_time()
        drawn = batches.take(steps).numel()
        return (time.process_time() - started) / drawn


def step_seconds(training: Training | StackedTraining, at_once: int = 1) -> float:
    """Return seconds of the processor for a step, the least of some rounds of a few milliseconds.

    Whatever else the machine does takes none of them.
    """
    first = _taken(training, at_once)
    repeats = max(1, int(ROUND_SECONDS / max(first * at_once, 1e-6)))
    return min(_taken(training, repeats * at_once) for _ in range(ROUNDS))


def _taken(training: Training | StackedTraining, steps: int) -> float:
    started = time.process_time()
    training.advance(steps)
    return (time.process_time() - started) / steps
