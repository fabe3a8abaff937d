"""Lightning: its trainer in ``barebones`` mode, which is its own way to leave everything out."""

from __future__ import annotations

import logging
import time
import warnings
from importlib.metadata import version
from typing import Any

import numpy as np
import torch

from benchmarks.engines.textbook import WATCHED, Taken
from benchmarks.engines.workloads import Workload, seeded


class Lightning:
    """A ``LightningModule`` and a loader; a trainer for each call, whose start is not counted.

    Args:
        workload: what is trained.
        seed: draws weights and order.
    """

    replicates = 1

    def __init__(self, workload: Workload, seed: int) -> None:
        self.seed, self.module = seed, _module(workload, seed)
        self.loader = workload.loader()

    def take(self, steps: int) -> Taken:
        """Take steps; the clock runs from the start of training to its end, without the trainer's own start."""
        from lightning.pytorch import Trainer

        logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
        with warnings.catch_warnings(), seeded(self.seed):
            warnings.simplefilter("ignore")  # hints on loaders with more processes
            trainer = Trainer(
                max_steps=steps, max_epochs=-1, accelerator="cpu", devices=1, barebones=True
            )
            self.module.losses.clear()
            trainer.fit(self.module, self.loader)
        last = torch.stack(self.module.losses[-WATCHED:]).mean().item()
        return Taken(self.module.seconds, len(self.module.losses), np.array([last]))


def _module(workload: Workload, seed: int) -> Any:
    """The workload's network as Lightning wants it."""
    from lightning.pytorch import LightningModule

    class Module(LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.network, self.criterion = workload.network(seed), workload.plain().criterion
            self.optimizer = torch.optim.Adam(self.network.parameters(), lr=workload.lr)
            self.losses: list[torch.Tensor] = []
            self.seconds = 0.0

        def training_step(self, batch: tuple[torch.Tensor, ...], _: int) -> torch.Tensor:
            x, y = batch
            loss: torch.Tensor = self.criterion(self.network(x), y)
            self.losses.append(loss.detach())
            return loss

        def configure_optimizers(self) -> torch.optim.Optimizer:
            return self.optimizer

        def on_train_start(self) -> None:
            self.seconds = -time.perf_counter()

        def on_train_end(self) -> None:
            self.seconds += time.perf_counter()

    return Module()


def about() -> str:
    """Version and settings, for the page."""
    return f"Lightning {version('lightning')}: Trainer(barebones=True), its start not counted"
