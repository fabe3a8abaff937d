"""Contract of every network with the engine, whatever its settings."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from paribus.models import (
    CNN,
    MLP,
    Autoencoder,
    AuxiliaryCNN,
    ConvAutoencoder,
    EncoderDecoder,
    Recurrent,
    SequenceToSequence,
    TwoInputs,
    TwoOutputs,
    VectorToSequence,
    sequential_mlp,
)

CASES: dict[str, tuple[Callable[..., nn.Module], dict[str, Any]]] = {
    "mlp": (MLP, {"inputs": [9], "outputs": 1}),
    "mlp on images": (MLP, {"inputs": [1, 8, 8], "outputs": 10, "norm": "batch", "dropout": 0.5}),
    "mlp without hidden layers": (MLP, {"inputs": [9], "outputs": 3, "hidden": []}),
    "mlp with a leak": (
        MLP,
        {"inputs": [9], "outputs": 1, "activation": {"name": "LeakyReLU", "negative_slope": 0.05}},
    ),
    "sequential mlp": (sequential_mlp, {"inputs": [9], "outputs": 2, "norm": "batch"}),
    "cnn on digits": (CNN, {"inputs": [1, 8, 8], "outputs": 10}),
    "cnn in colour": (
        CNN,
        {"inputs": [3, 32, 32], "outputs": 7, "norm": "batch", "dropout": 0.2, "pool": "average"},
    ),
    "rnn": (Recurrent, {"inputs": [96, 1], "outputs": 1, "nonlinearity": "relu"}),
    "lstm": (Recurrent, {"inputs": [50, 2], "outputs": 1, "cell": "LSTM", "forget_bias": 1.0}),
    "gru": (Recurrent, {"inputs": [96, 1], "outputs": 2, "cell": "GRU", "dropout": 0.1}),
    "sequence to sequence": (SequenceToSequence, {"inputs": [6, 2], "outputs": 6}),
    "vector to sequence": (VectorToSequence, {"inputs": [3], "outputs": 6, "cell": "LSTM"}),
    "encoder and decoder": (EncoderDecoder, {"inputs": [6, 2], "outputs": 4, "layers": 2}),
    "two inputs": (TwoInputs, {"inputs": [[1, 8, 8], [5]], "outputs": 3}),
    "two outputs": (TwoOutputs, {"inputs": [1, 8, 8], "outputs": [4, 1]}),
    "auxiliary output": (AuxiliaryCNN, {"inputs": [3, 8, 8], "outputs": 3}),
    "autoencoder": (Autoencoder, {"inputs": [1, 4, 4], "code": 3, "activation": "Sigmoid"}),
    "convolutional autoencoder": (ConvAutoencoder, {"inputs": [1, 8, 8], "halvings": 2}),
}


def samples(settings: dict[str, Any], count: int) -> tuple[Tensor, ...]:
    """So many samples of each input."""
    inputs = settings["inputs"]
    shapes = inputs if isinstance(inputs[0], list) else [inputs]
    return tuple(torch.randn(count, *shape) for shape in shapes)


def answers(outputs: Tensor | tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    return (outputs,) if isinstance(outputs, Tensor) else outputs


@pytest.fixture(params=CASES)
def case(request: pytest.FixtureRequest) -> tuple[Callable[..., nn.Module], dict[str, Any]]:
    return CASES[request.param]


def test_settings_are_plain_data(case) -> None:
    """Settings that went through JSON build the same network."""
    make, settings = case
    torch.manual_seed(0)
    expected = make(**settings)
    torch.manual_seed(0)
    actual = make(**json.loads(json.dumps(settings)))
    assert str(expected) == str(actual)
    for a, b in zip(expected.parameters(), actual.parameters(), strict=True):
        assert torch.equal(a, b)


def test_output_is_batch_by_outputs(case) -> None:
    """Or, of an autoencoder, which is told of no outputs, in the shape of what it was given."""
    make, settings = case
    found = answers(make(**settings)(*samples(settings, 5)))
    wanted = settings.get("outputs")
    sizes = wanted if isinstance(wanted, list) else [wanted] * len(found)
    shapes = [(5, *settings["inputs"])] if wanted is None else [(5, n) for n in sizes]
    assert shapes == [tuple(output.shape) for output in found]


def test_output_is_raw_unless_asked_for(case) -> None:
    """The sigmoid spelling is the sigmoid of the linear one, and has the same weights."""
    make, settings = case
    x = samples(settings, 5)
    torch.manual_seed(0)
    raw = answers(make(**settings).eval()(*x))
    torch.manual_seed(0)
    squashed = answers(make(**settings, output="sigmoid").eval()(*x))
    torch.testing.assert_close(squashed, tuple(1 / (1 + torch.exp(-z)) for z in raw))


def test_every_weight_can_be_drawn_again(case) -> None:
    """Each parameter belongs to a module that the engine can reset, so that none escapes its seed."""
    network = case[0](**case[1])
    for module in network.modules():
        if list(module.parameters(recurse=False)):
            assert callable(getattr(module, "reset_parameters", None)), module


def test_every_weight_receives_a_gradient(case) -> None:
    make, settings = case
    network = make(**settings)
    outputs = answers(network(*samples(settings, 16)))
    torch.cat([output.square().flatten() for output in outputs]).sum().backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name


def test_weights_can_be_saved_and_loaded(case) -> None:
    make, settings = case
    x = samples(settings, 4)
    network, other = make(**settings).eval(), make(**settings).eval()
    other.load_state_dict(network.state_dict())
    assert all(map(torch.equal, answers(network(*x)), answers(other(*x))))


def test_an_unknown_output_is_refused(case) -> None:
    make, settings = case
    with pytest.raises(
        ValueError, match=r"^output: got 'softmax', expected one of 'linear', 'sigmoid'\.$"
    ):
        make(**settings, output="softmax")
