"""Networks by the shape of what goes in and comes out, written a second time and asked of one sample."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from paribus.models import EncoderDecoder, SequenceToSequence, VectorToSequence


def made(network: type[nn.Module], **settings) -> nn.Module:
    torch.manual_seed(0)
    return network(hidden=4, layers=2, **settings).double()


X = torch.randn(5, 7, 2, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
CELLS = pytest.mark.parametrize("cell", ["RNN", "LSTM", "GRU"])


@CELLS
def test_every_step_of_a_sequence_is_answered_from_what_came_before(cell: str) -> None:
    """The first answers do not change with what comes later; each is the linear layer's of that step's state."""
    network = made(SequenceToSequence, inputs=(7, 2), outputs=7, cell=cell)
    later = X.clone()
    later[:, 4:] += 1.0
    assert torch.equal(network(X)[:, :4], network(later)[:, :4])
    assert (network(X)[:, 4:] != network(later)[:, 4:]).all()
    states, _ = network.recurrent(X)
    for step in range(7):
        torch.testing.assert_close(network(X)[:, step], network.linear(states[:, step])[:, 0])


@CELLS
def test_a_vector_is_shown_at_every_step(cell: str) -> None:
    network = made(VectorToSequence, inputs=(2,), outputs=3, cell=cell)
    shown = torch.stack([X[:, 0]] * 3, dim=1)
    states, _ = network.recurrent(shown)
    torch.testing.assert_close(network(X[:, 0]), network.linear(states)[..., 0])


@CELLS
def test_a_decoder_sees_the_last_output_of_the_encoder_alone(cell: str) -> None:
    network = made(EncoderDecoder, inputs=(7, 2), outputs=3, cell=cell)
    states, _ = network.encoder(X)
    torch.testing.assert_close(network(X), network.decoder(states[:, -1]))
    changed = X.clone()
    changed[:, -1] += 1.0
    assert (network(X) != network(changed)).all()


def test_other_steps_out_than_in_are_refused() -> None:
    with pytest.raises(ValueError, match=r"^outputs: got 3, expected 7, the steps that go in\.$"):
        SequenceToSequence(inputs=(7, 2), outputs=3)


@pytest.mark.parametrize("network", [SequenceToSequence, VectorToSequence, EncoderDecoder])
def test_an_unknown_cell_is_refused(network: type[nn.Module]) -> None:
    inputs = (2,) if network is VectorToSequence else (3, 2)
    with pytest.raises(
        ValueError, match=r"^cell: got 'CNN', expected one of 'RNN', 'LSTM', 'GRU'\.$"
    ):
        network(inputs=inputs, outputs=3, cell="CNN")
