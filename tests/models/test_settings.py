from __future__ import annotations

import math

import pytest
import torch

from paribus.models.settings import ACTIVATIONS, activation

X = torch.tensor([-2.0, -0.5, 0.0, 0.5, 2.0], dtype=torch.float64)


@pytest.mark.parametrize(
    ("setting", "formula"),
    [
        ("Identity", lambda x: x),
        ("Sigmoid", lambda x: 1 / (1 + math.exp(-x))),
        ("Tanh", lambda x: 1 - 2 / (math.exp(2 * x) + 1)),
        ("ReLU", lambda x: max(x, 0.0)),
        ("LeakyReLU", lambda x: x if x > 0 else 0.01 * x),
        ({"name": "LeakyReLU", "negative_slope": 0.05}, lambda x: x if x > 0 else 0.05 * x),
        ("ELU", lambda x: x if x > 0 else math.exp(x) - 1),
        ({"name": "ELU", "alpha": 2.0}, lambda x: x if x > 0 else 2 * (math.exp(x) - 1)),
    ],
)
def test_activation_follows_its_formula(setting, formula) -> None:
    expected = torch.tensor([formula(x) for x in X.tolist()], dtype=torch.float64)
    torch.testing.assert_close(activation(setting)(X), expected)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_every_listed_activation_can_be_built_alone(name) -> None:
    assert X.shape == activation(name)(X).shape


def test_each_call_builds_a_fresh_module() -> None:
    """Layers that shared one module could not be watched one by one."""
    assert activation("ReLU") is not activation("ReLU")


def test_the_setting_is_left_as_it_was() -> None:
    setting = {"name": "ELU", "alpha": 2.0}
    activation(setting)
    assert setting == {"name": "ELU", "alpha": 2.0}


@pytest.mark.parametrize("setting", ["relu", "Linear", "", {"negative_slope": 0.1}, {"name": 3}])
def test_an_unknown_activation_is_refused(setting) -> None:
    with pytest.raises(ValueError, match=r"^activation: got .*, expected one of 'Identity', .*\.$"):
        activation(setting)


def test_an_argument_that_the_activation_lacks_is_refused() -> None:
    with pytest.raises(ValueError, match=r"expected arguments that torch\.nn\.ReLU takes"):
        activation({"name": "ReLU", "alpha": 1.0})
