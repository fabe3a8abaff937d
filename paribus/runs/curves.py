"""Curves as they are kept: to so many digits that no page shows the difference, at a third of the size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

DIGITS = 6


def rounded_curves(curves: Mapping[str, Sequence[float]]) -> dict[str, list[float]]:
    """Return curves with their values at `DIGITS` significant digits; whole numbers, such as steps, stay.

    >>> rounded_curves({"step": [0, 2000000], "validation/loss": [0.123456789, 12345678.9]})
    {'step': [0, 2000000], 'validation/loss': [0.123457, 12345700.0]}
    """
    return {name: [_rounded(value) for value in curve] for name, curve in curves.items()}


def _rounded(value: float) -> float:
    return float(f"{value:.{DIGITS}g}") if isinstance(value, float) else value
