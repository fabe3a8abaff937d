"""What the parent of all workers imports once, before they are forked from it."""

from __future__ import annotations

import atexit
import gc
import os

import torch

from paribus.execution import executor, worker
from paribus.execution.pool import load_optimizers
from paribus.execution.preload_watch import MARK, end, end_watch

__all__ = ["executor", "worker"]


def _prepare() -> None:
    """Load what torch loads at its first step, and keep as much memory shared as can be.

    No backward pass is taken, because autograd refuses to run in a process that is forked after one.
    """
    torch.set_num_threads(1)
    load_optimizers()
    # A collection of garbage writes to every object, and what is written to is no longer shared.
    gc.collect()
    gc.freeze()
    # Workers end otherwise. What is frozen is never taken down, which libraries would complain of.
    atexit.register(end)
    end_watch()


if os.environ.pop(MARK, ""):
    _prepare()
