"""Outputs and scores of a network on a part: sums and weights add up, and divide once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from paribus.data.dataset import Split, Subset
from paribus.experiment.task import Metric, Task
from paribus.metrics.outputs import Outputs, concat_outputs, copies, map_outputs
from paribus.spec import Call

CHUNK = 2048
"""Samples that a network is given at once in evaluation, at most."""
NUMBERS = 2**18
"""Numbers in the inputs of these samples on the CPU, at most: a network on images makes dozens of times as many."""


@torch.no_grad()
def outputs_of(network: nn.Module, part: Subset) -> Outputs:
    """Return outputs for every sample of a part, ``(sample, output)`` each, in evaluation mode and in chunks.

    The network is given copies: one that changes its input in place would change the part for whoever comes next.
    """
    network.eval()
    chunk = CHUNK
    if part.inputs[0].device.type == "cpu":  # where workers share the memory
        numbers = sum(x.shape[1:].numel() for x in part.inputs)
        chunk = min(CHUNK, max(64, NUMBERS // max(1, numbers)))
    chunks = zip(*(x.split(chunk) for x in part.inputs), strict=True)
    outputs = concat_outputs([network(*copies(chunk)) for chunk in chunks])
    network.train()
    return outputs


@torch.no_grad()
def scores_of(
    outputs: Outputs, targets: Sequence[Tensor], metrics: Sequence[Metric]
) -> dict[str, float]:
    """Return each metric's mean over the samples, summed in float64, or its one number over all of them."""
    return {
        m.name: part_score(each(m.function, outputs, targets), len(targets[0])) for m in metrics
    }


@torch.no_grad()
def standard_errors(
    outputs: Outputs, targets: Sequence[Tensor], metrics: Sequence[Metric]
) -> dict[str, float]:
    """Return the standard error of each metric that is a mean over samples, ``sd / sqrt(samples)``.

    More seeds do not make it smaller, only a larger part does. Of a share such as accuracy it is the binomial one.
    """
    found = {m.name: each(m.function, outputs, targets) for m in metrics}
    return {
        name: (scores.double().std() / len(scores) ** 0.5).item()
        for name, scores in found.items()
        if isinstance(scores, Tensor) and scores.ndim and len(scores) > 1
    }


def each(function: Call, outputs: Outputs, targets: Sequence[Tensor]) -> Any:
    """Return what a score or a loss makes of a part, given copies, so that it changes nothing for the next one."""
    return function(map_outputs(Tensor.clone, outputs), *copies(targets))


def part_score(found: Tensor | float, samples: int) -> float:
    """Return the score of a part: the mean of ``(sample,)``, or the number itself."""
    if not isinstance(found, Tensor) or not found.ndim:
        return float(found)
    return (found.double().sum() / samples).item()


def dummy_outputs(task: Task, split: Split) -> dict[str, Outputs]:
    """Return each dummy predictor's predictions for the test part, ``(sample, output)`` or images an output."""
    return {name: predictor(split) for name, predictor in task.dummy.items()}
