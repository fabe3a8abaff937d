"""Confidence sequence for the mean of bounded numbers: limits that hold at every look at once.

For each candidate m a gambler bets on every number being above m, another on its being below. If m is the mean, none
of them is expected to gain, whatever came before, so the chance that a wealth ever reaches 1 / alpha is at most alpha
(Ville). The limits are the m against which neither has: the hedged capital with predictable plug-in bets of
I. Waudby-Smith and A. Ramdas, Estimating means of bounded random variables by betting, Journal of the Royal
Statistical Society B 86 (2024), section 4.3. Nothing but the bounds is assumed of the numbers' distribution.
"""

from __future__ import annotations

from math import inf, log

import numpy as np
import numpy.typing as npt

from paribus.errors import ParibusError
from paribus.stats.checks import Floats, family_size, fraction, vector

MOST_STAKED = 0.75
"""Largest share of the wealth that the worst outcome can take; the paper advises 1/2 or 3/4."""

HALVINGS = 40


def mean_sequence(
    values: npt.ArrayLike, low: float, high: float, alpha: float = 0.05, family: int = 1
) -> tuple[Floats, Floats]:
    """Return lower and upper limits of the mean after each value, ``(seed,)`` each, never wider than before.

    They cannot be narrow early: even if all values are alike, either limit is about ``log(2 family / alpha) / (1.5 n)``
    of the range away, a thirteenth of it after 30 values.

    Args:
        values: ``(seed,)`` in the order in which they came.
        low: what no value lies below, for certain.
        high: what none lies above.
        alpha: chance that the mean ever lies outside, for all sequences of the family together.
        family: number of sequences (Bonferroni).

    Raises:
        ParibusError: a value lies outside of the bounds, or an argument is out of its range.

    >>> lower, upper = mean_sequence([0.5] * 100, 0.0, 1.0)
    >>> [round(float(x), 2) for x in (lower[-1], upper[-1])]
    [0.48, 0.52]
    """
    x = vector("values", values, least=0)
    if not (low < high and ((x >= low) & (x <= high)).all()):
        raise ParibusError(
            "bounds of the values",
            got=f"{low:g} to {high:g}, for values from {np.min(x, initial=inf):g} to {np.max(x, initial=-inf):g}",
            expected="a range that holds every value",
            fix="Declare the range that the score has for certain, or none.",
        )
    share = (x - low) / (high - low)
    wanted = log(2 * family_size(family) / fraction("alpha", alpha))  # half for each gambler
    bets = _bets(share, wanted)
    lower = _lower(share, bets, wanted)
    upper = 1 - _lower(1 - share, bets, wanted)
    return low + (high - low) * lower, low + (high - low) * upper


def _bets(x: Floats, wanted: float) -> Floats:
    """Return the stake on each value, from those before it alone: near the best one for their variance."""
    n = np.arange(1, x.size + 1)
    means = (0.5 + np.cumsum(x)) / (n + 1)
    variances = (0.25 + np.cumsum((x - means) ** 2)) / (n + 1)
    before = np.concatenate([[0.25], variances[:-1]]) if x.size else variances
    bets: Floats = np.sqrt(2 * wanted / (before * n * np.log(n + 1)))
    return bets


def _lower(x: Floats, bets: Floats, wanted: float) -> Floats:
    """Return the largest means that the bets on more have ruled out after each value: wealth falls as m rises."""
    low, high = np.zeros(x.size), np.ones(x.size)
    seen = np.tri(x.size, dtype=bool)
    for _ in range(HALVINGS):
        m = ((low + high) / 2)[:, None]
        stakes = np.minimum(bets, MOST_STAKED / m)
        wealth = np.cumsum(np.log1p(stakes * (x - m)), axis=1)
        out = np.where(seen, wealth, -inf).max(axis=1, initial=-inf) >= wanted
        low, high = np.where(out, m[:, 0], low), np.where(out, high, m[:, 0])
    return low
