"""A series: a CSV of times and values, cut into windows that each predict the value after them."""

from __future__ import annotations

from torch import Tensor


def windows(values: Tensor, window: int) -> tuple[Tensor, Tensor]:
    """All windows of a series, and the value one step after each.

    Args:
        values: ``(time,)``.
        window: how many steps a window has.

    Returns:
        A view ``(time - window, window, 1)`` that shares the memory of ``values``, and targets ``(time - window, 1)``.
    """
    return values.unfold(0, window, 1)[:-1].unsqueeze(-1), values[window:].unsqueeze(-1)
