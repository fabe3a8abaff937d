"""Weights in files: a loaded network gives identical outputs, and nothing but weights is ever read."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest
import torch
from torch import nn

from paribus.errors import ParibusError
from paribus.models import CNN, MLP
from paribus.runs.weights import copy_weights, load_weights, save_weights
from tests.helpers.refusals import refused


@pytest.mark.parametrize(
    ("make", "shape"),
    [
        (lambda: MLP(inputs=(4,), outputs=3, norm="batch"), (4,)),
        (lambda: CNN(inputs=(1, 8, 8), outputs=3, channels=[2, 3], norm="batch"), (1, 8, 8)),
    ],
    ids=["mlp", "cnn"],
)
def test_a_saved_and_loaded_network_gives_identical_outputs(make, shape, tmp_path: Path) -> None:
    """Running statistics included, which a few batches have moved."""
    x = torch.randn(16, *shape)
    network, other = make(), make()
    network(x)
    save_weights(network, tmp_path / "deep" / "weights.pt")
    other.load_state_dict(load_weights(tmp_path / "deep" / "weights.pt"))
    assert torch.equal(network.eval()(x), other.eval()(x))
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["weights.pt"]


class Runs:
    """Touches a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return (Path.touch, (self.path,))


@pytest.mark.parametrize("save", [torch.save, lambda x, p: p.write_bytes(pickle.dumps(x))])
def test_what_could_run_is_refused_and_not_run(save, tmp_path: Path) -> None:
    save({"weight": Runs(tmp_path / "it ran")}, tmp_path / "weights.pt")
    with pytest.raises(
        ParibusError, match=r"^weights in weights\.pt: got .*, expected tensors by name"
    ):
        load_weights(tmp_path / "weights.pt")
    assert not (tmp_path / "it ran").exists()


@pytest.mark.parametrize(
    ("held", "got"),
    [
        (nn.Linear(2, 2), "Weights only load failed"),
        ([torch.zeros(2)], "list"),
        ({"weight": torch.zeros(2), "epoch": 3}, "int under 'epoch'"),
        ({0: torch.zeros(2)}, "Tensor under 0"),
    ],
)
def test_anything_but_tensors_by_name_is_refused(held: object, got: str, tmp_path: Path) -> None:
    torch.save(held, tmp_path / "weights.pt")
    with pytest.raises(ParibusError, match=rf"^weights in weights\.pt: got {got}"):
        load_weights(tmp_path / "weights.pt")


@pytest.mark.parametrize("content", [None, b"", b"not weights"])
def test_a_file_that_cannot_be_read_is_refused(content: bytes | None, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "weights.pt").write_bytes(content)
    with pytest.raises(ParibusError, match=r"^weights in weights\.pt: got "):
        load_weights(tmp_path / "weights.pt")


def test_what_is_not_named_stays_as_it_was() -> None:
    source, network = MLP(inputs=(4,), outputs=3), MLP(inputs=(4,), outputs=2)
    head = network.linear.weight.clone()
    copy_weights(network, source.state_dict(), ["hidden.0.linear.weight", "hidden.1.linear.bias"])
    assert torch.equal(network.hidden[0].linear.weight, source.hidden[0].linear.weight)
    assert torch.equal(network.hidden[1].linear.bias, source.hidden[1].linear.bias)
    assert not torch.equal(network.hidden[1].linear.weight, source.hidden[1].linear.weight)
    assert torch.equal(network.linear.weight, head)


@pytest.mark.parametrize(
    ("weights", "got"),
    [
        ({}, "none of that name, expected shape (2, 8)"),
        ({"linear.weight": torch.zeros(3, 8)}, "shape (3, 8), expected shape (2, 8)"),
    ],
)
def test_weights_that_do_not_fit_are_refused(weights: dict, got: str) -> None:
    assert refused(
        copy_weights, MLP(inputs=(4,), outputs=2), weights, ["linear.weight"]
    ).startswith(f"weights to load as linear.weight: got {got}")
