"""Arithmetic limit of a step: its multiply-adds, and how many of them this machine takes a second at most."""

from __future__ import annotations

import time

import torch

from benchmarks.engines.workloads import Workload
from paribus.engines.work import WorkCounter

SIZE = 768
PRODUCTS = 30


def multiply_adds(workload: Workload) -> float:
    """Return the multiply-adds of one step of one replicate: products and convolutions, forth and back.

    Recurrent layers are counted as torch takes them apart, since nobody sees into its kernel.
    """
    x, y, criterion = workload.plain()
    batch = workload.recipe.batch_size
    network = workload.network(0)
    # The context of torch that does both sets more, and warns of it.
    before, *_ = torch.backends.mkldnn.set_flags(_enabled=False)
    try:
        with WorkCounter() as counter:
            criterion(network(x[:batch]), y[:batch]).backward()
    finally:
        torch.backends.mkldnn.set_flags(_enabled=before)
    return counter.work.products + counter.work.convolved


def peak_rate(threads: int) -> float:
    """Return the multiply-adds a second of large products of matrices in single precision, the best of some."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        x, y = torch.randn(2, SIZE, SIZE)
        fastest = min(_seconds(x, y) for _ in range(PRODUCTS))
    finally:
        torch.set_num_threads(before)
    return SIZE**3 / fastest


def _seconds(x: torch.Tensor, y: torch.Tensor) -> float:
    started = time.perf_counter()
    torch.mm(x, y)
    return time.perf_counter() - started
