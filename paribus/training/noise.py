"""Dropout whose masks come from a named stream, so that they depend on seed, layer and step and on nothing else."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from paribus.seeding import Streams


class NamedDropout(nn.Module):
    """As `torch.nn.Dropout`, with the mask of a step drawn from ``(seed, noise, layer, step)``.

    Masks are drawn on the CPU in float32 for every device, so that devices agree.
    """

    def __init__(self, p: float, streams: Streams, layer: int) -> None:
        super().__init__()
        self.p, self.streams, self.layer = p, streams, layer
        self.generator = torch.Generator()

    def begin(self, step: int) -> None:
        """Go to the stream of this step."""
        self.generator.manual_seed(self.streams.number("noise", "dropout", self.layer, step))

    def forward(self, x: Tensor) -> Tensor:
        """Zero a share ``p`` of the entries and scale the rest by ``1 / (1 - p)``, while training."""
        if not self.training or self.p == 0:
            return x
        if self.p == 1:
            return x * 0.0
        keep = torch.rand(x.shape, generator=self.generator) >= self.p
        return x * keep.to(x.device, x.dtype) / (1 - self.p)


def name_noise(network: nn.Module, streams: Streams) -> list[NamedDropout]:
    """Replace each `torch.nn.Dropout` of the network in place; returns the replacements, in order."""
    named: list[NamedDropout] = []
    for parent in list(network.modules()):
        for name, child in parent.named_children():
            if type(child) is nn.Dropout:
                named.append(NamedDropout(child.p, streams, len(named)))
                setattr(parent, name, named[-1])
    return named
