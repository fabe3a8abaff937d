"""Recurrent network: a stack of RNN, LSTM or GRU cells, whose last output goes to a linear layer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor, nn

from .settings import output_activation, positive, shape, unknown

CELLS: Mapping[str, Callable[..., nn.RNNBase]] = {"RNN": nn.RNN, "LSTM": nn.LSTM, "GRU": nn.GRU}
NONLINEARITIES = ("tanh", "relu")


def recurrent(
    cell: str, features: int, hidden: int, layers: int, nonlinearity: str = "tanh"
) -> nn.RNNBase:
    """Return recurrent layers that take ``(batch, time, feature)``; the nonlinearity is the RNN's alone.

    Raises:
        ValueError: there is no such cell or nonlinearity, or a size is none.
    """
    if cell not in CELLS:
        raise ValueError(unknown("cell", cell, tuple(CELLS)))
    if nonlinearity not in NONLINEARITIES:
        raise ValueError(unknown("nonlinearity", nonlinearity, NONLINEARITIES))
    positive("hidden", [hidden])
    positive("layers", [layers])
    only = {"nonlinearity": nonlinearity} if cell == "RNN" else {}
    return CELLS[cell](features, hidden, layers, batch_first=True, **only)


class Recurrent(nn.Module):
    """Recurrent layers and a linear output: ``(batch, time, feature) -> (batch, outputs)``.

    The cell may vary alone: what only one of them has (the RNN's nonlinearity, the LSTM's forget gate) is set for
    that one and means nothing to the others.

    Args:
        inputs: shape of one window, ``(time, feature)``.
        outputs: how many numbers the network puts out.
        cell: ``"RNN"``, ``"LSTM"`` or ``"GRU"``.
        hidden: width of the state.
        layers: how many recurrent layers are stacked.
        nonlinearity: ``"tanh"`` or ``"relu"``, of the RNN.
        dropout: probability that an input of the linear layer is dropped.
        forget_bias: what the biases of the LSTM's forget gate add up to at the start; a larger one remembers for
            longer (Gers et al. 2000; Jozefowicz et al. 2015 recommend 1). None leaves torch's own draw.
        recurrent_gain: the weights from state to state start as an orthogonal matrix times this, for each gate; above
            one, gradients grow with every step back in time (Pascanu et al. 2013). None leaves torch's own draw.
        output: ``"linear"`` for raw values and logits, ``"sigmoid"`` for probabilities.

    Raises:
        ValueError: a setting is none of its choices.
    """

    def __init__(
        self,
        *,
        inputs: Sequence[int],
        outputs: int,
        cell: str = "RNN",
        hidden: int = 32,
        layers: int = 2,
        nonlinearity: str = "tanh",
        dropout: float = 0.0,
        forget_bias: float | None = None,
        recurrent_gain: float | None = None,
        output: str = "linear",
    ) -> None:
        super().__init__()
        _, features = shape(inputs, ("time", "feature"))
        self.recurrent = recurrent(cell, features, hidden, layers, nonlinearity)
        self.dropout = nn.Dropout(dropout) if dropout else None
        self.linear = nn.Linear(hidden, outputs)
        self.output = output_activation(output)
        self.forget_bias = forget_bias
        self.recurrent_gain = recurrent_gain
        if self.recurrent_gain is not None:
            self._make_orthogonal(self.recurrent_gain)
        self._set_forget_biases()

    @torch.no_grad()
    def _make_orthogonal(self, gain: float) -> None:
        """Turn each gate's square matrix from state to state into the orthogonal factor of its QR decomposition.

        Nothing is drawn here, so that the weights still come from the layer's own stream.
        """
        for layer in range(self.recurrent.num_layers):
            weight = self.recurrent.get_parameter(f"weight_hh_l{layer}")
            for gate in weight.split(self.recurrent.hidden_size):
                q, r = torch.linalg.qr(gate)
                gate.copy_(gain * q * r.diagonal().sign())

    def _set_forget_biases(self) -> None:
        """Set the forget gates' biases.

        torch stacks an LSTM's gates as input, forget, cell, output, ``(4 * hidden,)``, and keeps two biases that
        are added, one for the input and one for the state: the first is set, the second is zero.
        """
        if self.forget_bias is None or not isinstance(self.recurrent, nn.LSTM):
            return
        forget = slice(self.recurrent.hidden_size, 2 * self.recurrent.hidden_size)
        with torch.no_grad():
            for layer in range(self.recurrent.num_layers):
                self.recurrent.get_parameter(f"bias_ih_l{layer}")[forget] = self.forget_bias
                self.recurrent.get_parameter(f"bias_hh_l{layer}")[forget] = 0.0

    def forward(self, x: Tensor) -> Tensor:
        """Return raw values, logits or probabilities from the last time, ``(batch, outputs)``."""
        states, _ = self.recurrent(x)
        last = states[:, -1]
        if self.dropout is not None:
            last = self.dropout(last)
        outputs: Tensor = self.output(self.linear(last))
        return outputs
