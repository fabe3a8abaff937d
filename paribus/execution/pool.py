"""Threads and cores of a process that trains."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache


def available_jobs() -> int:
    """Count the cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@cache
def warm_up() -> None:
    """Take one step of a tiny network, because torch loads its compiler at the first, which takes seconds."""
    import torch

    with torch.random.fork_rng(devices=[]):
        network = torch.nn.Linear(1, 1)
    network(torch.zeros(1, 1)).sum().backward()
    load_optimizers()


def load_optimizers() -> None:
    """Take a step of an optimizer without a backward pass, because torch loads its compiler at the first."""
    import torch

    weight = torch.zeros(1, requires_grad=True)
    weight.grad = torch.zeros(1)
    torch.optim.SGD([weight], lr=0.0).step()


@contextmanager
def one_thread() -> Iterator[None]:
    """Let torch use one thread while the context lasts: faster for small networks, and the same bits every time."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
