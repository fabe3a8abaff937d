"""Worker processes of one thread each: the same ones each time, and started ahead of their work.

A worker imports torch for seconds, which may pass while the process that it works for does the same.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from loky.process_executor import ProcessPoolExecutor

# glibc gives memory of large tensors back to the system at once, and has every page of the next one zeroed: about a
# tenth of a convolutional network's step. Elsewhere these variables mean nothing.
ENVIRONMENT = {"MALLOC_MMAP_THRESHOLD_": str(2**30), "MALLOC_TRIM_THRESHOLD_": str(2**31)}


def available_jobs() -> int:
    """Count the cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def workers(jobs: int) -> ProcessPoolExecutor:
    """Return as many workers as there are jobs."""
    from loky import get_reusable_executor

    pool: ProcessPoolExecutor = get_reusable_executor(
        max_workers=jobs, timeout=300, initializer=_start, env=ENVIRONMENT
    )
    _pools.add(pool)
    return pool


def prestart(jobs: int) -> None:
    """Have workers start while this process does something else."""
    pool = workers(jobs)
    for _ in range(jobs):
        pool.submit(int)


def shutdown() -> None:
    """End all workers at once, whatever they do."""
    for pool in _pools:
        pool.shutdown(wait=True, kill_workers=True)
    _pools.clear()


_pools: set[ProcessPoolExecutor] = set()


def _start() -> None:
    """Use one thread; Ctrl-C, which reaches every process of a terminal, is left to the one that started this."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    import torch

    torch.set_num_threads(1)
    warm_up()


@cache
def warm_up() -> None:
    """Take one step of a tiny network, because torch loads its compiler at the first, which takes seconds."""
    import torch

    with torch.random.fork_rng(devices=[]):
        network = torch.nn.Linear(1, 1)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.0)
    network(torch.zeros(1, 1)).sum().backward()
    optimizer.step()


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
