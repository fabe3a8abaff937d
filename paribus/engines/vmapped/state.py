"""State of a cohort's runs: `paribus.training.run_state.RunState` for all at once."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from paribus.experiment.task import Metric
from paribus.training.run_state import RunState


class CohortState:
    """Curves, divergence and early stopping of a cohort, on the CPU.

    Args:
        primary: metric whose best validation score names the best weights.
        initial: hashes of each replicate's initial weights.

    Attributes:
        going: which replicates are still in training, ``(replicate,)``.
    """

    def __init__(self, primary: Metric, initial: Sequence[dict[str, str]]) -> None:
        count = len(initial)
        self.primary, self.initial = primary, initial
        self.going = torch.ones(count, dtype=torch.bool)
        self.steps = torch.zeros(count, dtype=torch.long)
        self.seconds = torch.zeros(count, dtype=torch.float64)
        self.best = torch.full((count,), -math.inf, dtype=torch.float64)
        self.best_step = torch.zeros(count, dtype=torch.long)
        self.rises = torch.zeros(count, dtype=torch.long)
        self.reasons = [""] * count
        self.points = torch.zeros(count, dtype=torch.long)
        self.curves: dict[str, list[Sequence[float]]] = {}
        self._losses: list[Tensor] = []

    def advance(self, step: int, seconds: float, finite: Tensor) -> None:
        """Record that steps were taken; a replicate whose losses are not finite has diverged.

        Args:
            step: how many there are now.
            seconds: what they took, shared among those that are going.
            finite: ``(replicate,)``.
        """
        self.steps[self.going] = step
        self.seconds[self.going] += seconds / int(self.going.sum())
        for i in (self.going & ~finite).nonzero()[:, 0].tolist():
            self.reasons[i] = f"loss or a weight was not finite by step {step}"
        self.going &= finite

    def note(self, loss: Tensor, score: Tensor, **values: Sequence[float]) -> None:
        """Add a point to the curves of those that are going.

        Args:
            loss: on the validation part, which early stopping watches, ``(replicate,)``.
            score: primary score there, whose best names the best weights, ``(replicate,)``.
            values: by name of the curve, one a replicate.
        """
        self._losses = [*self._losses[-1:], loss]
        self._score = self.primary.sign * score.double()
        for name, numbers in values.items():
            self.curves.setdefault(name, []).append(numbers)
        self.points += self.going

    def watch(self, patience: int | None) -> Tensor:
        """Compare the last two validation losses; returns whose weights are to be kept as the best, ``(replicate,)``.

        They are those at their best so far, and those that never were, no score of theirs being finite, and so are
        scored as they are. Whose loss rose ``patience`` times in a row stops; nobody where that is None.
        """
        before, now = self._losses
        risen = torch.where(now > before, self.rises + 1, 0)
        self.rises = torch.where(self.going, risen, self.rises)
        improved = self.going & self._score.isfinite() & (self._score > self.best)
        self.best = torch.where(improved, self._score, self.best)
        self.best_step = torch.where(improved, self.steps, self.best_step)
        kept = self.going & (self.best_step == 0) | improved
        if patience is not None:
            self.going &= self.rises < patience
        return kept

    def progress(self, index: int) -> RunState:
        """Return the state of one replicate."""
        points = int(self.points[index])
        made = RunState(
            self.primary,
            initial=self.initial[index],
            steps=int(self.steps[index]),
            step_seconds=float(self.seconds[index]),
            curves={n: [v[index] for v in values[:points]] for n, values in self.curves.items()},
            best=float(self.best[index]),
            best_step=int(self.best_step[index]),
            rises=int(self.rises[index]),
        )
        if self.reasons[index]:
            made.diverge(self.reasons[index])
        return made
