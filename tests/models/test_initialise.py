from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from paribus.models.initialise import dcgan_normal, kaiming_uniform, uniform_01, xavier_uniform

# Each layer with its fan-in and fan-out: what one unit reads, and how many units read one input.
LAYERS = {
    "linear": (lambda: nn.Linear(200, 100), 200, 100),
    "convolution": (lambda: nn.Conv2d(16, 32, 3), 16 * 9, 32 * 9),
}
INITIALISERS = [uniform_01, kaiming_uniform, xavier_uniform]


@pytest.fixture(params=LAYERS)
def layer_and_fans(request: pytest.FixtureRequest) -> tuple[nn.Module, int, int]:
    make, fan_in, fan_out = LAYERS[request.param]
    return make(), fan_in, fan_out


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def assert_uniform(weight: torch.Tensor, low: float, high: float) -> None:
    """Within the bounds, nearly reaching them, with a uniform's mean and deviation.

    Of n draws the mean lies within 4 * (high - low) / sqrt(12 n) of the middle but once in 16000, and here n is
    at least 4608.
    """
    width, n = high - low, weight.numel()
    assert low <= weight.min() < low + 0.01 * width
    assert high - 0.01 * width < weight.max() <= high
    assert abs(weight.mean() - (low + high) / 2) < 4 * width / math.sqrt(12 * n)
    assert abs(weight.std() / (width / math.sqrt(12)) - 1) < 0.05


@pytest.mark.parametrize(
    ("initialise", "last", "bounds"),
    [
        (uniform_01, False, lambda *_: (0.0, 1.0)),
        (kaiming_uniform, False, lambda n, _: (-math.sqrt(6 / n), math.sqrt(6 / n))),
        (kaiming_uniform, True, lambda n, _: (-math.sqrt(3 / n), math.sqrt(3 / n))),
        (xavier_uniform, False, lambda n, m: (-math.sqrt(6 / (n + m)), math.sqrt(6 / (n + m)))),
    ],
    ids=["zero to one", "kaiming of a relu", "kaiming of a sigmoid in the last layer", "xavier"],
)
def test_weights_have_the_bounds_of_the_fans(layer_and_fans, initialise, last, bounds) -> None:
    """By Kaiming the gain, sqrt(2) of a ReLU and 1 of a sigmoid, times sqrt(3 / fan_in)."""
    layer, fan_in, fan_out = layer_and_fans
    initialise(layer, generator=generator(), last=last)
    assert_uniform(layer.weight, *bounds(fan_in, fan_out))


def test_kaiming_times_a_factor_is_that_many_times_the_same_draw(layer_and_fans) -> None:
    layer, _, _ = layer_and_fans
    kaiming_uniform(layer, generator=generator())
    once = layer.weight.detach().clone()
    kaiming_uniform(layer, generator=generator(), times=2.0)
    assert torch.equal(layer.weight, 2 * once)


@pytest.mark.parametrize("initialise", INITIALISERS)
def test_biases_keep_their_draw(initialise, layer_and_fans) -> None:
    layer, _, _ = layer_and_fans
    expected = layer.bias.detach().clone()
    initialise(layer, generator=generator(), last=False)
    assert torch.equal(expected, layer.bias)


@pytest.mark.parametrize("initialise", INITIALISERS)
def test_a_layer_without_biases_is_accepted(initialise) -> None:
    initialise(nn.Linear(4, 3, bias=False), generator=generator(), last=False)


@pytest.mark.parametrize("initialise", INITIALISERS)
def test_the_draw_depends_on_the_generator_alone(initialise, layer_and_fans) -> None:
    layer, _, _ = layer_and_fans
    draws = []
    for seed in (1, 1, 2):
        before = torch.random.get_rng_state()
        initialise(layer, generator=generator(seed), last=False)
        assert torch.equal(before, torch.random.get_rng_state())
        draws.append(layer.weight.detach().clone())
    assert torch.equal(draws[0], draws[1])
    assert not torch.equal(draws[0], draws[2])


def test_dcgans_weights_are_narrow_and_those_of_norms_are_near_one() -> None:
    """N(0, 0.02) and N(1, 0.02) (Radford et al. 2016)."""
    generator = torch.Generator().manual_seed(0)
    layer, norm = nn.ConvTranspose2d(64, 64, 4), nn.BatchNorm2d(4096)
    dcgan_normal(layer, generator=generator, last=True)
    dcgan_normal(norm, generator=generator, norm=True)
    for weight, mean in ((layer.weight, 0.0), (norm.weight, 1.0)):
        assert weight.mean().item() == pytest.approx(mean, abs=0.002)
        assert weight.std().item() == pytest.approx(0.02, rel=0.05)
