"""A loop of plain torch, against which the loop is held."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import torch
from torch import Tensor

from paribus import call
from paribus.data.dataset import Split
from paribus.runs.run import Run
from paribus.seeding import Streams
from paribus.training.loop import Training
from paribus.training.network import build

MLP = call("paribus.models.mlp:MLP", hidden=[6])
STEPS = 6


class Plain:
    """A loop of plain torch: a network, batches in the order of the seed, and a loss to evaluate."""

    def __init__(self, run: Run, split: Split) -> None:
        self.run, self.part = run, split.part("train").to("cpu", torch.float64)
        self.network = build(run.recipe, split.dataset, run.streams).double().train()
        self.named = dict(self.network.named_parameters())

    def batches(self) -> Iterator[tuple[Tensor, Tensor]]:
        (x,), (y,) = self.part.inputs, self.part.targets
        epochs = (
            torch.randperm(len(x), generator=Streams(0).generator("order", e)) for e in range(STEPS)
        )
        whole = (order[i : i + 8] for order in epochs for i in range(0, len(x) - 7, 8))
        for rows in itertools.islice(whole, STEPS):
            yield x[rows], y[rows]

    def loss(self, x: Tensor, y: Tensor) -> Tensor:
        self.network.zero_grad()
        loss = self.run.task.loss(self.network(x), y).mean()
        loss.backward()
        return loss

    def outputs(self) -> Tensor:
        with torch.no_grad():
            return self.network.eval()(self.part.inputs[0])


def trained(run: Run, split: Split) -> tuple[Training, Tensor]:
    training = Training(run, split)
    return training, training.advance(STEPS)


def same(training: Training, plain: Plain) -> None:
    for name, value in plain.network.state_dict().items():
        assert torch.equal(value, training.network.state_dict()[name]), name
