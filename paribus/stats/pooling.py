"""Partial pooling of effects over tasks, which says what to expect on a new task.

Each task's effect is drawn from a normal distribution over tasks, of unknown mean and deviation, and is seen with its
own standard error.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from paribus.errors import ParibusError
from paribus.stats.checks import Floats, vector
from paribus.stats.student import Interval

MIN_UNITS = 8
"""Tasks below which too little is known of how much tasks differ."""

POINTS = 1000
"""Deviations over tasks that are weighed, at evenly spaced quantiles of their prior."""

PRIOR_SPREAD = 2.0
"""Standard deviation of mean effects over tasks, before any is seen; of squeezed effects two is 3.6 margins."""

LEVEL = 0.95


@dataclass(frozen=True)
class Pooled:
    """Posterior of the mean effect over tasks, and of the effect on a new task: mixtures of normals.

    Attributes:
        weights: of each deviation over tasks, ``(point,)``, adding up to one.
        deviations: between tasks, ``(point,)``.
        means: of the mean effect given each of them, ``(point,)``.
        errors: its standard deviations, ``(point,)``.
    """

    weights: Floats
    deviations: Floats
    means: Floats
    errors: Floats

    @property
    def between(self) -> float:
        """Posterior mean of the deviation between tasks."""
        return float(self.weights @ self.deviations)

    @property
    def mean(self) -> Interval:
        """Mean effect over tasks, with its 95 % interval."""
        return self._interval(self.errors)

    @property
    def new(self) -> Interval:
        """Effect on a new task, with its 95 % prediction interval."""
        return self._interval(np.hypot(self.errors, self.deviations))

    def chance_above(self, value: float) -> float:
        """Return the probability that the effect on a new task is above a value."""
        return 1 - self.chance_below(value)

    def chance_below(self, value: float) -> float:
        """Return the probability that the effect on a new task is below a value."""
        return self._share(value, np.hypot(self.errors, self.deviations))

    def _share(self, value: float, spreads: Floats) -> float:
        from scipy.special import ndtr

        return min(1.0, float(self.weights @ ndtr((value - self.means) / spreads)))

    def _interval(self, spreads: Floats) -> Interval:
        """Return the mean of the mixture, between the quantiles that leave out as much on either side."""
        from scipy.optimize import brentq

        reach = 40 * float(spreads.max())
        ends = float(self.means.min()) - reach, float(self.means.max()) + reach
        low, high = (
            float(brentq(lambda x, q=tail: self._share(x, spreads) - q, *ends))
            for tail in ((1 - LEVEL) / 2, (1 + LEVEL) / 2)
        )
        return Interval(float(self.weights @ self.means), low, high, LEVEL)


def pool(effects: npt.ArrayLike, errors: npt.ArrayLike) -> Pooled:
    """Return what effects on some tasks say of the mean over tasks, and of a new one.

    ``y_i ~ N(theta_i, s_i^2)`` and ``theta_i ~ N(mu, tau^2)``. The prior of ``tau`` is half-Cauchy with scale one (A.
    Gelman, Prior distributions for variance parameters in hierarchical models, Bayesian Analysis 1, 2006), that of
    ``mu`` is normal around zero with deviation two: a flat one takes what a few tasks happen to show for more than it
    is. Given ``tau``, ``mu`` is normal around the mean weighted by ``1 / (s_i^2 + tau^2)``, zero having the weight
    ``1 / 4``; ``tau`` itself is weighed on a grid of its prior's quantiles, so that its uncertainty is in every answer.

    Args:
        effects: one a task, ``(task,)``, on a scale where one is a typical size.
        errors: their standard errors, ``(task,)``.

    Raises:
        ParibusError: fewer than eight tasks, or numbers that are no effects with their errors.

    >>> round(pool([1.0, 2.0, 3.0, 2.0, 1.0, 2.0, 3.0, 2.0], [0.1] * 8).chance_above(0.0), 2)
    0.98
    """
    y, s = vector("effects of tasks", effects, least=1), vector("errors of tasks", errors, least=1)
    _check(y, s)
    tau = np.tan(np.pi / 2 * (np.arange(POINTS) + 0.5) / POINTS)
    spread = s**2 + tau[:, None] ** 2  # (point, task)
    precision = (1 / spread).sum(axis=1) + 1 / PRIOR_SPREAD**2
    means = (y / spread).sum(axis=1) / precision
    misfit = (y**2 / spread).sum(axis=1) - precision * means**2
    log_weight = -0.5 * (np.log(spread).sum(axis=1) + np.log(precision) + misfit)
    weights = np.exp(log_weight - log_weight.max())
    return Pooled(weights / weights.sum(), tau, means, precision**-0.5)


def _check(effects: Floats, errors: Floats) -> None:
    if effects.size != errors.size:
        raise ParibusError(
            "effects and errors of tasks",
            got=f"{effects.size} and {errors.size}",
            expected="one length",
            fix="Pass one of each a task.",
        )
    if effects.size < MIN_UNITS:
        raise ParibusError(
            "effects of tasks",
            got=effects.size,
            expected=f"{MIN_UNITS} or more",
            fix="Add tasks: fewer say too little of how much tasks differ.",
        )
    if errors.min() < 0:
        raise ParibusError(
            "errors of tasks",
            got=f"{errors.min():g}",
            expected="standard errors, zero or more",
            fix="Pass that of each effect.",
        )


def squeeze(effects: npt.ArrayLike, errors: npt.ArrayLike) -> tuple[Floats, Floats]:
    """Return effects in margins, and their standard errors, on a scale that is linear within a margin only.

    The inverse hyperbolic sine: an effect of a tenth of a margin stays what it is, and one of ten margins counts 3. On
    the plain scale a single task with a gain of fifty margins would make all tasks look as if they differed by as much.
    Errors follow by the slope ``1 / sqrt(1 + x^2)``; ``sinh`` leads back.

    Args:
        effects: in margins, ``(task,)``.
        errors: in margins, ``(task,)``.

    >>> [round(float(x), 2) for x in squeeze([0.1, 1.5, 10.0], [0.0, 0.0, 0.0])[0]]
    [0.1, 1.19, 3.0]
    """
    x, s = np.asarray(effects, dtype=np.float64), np.asarray(errors, dtype=np.float64)
    return np.arcsinh(x), s / np.sqrt(1 + x**2)
