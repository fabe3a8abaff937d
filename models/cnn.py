"""Convolutional network: blocks of convolution, activation and pooling, then one linear layer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from torch import Tensor, nn

from .settings import activation as make_activation
from .settings import checked_norm, output_activation, positive, shape, unknown
from .sizes import convolved

POOLS: Mapping[str | None, type[nn.Module]] = {"max": nn.MaxPool2d, "average": nn.AvgPool2d}


class CNN(nn.Module):
    """Convolutional blocks and a linear output: ``(batch, channel, height, width) -> (batch, outputs)``.

    Args:
        inputs: shape of one image, ``(channel, height, width)``.
        outputs: how many numbers the network puts out.
        channels: channels of each block.
        kernel_size: height and width of each kernel, in pixels.
        padding: rows of zeros around each block's input, in pixels; 1 keeps the size under a kernel of 3.
        activation: a class of ``torch.nn`` by name, or a mapping of its name and arguments.
        pool: ``"max"`` or ``"average"`` halves height and width after each block, None leaves them.
        norm: ``"batch"`` for batch normalisation between each convolution and its activation; the convolution's
            bias, whose gradient it would make zero, is then left out.
        dropout: probability that an input of the linear layer is dropped.
        output: ``"linear"`` for raw values and logits, ``"sigmoid"`` for probabilities.

    Raises:
        ValueError: a setting is none of its choices, or the image is too small for the blocks.
    """

    def __init__(
        self,
        *,
        inputs: Sequence[int],
        outputs: int,
        channels: Sequence[int] = (32, 64),
        kernel_size: int = 3,
        padding: int = 1,
        activation: str | Mapping[str, Any] = "ELU",
        pool: str | None = "max",
        norm: str | None = None,
        dropout: float = 0.0,
        output: str = "linear",
    ) -> None:
        super().__init__()
        if pool is not None and pool not in POOLS:
            raise ValueError(unknown("pool", pool, (None, *POOLS)))
        normed = checked_norm(norm) is not None
        first, height, width = shape(inputs, ("channel", "height", "width"))
        widths = [first, *positive("channels", channels)]
        sizes = [_size_after(n, len(channels), kernel_size, padding, pool) for n in (height, width)]
        layers: list[nn.Module] = []
        for size_in, size_out in pairwise(widths):
            layers += [nn.Conv2d(size_in, size_out, kernel_size, padding=padding, bias=not normed)]
            layers += [nn.BatchNorm2d(size_out)] if normed else []
            layers += [make_activation(activation)]
            layers += [POOLS[pool](2)] if pool else []
        self.features = nn.Sequential(*layers)
        self.dropout = nn.Dropout(dropout) if dropout else None
        self.linear = nn.Linear(widths[-1] * sizes[0] * sizes[1], outputs)
        self.output = output_activation(output)

    def forward(self, x: Tensor) -> Tensor:
        """Return raw values, logits or probabilities, ``(batch, outputs)``."""
        x = self.features(x).flatten(1)
        if self.dropout is not None:
            x = self.dropout(x)
        outputs: Tensor = self.output(self.linear(x))
        return outputs


def _size_after(n: int, blocks: int, kernel_size: int, padding: int, pool: str | None) -> int:
    """Return the height or width after all blocks; pooling drops an odd row."""
    size = n
    for block in range(1, blocks + 1):
        size = convolved(size, kernel_size, padding) // (2 if pool else 1)
        if size < 1:
            raise ValueError(
                f"inputs: got a height or width of {n} pixels, of which nothing is left after block {block} of "
                f"{blocks}, expected a larger image, fewer channels, more padding or pool=None."
            )
    return size
