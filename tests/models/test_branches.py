from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from paribus.models import AuxiliaryCNN, TwoInputs, TwoOutputs


def pictured(x, weight, bias, line, offset):
    """Convolution, max-pooling, ELU, linear, by torch's functions."""
    h = F.elu(F.max_pool2d(F.conv2d(x, weight, bias, padding=1), 2))
    return h.flatten(1) @ line.T + offset


def test_two_inputs_are_two_branches_put_together() -> None:
    network = TwoInputs(inputs=((1, 8, 8), (5,)), outputs=7).double()
    image, row = torch.randn(3, 1, 8, 8).double(), torch.randn(3, 5).double()
    *branch, w, b, last, bias = network.parameters()
    both = torch.cat((pictured(image, *branch), F.elu(row @ w.T + b)), 1)
    torch.testing.assert_close(network(image, row), both @ last.T + bias)


def test_two_outputs_share_the_images_embedding() -> None:
    network = TwoOutputs(inputs=(1, 8, 8), outputs=(4, 3)).double()
    image = torch.randn(3, 1, 8, 8).double()
    *branch, w, b, v, c = network.parameters()
    shared = pictured(image, *branch)
    torch.testing.assert_close(network(image), (shared @ w.T + b, shared @ v.T + c))


def test_their_sizes_are_those_of_the_notes() -> None:
    """Image 1x64x64 to 128, alphabet 30 to 8, together 136 to 964 characters; and 128 to 964 and to 30."""
    branch = (16 * 9 + 16) + (16 * 32 * 32 * 128 + 128)
    one = TwoInputs(inputs=((1, 64, 64), (30,)), outputs=964)
    assert sum(p.numel() for p in one.parameters()) == branch + (30 * 8 + 8) + (136 * 964 + 964)
    two = TwoOutputs(inputs=(1, 64, 64), outputs=(964, 30))
    assert sum(p.numel() for p in two.parameters()) == branch + (128 * 964 + 964) + (128 * 30 + 30)


def test_an_auxiliary_answer_comes_from_half_way_up() -> None:
    network = AuxiliaryCNN(inputs=(1, 8, 8), outputs=3, channels=(2, 4)).double()
    x = torch.randn(3, 1, 8, 8).double()
    w1, b1, w2, b2, w3, b3, w4, b4 = network.parameters()
    half = F.max_pool2d(F.elu(F.conv2d(x, w1, b1, padding=1)), 2)
    whole = F.max_pool2d(F.elu(F.conv2d(half, w2, b2, padding=1)), 2)
    expected = (whole.flatten(1) @ w3.T + b3, half.flatten(1) @ w4.T + b4)
    torch.testing.assert_close(network(x), expected)


@pytest.mark.parametrize(
    ("make", "settings", "message"),
    [
        (TwoInputs, {"inputs": (1, 8, 8)}, r"^inputs: got \(1, 8, 8\), expected two shapes,"),
        (TwoInputs, {"inputs": ((1, 8, 8), (2, 2))}, r"^inputs: got \(2, 2\), .* \(number\)\.$"),
        (TwoInputs, {"inputs": ((8, 8), (2,))}, r"^inputs: got \(8, 8\), .*\(channel, height"),
        (
            TwoInputs,
            {"inputs": ((1, 1, 8), (2,))},
            r"^inputs: got an image of 1x8 pixels, of which",
        ),
        (TwoInputs, {"inputs": ((1, 8, 8), (2,)), "second": 0}, r"^second: got \[0\]"),
        (TwoInputs, {"inputs": ((1, 8, 8), (2,)), "channels": 0}, r"^channels: got \[0\]"),
        (TwoOutputs, {"inputs": (1, 8, 8)}, r"^outputs: got 3, expected a number of outputs for"),
        (TwoOutputs, {"inputs": (1, 8, 8), "outputs": (2, 0)}, r"^outputs: got \[2, 0\]"),
        (AuxiliaryCNN, {"inputs": (1, 3, 8)}, r"^channels: got \[32, 64\] for 3x8 pixels"),
        (AuxiliaryCNN, {"inputs": (1, 8, 8), "channels": (4,)}, r"^channels: got \[4\] for 8x8"),
    ],
)
def test_a_wrong_setting_is_refused(make, settings, message) -> None:
    with pytest.raises(ValueError, match=message):
        make(**({"outputs": 3} | settings))
