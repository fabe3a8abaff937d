"""The comparison by Lightning, with a barebones ``Trainer`` for each network."""

from __future__ import annotations

import logging
import warnings

import numpy as np
import torch
from lightning.pytorch import LightningModule, Trainer
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from benchmarks.peers.problem import BATCH, OPTIMIZERS, STEPS, compare, network, parts


class Module(LightningModule):
    """The network with one of the optimizers."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name, self.network, self.criterion = name, network(), nn.CrossEntropyLoss()

    def training_step(self, batch: tuple[Tensor, ...], _: int) -> Tensor:
        """Return the loss of a batch."""
        x, y = batch
        loss: Tensor = self.criterion(self.network(x), y)
        return loss

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Return the optimizer."""
        optimizer, settings = OPTIMIZERS[self.name]
        return optimizer(self.parameters(), **settings)


def train(name: str, seed: int) -> np.ndarray:
    """Train one network; returns the test part's logits."""
    torch.manual_seed(seed)
    data = parts(seed)
    samples = TensorDataset(torch.from_numpy(data.x), torch.from_numpy(data.y))
    loader = DataLoader(samples, batch_size=BATCH, shuffle=True, drop_last=True)
    module = Module(name)
    trainer = Trainer(max_steps=STEPS, max_epochs=-1, accelerator="cpu", devices=1, barebones=True)
    trainer.fit(module, loader)
    with torch.no_grad():
        return module.network(torch.from_numpy(data.test_x)).numpy()


if __name__ == "__main__":
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    warnings.simplefilter("ignore")  # hints on loaders with more processes
    compare(train)
