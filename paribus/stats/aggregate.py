"""Normalised scores over tasks: their interquartile mean with a stratified bootstrap, and performance profiles.

After R. Agarwal et al., Deep Reinforcement Learning at the Edge of the Statistical Precipice, NeurIPS 2021, and
E. D. Dolan and J. J. Moré, Benchmarking optimization software with performance profiles, Mathematical Programming
91 (2002).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from paribus.errors import ParibusError
from paribus.stats.checks import Floats, fraction, vector
from paribus.stats.student import Interval

BOOTSTRAP_DRAWS = 2000
"""Resamples of a bootstrap interval."""


def interquartile_mean(values: npt.ArrayLike) -> float:
    """Return the mean of the middle half, a quarter of the values left out at either end.

    >>> interquartile_mean([100.0, 1, 2, 3, 4, 5, 6, -50])
    3.5
    """
    from scipy.stats import trim_mean

    return float(trim_mean(np.ravel(np.asarray(values, dtype=np.float64)), 0.25))


def interquartile_interval(
    tasks: Sequence[npt.ArrayLike],
    level: float = 0.95,
    draws: int = BOOTSTRAP_DRAWS,
    seed: int = 0,
) -> Interval:
    """Return the interquartile mean of all runs of all tasks, with a percentile bootstrap within each task.

    It speaks of new seeds on these tasks, not of new tasks. At ten runs a task such intervals are a little short.

    Args:
        tasks: for each task its normalised scores, `(run,)`.
        level: confidence of this one interval.
        draws: resamples.
        seed: names the resamples, so that a page can be made again.

    Raises:
        ParibusError: there is no task, one has no run, a score is not finite, or an argument is out of its range.
    """
    from scipy.stats import trim_mean

    tables = [vector("scores of a task", task, least=1) for task in tasks]
    if not tables or draws < 1:
        raise ParibusError(
            "interquartile mean",
            got=f"{len(tables)} tasks and {draws} draws",
            expected="one or more of each",
            fix="Pass the runs of each task, and leave the draws out for the default.",
        )
    tail = (1 - fraction("level", level)) / 2
    generator = np.random.default_rng(seed)
    drawn = [x[generator.integers(x.size, size=(draws, x.size))] for x in tables]
    resampled = trim_mean(np.concatenate(drawn, axis=1), 0.25, axis=1)
    low, high = np.quantile(resampled, (tail, 1 - tail))
    return Interval(interquartile_mean(np.concatenate(tables)), float(low), float(high), level)


def effort_ratios(efforts: npt.ArrayLike) -> Floats:
    """Return each variant's effort over the least of any variant on the same problem; a miss is infinite.

    Where nobody reached the target every ratio is infinite: such a problem counts against all alike.

    Args:
        efforts: `(problem, variant)`, such as steps to a target; positive, infinite where it was missed.

    Raises:
        ParibusError: the table is not two-dimensional, or an effort is not positive.

    >>> effort_ratios([[100, 200], [np.inf, 50], [np.inf, np.inf]]).tolist()
    [[1.0, 2.0], [inf, 1.0], [inf, inf]]
    """
    x = np.asarray(efforts, dtype=np.float64)
    if x.ndim != 2 or not (x > 0).all():
        raise ParibusError(
            "efforts",
            got=f"shape {x.shape} with {int((~(x > 0)).sum())} not positive",
            expected="(problem, variant), positive, infinite where the target was missed",
            fix="Pass one row a problem, and at least one step for a target met at the start.",
        )
    least = x.min(axis=1, keepdims=True)
    reached = np.isfinite(x)
    ratios = np.full(x.shape, np.inf)
    np.divide(x, least, out=ratios, where=reached)
    return ratios


def profile(ratios: npt.ArrayLike, factors: npt.ArrayLike) -> Floats:
    """Return the share of problems solved within each factor of the least effort, `(factor,)`; misses never are.

    >>> profile([1.0, 2.0, np.inf, 4.0], [1, 2, 100]).tolist()
    [0.25, 0.5, 0.75]
    """
    sorted_ratios = np.sort(np.ravel(np.asarray(ratios, dtype=np.float64)))
    within = np.searchsorted(sorted_ratios, np.asarray(factors, dtype=np.float64), side="right")
    shares: Floats = within / sorted_ratios.size
    return shares
