"""Initialisers: how the weights of one linear or convolutional layer are drawn.

Each takes the layer, the generator that it draws from, and whether the layer is the network's last. Biases keep the
draw that torch gave them, so that an initialiser changes weights alone.
"""

from __future__ import annotations

import torch
from torch import nn

Layer = nn.Linear | nn.Conv1d | nn.Conv2d | nn.Conv3d


def uniform_01(layer: Layer, *, generator: torch.Generator, last: bool = False) -> None:
    """Weights from U(0, 1): all positive, and too large for any wide layer."""
    nn.init.uniform_(layer.weight, 0.0, 1.0, generator=generator)


@torch.no_grad()
def kaiming_uniform(
    layer: Layer, *, generator: torch.Generator, last: bool = False, times: float = 1.0
) -> None:
    """Weights from U(-b, b), ``b = gain * sqrt(3 / fan_in)`` (He et al. 2015), and that times a factor.

    The gain is that of a ReLU, ``sqrt(2)``, in hidden layers, and that of a sigmoid, 1, in the last one.
    """
    nn.init.kaiming_uniform_(
        layer.weight, nonlinearity="sigmoid" if last else "relu", generator=generator
    )
    if times != 1.0:
        layer.weight.mul_(times)


def xavier_uniform(layer: Layer, *, generator: torch.Generator, last: bool = False) -> None:
    """Weights from U(-b, b), ``b = sqrt(6 / (fan_in + fan_out))`` (Glorot and Bengio 2010)."""
    nn.init.xavier_uniform_(layer.weight, generator=generator)


def dcgan_normal(
    layer: Layer | nn.BatchNorm1d | nn.BatchNorm2d,
    *,
    generator: torch.Generator,
    last: bool = False,
    norm: bool = False,
) -> None:
    """Weights from N(0, 0.02), those of a batch norm from N(1, 0.02) (Radford et al. 2016)."""
    nn.init.normal_(layer.weight, 1.0 if norm else 0.0, 0.02, generator=generator)
