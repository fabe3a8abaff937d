"""Validation scores of a whole cohort at once: the loop's means over samples, to round-off."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from operator import itemgetter

import torch
from torch import Tensor
from torch.func import vmap

from paribus.engines.vmapped.batches import Tensors
from paribus.experiment.task import Task
from paribus.metrics.named import SCORE
from paribus.metrics.outputs import Outputs, copies, map_outputs
from paribus.spec import Call

Each = Callable[..., Tensor]


class Scoring:
    """Metrics and loss of a task for all replicates.

    What `vmap` refuses is asked of one replicate after the other.

    Args:
        task: whose metrics and loss are taken.
    """

    def __init__(self, task: Task) -> None:
        calls = {f"validation/{m.name}": m.function for m in task.metrics}
        calls["validation/loss"] = task.loss
        # By curve, the first one of the same function: a loss is often a metric, too.
        self.first = {
            name: next(n for n, other in calls.items() if other == function)
            for name, function in calls.items()
        }
        self.functions: dict[str, Each] = {n: bound(calls[n]) for n in {*self.first.values()}}
        # Those of torchmetrics keep what they have seen, which vmap cannot follow.
        self.apart = {f"validation/{m.name}" for m in task.metrics if m.function.target == SCORE}

    @torch.no_grad()
    def __call__(self, outputs: Outputs, targets: Tensors) -> dict[str, Tensor]:
        """Return each score's mean over samples, or its one number over all, ``(replicate,)`` in float64, by curve.

        Args:
            outputs: ``(replicate, sample, output)`` each.
            targets: ``(replicate, sample, ...)`` each.
        """
        found = {name: self._each(name, outputs, targets).double() for name in self.functions}
        scores = {
            name: each if each.ndim == 1 else each.sum(1) / targets[0].shape[1]
            for name, each in found.items()
        }
        return {name: scores[first] for name, first in self.first.items()}

    def _each(self, name: str, outputs: Outputs, targets: Tensors) -> Tensor:
        function = self.functions[name]
        if name not in self.apart:
            try:
                found: Tensor = vmap(function)(map_outputs(Tensor.clone, outputs), *copies(targets))
            except Exception:  # noqa: BLE001 - whatever vmap says; an error of the metric's own is raised below
                self.apart.add(name)
            else:
                return found
        ones = [
            function(map_outputs(Tensor.clone, map_outputs(itemgetter(i), outputs)), *copies(own))
            for i, own in enumerate(zip(*targets, strict=True))
        ]
        return torch.stack([self._tensor(one, targets) for one in ones])

    @staticmethod
    def _tensor(found: Tensor | float, targets: Tensors) -> Tensor:
        """Return a score as a tensor; one over all samples may be a plain number."""
        if isinstance(found, Tensor):
            return found
        return torch.tensor(found, dtype=torch.float64, device=targets[0].device)


def bound(function: Call) -> Each:
    """Return the callable with its arguments, looked up once."""
    return partial(function.resolve(), **function.kwargs)


def on_host(scores: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the same numbers on the CPU, waiting for the device once."""
    return dict(zip(scores, torch.stack([*scores.values()]).cpu(), strict=True)) if scores else {}


def as_lists(scores: dict[str, Tensor]) -> dict[str, Sequence[float]]:
    """Return plain numbers, one a replicate."""
    return {name: values.tolist() for name, values in scores.items()}
