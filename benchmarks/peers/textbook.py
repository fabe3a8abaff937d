"""The comparison by a loop as in torch's tutorials."""

from __future__ import annotations

from itertools import count

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from benchmarks.peers.problem import BATCH, OPTIMIZERS, STEPS, compare, network, parts


def train(name: str, seed: int) -> np.ndarray:
    """Train one network; returns the test part's logits."""
    torch.manual_seed(seed)
    data = parts(seed)
    samples = TensorDataset(torch.from_numpy(data.x), torch.from_numpy(data.y))
    loader = DataLoader(samples, batch_size=BATCH, shuffle=True, drop_last=True)
    model, criterion = network(), nn.CrossEntropyLoss()
    optimizer_class, settings = OPTIMIZERS[name]
    optimizer = optimizer_class(model.parameters(), **settings)
    steps = 0
    for _ in count():
        for x, y in loader:
            optimizer.zero_grad()
            criterion(model(x), y).backward()
            optimizer.step()
            steps += 1
            if steps == STEPS:
                with torch.no_grad():
                    return model(torch.from_numpy(data.test_x)).numpy()
    raise AssertionError


if __name__ == "__main__":
    compare(train)
