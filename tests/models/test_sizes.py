"""Parameter counts and output sizes: the formulas against hand arithmetic and against torch's own layers."""

from __future__ import annotations

import itertools

import pytest
import torch
from torch import nn

from paribus.models import CNN, MLP, Recurrent
from paribus.models.sizes import (
    convolution_parameters,
    convolved,
    linear_parameters,
    recurrent_parameters,
)


def numel(network: nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


def test_the_network_of_every_course_has_46_parameters() -> None:
    """8 inputs, 4 hidden units, 2 outputs: 8 * 4 + 4 + 4 * 2 + 2."""
    assert linear_parameters([8, 4, 2]) == 46
    assert numel(MLP(inputs=[8], outputs=2, hidden=[4])) == 46


@pytest.mark.parametrize("widths", [[1, 1], [9, 16, 8, 1], [64, 64, 64, 10], [784, 10]])
def test_linear_layers(widths: list[int]) -> None:
    assert linear_parameters(widths) == numel(
        MLP(inputs=widths[:1], outputs=widths[-1], hidden=widths[1:-1])
    )


@pytest.mark.parametrize(
    ("size_in", "size_out", "kernel"), [*itertools.product([1, 3], [1, 8], [1, 3, 5])]
)
def test_convolutions(size_in: int, size_out: int, kernel: int) -> None:
    assert convolution_parameters(size_in, size_out, kernel) == numel(
        nn.Conv2d(size_in, size_out, kernel)
    )


@pytest.mark.parametrize(
    ("n", "kernel", "padding", "stride"),
    [c for c in itertools.product([5, 8, 17], [1, 2, 3, 5], [0, 1, 2], [1, 2, 3]) if c[1] > c[2]],
)
def test_output_sizes(n: int, kernel: int, padding: int, stride: int) -> None:
    x = torch.zeros(1, 1, n, n)
    found = nn.Conv2d(1, 1, kernel, stride=stride, padding=padding)(x)
    assert convolved(n, kernel, padding, stride) == found.shape[-1]
    if padding <= kernel // 2:
        assert (
            convolved(n, kernel, padding, stride)
            == (nn.MaxPool2d(kernel, stride, padding)(x).shape[-1])
        )


@pytest.mark.parametrize(
    ("cell", "inputs", "hidden", "layers"),
    [*itertools.product(["RNN", "GRU", "LSTM"], [1, 3], [1, 32], [1, 2, 3])],
)
def test_recurrent_layers(cell: str, inputs: int, hidden: int, layers: int) -> None:
    expected = numel(getattr(nn, cell)(inputs, hidden, layers))
    assert recurrent_parameters(cell, inputs, hidden, layers) == expected
    network = Recurrent(inputs=[4, inputs], outputs=1, cell=cell, hidden=hidden, layers=layers)
    assert numel(network) == expected + linear_parameters([hidden, 1])


def test_a_convolutional_network_adds_up() -> None:
    """3 to 32 to 64 channels on 8x8 pixels, pooled twice: 64 maps of 2x2 pixels go to 10 classes."""
    side = convolved(convolved(8, 3, 1) // 2, 3, 1) // 2
    assert side == 2
    expected = convolution_parameters(3, 32, 3) + convolution_parameters(32, 64, 3)
    expected += linear_parameters([64 * side * side, 10])
    assert numel(CNN(inputs=[3, 8, 8], outputs=10, channels=[32, 64])) == expected
