"""skorch: its own training loop over the same network, all callbacks off."""

from __future__ import annotations

import time
from importlib.metadata import version

import numpy as np
import torch

from benchmarks.engines.textbook import WATCHED, Taken
from benchmarks.engines.workloads import Workload, seeded


class Skorch:
    """A ``skorch.NeuralNet``, fitted by whole epochs.

    Args:
        workload: what is trained.
        seed: draws weights and order.
    """

    replicates = 1

    def __init__(self, workload: Workload, seed: int) -> None:
        from skorch import NeuralNet

        self.inputs, self.targets, criterion = workload.plain()
        self.seed, self.epoch = seed, workload.epoch
        self.net = NeuralNet(
            workload.network(seed),
            criterion=type(criterion),
            optimizer=torch.optim.Adam,
            lr=workload.lr,
            batch_size=workload.recipe.batch_size,
            iterator_train__shuffle=True,
            train_split=None,
            callbacks="disable",
            verbose=0,
        ).initialize()

    def take(self, steps: int) -> Taken:
        """Take whole epochs, as many as hold so many steps."""
        epochs = -(-steps // self.epoch)
        with seeded(self.seed):
            started = time.perf_counter()
            self.net.fit_loop(self.inputs, self.targets, epochs=epochs)
            seconds = time.perf_counter() - started
        losses = self.net.history[-1, "batches", :, "train_loss"][-WATCHED:]
        return Taken(seconds, epochs * self.epoch, np.array([np.mean(losses)]))


def about() -> str:
    """Version and settings, for the page."""
    return f"skorch {version('skorch')}: NeuralNet, no callbacks, no validation split"
