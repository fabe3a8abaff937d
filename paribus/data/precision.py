"""Numbers that float32 cannot tell apart, such as time stamps and prices around a million that differ by cents."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

LOST = 1e-4  # share of a column's standard deviation by which rounding may move a value

Numbers = np.ndarray[Any, np.dtype[np.float64]]


def to_single(values: Numbers) -> tuple[Tensor, dict[int, float]]:
    """Return numbers in float32, columns that rounding would blur as differences from one of their values.

    Standardising takes a column's mean away, so that a constant taken away before changes nothing: what a network is
    given is what standardising in float64 would give.

    Args:
        values: ``(sample, column)``, NaN where missing.

    Returns:
        The numbers, ``(sample, column)``, infinite where float32 overflows; what was taken away, by column.

    >>> stamps = np.array([[1.7e9, 1.0], [1.7e9 + 1, 2.0], [1.7e9 + 2, 4.0]])
    >>> numbers, taken = to_single(stamps)
    >>> numbers[:, 0].tolist(), taken
    ([-1.0, 0.0, 1.0], {0: 1700000001.0})
    """
    taken: dict[int, float] = {}
    with np.errstate(over="ignore", invalid="ignore"):
        single = values.astype(np.float32)
        for i, column in enumerate(values.T):
            finite = column[np.isfinite(column)]
            lost = np.abs(finite.astype(np.float32).astype(np.float64) - finite)
            if len(finite) and lost.max() > LOST * finite.std():
                taken[i] = float(np.sort(finite)[len(finite) // 2])
                single[:, i] = (column - taken[i]).astype(np.float32)
    return torch.from_numpy(single), taken
