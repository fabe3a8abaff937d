"""Autoencoders: a network that is to give back what it was given, through a code that is smaller."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from torch import Tensor, nn

from .settings import activation as make_activation
from .settings import output_activation, positive, shape


class Autoencoder(nn.Module):
    """Autoencoder of two linear layers, to the code and back: ``(batch, ...) -> (batch, ...)`` of the same shape.

    Without activations its best code spans the subspace of the leading principal components (Baldi and Hornik 1989).

    Args:
        inputs: shape of one sample.
        code: how many numbers lie between the two layers.
        activation: what the code passes, a class of ``torch.nn`` by name.
        output: ``"linear"`` for raw values, ``"sigmoid"`` for values between 0 and 1.

    Raises:
        ValueError: a setting is none of its choices.
    """

    def __init__(
        self,
        *,
        inputs: Sequence[int],
        code: int = 2,
        activation: str = "Identity",
        output: str = "linear",
    ) -> None:
        super().__init__()
        (width,) = positive("code", [code])
        self.shape = tuple(inputs)
        self.encoder = nn.Linear(prod(self.shape), width)
        self.activation = make_activation(activation)
        self.decoder = nn.Linear(width, prod(self.shape))
        self.output = output_activation(output)

    def forward(self, x: Tensor) -> Tensor:
        """Return the reconstruction, in the shape of ``x``."""
        code = self.activation(self.encoder(x.flatten(1)))
        outputs: Tensor = self.output(self.decoder(code))
        return outputs.view(-1, *self.shape)


class ConvAutoencoder(nn.Module):
    """Convolutions to a code of few channels and transposed ones back: ``(batch, channel, height, width)`` to the same.

    Every layer is 3x3 with padding 1, each but the last followed by a ReLU.

    Args:
        inputs: shape of one image, ``(channel, height, width)``.
        channels: of each layer on the way to the code.
        halvings: how many of them, the first ones, halve height and width by a stride of 2.
        output: ``"linear"`` for raw values, ``"sigmoid"`` for values between 0 and 1.

    Raises:
        ValueError: a setting is none of its choices, or the image cannot be halved so often.
    """

    def __init__(
        self,
        *,
        inputs: Sequence[int],
        channels: Sequence[int] = (32, 16, 8),
        halvings: int = 1,
        output: str = "linear",
    ) -> None:
        super().__init__()
        first, height, width = shape(inputs, ("channel", "height", "width"))
        widths = [first, *positive("channels", channels)]
        if not 0 <= halvings <= len(channels) or height % 2**halvings or width % 2**halvings:
            raise ValueError(
                f"halvings: got {halvings} for {height}x{width} pixels and {len(channels)} layers, expected at most "
                "one a layer, and sides that can be halved so often."
            )
        strides = [2 if i < halvings else 1 for i in range(len(channels))]
        way = list(zip(widths[:-1], widths[1:], strides, strict=True))
        self.encoder = nn.Sequential(
            *(
                module
                for a, b, stride in way
                for module in (nn.Conv2d(a, b, 3, stride, padding=1), nn.ReLU())
            )
        )
        back = [
            module
            for a, b, stride in reversed(way)
            for module in (
                nn.ConvTranspose2d(b, a, 3, stride, padding=1, output_padding=stride - 1),
                nn.ReLU(),
            )
        ]
        self.decoder = nn.Sequential(*back[:-1])
        self.output = output_activation(output)

    def forward(self, x: Tensor) -> Tensor:
        """Return the reconstruction, in the shape of ``x``."""
        outputs: Tensor = self.output(self.decoder(self.encoder(x)))
        return outputs
