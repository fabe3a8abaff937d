"""What the parent of all workers imports once, before they are forked from it.

Importing this module does that: torch, all that trains, and what torch loads at its first step. No backward pass is
taken, because autograd refuses to run in a process that is forked after one.
"""

from __future__ import annotations

import gc

import torch

from paribus.execution import executor, worker
from paribus.execution.pool import load_optimizers

__all__ = ["executor", "worker"]

torch.set_num_threads(1)
load_optimizers()
# Forked processes share memory until it is written to, as a collection of garbage does with every object.
gc.collect()
gc.freeze()
