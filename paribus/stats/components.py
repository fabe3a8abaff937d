"""Variance of a score by its sources, from runs in which one source was drawn anew while the others stood."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from paribus.errors import ParibusError, at_least
from paribus.stats.checks import Floats

MIN_DRAWS = 4
"""Fewest draws of a source: the limits rest on leaving each one out in turn."""
LEVEL = 0.95


@dataclass(frozen=True, slots=True)
class Limits:
    """Estimate with its confidence limits at 95 %."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Component:
    """Part of one source.

    Attributes:
        deviation: standard deviation that this source alone gives, in units of the score.
        share: of the sum of all sources' variances.
    """

    deviation: Limits
    share: Limits


def components(base: npt.ArrayLike, redrawn: Mapping[str, npt.ArrayLike]) -> dict[str, Component]:
    """Return the part of each source in the variance of a score.

    With ``x`` all sources of a run and ``x(k)`` the same with source ``k`` drawn anew, the mean of
    ``(f(x) - f(x(k)))² / 2`` is the variance that source ``k`` gives while the others stand, averaged over where they
    stand (M. Jansen, Computer Physics Communications 117, 1999). Where sources do not act together these add up to the
    variance of all; where they do, each has its part in what they do together, and the sum is larger.

    Limits are the jackknife's over the draws, with Student's t, on the logarithm of a deviation and on the log-odds of
    a share. At ten draws those of a share hold the truth in 91 to 94 % and those of a deviation in 88 to 94 %, from
    skewed to normal sources (simulated).

    Args:
        base: scores, ``(draw,)``.
        redrawn: scores with one source drawn anew, ``(draw,)``, by source, in the order of ``base``.

    Raises:
        ParibusError: fewer than four draws, or unequal numbers of them.

    >>> parts = components([1.0, 2.0, 3.0, 4.0], {"split": [3.0, 4.0, 1.0, 2.0], "init": [2.0, 1.0, 4.0, 3.0]})
    >>> round(parts["split"].deviation.value ** 2, 3), round(parts["split"].share.value, 3)
    (2.0, 0.8)
    """
    scores = np.asarray(base, dtype=np.float64)
    at_least("draws of a source", scores.size, MIN_DRAWS, fix="Draw each source more often.")
    halves = {}
    for name, values in redrawn.items():
        drawn = np.asarray(values, dtype=np.float64)
        if drawn.shape != scores.shape:
            raise ParibusError(
                f"draws of {name}",
                got=f"shape {drawn.shape}",
                expected=f"{scores.shape}, one for each run that stands",
                fix="Pass one score for each.",
            )
        halves[name] = (scores - drawn) ** 2 / 2
    rows = np.stack(list(halves.values()))
    return {name: _component(rows, i) for i, name in enumerate(halves)}


def _component(halves: Floats, i: int) -> Component:
    """Return the part of one source from half squared differences, ``(source, draw)``."""
    left_out = halves.sum(axis=1, keepdims=True) - halves
    own, whole = float(halves[i].mean()), float(halves.sum() / halves.shape[1])
    if own <= 0:
        return Component(Limits(0.0, 0.0, 0.0), Limits(0.0, 0.0, 0.0))
    # The root of a variance: half of its logarithm.
    log_own = np.log(np.maximum(left_out[i], _TINY) / (halves.shape[1] - 1)) / 2
    low, high = np.exp(np.log(own) / 2 + _jackknife(log_own))
    deviation = Limits(own**0.5, float(low), float(high))
    if own >= whole:
        return Component(deviation, Limits(1.0, 1.0, 1.0))
    odds = _log_odds(left_out[i], left_out.sum(axis=0))
    low, high = 1 / (1 + np.exp(-(_log_odds(own, whole) + _jackknife(odds))))
    return Component(deviation, Limits(own / whole, float(low), float(high)))


_TINY = np.finfo(np.float64).tiny


def _log_odds(part: npt.ArrayLike, whole: npt.ArrayLike) -> Floats:
    one, other = np.asarray(part), np.asarray(whole) - part
    odds: Floats = np.log(np.maximum(one, _TINY)) - np.log(np.maximum(other, _TINY))
    return odds


def _jackknife(left_out: Floats) -> Floats:
    """Return the half widths of an interval, ``(low, high)``, from estimates with each draw left out, ``(draw,)``."""
    from scipy.special import stdtrit

    n = left_out.size
    error = float(np.sqrt((n - 1) / n * ((left_out - left_out.mean()) ** 2).sum()))
    half = float(stdtrit(n - 1, (1 + LEVEL) / 2)) * error
    return np.array([-half, half])
