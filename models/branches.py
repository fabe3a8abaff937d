"""Networks with more than one way in or out: an image beside a row of numbers, and two answers from one image."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from .settings import output_activation, positive, shape
from .sizes import convolved


def image_branch(
    image: Sequence[int], channels: int, embedding: int, kernel_size: int, padding: int
) -> nn.Sequential:
    """Return a branch ``(batch, *image) -> (batch, embedding)``: convolution, max-pooling by 2, ELU, linear map.

    Raises:
        ValueError: a size is none, or the image is too small.
    """
    first, height, width = shape(image, ("channel", "height", "width"))
    positive("channels", [channels])
    positive("embedding", [embedding])
    rows, columns = (convolved(n, kernel_size, padding) // 2 for n in (height, width))
    if rows < 1 or columns < 1:
        raise ValueError(
            f"inputs: got an image of {height}x{width} pixels, of which nothing is left after pooling, expected a "
            "larger image or more padding."
        )
    return nn.Sequential(
        nn.Conv2d(first, channels, kernel_size, padding=padding),
        nn.MaxPool2d(2),
        nn.ELU(),
        nn.Flatten(),
        nn.Linear(channels * rows * columns, embedding),
    )


class TwoInputs(nn.Module):
    """Image and vector, each through a branch of its own, concatenated for a linear output.

    ``(batch, *image), (batch, number) -> (batch, outputs)``.

    Args:
        inputs: shapes of one image ``(channel, height, width)`` and of one vector ``(number,)``.
        outputs: how many numbers the network puts out.
        channels: of the image's convolution.
        embedding: how many numbers the image's branch ends in.
        second: how many the vector's ends in, after an ELU.
        kernel_size: height and width of each kernel, in pixels.
        padding: rows of zeros around the image, in pixels.
        output: ``"linear"`` for raw values and logits, ``"sigmoid"`` for probabilities.

    Raises:
        ValueError: a setting is none of its choices.
    """

    def __init__(
        self,
        *,
        inputs: Sequence[Sequence[int]],
        outputs: int,
        channels: int = 16,
        embedding: int = 128,
        second: int = 8,
        kernel_size: int = 3,
        padding: int = 1,
        output: str = "linear",
    ) -> None:
        super().__init__()
        image, row = _two(inputs)
        (numbers,) = shape(row, ("number",))
        positive("second", [second])
        self.image = image_branch(image, channels, embedding, kernel_size, padding)
        self.row = nn.Sequential(nn.Linear(numbers, second), nn.ELU())
        self.linear = nn.Linear(embedding + second, outputs)
        self.output = output_activation(output)

    def forward(self, image: Tensor, row: Tensor) -> Tensor:
        """Return raw values, logits or probabilities, ``(batch, outputs)``."""
        both = torch.cat((self.image(image), self.row(row)), dim=1)
        outputs: Tensor = self.output(self.linear(both))
        return outputs


def _two(inputs: Sequence[Any]) -> tuple[Sequence[int], Sequence[int]]:
    if len(inputs) != 2 or any(isinstance(one, int) for one in inputs):
        raise ValueError(
            f"inputs: got {tuple(inputs)}, expected two shapes, (channel, height, width) and (number,)."
        )
    return inputs[0], inputs[1]


class TwoOutputs(nn.Module):
    """Image to several linear outputs from the embedding that they share.

    ``(batch, *image) -> (batch, outputs[0]), (batch, outputs[1]), ...``.

    Args:
        inputs: shape of one image, ``(channel, height, width)``.
        outputs: how many numbers each answer has.
        channels: of the convolution.
        embedding: how many numbers the answers share.
        kernel_size: height and width of each kernel, in pixels.
        padding: rows of zeros around the image, in pixels.
        output: ``"linear"`` for raw values and logits, ``"sigmoid"`` for probabilities.

    Raises:
        ValueError: a setting is none of its choices.
    """

    def __init__(
        self,
        *,
        inputs: Sequence[int],
        outputs: Sequence[int],
        channels: int = 16,
        embedding: int = 128,
        kernel_size: int = 3,
        padding: int = 1,
        output: str = "linear",
    ) -> None:
        super().__init__()
        if isinstance(outputs, int):
            raise ValueError(
                f"outputs: got {outputs}, expected a number of outputs for each target."
            )
        self.image = image_branch(inputs, channels, embedding, kernel_size, padding)
        self.heads = nn.ModuleList(nn.Linear(embedding, n) for n in positive("outputs", outputs))
        self.output = output_activation(output)

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        """Return raw values, logits or probabilities of each answer, ``(batch, outputs)`` each."""
        shared = self.image(image)
        return tuple(self.output(head(shared)) for head in self.heads)
