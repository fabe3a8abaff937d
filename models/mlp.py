"""Multilayer perceptron in both of torch's spellings: as a class, and as ``nn.Sequential``."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from torch import Tensor, nn

from .settings import activation as make_activation
from .settings import checked_norm, output_activation, positive


class Hidden(nn.Module):
    """Hidden layer: ``(batch, in) -> (batch, out)``.

    A norm subtracts any constant again, so the linear layer's bias would have a gradient of zero before one, and
    is left out there.
    """

    def __init__(
        self,
        size_in: int,
        size_out: int,
        *,
        activation: str | Mapping[str, Any],
        norm: str | None,
        dropout: float,
        bias: bool,
        skip: bool,
    ) -> None:
        super().__init__()
        self.skip = skip and size_in == size_out
        self.linear = nn.Linear(size_in, size_out, bias=bias and norm is None)
        self.norm = nn.BatchNorm1d(size_out) if norm else None
        self.activation = make_activation(activation)
        self.dropout = nn.Dropout(dropout) if dropout else None

    def forward(self, x: Tensor) -> Tensor:
        """Apply those of linear, norm, activation and dropout that there are; add the input where it is skipped on."""
        output = self._changed(x)
        return x + output if self.skip else output

    def _changed(self, x: Tensor) -> Tensor:
        x = self.linear(x)
        if self.norm is not None:
            x = self.norm(x)
        x = self.activation(x)
        return x if self.dropout is None else self.dropout(x)


class MLP(nn.Module):
    """Hidden layers and a linear output: ``(batch, *inputs) -> (batch, outputs)``.

    Args:
        inputs: shape of one sample; more than one axis is flattened.
        outputs: how many numbers the network puts out.
        hidden: width of each hidden layer; none leaves a linear model.
        activation: a class of ``torch.nn`` by name, or a mapping such as
            ``{"name": "LeakyReLU", "negative_slope": 0.05}``.
        norm: ``"batch"`` for batch normalisation between each hidden layer's linear map and its activation, whose
            bias is then left out.
        dropout: probability that a hidden unit is dropped, in each hidden layer.
        bias: whether linear layers have a bias.
        skip: whether a hidden layer as wide as the one before adds its input to what it puts out (He et al. 2016).
        output: ``"linear"`` for raw values and logits, ``"sigmoid"`` for probabilities.

    Raises:
        ValueError: a setting is none of its choices.
    """

    def __init__(
        self,
        *,
        inputs: Sequence[int],
        outputs: int,
        hidden: Sequence[int] = (16, 8),
        activation: str | Mapping[str, Any] = "ReLU",
        norm: str | None = None,
        dropout: float = 0.0,
        bias: bool = True,
        skip: bool = False,
        output: str = "linear",
    ) -> None:
        super().__init__()
        widths = [math.prod(inputs), *positive("hidden", hidden)]
        settings: Any = {"activation": activation, "dropout": dropout, "bias": bias, "skip": skip}
        norm = checked_norm(norm)
        self.hidden = nn.ModuleList(
            Hidden(size_in, size_out, norm=norm, **settings)
            for size_in, size_out in pairwise(widths)
        )
        self.linear = nn.Linear(widths[-1], outputs, bias=bias)
        self.output = output_activation(output)

    def forward(self, x: Tensor) -> Tensor:
        """Return raw values, logits or probabilities, ``(batch, outputs)``."""
        x = x.flatten(1)
        for layer in self.hidden:
            x = layer(x)
        outputs: Tensor = self.output(self.linear(x))
        return outputs


def sequential_mlp(
    *,
    inputs: Sequence[int],
    outputs: int,
    hidden: Sequence[int] = (16, 8),
    activation: str | Mapping[str, Any] = "ReLU",
    norm: str | None = None,
    dropout: float = 0.0,
    bias: bool = True,
    output: str = "linear",
) -> nn.Sequential:
    """Return the network of `MLP`, with the same settings but ``skip``, written as a list of layers.

    >>> sequential_mlp(inputs=(9,), outputs=1, hidden=[4], output="sigmoid")
    Sequential(
      (0): Flatten(start_dim=1, end_dim=-1)
      (1): Linear(in_features=9, out_features=4, bias=True)
      (2): ReLU()
      (3): Linear(in_features=4, out_features=1, bias=True)
      (4): Sigmoid()
    )
    """
    normed = checked_norm(norm) is not None
    widths = [math.prod(inputs), *positive("hidden", hidden)]
    layers: list[nn.Module] = [nn.Flatten()]
    for size_in, size_out in pairwise(widths):
        layers += [nn.Linear(size_in, size_out, bias=bias and not normed)]
        layers += [nn.BatchNorm1d(size_out)] if normed else []
        layers += [make_activation(activation)]
        layers += [nn.Dropout(dropout)] if dropout else []
    layers += [nn.Linear(widths[-1], outputs, bias=bias), output_activation(output)]
    return nn.Sequential(*layers)
