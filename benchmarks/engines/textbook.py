"""The loop of every tutorial, against which all else is measured."""

from __future__ import annotations

import time
from typing import NamedTuple

import numpy as np
import torch

from benchmarks.engines.workloads import Workload, seeded

WATCHED = 32


class Taken(NamedTuple):
    """Steps that were taken.

    Attributes:
        seconds: of all of them.
        steps: how many, at least as many as were asked for.
        losses: mean loss of each replicate's last `WATCHED` batches, ``(replicate,)``.
    """

    seconds: float
    steps: int
    losses: np.ndarray


class Textbook:
    """A network, an optimizer and a loader, as torch's own tutorials have them.

    Args:
        workload: what is trained.
        seed: draws weights and order.
    """

    replicates = 1

    def __init__(self, workload: Workload, seed: int) -> None:
        self.network = workload.network(seed)
        self.optimizer = torch.optim.Adam(self.network.parameters(), lr=workload.lr)
        self.criterion, self.loader = workload.plain().criterion, workload.loader()
        self.seed = seed

    def take(self, steps: int) -> Taken:
        """Take steps, epoch after epoch."""
        with seeded(self.seed):
            started = time.perf_counter()
            losses = self._fit(steps)
            seconds = time.perf_counter() - started
        last = torch.stack(losses[-WATCHED:]).mean().item()
        return Taken(seconds, steps, np.array([last]))

    def _fit(self, steps: int) -> list[torch.Tensor]:
        losses: list[torch.Tensor] = []
        while True:
            for x, y in self.loader:
                self.optimizer.zero_grad()
                loss = self.criterion(self.network(x), y)
                loss.backward()
                self.optimizer.step()
                losses.append(loss.detach())
                if len(losses) == steps:
                    return losses
