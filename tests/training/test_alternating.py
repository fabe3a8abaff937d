"""Alternating updates: two players against a loop written by hand."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from paribus.runs.run import Outcome
from paribus.seeding import Streams
from paribus.spec import call
from paribus.training.batch_order import batches
from paribus.training.loop import Training, train
from paribus.training.network import build


class Players(nn.Module):
    """Two linear maps: one is drawn to the targets, the other to the first one's outputs and some noise."""

    def __init__(self, *, inputs: tuple[int, ...], outputs: int) -> None:
        super().__init__()
        self.first, self.second = (nn.Linear(math.prod(inputs), outputs) for _ in range(2))

    def forward(self, x: Tensor) -> Tensor:
        return self.second(x.flatten(1))

    def alternating_updates(self):
        return [([*self.first.parameters()], self.lead), ([*self.second.parameters()], self.follow)]

    def lead(self, inputs, targets, _generator) -> Tensor:
        return (self.first(inputs[0].flatten(1)) - targets[0]).square().mean()

    def follow(self, inputs, _targets, generator) -> Tensor:
        x = inputs[0].flatten(1)
        noise = torch.randn(len(x), 1, generator=generator).to(x)
        return (self.second(x) - self.first(x) - noise).square().mean()


PLAYERS = call(Players)
ADAM = call("torch.optim:Adam", lr=0.05)


def test_updates_are_made_in_turn_each_with_an_optimizer_of_its_own(tiny) -> None:
    """Four steps, written out: the first player moves before the second one sees it."""
    run, split = tiny["series"].pair(PLAYERS, ADAM, seed=1)
    network = build(run.recipe, split.dataset, run.streams).double()
    mine = [torch.optim.Adam(n.parameters(), lr=0.05) for n in (network.first, network.second)]
    part, order = split.part("train"), batches(len(split.train), 8, run.streams)
    losses = []
    for step in range(4):
        index = next(order)
        x, y = part.inputs[0][index].double().flatten(1), part.targets[0][index].double()
        lead = (network.first(x) - y).square().mean()
        network.zero_grad()
        lead.backward()
        mine[0].step()
        draw = Streams(1).generator("noise", "round", 1, step)
        noise = torch.randn(8, 1, generator=draw).double()
        follow = (network.second(x) - network.first(x) - noise).square().mean()
        network.zero_grad()
        follow.backward()
        mine[1].step()
        losses.append((lead + follow).item())
    training = Training(run, split)
    assert training.advance(4).tolist() == pytest.approx(losses, abs=1e-12)
    for a, b in zip(training.network.parameters(), network.parameters(), strict=True):
        torch.testing.assert_close(a, b, atol=1e-12, rtol=0)


def test_each_updates_gradient_is_clipped_by_itself(tiny) -> None:
    """With a limit of 0.001 and SGD at a rate of 1 each player moves by 0.001, however steep its loss."""
    sgd = call("torch.optim:SGD", lr=1.0)
    training = Training(
        tiny["series"].run(PLAYERS, sgd, clip_norm=0.001), tiny["series"].make_split()
    )
    before = [p.detach().clone() for p in training.network.parameters()]
    training.advance(1)
    moved = [
        (p - q).square().sum() for p, q in zip(training.network.parameters(), before, strict=True)
    ]
    for player in (moved[:2], moved[2:]):
        assert sum(player).sqrt().item() == pytest.approx(0.001, rel=0.01)


def test_such_a_run_is_recorded_as_any_other_and_comes_out_the_same_again(tiny) -> None:
    run, split = tiny["series"].pair(PLAYERS, ADAM)
    record, again = train(run, split), train(run, split)
    assert record.outcome is Outcome.completed
    assert record.scores == again.scores
    assert record.parameters == 2 * 11
    assert len(record.curves["train/loss"]) == len(record.curves["validation/mse"]) > 1
