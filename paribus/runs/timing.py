"""Seconds of training steps, as a store keeps them."""

from __future__ import annotations

from math import inf
from statistics import median
from typing import Any, NamedTuple


class Timing(NamedTuple):
    """Seconds of one training step of a variant and of its baseline, round by round, interleaved."""

    variant: list[float]
    baseline: list[float]

    @property
    def ratios(self) -> list[float]:
        """Ratio of the variant's seconds to the baseline's, in each round."""
        return [v / b for v, b in zip(self.variant, self.baseline, strict=True)]

    @property
    def ratio(self) -> float:
        """Median over the rounds."""
        return median(self.ratios)


def timing_of(rounds: Any) -> Timing:
    """Return what was kept of a timing.

    Raises:
        TypeError: it is not two lists.
        ValueError: they are not as long as each other, or hold something else than seconds.
    """
    timing = Timing(*rounds)
    if not all(isinstance(each, list) for each in timing):
        raise TypeError("it is not two lists")
    if not len(timing.variant) == len(timing.baseline) > 0:
        raise ValueError("its lists are empty or of different lengths")
    if not all(map(_is_seconds, (*timing.variant, *timing.baseline))):
        raise ValueError("a step time is not a positive number")
    return timing


def _is_seconds(value: Any) -> bool:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return number and 0 < value < inf
