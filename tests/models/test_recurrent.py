from __future__ import annotations

import pytest
import torch
from torch import Tensor

from paribus.models import Recurrent

GATES = {"RNN": 1, "GRU": 3, "LSTM": 4}


def sigmoid(x: Tensor) -> Tensor:
    return 1 / (1 + torch.exp(-x))


def rnn(x: Tensor, h: Tensor, c: Tensor, weights: list[Tensor]) -> tuple[Tensor, Tensor]:
    wi, wh, bi, bh = weights
    return torch.tanh(x @ wi.T + bi + h @ wh.T + bh), c


def lstm(x: Tensor, h: Tensor, c: Tensor, weights: list[Tensor]) -> tuple[Tensor, Tensor]:
    """Hochreiter and Schmidhuber 1997 with the forget gate of Gers et al. 2000."""
    wi, wh, bi, bh = weights
    i, f, g, o = (x @ wi.T + bi + h @ wh.T + bh).chunk(4, -1)
    c = sigmoid(f) * c + sigmoid(i) * torch.tanh(g)
    return sigmoid(o) * torch.tanh(c), c


def gru(x: Tensor, h: Tensor, c: Tensor, weights: list[Tensor]) -> tuple[Tensor, Tensor]:
    """Cho et al. 2014 in torch's form: the reset gate acts on the state's product, its bias included."""
    wi, wh, bi, bh = weights
    ri, zi, ni = (x @ wi.T + bi).chunk(3, -1)
    rh, zh, nh = (h @ wh.T + bh).chunk(3, -1)
    z = sigmoid(zi + zh)
    return (1 - z) * torch.tanh(ni + sigmoid(ri + rh) * nh) + z * h, c


@pytest.mark.parametrize(("cell", "step"), [("RNN", rnn), ("LSTM", lstm), ("GRU", gru)])
def test_forward_runs_each_layer_over_time_and_reads_the_last_state(cell, step) -> None:
    network = Recurrent(inputs=(7, 3), outputs=2, cell=cell, hidden=5, layers=2).double()
    *weights, w_out, b_out = network.parameters()
    states = torch.randn(4, 7, 3, dtype=torch.float64)
    expected = states
    for layer in range(2):
        h = c = torch.zeros(4, 5, dtype=torch.float64)
        outputs = []
        for t in range(7):
            h, c = step(expected[:, t], h, c, weights[4 * layer : 4 * layer + 4])
            outputs.append(h)
        expected = torch.stack(outputs, 1)
    torch.testing.assert_close(network(states), expected[:, -1] @ w_out.T + b_out)


def test_the_nonlinearity_of_the_rnn_can_be_a_relu() -> None:
    network = Recurrent(inputs=(1, 3), outputs=2, hidden=5, layers=1, nonlinearity="relu").double()
    wi, _, bi, bh, w_out, b_out = network.parameters()
    x = torch.randn(4, 1, 3, dtype=torch.float64)
    h = x[:, 0] @ wi.T + bi + bh
    torch.testing.assert_close(network(x), (h * (h > 0)) @ w_out.T + b_out)


@pytest.mark.parametrize("cell", GATES)
@pytest.mark.parametrize(("features", "hidden", "layers"), [(1, 32, 2), (2, 32, 1), (3, 5, 3)])
def test_parameter_count_follows_the_formula(cell, features, hidden, layers) -> None:
    """Each layer has c * (h*i + h*h + 2h); those above the first read h numbers; the linear layer is last."""
    network = Recurrent(inputs=(10, features), outputs=2, cell=cell, hidden=hidden, layers=layers)
    expected = sum(
        GATES[cell] * (hidden * i + hidden * hidden + 2 * hidden)
        for i in [features, *[hidden] * (layers - 1)]
    )
    assert expected + 2 * hidden + 2 == sum(p.numel() for p in network.parameters())


def forget_biases(network: Recurrent) -> list[list[float]]:
    """Return the sum of both biases of each layer's forget gate, the second of four gates."""
    pairs = (
        (getattr(network.recurrent, f"bias_ih_l{k}"), getattr(network.recurrent, f"bias_hh_l{k}"))
        for k in range(network.recurrent.num_layers)
    )
    return [(a + b).reshape(4, -1)[1].tolist() for a, b in pairs]


def test_the_forget_bias_is_what_the_forget_gate_adds_up_to() -> None:
    network = Recurrent(inputs=(5, 1), outputs=1, cell="LSTM", hidden=3, forget_bias=1.0)
    assert forget_biases(network) == [[1.0] * 3] * 2


def test_the_forget_bias_opens_the_gate() -> None:
    """With all weights and the other biases at zero, the state of (g, i, o) = (tanh 0, ...) keeps sigmoid(b) of c."""
    network = Recurrent(inputs=(1, 1), outputs=1, cell="LSTM", hidden=1, layers=1, forget_bias=3.0)
    with torch.no_grad():
        for name, parameter in network.recurrent.named_parameters():
            if not name.startswith("bias_ih"):
                parameter.zero_()
            else:
                parameter[0] = parameter[2] = parameter[3] = 0.0
        c = torch.full((1, 1, 1), 0.7)
        _, (_, kept) = network.recurrent(torch.zeros(1, 1, 1), (torch.zeros(1, 1, 1), c))
    torch.testing.assert_close(kept, sigmoid(torch.tensor(3.0)) * c)


def test_the_forget_bias_leaves_every_other_number_as_drawn() -> None:
    torch.manual_seed(0)
    drawn = Recurrent(inputs=(5, 1), outputs=1, cell="LSTM", hidden=3)
    torch.manual_seed(0)
    chosen = Recurrent(inputs=(5, 1), outputs=1, cell="LSTM", hidden=3, forget_bias=1.0)
    for (name, a), (_, b) in zip(drawn.named_parameters(), chosen.named_parameters(), strict=True):
        expected = a.detach().clone()
        if "bias_" in name:
            expected[3:6] = 1.0 if "bias_ih" in name else 0.0
        assert torch.equal(expected, b), name


@pytest.mark.parametrize("cell", ["RNN", "GRU"])
def test_the_forget_bias_means_nothing_to_a_cell_without_a_forget_gate(cell) -> None:
    """So that the cell can vary alone."""
    torch.manual_seed(0)
    without = Recurrent(inputs=(5, 1), outputs=1, cell=cell)
    torch.manual_seed(0)
    with_bias = Recurrent(inputs=(5, 1), outputs=1, cell=cell, forget_bias=1.0)
    for a, b in zip(without.parameters(), with_bias.parameters(), strict=True):
        assert torch.equal(a, b)


@pytest.mark.parametrize(
    ("inputs", "settings", "message"),
    [
        ((5,), {}, r"^inputs: got \(5,\), expected the shape of one sample, \(time, feature\)\.$"),
        ((5, 1), {"cell": "lstm"}, r"^cell: got 'lstm', expected one of 'RNN', 'LSTM', 'GRU'\.$"),
        (
            (5, 1),
            {"nonlinearity": "elu"},
            r"^nonlinearity: got 'elu', expected one of 'tanh', 'relu'",
        ),
        ((5, 1), {"hidden": 0}, r"^hidden: got \[0\]"),
        ((5, 1), {"layers": 0}, r"^layers: got \[0\]"),
    ],
)
def test_a_wrong_setting_is_refused(inputs, settings, message) -> None:
    with pytest.raises(ValueError, match=message):
        Recurrent(inputs=inputs, outputs=1, **settings)


@pytest.mark.parametrize(("cell", "gates"), [("RNN", 1), ("LSTM", 4), ("GRU", 3)])
def test_the_recurrent_gain_makes_each_gate_an_orthogonal_matrix_times_it(cell, gates) -> None:
    network = Recurrent(inputs=(5, 1), outputs=1, cell=cell, hidden=3, recurrent_gain=2.0)
    for name, weight in network.recurrent.named_parameters():
        if name.startswith("weight_hh"):
            found = weight.detach().view(gates, 3, 3)
            assert torch.allclose(found @ found.mT, 4 * torch.eye(3).expand(gates, 3, 3), atol=1e-5)


def test_the_recurrent_gain_draws_nothing() -> None:
    """The orthogonal factor of the layer's own draw, whose triangular factor has a positive diagonal."""
    torch.manual_seed(0)
    plain = Recurrent(inputs=(5, 1), outputs=1, hidden=3, layers=1)
    after = torch.get_rng_state()
    torch.manual_seed(0)
    chosen = Recurrent(inputs=(5, 1), outputs=1, hidden=3, layers=1, recurrent_gain=2.0)
    assert torch.equal(after, torch.get_rng_state())
    factor = chosen.recurrent.weight_hh_l0.detach().T / 2 @ plain.recurrent.weight_hh_l0.detach()
    assert torch.allclose(factor.tril(-1), torch.zeros(3, 3), atol=1e-6)
    assert (factor.diagonal() > 0).all()
    assert torch.equal(plain.linear.weight, chosen.linear.weight)
