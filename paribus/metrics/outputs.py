"""Outputs of a network: one tensor, or a tuple of one for each of its heads."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

Outputs = Tensor | tuple[Tensor, ...]


def as_tuple(outputs: Outputs) -> tuple[Tensor, ...]:
    """Return the outputs as a tuple, whether there is one or several."""
    return (outputs,) if isinstance(outputs, Tensor) else tuple(outputs)


def map_outputs(function: Callable[[Tensor], Tensor], outputs: Outputs) -> Outputs:
    """Apply a function to each output."""
    if isinstance(outputs, Tensor):
        return function(outputs)
    return tuple(map(function, outputs))


def copies(tensors: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """Return tensors of their own, for a function of somebody else's that may change in place what it is given."""
    return tuple(x.clone() for x in tensors)


def concat_outputs(chunks: Sequence[Outputs], dim: int = 0) -> Outputs:
    """Concatenate chunks of outputs along a dimension, each head by itself."""
    if isinstance(chunks[0], Tensor):
        return torch.cat([chunk for chunk in chunks if isinstance(chunk, Tensor)], dim)
    return tuple(torch.cat(parts, dim) for parts in zip(*map(as_tuple, chunks), strict=True))
