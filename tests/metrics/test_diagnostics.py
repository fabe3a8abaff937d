"""Diagnostics against autograd and closed forms; measuring changes nothing."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from paribus.data.dataset import Subset
from paribus.metrics import log_loss, squared_error
from paribus.metrics.diagnostics import (
    LastStep,
    activations,
    border_sensitivity,
    gradient_norms,
    layer_variances,
    train_fit,
    update_norm,
)
from paribus.models import CNN, MLP, Recurrent
from paribus.models.initialise import kaiming_uniform, xavier_uniform
from paribus.seeding import Streams
from paribus.training.dropout import use_named_dropout


def numbers(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def made(network: Any, seed: int = 0, **settings: Any) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return network(**settings).double()


IMAGES = Subset((numbers(20, 1, 6, 6),), (torch.arange(20) % 3,))
ROWS = Subset((numbers(20, 4),), (torch.arange(20) % 3,))
SERIES = Subset((numbers(20, 5, 2),), (numbers(20, 1),))
CASES = {
    "mlp": (made(MLP, inputs=[4], outputs=3), ROWS, log_loss, [0, 2, 4]),
    "mlp with batch norm": (
        made(MLP, inputs=[4], outputs=3, norm="batch"),
        ROWS,
        log_loss,
        [0, 3, 6],
    ),
    "cnn": (made(CNN, inputs=[1, 6, 6], outputs=3, norm="batch"), IMAGES, log_loss, [0, 3, 6]),
    "lstm": (
        made(Recurrent, inputs=[5, 2], outputs=1, cell="LSTM", layers=1),
        SERIES,
        squared_error,
        [0, 1, 4],
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_gradient_norms_are_those_of_backward(case: str) -> None:
    """Of the weight matrices, which stand at these places among the parameters."""
    network, subset, loss, places = CASES[case]
    measured = gradient_norms(network, subset, loss)
    copy = made(lambda: network)
    copy.zero_grad()
    loss(copy(*subset.inputs), *subset.targets).mean().backward()
    gradients = [p.grad for p in copy.parameters()]
    expected = [gradients[i].square().sum().sqrt().item() for i in places]
    copy.zero_grad()
    assert measured == pytest.approx(
        {
            **{f"gradient_norm/{i}": norm for i, norm in enumerate(expected)},
            "gradient_ratio": expected[0] / expected[-1],
        },
        rel=1e-12,
    )


def test_a_ratio_to_a_last_norm_of_zero_is_not_a_number() -> None:
    subset = Subset((numbers(5, 4),), (torch.zeros(5, 1, dtype=torch.float64),))
    network = made(MLP, inputs=[4], outputs=1, bias=False)
    nn.init.zeros_(network.linear.weight)
    measured = gradient_norms(network, subset, squared_error)
    assert math.isnan(measured["gradient_ratio"])
    assert measured["gradient_norm/2"] == 0.0


def depth_ratio(activation: str, initialise: Any = None) -> float:
    """Return the first gradient norm over the last one, ten hidden layers of 64."""
    network = made(MLP, inputs=[4], outputs=3, hidden=[64] * 10, activation=activation)
    linear = [m for m in network.modules() if isinstance(m, nn.Linear)]
    generator = torch.Generator().manual_seed(0)
    for layer in linear if initialise else []:
        initialise(layer, generator=generator, last=layer is linear[-1])
    return gradient_norms(network, ROWS, log_loss)["gradient_ratio"]


@pytest.mark.parametrize(
    ("activation", "initialise", "low", "high"),
    [
        ("Sigmoid", None, 1e-9, 1e-6),
        ("Sigmoid", xavier_uniform, 1e-7, 1e-4),
        ("ReLU", kaiming_uniform, 0.05, 5.0),
    ],
)
def test_a_deep_sigmoid_networks_first_gradient_has_vanished(
    activation: str, initialise: Any, low: float, high: float
) -> None:
    """Measured on digits: 8e-8 with default weights, 6e-6 with Xavier's, .47 with ReLU and Kaiming's.

    Source: Glorot and Bengio 2010.
    """
    assert low < depth_ratio(activation, initialise) < high


class Shown(nn.Module):
    """Two ReLU layers of units that are plain to see."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.relu, self.leak = nn.Identity(), nn.ReLU(), nn.LeakyReLU(0.5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.relu(self.first(x))
        return 2 * self.leak(x[:, :2] - 1)


def test_activations_by_hand() -> None:
    """ReLU gives ((1, 0, 0), (3, 0, 4)), LeakyReLU of the first two columns less one ((0, -.5), (2, -.5)).

    Of five units one is dead. Means are 8/6 and 1/4; the offset is that over the standard deviation of all entries.
    """
    x = torch.tensor([[1.0, -2.0, -1.0], [3.0, -1.0, 4.0]], dtype=torch.float64)
    first = torch.tensor([1.0, 0, 0, 3, 0, 4]).double()
    second = torch.tensor([0.0, -0.5, 2, -0.5]).double()
    measured = activations(Shown(), Subset((x,), ()), squared_error)
    offsets = [t.mean().abs() / t.std() for t in (first, second)]
    assert measured == pytest.approx(
        {
            "dead_share": 1 / 5,
            "mean_activation": (8 / 6 + 1 / 4) / 2,
            "activation_offset": float(sum(offsets)) / 2,
            "output_scale": (4 * second.square()).mean().sqrt().item(),
        },
        abs=1e-12,
    )


def test_a_channel_is_dead_only_where_every_pixel_of_every_sample_is_zero() -> None:
    x = torch.zeros(2, 3, 2, 2)
    x[1, 0, 1, 1] = 5.0
    x[:, 1] = -1.0
    network = nn.Sequential(nn.ReLU(), nn.Flatten())
    measured = activations(network, Subset((x,), ()), squared_error)
    assert measured["dead_share"] == pytest.approx(2 / 3)


def test_born_dead_networks_are_as_many_as_the_closed_form_says() -> None:
    """Depth 20, width 4, one input, no bias: a layer is dead with probability 2^-4, and then all behind it are.

    A network is born dead with probability ``1 - q^20 = .725``, ``q = 1 - 2^-4``. A unit of layer ``l`` is dead with
    probability ``1 - q^(l - 1) / 2``, whose mean over the layers is ``1 - .725 / (40 (1 - q)) = .710``. Within four
    standard errors over 400 draws; the share's standard deviation over draws is below a half.

    Source: Lu et al., Dying ReLU and Initialization, 2019.
    """
    subset = Subset((torch.ones(1, 1, dtype=torch.float64),), ())
    settings = {"inputs": [1], "outputs": 1, "hidden": [4] * 20, "bias": False}
    measured = [
        activations(made(MLP, seed, **settings), subset, squared_error) for seed in range(400)
    ]
    q = 1 - 2**-4
    born_dead, standard_error = 1 - q**20, math.sqrt((1 - q**20) * q**20 / 400)
    assert born_dead == pytest.approx(0.725, abs=5e-4)
    share = sum(f["output_scale"] == 0 for f in measured) / 400
    assert share == pytest.approx(born_dead, abs=4 * standard_error)
    dead = sum(f["dead_share"] for f in measured) / 400
    assert dead == pytest.approx(1 - born_dead / (40 * (1 - q)), abs=4 * 0.5 / math.sqrt(400))


def test_a_leak_keeps_every_unit_alive() -> None:
    network = made(MLP, inputs=[4], outputs=1, hidden=[8] * 5, activation="LeakyReLU")
    assert activations(network, ROWS, log_loss)["dead_share"] == 0.0


def test_variances_of_layers_by_hand() -> None:
    """Two linear layers without activation: z = W x, y = v z; of y's own square loss, dz = 2 (y - t) v."""
    network = made(
        MLP, inputs=[2], outputs=1, hidden=[2], activation="Identity", bias=False
    )  # fmt: skip
    first, last = network.parameters()
    with torch.no_grad():
        first.copy_(torch.tensor([[1.0, 2.0], [0.0, 1.0]]))
        last.copy_(torch.tensor([[1.0, 3.0]]))
    x, t = torch.tensor([[1.0, 0.0], [1.0, 1.0]]).double(), torch.tensor([[0.0], [5.0]]).double()
    measured = layer_variances(network, Subset((x,), (t,)), squared_error)
    # z = (1, 0) and (3, 1); y = 1 and 6, so that dz = 2 (1, 3) for both.
    assert measured == pytest.approx(
        {"activation_variance/0": (1 + 0 + 9 + 1) / 4, "gradient_variance/0": (4 + 36) / 2}
    )


def test_a_network_of_one_layer_has_no_hidden_variances() -> None:
    network = made(MLP, inputs=[4], outputs=3, hidden=[])
    assert layer_variances(network, ROWS, log_loss) == {}


def test_the_last_step_is_measured_by_two_norms() -> None:
    last = LastStep(torch.tensor([0.3, 0.4]), torch.tensor([3.0, 4.0]))
    assert update_norm(nn.Linear(1, 1), ROWS, log_loss, last=last) == pytest.approx(
        {"update_norm": 0.5, "effective_step": 0.1}
    )
    still = LastStep(torch.zeros(2), torch.zeros(2))
    assert math.isnan(update_norm(nn.Linear(1, 1), ROWS, log_loss, last=still)["effective_step"])
    assert set(
        map(math.isnan, update_norm(nn.Linear(1, 1), ROWS, log_loss, last=None).values())
    ) == {True}


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("diagnostic", [gradient_norms, activations, train_fit, layer_variances])
def test_looking_leaves_the_network_as_it_was(diagnostic: Any, training: bool) -> None:
    """Weights, running statistics, gradients, mode, hooks and the global generator."""
    network = made(MLP, inputs=[4], outputs=3, norm="batch", dropout=0.5)
    use_named_dropout(network, Streams(0))
    network.train(training)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    drawn = torch.get_rng_state()
    diagnostic(network, ROWS, log_loss)
    after = network.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert all(p.grad is None and p.requires_grad for p in network.parameters())
    assert all(module.training is training for module in network.modules())
    assert not any(module._forward_hooks for module in network.modules())
    assert torch.equal(drawn, torch.get_rng_state())


def test_gradients_are_those_of_a_training_step_with_the_batchs_own_statistics() -> None:
    """Running statistics that are far off change nothing in training mode."""
    network, subset, loss, _ = CASES["mlp with batch norm"]
    expected = gradient_norms(network, subset, loss)
    moved = made(MLP, inputs=[4], outputs=3, norm="batch")
    moved.hidden[0].norm.running_mean.fill_(100.0)
    assert gradient_norms(moved, subset, loss) == expected


class Halved(nn.Module):
    """Answers its input, and half of it while training."""

    def forward(self, x: Tensor) -> Tensor:
        return x / 2 if self.training else x


@pytest.mark.parametrize("training", [True, False])
def test_the_fit_is_measured_in_evaluation_mode_whatever_the_mode(training: bool) -> None:
    """By hand: answers 2 and 4 for 1 and 1 err by 1 and 9, 5 in the mean; 1 and 2 by 0 and 1, a half."""
    subset = Subset((torch.tensor([[2.0], [4.0]]),), (torch.ones(2, 1),))
    measured = train_fit(Halved().train(training), subset, squared_error)
    assert measured == {"fitted/loss": 5.0, "forgotten_eval": -4.5}


def test_a_network_without_noise_or_statistics_loses_nothing_by_a_forgotten_eval() -> None:
    network, subset, loss, _ = CASES["mlp"]
    assert train_fit(network, subset, loss)["forgotten_eval"] == 0.0
    assert train_fit(CASES["mlp with batch norm"][0], subset, loss)["forgotten_eval"] != 0.0


@pytest.mark.parametrize(("padding", "border", "inner"), [(1, 64 / 12, 9), (0, 20 / 12, 4)])
def test_border_pixels_stand_in_fewer_windows_without_padding(padding, border, inner) -> None:
    """Sum over one 3x3 convolution of ones: each pixel counts once a window that it is in.

    Of 4x4 pixels the inner four stand in 9 windows with padding, in 4 without; of the outer twelve the four at corners
    in 4 or 1, the eight others in 6 or 2. So the border has (4*4 + 8*6) / 12 against 9, or (4*1 + 8*2) / 12 against 4.
    """
    network = nn.Conv2d(1, 1, 3, padding=padding).double()
    nn.init.ones_(network.weight)
    subset = Subset((numbers(5, 1, 4, 4),), (torch.zeros(5),))

    def loss(outputs: Tensor, _target: Tensor) -> Tensor:
        return outputs.flatten(1).sum(1)

    measured = border_sensitivity(network, subset, loss)["border_sensitivity"]
    assert measured == pytest.approx(border / inner)


def test_a_loss_that_depends_on_no_inner_pixel_has_no_border_sensitivity() -> None:
    subset = Subset((numbers(5, 1, 4, 4),), (torch.zeros(5),))

    def loss(outputs: Tensor, _target: Tensor) -> Tensor:
        return outputs[:, 0, 0, 0]

    assert math.isnan(border_sensitivity(nn.Identity(), subset, loss)["border_sensitivity"])
