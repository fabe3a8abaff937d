"""State in which training ended, read off the mean validation curve: still improving, at its best, or past it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from paribus.analysis.results import Floats, Result, Row

QUARTER = 0.25
# The last evaluation before the last quarter must not lie far before it, or its gain would be that of more steps.
MAX_SHARE = 0.4
# Quarters of the steps that are looked ahead at most; beyond them a forecast says nothing.
MAX_QUARTERS = 40


class State(StrEnum):
    """What more steps would have done to a validation curve, by the margin."""

    improving = "still improving"
    best = "at its best"
    past = "past its best"


@dataclass(frozen=True)
class TrainingState:
    """State of a variant's training at its last step.

    Attributes:
        state: gained more than the margin in the last quarter of the steps; lost more than it since its best; or
            neither. Of both it is past its best, unless it ends better by the margin than it was before that quarter.
        gain: of the validation score over the last quarter, positive is better.
        lost: since the best evaluation of the mean curve, zero or positive.
        best_step: of that evaluation.
        steps: all that were taken.
        more_steps: after which the gain of a quarter would fall below the margin, if it goes on to shrink from quarter
            to quarter as it did; None where it is below it or does not shrink.
    """

    state: State
    gain: float
    lost: float
    best_step: int
    steps: int
    more_steps: int | None = None


def training_state(result: Result, row: Row) -> TrainingState | None:
    """Return the state of a variant's training, or None where its curves cannot tell.

    They cannot without a margin, with a score that is taken of stored predictions, where runs stopped at different
    steps, and where evaluations are too far apart.
    """
    metric = result.comparison.primary
    curve = None if result.comparison.metric is not None else mean_curve(row, metric.name)
    if curve is None or metric.margin is None:
        return None
    steps, scores = curve
    # Weights that were never trained are never kept, so that the best step is one of training.
    steps, scores = steps[steps > 0], scores[steps > 0]
    turned, total = metric.sign * scores, float(steps[-1])
    before = _at(steps, (1 - QUARTER) * total)
    if total - steps[before] > MAX_SHARE * total:
        return None
    gain, best = float(turned[-1] - turned[before]), int(turned.argmax())
    lost = float(turned[best] - turned[-1])
    # A curve that comes down from a bump is no better than it was: more steps may only bring back what it had.
    ahead = float(turned[-1] - turned[: before + 1].max())
    state = State.best
    if gain > metric.margin and (lost <= metric.margin or ahead > metric.margin):
        state = State.improving
    elif lost > metric.margin:
        state = State.past
    more = None
    if state is State.improving:
        earlier = _at(steps, (1 - 2 * QUARTER) * total)
        more = _more_steps(gain, float(turned[before] - turned[earlier]), metric.margin, total)
    return TrainingState(state, gain, lost, int(steps[best]), int(total), more)


def mean_curve(row: Row, metric: str) -> tuple[Floats, Floats] | None:
    """Return steps and mean validation score over the runs that completed, ``(evaluation,)`` each.

    None where there is no run, a value that is not finite, or runs that were evaluated at different steps.
    """
    runs = [record for record in row.present if record.completed]
    curves = [record.curves.get(f"validation/{metric}", []) for record in runs]
    steps = [record.curves.get("step", []) for record in runs]
    if not runs or any(s != steps[0] for s in steps) or not all(curves) or len(steps[0]) < 3:
        return None
    mean = np.array(curves, dtype=float).mean(0)
    return (np.array(steps[0], dtype=float), mean) if np.isfinite(mean).all() else None


def _at(steps: Floats, limit: float) -> int:
    """Return the number of the last evaluation at or before a step."""
    return int(np.flatnonzero(steps <= limit)[-1])


def _more_steps(gain: float, earlier: float, margin: float, total: float) -> int | None:
    """Return the steps after which gains that shrink by a constant factor a quarter are below the margin."""
    factor = gain / earlier if earlier > 0 else 1.0
    if not 0 < factor < 1:
        return None
    quarters = int(np.ceil(np.log(margin / gain) / np.log(factor)))
    return round(quarters * QUARTER * total) if quarters <= MAX_QUARTERS else None
