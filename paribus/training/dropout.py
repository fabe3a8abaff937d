"""Dropout whose masks come from a named stream, so that they depend on seed, layer and step and on nothing else."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from paribus.seeding import Streams


class NamedDropout(nn.Module):
    """`torch.nn.Dropout` with the mask of a step drawn from ``(seed, noise, layer, step)``.

    Masks are drawn on the CPU in float32 for every device, so that devices agree.
    """

    def __init__(self, p: float, streams: Streams, layer: int) -> None:
        super().__init__()
        self.p, self.streams, self.layer = p, streams, layer
        self.generator = torch.Generator()
        self.shape: torch.Size | None = None

    def begin(self, step: int) -> None:
        """Set the generator to the stream of this step."""
        self.generator.manual_seed(self.streams.number("noise", "dropout", self.layer, step))

    def keep(self, shape: Sequence[int]) -> Tensor:
        """Return which entries are kept, ``shape``."""
        return torch.rand(tuple(shape), generator=self.generator) >= self.p

    def forward(self, x: Tensor) -> Tensor:
        """Zero a share ``p`` of the entries and scale the rest by ``1 / (1 - p)``, while training."""
        if not self.training or self.p == 0:
            return x
        self.shape = x.shape
        return x * self.keep(x.shape).to(x.device, x.dtype) / _kept(self.p)


class MaskedDropout(nn.Module):
    """Dropout by a mask that it is given as a buffer, so that each replicate of a stack has its own."""

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p
        self.mask: Tensor
        self.register_buffer("mask", torch.ones(()), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Zero what the mask leaves out and scale the rest by ``1 / (1 - p)``, while training."""
        if not self.training or self.p == 0:
            return x
        return x * self.mask / _kept(self.p)


def _kept(p: float) -> float:
    """Return the share that is kept, as the divisor; one where nothing is kept, so that zero stays zero."""
    return 1 - p or 1.0


def use_named_dropout(network: nn.Module, streams: Streams) -> list[NamedDropout]:
    """Replace each `torch.nn.Dropout` of the network in place and return the replacements, in order."""
    named: list[NamedDropout] = []
    for parent in list(network.modules()):
        for name, child in parent.named_children():
            if type(child) is nn.Dropout:
                named.append(NamedDropout(child.p, streams, len(named)))
                setattr(parent, name, named[-1])
    return named


def give_masks(network: nn.Module) -> dict[str, NamedDropout]:
    """Replace each `NamedDropout` in place by one that is given its mask; return those replaced, by mask's name."""
    replaced: dict[str, NamedDropout] = {}
    for path, parent in list(network.named_modules()):
        for name, child in parent.named_children():
            if isinstance(child, NamedDropout):
                setattr(parent, name, MaskedDropout(child.p))
                replaced[".".join(filter(None, (path, name, "mask")))] = child
    return replaced
