"""What the first pass of a network shows, and what the page says of it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from paribus import call
from paribus.training.first_pass import last_function
from paribus.training.loop import train


class Loose(nn.Module):
    """Holds its layers in a list that torch does not look into."""

    def __init__(self, inputs: tuple[int, ...], outputs: int, frozen: bool = False) -> None:
        super().__init__()
        self.layers = [nn.Linear(inputs[0], 3), nn.Tanh(), nn.Linear(3, 3)]
        for layer in self.layers:
            layer.requires_grad_(not frozen)
        self.last = nn.Linear(3, outputs)

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = layer(x)
        return self.last(x)


class Ending(nn.Module):
    """Ends with a function."""

    def __init__(self, inputs: tuple[int, ...], outputs: int, end: str) -> None:
        super().__init__()
        self.layer, self.end = nn.Linear(inputs[0], outputs), end

    def forward(self, x: Tensor) -> Tensor:
        return getattr(torch, self.end)(self.layer(x))


def test_layers_that_the_network_does_not_hold_are_told(tiny) -> None:
    """Not frozen ones, such as those of a teacher that is kept out on purpose."""
    for frozen, told in ((False, True), (True, False)):
        record = train(*tiny["table"].pair(call(Loose, frozen=frozen), dtype="float32"))
        notes = [n for n in record.network.get("notes", ()) if "no part of the network" in n]
        assert bool(notes) is told
        assert all("are: Linear, Linear. Their weights are not trained" in note for note in notes)


@pytest.mark.parametrize(("end", "told"), [("sigmoid", True), ("neg", False)])
def test_a_function_that_squashes_logits_is_told(tiny, end: str, told: bool) -> None:
    """Though outputs of a short training reach neither end of their range."""
    notes = train(*tiny["table"].pair(call(Ending, end=end))).notes
    assert (
        any("outputs look like probabilities (the last layer is Sigmoid)" in n for n in notes)
        is told
    )


Z = torch.zeros(4, 3, requires_grad=True)


@pytest.mark.parametrize(
    ("function", "last"),
    [
        (lambda z: z.softmax(-1), "Softmax"),
        (lambda z: functional.log_softmax(z, -1), ""),
        (lambda z: functional.relu(z)[:, :1], "ReLU"),
        (lambda z: (z.tanh().unsqueeze(1).double(), z), "Tanh"),
        (lambda z: torch.sigmoid(z) * 2 - 1, ""),
        (lambda z: z.detach(), ""),
        (lambda _z: 3, ""),
    ],
)
def test_the_last_function_is_known_by_its_gradient(
    function: Callable[[Tensor], object], last: str
) -> None:
    assert last_function(function(Z)) == last
