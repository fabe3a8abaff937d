"""Equivalence of stacked training and the loop, tested by a short training of both."""

from __future__ import annotations

import math
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace

import torch
from torch import Tensor

from paribus.data.dataset import Split
from paribus.engines.vmapped.alternating import LeftToLoopError
from paribus.engines.vmapped.parameters import trained_row
from paribus.engines.vmapped.trainer import StackedTraining
from paribus.metrics.outputs import as_tuple
from paribus.runs.run import Run
from paribus.training.evaluate import outputs_of
from paribus.training.evaluation_doubt import evaluation_doubt
from paribus.training.loop import Training, deterministic

CHECKED_STEPS = 3
# Of how far the weights moved. Adagrad divides a gradient of zero by 1e-10 and so makes of round-off, where a norm
# follows a bias, a millionth of a step.
TOLERANCE = 1e-5
ROUND_OFF = 1e-12
# Diagnostics look at them, and whether there are any is not part of what is kept of a network.
FROZEN = "some of its weights are frozen by the network itself"
Watch = AbstractContextManager[object] | None
BY_LOOP = "outputs in evaluation depend on other samples or passes, and a cohort is scored in other chunks"


def self_check(run: Run, split: Split, looped: Watch = None, stacked: Watch = None) -> str:
    """Train two replicates for three steps in float64, stacked and by the loop; return why they differ, if so.

    It finds networks that `vmap` refuses, and those that it takes but trains or scores otherwise.

    Args:
        run: whose network is checked.
        split: that it is trained on.
        looped: is entered while the loop takes a step of one replicate, if it is given.
        stacked: the same for a stacked step of both.
    """
    recipe = run.recipe.model_copy(update={"dtype": "float64", "steps": CHECKED_STEPS})
    pair = [replace(run, recipe=recipe, seed=seed) for seed in (run.seed, run.seed + 1)]
    with deterministic(run):
        try:
            together = StackedTraining(pair, [split, split])
            if together.stack.frozen and not recipe.freeze:
                return FROZEN
            losses = torch.cat([together.advance(CHECKED_STEPS - 1), _watched(together, stacked)])
            outputs = together.outputs("validation")
        except Exception as error:  # noqa: BLE001 - whatever a network raises under vmap is the reason
            said = f"{error}".partition("\n")[0]
            known = isinstance(error, LeftToLoopError)
            return said if known else f"vmap refuses the network: {said}"
        for i, one in enumerate(pair):
            alone = Training(one, split)
            before = trained_row(alone.network)
            try:
                first = alone.advance(1)
                alone.advance(CHECKED_STEPS - 2)
                _watched(alone, None if i else looped)
                outputs_alone = outputs_of(alone.network, alone.parts.validation)
            except Exception as error:  # noqa: BLE001 - such as numbers in float32 that a loss holds
                return f"it cannot be tried in float64: {f'{error}'.partition(chr(10))[0]}"
            after = trained_row(alone.network)
            if evaluation_doubt(alone.network, alone.parts.validation.inputs):
                return BY_LOOP
            moved = (after - before).nan_to_num(0, 0, 0).abs().max().item()
            for what, ours, theirs, by in (
                ("first losses", losses[:1, i], first, 0.0),
                ("weights", together.stack.weights.detach()[i], after, moved),
                *(
                    ("outputs", there[i], here, moved)
                    for there, here in zip(as_tuple(outputs), as_tuple(outputs_alone), strict=True)
                ),
            ):
                apart = _apart(ours, theirs, by)
                if apart:
                    return f"{what} differ from the loop's by {apart:.1e} after {CHECKED_STEPS} float64 steps"
    return ""


def _watched(training: Training | StackedTraining, watch: Watch) -> Tensor:
    """Take a step within what watches it, if anything does."""
    with watch or nullcontext():
        return training.advance(1)


def _apart(stacked: Tensor, looped: Tensor, moved: float) -> float:
    """Return by how much two engines differ, if by more than a small share of what training moved, and else zero.

    What is not finite in either is equal; a number that is finite in one alone is infinitely far away.
    """
    if stacked.shape != looped.shape:
        return math.inf
    apart = (stacked - looped).abs().nan_to_num(math.inf, math.inf)
    apart = torch.where(stacked.isfinite() | looped.isfinite(), apart, 0.0)
    size = looped.nan_to_num(0, 0, 0).abs().max().item()
    largest = apart.max().item()
    return largest if largest > TOLERANCE * moved + ROUND_OFF * max(1.0, size) else 0.0
