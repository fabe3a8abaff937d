"""Convolutional network with an auxiliary classifier half-way up (Szegedy et al. 2015)."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from .settings import output_activation, positive, shape


class AuxiliaryCNN(nn.Module):
    """Two blocks of convolution, ELU and max-pooling, with a linear answer after each.

    ``(batch, channel, height, width) -> (batch, outputs), (batch, outputs)``: the last answer first, then the one
    half-way up, whose loss reaches the first block by a shorter way.

    Args:
        inputs: shape of one image, ``(channel, height, width)``, of at least 4x4 pixels.
        outputs: how many numbers each answer has.
        channels: of the two blocks.
        output: ``"linear"`` for raw values and logits, ``"sigmoid"`` for probabilities.

    Raises:
        ValueError: a setting is none of its choices.
    """

    def __init__(
        self,
        *,
        inputs: Sequence[int],
        outputs: int,
        channels: Sequence[int] = (32, 64),
        output: str = "linear",
    ) -> None:
        super().__init__()
        first, height, width = shape(inputs, ("channel", "height", "width"))
        if len(channels) != 2 or min(height, width) < 4:
            raise ValueError(
                f"channels: got {list(channels)} for {height}x{width} pixels, expected two numbers and at least 4x4."
            )
        lower, upper = positive("channels", channels)
        self.lower = _block(first, lower)
        self.upper = _block(lower, upper)
        self.linear = nn.Linear(upper * (height // 4) * (width // 4), outputs)
        self.auxiliary = nn.Linear(lower * (height // 2) * (width // 2), outputs)
        self.output = output_activation(output)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return raw values, logits or probabilities at the end and half-way up, ``(batch, outputs)`` each."""
        half = self.lower(x)
        whole = self.upper(half)
        last = self.output(self.linear(whole.flatten(1)))
        return last, self.output(self.auxiliary(half.flatten(1)))


def _block(size_in: int, size_out: int) -> nn.Sequential:
    """Return a block of convolution that keeps the size, ELU, and max-pooling that halves it."""
    return nn.Sequential(nn.Conv2d(size_in, size_out, 3, padding=1), nn.ELU(), nn.MaxPool2d(2))
