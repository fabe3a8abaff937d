"""The comparison by skorch's ``NeuralNetClassifier``, without callbacks and printing."""

from __future__ import annotations

import numpy as np
import torch
from skorch import NeuralNet
from torch import nn

from benchmarks.peers.problem import BATCH, OPTIMIZERS, STEPS, compare, network, parts


def train(name: str, seed: int) -> np.ndarray:
    """Train one network for whole epochs, as skorch does; returns the test part's logits."""
    torch.manual_seed(seed)
    data = parts(seed)
    optimizer, settings = OPTIMIZERS[name]
    net = NeuralNet(
        network(),
        criterion=nn.CrossEntropyLoss,
        optimizer=optimizer,
        **{f"optimizer__{key}": value for key, value in settings.items()},
        batch_size=BATCH,
        iterator_train__shuffle=True,
        iterator_train__drop_last=True,
        max_epochs=round(STEPS / (len(data.x) // BATCH)),
        train_split=None,
        callbacks="disable",
        verbose=0,
    )
    net.fit(data.x, data.y)
    return net.forward(data.test_x).detach().numpy()


if __name__ == "__main__":
    compare(train)
