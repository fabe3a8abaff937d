"""Steps to a comparison's target: those of each run, and their median in words."""

from __future__ import annotations

from math import isfinite

import numpy as np

from paribus.analysis.results import Floats, Row, steps_to_target
from paribus.experiment.comparison import Comparison
from paribus.runs.run import RunResult


def target_steps(comparison: Comparison, row: Row) -> Floats:
    """Return steps to the comparison's target of each run, ``(seed,)``, infinite where it was missed."""
    metric, target = comparison.task.primary, comparison.target
    assert target is not None, "a claim on steps to target needs a target"

    def steps(record: RunResult) -> float:
        return steps_to_target(record, metric.name, target, metric.higher_is_better)

    return np.array([steps(record) for record in row.present])


def median_steps(steps: Floats, row: Row) -> str:
    """Return the median of a variant's steps in words.

    Args:
        steps: of each run, ``(seed,)``, one or more.
        row: the variant, whose runs tell when they were first evaluated.
    """
    return in_words(float(np.median(steps)), _first_evaluation(row))


def in_words(median: float, first: float) -> str:
    """Return median steps in words: an upper limit where nobody looked before, ``never`` where they are infinite.

    Args:
        median: of the steps of runs.
        first: step of the first evaluation after step 0.

    >>> in_words(1200.0, 10), in_words(10.0, 10), in_words(0.0, 10), in_words(float("inf"), 10)
    ('1,200', 'at most 10', '0', 'never')

    Half of the runs were there at step 0, and half at the first evaluation:

    >>> in_words(5.0, 10)
    'at most 10'
    """
    if not isfinite(median):
        return "never"
    return f"at most {first:,.0f}" if 0 < median <= first else f"{median:,.0f}"


def _first_evaluation(row: Row) -> float:
    """Return the step at which runs of a variant were first evaluated after step 0; zero if none was."""
    after = (step for record in row.present for step in record.curves.get("step", []) if step > 0)
    return float(min(after, default=0))
