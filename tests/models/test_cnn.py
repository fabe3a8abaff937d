from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from torch import Tensor, nn

from paribus.models import CNN
from paribus.models.sizes import convolved


def convolution(x: Tensor, weight: Tensor, bias: Tensor, padding: int) -> Tensor:
    """Compute a convolution as a sum over the kernel's places."""
    batch, channels, height, width = x.shape
    k = weight.shape[-1]
    padded = x.new_zeros(batch, channels, height + 2 * padding, width + 2 * padding)
    padded[:, :, padding : padding + height, padding : padding + width] = x
    rows, columns = padded.shape[2] - k + 1, padded.shape[3] - k + 1
    total = bias[:, None, None].expand(batch, -1, rows, columns)
    for i in range(k):
        for j in range(k):
            window = padded[:, :, i : i + rows, j : j + columns]
            total = total + torch.einsum("oc,bchw->bohw", weight[:, :, i, j], window)
    return total


def quarters(x: Tensor) -> Tensor:
    """Return the four pixels of each 2x2 field along a new last axis."""
    return torch.stack([x[:, :, i::2, j::2] for i in (0, 1) for j in (0, 1)], -1)


@pytest.mark.parametrize(
    ("pool", "pooled"),
    [("max", lambda x: quarters(x).amax(-1)), ("average", lambda x: quarters(x).mean(-1))],
)
def test_forward_is_convolution_elu_pool_twice_then_linear(pool, pooled) -> None:
    network = CNN(inputs=(3, 8, 8), outputs=5, channels=[4, 6], pool=pool).double()
    x = torch.randn(2, 3, 8, 8, dtype=torch.float64)
    w1, b1, w2, b2, w3, b3 = network.parameters()
    expected = x
    for weight, bias in ((w1, b1), (w2, b2)):
        h = convolution(expected, weight, bias, padding=1)
        expected = pooled(torch.where(h > 0, h, h.exp() - 1))
    torch.testing.assert_close(network(x), expected.reshape(2, -1) @ w3.T + b3)


@pytest.mark.parametrize("n", [8, 9, 32])
@pytest.mark.parametrize("kernel_size", [1, 3, 5])
@pytest.mark.parametrize("padding", [0, 1, 2])
def test_convolved_size_follows_the_formula(n, kernel_size, padding) -> None:
    """(n + 2p - k) / s + 1 with a stride of 1, against torch."""
    layer = nn.Conv2d(1, 1, kernel_size, padding=padding)
    expected = layer(torch.zeros(1, 1, n, n)).shape[-1]
    assert (
        expected == convolved(n, kernel_size, padding) == (n + 2 * padding - kernel_size) // 1 + 1
    )


def test_padding_of_one_keeps_the_size_under_a_kernel_of_three() -> None:
    assert convolved(28, kernel_size=3, padding=1) == 28


@pytest.mark.parametrize(
    ("inputs", "settings", "features"),
    [
        ((1, 8, 8), {}, 64 * 2 * 2),
        ((3, 32, 32), {}, 64 * 8 * 8),
        ((3, 9, 13), {}, 64 * 2 * 3),
        ((1, 8, 8), {"pool": None}, 64 * 8 * 8),
        ((1, 8, 8), {"padding": 0, "channels": [4]}, 4 * 3 * 3),
        ((1, 8, 8), {"kernel_size": 5, "padding": 2}, 64 * 2 * 2),
        ((1, 8, 8), {"channels": []}, 1 * 8 * 8),
    ],
)
def test_features_left_for_the_linear_layer(inputs, settings, features) -> None:
    network = CNN(inputs=inputs, outputs=10, **settings)
    assert features == network.linear.in_features
    assert network(torch.randn(2, *inputs)).shape == (2, 10)


@pytest.mark.parametrize("norm", [None, "batch"])
def test_parameter_count_follows_the_formula(norm) -> None:
    """A convolution has out * in * k * k + out; before a norm no bias, but the norm's two numbers a channel."""
    network = CNN(inputs=(3, 32, 32), outputs=10, channels=[32, 64], kernel_size=3, norm=norm)
    convolutions = sum(
        b * a * 3 * 3 + (b if norm is None else 2 * b) for a, b in pairwise([3, 32, 64])
    )
    assert convolutions + 64 * 8 * 8 * 10 + 10 == sum(p.numel() for p in network.parameters())


@pytest.mark.parametrize(
    ("inputs", "settings", "message"),
    [
        ((8, 8), {}, r"^inputs: got \(8, 8\), .* \(channel, height, width\)\.$"),
        ((1, 3, 8), {}, r"^inputs: got a height or width of 3 pixels, .* after block 2 of 2"),
        ((1, 2, 2), {"padding": 0, "pool": None}, r"of 2 pixels, .* after block 1 of 2"),
        (
            (1, 8, 8),
            {"pool": "min"},
            r"^pool: got 'min', expected one of None, 'max', 'average'\.$",
        ),
        ((1, 8, 8), {"norm": "layer"}, r"^norm: got 'layer'"),
        ((1, 8, 8), {"activation": "elu"}, r"^activation: got 'elu'"),
        ((1, 8, 8), {"channels": [0]}, r"^channels: got \[0\]"),
    ],
)
def test_a_wrong_setting_is_refused(inputs, settings, message) -> None:
    with pytest.raises(ValueError, match=message):
        CNN(inputs=inputs, outputs=10, **settings)
