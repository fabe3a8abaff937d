"""Transformations of score tables before differences are taken: penalties, and differences of differences."""

from __future__ import annotations

from math import nan

import numpy as np
import numpy.typing as npt

from paribus.errors import ParibusError
from paribus.stats.checks import Floats, per_run, same_length, vector


def penalised(
    scores: npt.ArrayLike, failure_score: npt.ArrayLike, *, higher_is_better: bool
) -> Floats:
    """Give each failed run the worse of the failure score and that seed's worst finisher.

    So failing never pays, on any seed, whatever the finishers reached.

    Args:
        scores: `(variant, seed)`, NaN where a run failed.
        failure_score: what the task says a failure scores, one number, `(seed,)` or `(variant, seed)`.
        higher_is_better: direction of the metric.

    Returns:
        `(variant, seed)` without NaN.

    Raises:
        ParibusError: the scores are not two-dimensional or infinite, or the failure score is not
            finite or does not have one number a seed or a run.

    >>> penalised([[0.9, nan], [0.2, 0.7]], 0.5, higher_is_better=True).tolist()
    [[0.9, 0.5], [0.2, 0.7]]
    """
    x = np.asarray(scores, dtype=np.float64)
    if x.ndim != 2 or np.isinf(x).any():
        raise ParibusError(
            "scores",
            got=f"shape {x.shape} with {int(np.isinf(x).sum())} infinite",
            expected="(variant, seed), finite or NaN",
            fix="Pass one row a variant, NaN where a run failed.",
        )
    penalty = per_run("failure_score", failure_score, (x.shape[0], x.shape[1]))
    worse = np.fmin if higher_is_better else np.fmax  # both pass over NaN
    worst = worse(penalty, worse.reduce(x, axis=0, initial=nan))
    return np.where(np.isnan(x), worst, x)


def failure_scores(higher_is_better: bool, dummy: Floats, scores: npt.ArrayLike) -> Floats:
    """Return the score of a failed run, shaped like ``dummy``: that of the dummy predictor, or the worst score known.

    Args:
        higher_is_better: direction of the metric.
        dummy: ``(seed,)`` or ``(variant, seed)``, NaN where it is not known.
        scores: ``(variant, seed)`` of the runs that are compared, NaN where one failed.
    """
    finite = [x[np.isfinite(x)] for x in (dummy, np.ravel(np.asarray(scores, dtype=float)))]
    worst = next((x.min() if higher_is_better else x.max() for x in finite if x.size), 0.0)
    return np.where(np.isfinite(dummy), dummy, worst)


SCORE_ROUNDING = 8 * float(np.finfo(np.float64).eps)
"""Share of the numbers compared by which they may differ and still count as equal."""


def paired_differences(
    a: npt.ArrayLike, b: npt.ArrayLike, rounding: float = SCORE_ROUNDING
) -> Floats:
    """Return `a - b`, `(seed,)`, zero where they differ by no more than rounding.

    Args:
        a: `(seed,)`.
        b: the same.
        rounding: relative to the larger of the two, such as 8 machine epsilons of what they were computed in.

    >>> paired_differences([1.0, 2.0], [1.0 + 2e-16, 1.5]).tolist()
    [0.0, 0.5]
    """
    named = {"a": vector("a", a, least=0), "b": vector("b", b, least=0)}
    same_length(**named)
    x, y = named.values()
    d: Floats = x - y
    d[np.abs(d) <= rounding * np.maximum(np.abs(x), np.abs(y))] = 0.0
    return d


def interaction(
    a_on: npt.ArrayLike,
    a_off: npt.ArrayLike,
    b_on: npt.ArrayLike,
    b_off: npt.ArrayLike,
    rounding: float = SCORE_ROUNDING,
) -> Floats:
    """Return the per-seed difference of differences, `(a_on - a_off) - (b_on - b_off)`, as `(seed,)`.

    The scale must be declared beforehand: a floor or a ceiling can make an interaction or hide one.
    What is left of a zero by rounding is set to zero, so that a tie counts as a tie.

    Raises:
        ParibusError: an argument is not a finite `(seed,)` array, or the lengths differ.

    >>> interaction([0.8], [0.7], [0.2], [0.1]).tolist()
    [0.0]
    """
    named = {"a_on": a_on, "a_off": a_off, "b_on": b_on, "b_off": b_off}
    parts = {name: vector(name, values, least=0) for name, values in named.items()}
    same_length(**parts)
    p, q, r, s = parts.values()
    d: Floats = (p - q) - (r - s)
    d[np.abs(d) <= rounding * sum(np.abs(x) for x in parts.values())] = 0.0
    return d
