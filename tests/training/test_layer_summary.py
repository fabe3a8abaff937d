"""Layer tables: names, outputs and parameters, by hand; and that making one changes nothing."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations

from paribus.data.dataset import Subset
from paribus.models import CNN, MLP, Recurrent
from paribus.training.layer_summary import layer_table


def told(network: nn.Module, *shape: int) -> list[tuple[str, list[int] | None, int]]:
    part = Subset((torch.randn(3, *shape),), (torch.zeros(3),))
    table = layer_table(network, part)
    assert sum(line["parameters"] for line in table) == sum(p.numel() for p in network.parameters())
    return [(line["layer"], line["output"], line["parameters"]) for line in table]


def test_a_perceptron() -> None:
    assert told(MLP(inputs=[8], outputs=2, hidden=[4], dropout=0.5), 8) == [
        ("Linear0", [4], 36),
        ("ReLU0", [4], 0),
        ("Dropout0", [4], 0),
        ("Linear1", [2], 10),
    ]


def test_a_convolutional_network() -> None:
    network = CNN(inputs=[1, 8, 8], outputs=10, channels=[2, 3], norm="batch")
    assert told(network, 1, 8, 8) == [
        ("Conv2d0", [2, 8, 8], 18),
        ("BatchNorm2d0", [2, 8, 8], 4),
        ("ELU0", [2, 8, 8], 0),
        ("MaxPool2d0", [2, 4, 4], 0),
        ("Conv2d1", [3, 4, 4], 54),
        ("BatchNorm2d1", [3, 4, 4], 6),
        ("ELU1", [3, 4, 4], 0),
        ("MaxPool2d1", [3, 2, 2], 0),
        ("Linear0", [10], 130),
    ]


@pytest.mark.parametrize(("cell", "parameters"), [("RNN", 32), ("GRU", 96), ("LSTM", 128)])
def test_the_output_of_a_recurrent_layer_is_its_states(cell: str, parameters: int) -> None:
    """One, three and four times 4 * 2 + 4 * 4 + 2 * 4 = 32."""
    network = Recurrent(inputs=[6, 2], outputs=1, cell=cell, hidden=4, layers=1)
    assert told(network, 6, 2) == [(f"{cell}0", [6, 4], parameters), ("Linear0", [1], 5)]


class Odd(nn.Module):
    """Network with a weight of its own, a layer called twice, one that shares its weights, and one never called."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(3))
        self.twice, self.tied, self.unused = nn.Linear(3, 3), nn.Linear(3, 3), nn.Linear(3, 7)
        self.tied.weight = self.twice.weight

    def forward(self, x: Tensor) -> Tensor:
        return self.tied(self.twice(self.twice(x * self.scale)))


def test_what_is_shared_counts_once_and_what_is_not_called_comes_last() -> None:
    assert told(Odd(), 3) == [
        ("Linear0", [3], 12),
        ("Linear1", [3], 3),
        ("Odd0", [3], 3),
        ("Linear2", None, 28),
    ]


@pytest.mark.parametrize("training", [True, False])
def test_looking_leaves_the_network_and_the_generator_as_they_were(training: bool) -> None:
    network = MLP(inputs=[8], outputs=2, norm="batch", dropout=0.5).train(training)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    torch.manual_seed(0)
    drawn = torch.get_rng_state()
    layer_table(network, Subset((torch.ones(1, 8),), ()))
    assert torch.equal(drawn, torch.get_rng_state())
    assert all(torch.equal(before[n], value) for n, value in network.state_dict().items())
    assert all(module.training is training for module in network.modules())
    assert not any(module._forward_hooks for module in network.modules())


def test_what_computes_a_weight_is_part_of_its_layer() -> None:
    network = nn.Sequential(parametrizations.weight_norm(nn.Linear(3, 2)), nn.Linear(2, 1))
    assert told(network, 3) == [("Linear0", [2], 10), ("Linear1", [1], 3)]
