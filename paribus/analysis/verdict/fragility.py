"""Fragility of a direction: what is left of it without any one seed, and what other tests say."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import floor, inf, nan, sqrt

import numpy as np
import numpy.typing as npt

from paribus import stats
from paribus.analysis.verdict.family import Family
from paribus.stats import Floats

TRIMMED = 0.1  # share of the seeds that is cut off at either end
TIED_EXACT = 13  # most differences with ties whose signed-rank p is counted exactly, as scipy does


@dataclass(frozen=True, slots=True)
class Fragility:
    """How firm a direction stands.

    Attributes:
        seeds: pairs that there are.
        kept: in how many of the cases in which one seed is left out the direction is still shown.
        median: of the differences.
        agrees: whether the median has the sign of the mean, or is zero.
        alone: whether the sign-flip test alone shows the direction: the family's interval of the mean holds zero, and
            the sign test is above alpha.
        sign_p: p of the sign test, which counts seeds won.
        wilcoxon_p: p of Wilcoxon's signed-rank test.
        trimmed: mean of the differences without the tenth at either end.
        trimmed_p: p of Yuen's t test of that mean; NaN where the rest has no spread.
    """

    seeds: int
    kept: int
    median: float
    agrees: bool
    alone: bool
    sign_p: float
    wilcoxon_p: float
    trimmed: float
    trimmed_p: float

    @property
    def fragile(self) -> bool:
        """True where one seed can take the direction away, mean and median disagree, or no other test shows it."""
        return self.kept < self.seeds or not self.agrees or self.alone


@lru_cache(maxsize=4096)
def fragility(differences: tuple[float, ...], family: Family, factor: float) -> Fragility:
    """Return the fragility of a direction that was shown.

    Args:
        differences: ``(seed,)``, positive where the variant is better.
        family: whose rule showed it.
        factor: by which the family's adjustment multiplied its p.
    """
    d = np.array(differences)
    sign = 1.0 if d.mean() > 0 else -1.0
    kept = int(_shown_without_each(sign * d, family, factor).sum())
    changed = d[d != 0]
    median = float(np.median(d))
    trimmed, trimmed_p = trimmed_mean(d)
    sign_p = stats.sign_test_p(int((d > 0).sum()), int((d < 0).sum()))
    ends = stats.paired_t_interval(d, 1 - family.alpha, family.size, family.ratio)
    return Fragility(
        seeds=d.size,
        kept=kept,
        median=median,
        agrees=sign * median >= 0,
        alone=ends.low <= 0 <= ends.high and sign_p > family.alpha,
        sign_p=sign_p,
        wilcoxon_p=signed_rank_p(changed),
        trimmed=trimmed,
        trimmed_p=trimmed_p,
    )


def signed_rank_p(d: Floats) -> float:
    """Return the two-sided p of Wilcoxon's signed-rank test (Biometrics Bulletin 1, 1945); 1 of nothing.

    It is the sign-flip test of the ranks of absolute differences, exact wherever scipy's is, whose import takes longer
    than the rest of a page; beyond that it is scipy's approximation.

    Args:
        d: differences, ``(seed,)``, none of them zero.

    >>> signed_rank_p(np.array([1.0, 2.0, 3.0, 4.0]))
    0.125
    """
    _, places, counts = np.unique(np.abs(d), return_inverse=True, return_counts=True)
    if d.size <= (TIED_EXACT if (counts > 1).any() else stats.EXACT_SEEDS):
        ranks = np.cumsum(counts) - (counts - 1) / 2  # ties share the mean of their places
        return stats.sign_flip_p(np.sign(d) * ranks[places])
    from scipy.stats import wilcoxon

    return float(wilcoxon(d).pvalue)


def _shown_without_each(d: Floats, family: Family, factor: float) -> npt.NDArray[np.bool_]:
    """Return whether differences without one of them, for each in turn, still show a direction by the family's rule.

    Args:
        d: ``(seed,)``, turned so that the direction is positive.
        family: whose rule it is.
        factor: by which the family's adjustment multiplied p.
    """
    from scipy.special import stdtr, stdtrit

    n, changed = d.size - 1, d != 0
    if n < 2:
        return np.zeros(d.size, dtype=bool)
    mean = _sums_without_each(d) / n
    asked = (changed.sum() - changed >= family.min_seeds) & (mean > 0)
    # About the median, of which one huge difference takes no digits.
    middle = np.median(d)
    squares = _sums_without_each((d - middle) ** 2) - n * (mean - middle) ** 2
    error = np.sqrt(np.maximum(squares, 0.0) / (n - 1) * (1 / n + family.ratio))
    shown = np.zeros(d.size, dtype=bool)
    if family.margin is not None:
        shown = mean + stdtrit(n - 1, family.alpha / (2 * family.size)) * error > family.margin
    if (asked & ~shown).any():
        if family.new_data:
            # Without any spread p is 0, as that of a distance beyond all others.
            far = np.divide(-mean, error, out=np.full(d.size, -inf), where=error > 0)
            p = 2 * stdtr(n - 1, far)
        else:
            p = stats.sign_flip_p_without_each(d)
        shown = shown | (factor * p <= family.alpha)
    found: npt.NDArray[np.bool_] = asked & shown
    return found


def _sums_without_each(x: Floats) -> Floats:
    """Return the sum of numbers without one of them, for each in turn; none is subtracted, which would lose digits."""
    before = np.concatenate([[0.0], np.cumsum(x[:-1])])
    after = np.concatenate([np.cumsum(x[:0:-1])[::-1], [0.0]])
    sums: Floats = before + after
    return sums


def trimmed_mean(d: Floats) -> tuple[float, float]:
    """Return the mean without the tenth at either end, and the two-sided p of Yuen's test that it is zero.

    K. K. Yuen, The two-sample trimmed t for unequal population variances, Biometrika 61 (1974), for one sample: t is
    ``(1 - 2 share) sqrt(n) mean / winsorised deviation`` on ``n - 2 cut - 1`` degrees of freedom.

    >>> trimmed_mean(np.array([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 1000.0]))[0]
    5.5
    """
    from scipy.special import stdtr

    n, cut = d.size, floor(TRIMMED * d.size)
    x = np.sort(d)
    mean = float(x[cut : n - cut].mean())
    spread = stats.deviation(np.clip(x, x[cut], x[n - cut - 1])) if n > 1 else 0.0
    if spread == 0:
        return mean, nan
    t = (1 - 2 * cut / n) * sqrt(n) * mean / spread
    return mean, float(2 * stdtr(n - 2 * cut - 1, -abs(t)))
