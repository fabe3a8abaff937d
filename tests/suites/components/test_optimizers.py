"""Muon beside AdamW: which weights are whose."""

from __future__ import annotations

import pytest
from torch import nn

from paribus.suites.components.optimizers import muon_and_adamw


def names(network: nn.Module) -> list[set[str]]:
    """Return the names of the weights of each optimizer."""
    made = muon_and_adamw(network)
    own = {id(p): name for name, p in network.named_parameters()}
    return [{own[id(p)] for p in o.param_groups[0]["params"]} for o in made]


def test_muon_has_hidden_matrices_and_adamw_what_is_left() -> None:
    network = nn.Sequential(
        nn.Embedding(5, 4), nn.Conv1d(4, 4, 1), nn.Linear(4, 4), nn.LayerNorm(4), nn.Linear(4, 2)
    )
    muon, adamw = names(network)
    assert muon == {"2.weight"}
    assert adamw == {n for n, _ in network.named_parameters()} - muon


def test_frozen_weights_are_nobody_s() -> None:
    network = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4), nn.Linear(4, 2))
    network[0].requires_grad_(requires_grad=False)
    muon, adamw = names(network)
    assert muon == {"1.weight"}
    assert adamw == {"1.bias", "2.weight", "2.bias"}


def test_a_network_without_hidden_matrices_is_refused() -> None:
    with pytest.raises(ValueError, match="no hidden matrix to train"):
        muon_and_adamw(nn.Sequential(nn.Linear(4, 2)))
