"""Networks of one shape as one: what each says alone it says in the stack, and it can be taken out again."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from paribus.engines.vmapped.parameters import StackedNetwork
from paribus.seeding import Streams
from paribus.training.dropout import use_named_dropout

REPLICATES = 3


class Residual(nn.Module):
    """Map under two names, and a sum: nothing that a list of layers could say."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(4, 4)
        self.again = self.first
        self.last = nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(x + self.again(self.first(x).relu()).relu())


NETWORKS: dict[str, Any] = {
    "linear": (lambda: nn.Linear(4, 2), (4,)),
    "residual, with tied weights": (Residual, (4,)),
    "normed": (lambda: nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3), nn.ELU()), (4,)),
    "without running statistics": (
        lambda: nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3, track_running_stats=False)),
        (4,),
    ),
    "normed otherwise": (lambda: nn.Sequential(nn.LayerNorm(4), nn.GELU(), nn.PReLU()), (4,)),
    "convolutional": (
        lambda: nn.Sequential(
            nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(8, 2)
        ),
        (1, 6, 6),
    ),
}


def networks(name: str) -> list[nn.Module]:
    make, _ = NETWORKS[name]
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return [make().double() for _ in range(REPLICATES)]


def inputs(name: str, batch: int = 5) -> Tensor:
    """``(replicate, batch, ...)``."""
    shape = (REPLICATES, batch, *NETWORKS[name][1])
    generator = torch.Generator().manual_seed(1)
    return torch.randn(shape, generator=generator, dtype=torch.float64)


def called(stack: StackedNetwork, x: Tensor) -> Tensor:
    return stack.call(lambda network, given: network(*given), (x,))


def close(actual: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(actual, expected, rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("name", NETWORKS)
def test_each_network_says_what_it_says_alone(name: str) -> None:
    """While training and afterwards, with the statistics that training left behind."""
    alone, stack, x = networks(name), StackedNetwork(networks(name)), inputs(name)
    assert len(stack) == REPLICATES
    for mode in (True, True, False):
        stack.base.train(mode)
        expected = torch.stack([n.train(mode)(each) for n, each in zip(alone, x, strict=True)])
        close(called(stack, x), expected)


@pytest.mark.parametrize("name", NETWORKS)
def test_each_network_has_the_gradient_that_it_has_alone(name: str) -> None:
    alone, stack, x = networks(name), StackedNetwork(networks(name)), inputs(name)
    (gradient,) = torch.autograd.grad(called(stack, x).square().sum(), stack.weights)
    for i, network in enumerate(alone):
        found = torch.autograd.grad(network(x[i]).square().sum(), list(network.parameters()))
        close(gradient[i], torch.cat([g.flatten() for g in found]))


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_can_be_taken_out_again(name: str) -> None:
    """Bit by bit what was put in, and after training with its own statistics."""
    alone, stack, x = networks(name), StackedNetwork(networks(name)), inputs(name)
    taken = networks(name)[0]
    for i in (2, 0, 1):
        stack.load(taken, i)
        wanted = alone[i].state_dict()
        assert all(torch.equal(value, wanted[key]) for key, value in taken.state_dict().items())
    called(stack, x)
    for i in (1, 2):
        alone[i](x[i])
        stack.load(taken, i)
        for key, value in taken.state_dict().items():
            close(value, alone[i].state_dict()[key])


def test_the_networks_that_are_stacked_are_left_as_they_are() -> None:
    given, before = networks("normed"), networks("normed")
    stack = StackedNetwork(given)
    called(stack, inputs("normed"))
    with torch.no_grad():
        stack.weights.add_(1.0)
    for network, other in zip(given, before, strict=True):
        wanted = other.state_dict()
        assert all(torch.equal(v, wanted[k]) for k, v in network.state_dict().items())


def test_the_best_of_each_replicate_is_kept_and_put_back() -> None:
    """Weights and statistics of those chosen at the time; a later step changes nothing that was kept."""
    stack, x = StackedNetwork(networks("normed")), inputs("normed")
    best = stack.state()
    told = []
    for chosen in ([0, 1], [1], []):
        with torch.no_grad():
            stack.weights.mul_(1.1)
        called(stack, x)
        stack.keep(torch.tensor(chosen, dtype=torch.long), best)
        stack.base.eval()
        told.append(called(stack, x).detach().clone())
        stack.base.train()
    stack.restore(best)
    stack.base.eval()
    first = StackedNetwork(networks("normed"))
    first.base.eval()
    close(called(stack, x), torch.stack([told[0][0], told[1][1], called(first, x)[2]]))


# Dropout.


class Deep(nn.Module):
    """Dropout of two shares and shapes at two depths, and of one that is never asked."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Sequential(nn.Linear(4, 6), nn.Dropout(0.3))
        self.outer, self.idle = nn.Dropout(0.6), nn.Dropout(0.5)
        self.last = nn.Linear(6, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.outer(self.last(self.inner(x)))


def noisy() -> list[nn.Module]:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        made = [Deep().double() for _ in range(REPLICATES)]
    for seed, network in enumerate(made):
        use_named_dropout(network, Streams(seed))
    return made


def test_each_dropout_has_the_mask_of_its_replicate_layer_and_step() -> None:
    x = inputs("linear")
    stacked, alone = noisy(), noisy()
    stack = StackedNetwork(stacked)
    stacked[0](x[0])  # a first pass, that tells shapes
    for step in (0, 1, 7, 1):
        stack.draw_masks(step)
        expected = []
        for network, each in zip(alone, x, strict=True):
            for dropout in (network.inner[1], network.outer, network.idle):
                dropout.begin(step)
            expected.append(network(each))
        close(called(stack, x), torch.stack(expected))


def test_nothing_is_dropped_in_evaluation() -> None:
    x, stacked, alone = inputs("linear", batch=9), noisy(), noisy()
    stack = StackedNetwork(stacked)
    stacked[0](x[0, :5])
    stack.draw_masks(0)
    stack.base.eval()
    close(called(stack, x), torch.stack([n.eval()(e) for n, e in zip(alone, x, strict=True)]))


def test_frozen_weights_stand_beside_the_buffers() -> None:
    networks = [nn.Linear(4, 2) for _ in range(3)]
    for network in networks:
        network.bias.requires_grad_(False)
    stack = StackedNetwork(networks)
    assert (stack.names, stack.frozen, stack.changing) == (["weight"], ["bias"], [])
    assert stack.weights.shape == (3, 8)
    x = torch.randn(3, 5, 4)
    found = stack.call(lambda network, batch: network(*batch), (x,))
    wanted = torch.stack([network(batch) for network, batch in zip(networks, x, strict=True)])
    torch.testing.assert_close(found, wanted)


def test_what_cannot_be_stacked_is_refused_in_words() -> None:
    projected = nn.LSTM(4, 3, proj_size=2)
    with pytest.raises(ValueError, match="LSTM with proj_size=2 has no stacked form"):
        StackedNetwork([projected, projected])
