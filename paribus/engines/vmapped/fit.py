"""Training of a whole cohort: the same steps as the loop, with a leading replicate dimension."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from operator import itemgetter

import torch
from torch import Tensor

from paribus.data.dataset import Split
from paribus.engines.vmapped.equivalence import self_check
from paribus.engines.vmapped.optimizers import refusal
from paribus.engines.vmapped.parameters import State
from paribus.engines.vmapped.scoring import as_lists
from paribus.engines.vmapped.state import CohortState
from paribus.engines.vmapped.trainer import StackedTraining
from paribus.metrics.outputs import Outputs, map_outputs
from paribus.runs.run import Outcome, Run, RunResult
from paribus.training.alternating import model_alternates
from paribus.training.batch_order import steps_per_epoch
from paribus.training.loop import deterministic, fitted
from paribus.training.network import unmoved
from paribus.training.optimizer_notes import unmoved_weights
from paribus.training.pretrained import source_weights
from paribus.training.run_state import finish
from paribus.training.schedule import optimizer_calls

__all__ = ["StackedTraining", "self_check", "train_together", "why_not"]


def train_together(
    runs: Sequence[Run], splits: Sequence[Split], training: StackedTraining | None = None
) -> list[RunResult]:
    """Train a cohort and score each run once on its test part, as `paribus.training.loop.train` does one by one.

    Args:
        runs: of one cohort.
        splits: each one's.
        training: takes the steps, if it is another than the cohort's plain one.
    """
    for run in runs:
        if run.recipe.start is not None:  # what they start from is not part of their time
            source_weights(run, fitted)
    with deterministic(runs[0]):
        started = time.perf_counter()
        training = training or StackedTraining(runs, splits)
        state = CohortState(runs[0].task.primary, training.initial)
        # A cohort holds trials alone, or none; of those no weights are kept.
        trials = runs[0].trial is not None
        outputs, others = _fit_and_score(training, state, scored=not trials)
        seconds = (time.perf_counter() - started) / len(runs)
    records = []
    for i, (run, split) in enumerate(zip(runs, splits, strict=True)):
        progress = state.progress(i)
        diverged = progress.outcome is Outcome.diverged
        predictions, beside = (
            None if each is None or diverged else map_outputs(itemgetter(i), each)
            for each in (outputs, others)
        )
        record = finish(
            run,
            split,
            progress,
            outputs=predictions,
            others=beside,
            layers=training.layers,
            network=training.starts[i],
            seconds=seconds,
        )
        notes = () if trials or not progress.steps else tuple(_unmoved(training, i, progress.steps))
        records.append(replace(record, notes=(*record.notes, *notes)))
    return records


def _unmoved(training: StackedTraining, index: int, steps: int) -> Iterator[str]:
    """Yield what a page says of weights of a replicate that no step moved."""
    network = training.scratch
    training.stack.load(network, index)
    still = {id(weight) for weight in unmoved(network, training.initial[index])}
    names = [name for name, _ in network.named_parameters()]
    kept = [name for name, weight in network.named_parameters() if id(weight) in still]
    if kept:
        (optimizer,) = optimizer_calls(training.runs[index].recipe)
        kind = optimizer.label.partition("(")[0]
        yield unmoved_weights(kind, kept, len(names), steps)


def _fit_and_score(
    training: StackedTraining, state: CohortState, *, scored: bool
) -> tuple[Outputs | None, Outputs | None]:
    """Train; return outputs for the test part of the weights that are kept, and of the others; none unless scored.

    The weights that are kept are left in place. There are no others where the best ones of every replicate are its
    last.
    """
    weights = _fit(training, state, snapshots=scored)
    if weights is None:
        return None, None
    best, last = weights
    kept, others = (best, last) if training.recipe.keep == "best" else (last, best)
    beside = None
    if not training.stack.same(kept, others):
        training.stack.restore(others)
        beside = map_outputs(Tensor.cpu, training.outputs("test"))
    training.stack.restore(kept)
    return map_outputs(Tensor.cpu, training.outputs("test")), beside


def _fit(
    training: StackedTraining, state: CohortState, *, snapshots: bool
) -> tuple[State, State] | None:
    """Take the recipe's steps, or fewer once every replicate has stopped; return the best and the last weights.

    Without snapshots nothing is copied, and None is returned.
    """
    recipe = training.recipe
    patience = recipe.early_stopping.patience if recipe.early_stopping else None
    every = recipe.evaluate_every or steps_per_epoch(
        len(training.splits[0].train), recipe.batch_size
    )
    best, stopped = (training.stack.state() if snapshots else None for _ in range(2))
    early = torch.zeros_like(state.going)
    _evaluate(training, state, None)
    while training.steps < recipe.steps and state.going.any():
        started = time.perf_counter()
        losses = training.advance(min(every, recipe.steps - training.steps))
        seconds = time.perf_counter() - started
        state.advance(training.steps, seconds, training.finite(losses))
        _evaluate(training, state, losses)
        going = state.going.clone()
        improved = state.watch(patience)
        early |= going & ~state.going
        if best is not None and stopped is not None:
            _copy(training, improved, best)
            _copy(training, going & ~state.going, stopped)
    if best is None or stopped is None:
        return None
    _copy(training, ~early, stopped)
    _copy(training, state.best_step == 0, best)  # a replicate that diverged at once has no others
    return best, stopped


def _copy(training: StackedTraining, chosen: Tensor, state: State) -> None:
    """Copy the chosen replicates' weights and buffers, ``(replicate,)`` of truth values, into a state."""
    if chosen.any():
        training.stack.keep(chosen.nonzero()[:, 0].to(training.device), state)


def _evaluate(training: StackedTraining, state: CohortState, losses: Tensor | None) -> None:
    """Add a point to the curves of the replicates that are still going."""
    count = len(training.runs)
    scores = training.validation()
    means = [math.nan] * count if losses is None else losses.double().mean(0).tolist()
    curves = {"step": [training.steps] * count, "train/loss": means, **as_lists(scores)}
    score = scores[f"validation/{state.primary.name}"]
    state.note(scores["validation/loss"], score, **curves, **training.diagnosed(state.going))


def why_not(run: Run) -> str:
    """Return the reason why a run cannot be stacked, or an empty string; only `self_check` can find others."""
    if run.recipe.time_limit is not None:
        return "a time limit counts the seconds of one run alone"
    if run.diagnostics and model_alternates(run.recipe.model):
        return "its updates alternate, and diagnostics are taken"
    if run.recipe.freeze and run.diagnostics:
        return "some weights are frozen, and diagnostics are taken"
    if run.recipe.schedule is not None:
        return "no stacked form of a schedule of the learning rate"
    return refusal(run.recipe.optimizer)
