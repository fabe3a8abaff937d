"""Recurrent networks by the shape of what goes in and comes out: a sequence from a sequence, or from a vector.

`models.recurrent.Recurrent` is the fourth shape, a vector from a sequence. Each makes one number a step, ``(batch,
time)``, and no state is handed over but as an input of every step, so that a cell is a cell and nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from models.recurrent import CELLS
from models.settings import output_activation, positive, shape, unknown


def recurrent(cell: str, features: int, hidden: int, layers: int) -> nn.RNNBase:
    """Recurrent layers that take ``(batch, time, feature)``.

    Raises:
        ValueError: there is no such cell, or a size is none.
    """
    if cell not in CELLS:
        raise ValueError(unknown("cell", cell, tuple(CELLS)))
    positive("hidden", [hidden])
    positive("layers", [layers])
    return CELLS[cell](features, hidden, layers, batch_first=True)


class SequenceToSequence(nn.Module):
    """A number at every step from all steps so far: ``(batch, time, feature) -> (batch, time)``.

    Args:
        inputs: shape of one sequence, ``(time, feature)``.
        outputs: how many steps come out, as many as go in.
        cell: ``"RNN"``, ``"LSTM"`` or ``"GRU"``.
        hidden: width of the state.
        layers: how many recurrent layers are stacked.
        output: ``"linear"`` for raw values and logits, ``"sigmoid"`` for probabilities.

    Raises:
        ValueError: a setting is none of its choices, or other steps are to come out than go in.
    """

    def __init__(
        self,
        *,
        inputs: Sequence[int],
        outputs: int,
        cell: str = "GRU",
        hidden: int = 32,
        layers: int = 1,
        output: str = "linear",
    ) -> None:
        super().__init__()
        time, features = shape(inputs, ("time", "feature"))
        if outputs != time:
            raise ValueError(f"outputs: got {outputs}, expected {time}, the steps that go in.")
        self.recurrent = recurrent(cell, features, hidden, layers)
        self.linear = nn.Linear(hidden, 1)
        self.output = output_activation(output)

    def forward(self, x: Tensor) -> Tensor:
        """Raw values, logits or probabilities, ``(batch, time)``."""
        states, _ = self.recurrent(x)
        outputs: Tensor = self.output(self.linear(states).squeeze(-1))
        return outputs


class VectorToSequence(nn.Module):
    """A sequence from a vector, which is shown at every step: ``(batch, feature) -> (batch, time)``.

    Args:
        inputs: shape of one vector, ``(feature,)``.
        outputs: how many steps come out.
        cell, hidden, layers, output: as in `SequenceToSequence`.

    Raises:
        ValueError: a setting is none of its choices.
    """

    def __init__(
        self,
        *,
        inputs: Sequence[int],
        outputs: int,
        cell: str = "GRU",
        hidden: int = 32,
        layers: int = 1,
        output: str = "linear",
    ) -> None:
        super().__init__()
        (features,) = shape(inputs, ("feature",))
        self.steps = outputs
        self.recurrent = recurrent(cell, features, hidden, layers)
        self.linear = nn.Linear(hidden, 1)
        self.output = output_activation(output)

    def forward(self, x: Tensor) -> Tensor:
        """Raw values, logits or probabilities, ``(batch, time)``."""
        shown = x.unsqueeze(1).expand(-1, self.steps, -1).contiguous()
        states, _ = self.recurrent(shown)
        outputs: Tensor = self.output(self.linear(states).squeeze(-1))
        return outputs


class EncoderDecoder(nn.Module):
    """A sequence from a whole sequence: ``(batch, time, feature) -> (batch, outputs)``.

    The encoder reads the sequence to its end; the decoder is shown the encoder's last output at every step.

    Args:
        inputs: shape of one sequence, ``(time, feature)``.
        outputs: how many steps come out, which need not be those that go in.
        cell, hidden, layers, output: as in `SequenceToSequence`, of encoder and decoder alike.

    Raises:
        ValueError: a setting is none of its choices.
    """

    def __init__(
        self,
        *,
        inputs: Sequence[int],
        outputs: int,
        cell: str = "GRU",
        hidden: int = 32,
        layers: int = 1,
        output: str = "linear",
    ) -> None:
        super().__init__()
        _, features = shape(inputs, ("time", "feature"))
        self.encoder = recurrent(cell, features, hidden, layers)
        self.decoder = VectorToSequence(
            inputs=(hidden,),
            outputs=outputs,
            cell=cell,
            hidden=hidden,
            layers=layers,
            output=output,
        )

    def forward(self, x: Tensor) -> Tensor:
        """Raw values, logits or probabilities, ``(batch, outputs)``."""
        states, _ = self.encoder(x)
        outputs: Tensor = self.decoder(states[:, -1])
        return outputs
