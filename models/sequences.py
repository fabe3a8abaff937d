"""Recurrent networks by the shape of what goes in and comes out: a sequence from a sequence, or from a vector.

`paribus.models.recurrent.Recurrent` is the fourth shape, a vector from a sequence. Each makes one number a step,
``(batch, time)``, and no state is handed over but as an input of every step, so that a cell is a cell and nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from .recurrent import recurrent
from .settings import output_activation, shape


class _Steps(nn.Module):
    """Settings of the three networks, and a linear output for every state of recurrent layers.

    Args:
        inputs: shape of one sample, as `features` reads it.
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
        self.steps = outputs
        self.build(self.features(inputs), cell, hidden, layers, output)

    def features(self, inputs: Sequence[int]) -> int:
        """Return the size of the recurrent layers' input at each step."""
        return shape(inputs, ("time", "feature"))[1]

    def build(self, features: int, cell: str, hidden: int, layers: int, output: str) -> None:
        """Make the layers."""
        self.recurrent = recurrent(cell, features, hidden, layers)
        self.linear = nn.Linear(hidden, 1)
        self.output = output_activation(output)

    def forward(self, x: Tensor) -> Tensor:
        """Return raw values, logits or probabilities, ``(batch, time)``, of ``(batch, time, feature)``."""
        states, _ = self.recurrent(x)
        outputs: Tensor = self.output(self.linear(states).squeeze(-1))
        return outputs


class SequenceToSequence(_Steps):
    """Number at every step from all steps so far: ``(batch, time, feature) -> (batch, time)``.

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

    def features(self, inputs: Sequence[int]) -> int:
        """Return the size of one step of the sequence, which has as many steps as the output."""
        time, features = shape(inputs, ("time", "feature"))
        if self.steps != time:
            raise ValueError(f"outputs: got {self.steps}, expected {time}, the steps that go in.")
        return features


class VectorToSequence(_Steps):
    """Sequence from a vector, which is input at every step: ``(batch, feature) -> (batch, time)``.

    Args:
        inputs: shape of one vector, ``(feature,)``.
        outputs: how many steps come out.
        cell, hidden, layers, output: as in `SequenceToSequence`.

    Raises:
        ValueError: a setting is none of its choices.
    """

    def features(self, inputs: Sequence[int]) -> int:
        """Return the size of the vector."""
        return shape(inputs, ("feature",))[0]

    def forward(self, x: Tensor) -> Tensor:
        """Return raw values, logits or probabilities, ``(batch, time)``."""
        return super().forward(x.unsqueeze(1).expand(-1, self.steps, -1).contiguous())


class EncoderDecoder(_Steps):
    """Sequence from a whole sequence: ``(batch, time, feature) -> (batch, outputs)``.

    The encoder reads the sequence to its end; the decoder is shown the encoder's last output at every step.

    Args:
        inputs: shape of one sequence, ``(time, feature)``.
        outputs: how many steps come out, which need not be those that go in.
        cell, hidden, layers, output: as in `SequenceToSequence`, of encoder and decoder alike.

    Raises:
        ValueError: a setting is none of its choices.
    """

    def build(self, features: int, cell: str, hidden: int, layers: int, output: str) -> None:
        """Make the encoder, then the decoder."""
        self.encoder = recurrent(cell, features, hidden, layers)
        self.decoder = VectorToSequence(
            inputs=(hidden,),
            outputs=self.steps,
            cell=cell,
            hidden=hidden,
            layers=layers,
            output=output,
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return raw values, logits or probabilities, ``(batch, outputs)``."""
        states, _ = self.encoder(x)
        outputs: Tensor = self.decoder(states[:, -1])
        return outputs
