"""Order in which samples are seen: one permutation an epoch, from the order stream."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import torch
from torch import Tensor

from paribus.seeding import Streams


def batch_length(samples: int, batch_size: int) -> int:
    """Return the samples of a batch: the recipe's, or all of them where there are fewer."""
    return min(samples, batch_size)


def steps_per_epoch(samples: int, batch_size: int) -> int:
    """Return the batches of an epoch. Samples after the last full batch are dropped until the next shuffle."""
    return samples // batch_length(samples, batch_size)


def batches(samples: int, batch_size: int, streams: Streams) -> Iterator[Tensor]:
    """Yield sample numbers of each batch, ``(batch,)``, without end; every batch is full."""
    length = batch_length(samples, batch_size)
    epoch = 0
    while True:
        order = torch.randperm(samples, generator=streams.generator("order", epoch))
        yield from order[: samples // length * length].split(length)
        epoch += 1


def order_digest(samples: int, batch_size: int, steps: int, streams: Streams) -> str:
    """Return a hash of the first epochs' permutations, as many as ``steps`` reach into, at most four."""
    epochs = min(4, -(-steps // steps_per_epoch(samples, batch_size)))
    sha = hashlib.sha256(f"{samples}/{batch_size}".encode())
    for epoch in range(epochs):
        order = torch.randperm(samples, generator=streams.generator("order", epoch))
        sha.update(order.numpy().tobytes())
    return sha.hexdigest()[:16]
