from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from paribus.models import MLP, sequential_mlp

SETTINGS: dict[str, dict[str, Any]] = {
    "plain": {"inputs": (9,), "outputs": 1},
    "sigmoid": {"inputs": (9,), "outputs": 1, "output": "sigmoid"},
    "batch norm": {"inputs": (9,), "outputs": 2, "norm": "batch"},
    "dropout": {"inputs": (9,), "outputs": 1, "dropout": 0.5},
    "both, and deep": {
        "inputs": (9,),
        "outputs": 1,
        "hidden": [12, 10, 8],
        "norm": "batch",
        "dropout": 0.2,
    },
    "a leak": {
        "inputs": (9,),
        "outputs": 1,
        "activation": {"name": "LeakyReLU", "negative_slope": 0.05},
    },
    "images": {"inputs": (1, 8, 8), "outputs": 10, "activation": "ELU"},
    "no biases": {"inputs": (9,), "outputs": 1, "bias": False},
    "no hidden layer": {"inputs": (9,), "outputs": 1, "hidden": []},
}


def spellings(settings: dict[str, Any]) -> tuple[MLP, nn.Sequential]:
    """Return the network in both spellings, each built from the same state of the generator."""
    torch.manual_seed(3)
    as_class = MLP(**settings)
    torch.manual_seed(3)
    return as_class, sequential_mlp(**settings)


@pytest.fixture(params=SETTINGS)
def settings(request: pytest.FixtureRequest) -> dict[str, Any]:
    return SETTINGS[request.param]


def test_both_spellings_draw_the_same_weights(settings) -> None:
    as_class, as_list = spellings(settings)
    for a, b in zip(as_class.parameters(), as_list.parameters(), strict=True):
        assert torch.equal(a, b)
    for a, b in zip(as_class.buffers(), as_list.buffers(), strict=True):
        assert torch.equal(a, b)


@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
def test_both_spellings_give_the_same_outputs_and_gradients(settings, training) -> None:
    """Bit for bit; while training, dropout draws its masks from the same state of the generator."""
    x, outputs, gradients = torch.randn(32, *settings["inputs"]), [], []
    for network in spellings(settings):
        network.train(training)
        torch.manual_seed(5)
        output = network(x)
        output.square().sum().backward()
        outputs.append(output)
        gradients.append([parameter.grad for parameter in network.parameters()])
    assert torch.equal(*outputs)
    assert all(torch.equal(a, b) for a, b in zip(*gradients, strict=True))


def test_both_spellings_train_alike(settings) -> None:
    """Ten steps of momentum leave the same weights and running statistics."""
    x, y, trained = torch.randn(32, *settings["inputs"]), torch.rand(32, settings["outputs"]), []
    for network in spellings(settings):
        optimizer = torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.9)
        torch.manual_seed(5)
        for _ in range(10):
            optimizer.zero_grad()
            F.mse_loss(network(x), y).backward()
            optimizer.step()
        trained.append([*network.parameters(), *network.buffers()])
    assert all(torch.equal(a, b) for a, b in zip(*trained, strict=True))


def test_eight_four_two_has_46_parameters() -> None:
    """8*4 + 4 weights and biases, then 4*2 + 2."""
    network = MLP(inputs=(8,), outputs=2, hidden=[4])
    assert sum(p.numel() for p in network.parameters()) == 46


@pytest.mark.parametrize("hidden", [[], [16, 8], [5, 6, 7]])
@pytest.mark.parametrize("norm", [None, "batch"])
@pytest.mark.parametrize("bias", [True, False])
def test_parameter_count_follows_the_formula(hidden, norm, bias) -> None:
    """``in * out`` a layer, a bias each but before a norm, and two numbers a normed unit."""
    network = MLP(inputs=(9,), outputs=3, hidden=hidden, norm=norm, bias=bias)
    weights = sum(a * b for a, b in pairwise([9, *hidden, 3]))
    biases = (3 + (sum(hidden) if norm is None else 0)) if bias else 0
    norms = 2 * sum(hidden) if norm else 0
    assert weights + biases + norms == sum(p.numel() for p in network.parameters())


def test_forward_is_affine_relu_affine_relu_affine() -> None:
    network = MLP(inputs=(9,), outputs=1).double()
    x = torch.randn(7, 9, dtype=torch.float64)
    w1, b1, w2, b2, w3, b3 = network.parameters()
    h1 = torch.einsum("oi,bi->bo", w1, x) + b1
    h2 = torch.einsum("oi,bi->bo", w2, h1 * (h1 > 0)) + b2
    expected = torch.einsum("oi,bi->bo", w3, h2 * (h2 > 0)) + b3
    torch.testing.assert_close(network(x), expected)


def test_the_norm_stands_between_the_linear_map_and_its_activation() -> None:
    network = MLP(inputs=(9,), outputs=1, hidden=[6], norm="batch", activation="Sigmoid").double()
    x = torch.randn(7, 9, dtype=torch.float64)
    w1, scale, shift, w2, b2 = network.parameters()
    h = x @ w1.T
    normed = (h - h.mean(0)) / (h.var(0, correction=0) + 1e-5).sqrt() * scale + shift
    torch.testing.assert_close(network(x), 1 / (1 + (-normed).exp()) @ w2.T + b2)


def test_a_bias_before_a_norm_has_no_gradient() -> None:
    """The reason for leaving it out: the norm subtracts the batch's mean, and the bias with it."""
    layers = nn.Sequential(nn.Linear(9, 6), nn.BatchNorm1d(6), nn.ReLU(), nn.Linear(6, 1)).double()
    layers(torch.randn(32, 9, dtype=torch.float64)).square().sum().backward()
    linear = layers[0]
    assert linear.bias.grad.abs().max() < 1e-12
    assert linear.weight.grad.abs().max() > 1e-3


def test_layers_without_activation_make_a_linear_model() -> None:
    """Matrices multiply to one matrix: with a sigmoid output it is logistic regression."""
    network = MLP(inputs=(9,), outputs=1, activation="Identity", output="sigmoid").double()
    x = torch.randn(7, 9, dtype=torch.float64)
    w1, b1, w2, b2, w3, b3 = network.parameters()
    weight, bias = w3 @ w2 @ w1, w3 @ (w2 @ b1 + b2) + b3
    expected = 1 / (1 + torch.exp(-(x @ weight.T + bias)))
    torch.testing.assert_close(network(x), expected)


def test_sigmoid_output_with_cross_entropy_equals_the_loss_with_logits() -> None:
    x, y = torch.randn(7, 9, dtype=torch.float64), torch.randint(2, (7, 1)).double()
    torch.manual_seed(0)
    raw = MLP(inputs=(9,), outputs=1).double()(x)
    torch.manual_seed(0)
    probability = MLP(inputs=(9,), outputs=1, output="sigmoid").double()(x)
    torch.testing.assert_close(
        F.binary_cross_entropy(probability, y), F.binary_cross_entropy_with_logits(raw, y)
    )


@pytest.mark.parametrize("make", [MLP, sequential_mlp])
@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"norm": "layer"}, r"^norm: got 'layer', expected one of None, 'batch'\.$"),
        ({"activation": "relu"}, r"^activation: got 'relu', expected one of .*'ReLU'"),
        ({"hidden": [16, 0]}, r"^hidden: got \[16, 0\], expected whole numbers of at least 1\.$"),
        ({"hidden": [1.5]}, r"^hidden: got \[1\.5\], expected whole numbers of at least 1\.$"),
    ],
)
def test_a_wrong_setting_is_refused(make, setting, message) -> None:
    with pytest.raises(ValueError, match=message):
        make(inputs=(9,), outputs=1, **setting)


def test_a_skip_adds_a_layers_input_where_widths_match() -> None:
    """By hand: the first layer is wider than the input and adds nothing, the second adds what it was given."""
    network = MLP(inputs=(3,), outputs=2, hidden=[5, 5], activation="Tanh", skip=True)
    x = torch.randn(7, 3)
    first, second = (layer.linear for layer in network.hidden)
    hidden = torch.tanh(first(x))
    expected = network.linear(hidden + torch.tanh(second(hidden)))
    assert torch.equal(network(x), expected)
