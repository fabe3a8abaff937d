"""Student's t on paired differences: interval, test, equivalence, non-inferiority and power."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from paribus.errors import ParibusError
from paribus.stats.checks import (
    Floats,
    check_correction,
    check_margin,
    differences_of,
    family_size,
    fraction,
)


@dataclass(frozen=True, slots=True)
class Interval:
    """Mean difference and its confidence limits, in the units of the score.

    `level` is the confidence of the whole family at once, such as 0.95.
    """

    mean: float
    low: float
    high: float
    level: float


def paired_t_interval(
    differences: npt.ArrayLike, level: float = 0.95, family: int = 1, correction: float = 0.0
) -> Interval:
    """Return the t interval of the mean difference, Bonferroni-widened for a family of `family` of them.

    `mean ± t(1 - (1 - level) / (2 family), n - 1) · s · sqrt(1/n + correction)`, where `s` is the
    sample deviation. The correction is `n_test / n_train` (Nadeau and Bengio, Machine Learning 52,
    2003, eq. 9): parts redrawn from one dataset overlap, so `1/n` alone is too small for new data.

    Args:
        differences: `(seed,)`, two or more, in the units of the score.
        level: confidence that all intervals of the family cover at once.
        family: number of intervals in the family.
        correction: test size over training size; 0 speaks of this dataset.

    Raises:
        ParibusError: an argument is out of its range.

    >>> interval = paired_t_interval([1.0, 2.0, 3.0])
    >>> interval.mean, round(interval.low, 3), round(interval.high, 3)
    (2.0, -0.484, 4.484)
    """
    from scipy.special import stdtrit

    d = differences_of(differences, least=2)
    tail = (1 - fraction("level", level)) / (2 * family_size(family))
    half = -float(stdtrit(d.size - 1, tail)) * standard_error(d, correction)
    mean = float(d.mean())
    return Interval(mean, mean - half, mean + half, level)


def t_p(differences: npt.ArrayLike, correction: float = 0.0) -> float:
    """Return the two-sided p of the paired t test that the mean difference is zero.

    `t = mean / (s · sqrt(1/n + correction))` on `n - 1` degrees of freedom; see
    `paired_t_interval` for the correction. Without any spread p is 1 at mean zero and 0 elsewhere.

    Raises:
        ParibusError: fewer than two differences, one not finite, or a negative correction.
    """
    d = differences_of(differences, least=2)
    return min(1.0, 2 * min(_above(d, 0.0, correction), _above(-d, 0.0, correction)))


def tost_p(differences: npt.ArrayLike, margin: float, correction: float = 0.0) -> float:
    """Return the p of equivalence: the larger of two one-sided t tests against -margin and +margin.

    Schuirmann, Journal of Pharmacokinetics and Biopharmaceutics 15, 1987. A small p says that the
    mean difference lies inside the margin. Without any spread p is 0 inside the margin, else 1.

    Args:
        differences: `(seed,)`, two or more, in the units of the score.
        margin: the largest difference that does not matter, in the same units; positive.
        correction: test size over training size, as in `paired_t_interval`.

    Raises:
        ParibusError: an argument is out of its range.
    """
    d = differences_of(differences, least=2)
    edge = -check_margin(margin)
    return max(_above(d, edge, correction), _above(-d, edge, correction))


def noninferiority_p(differences: npt.ArrayLike, margin: float, correction: float = 0.0) -> float:
    """Return the p of "no worse": the one-sided t test that the mean difference is above -margin.

    Arguments and errors are those of `tost_p`, of which this is one side.
    """
    d = differences_of(differences, least=2)
    return _above(d, -check_margin(margin), correction)


def detectable_effect(
    spread: float,
    n: int,
    family: int = 1,
    *,
    alpha: float = 0.05,
    power: float = 0.8,
    correction: float = 0.0,
) -> float:
    """Return the smallest mean difference that n pairs show with the stated power, in units of the score.

    The noncentrality `δ` with `P(T'(n - 1, δ) > t(1 - alpha / (2 family), n - 1)) = power`, times
    `spread · sqrt(1/n + correction)`. A rejection in the wrong direction is not counted as finding
    the effect (a matter of 1e-6).

    This is the power of the t test at the Bonferroni level. The sign-flip test needs 1 to 3 % more
    at ten seeds, and about 25 % more at `min_seeds`, where only unanimous signs count.

    `TTestPower` of statsmodels is not used: its search stops at wrong values without saying so (at
    n = 6 and family 20 at 2.670 instead of 2.855).

    Args:
        spread: sample standard deviation of the differences.
        n: number of pairs, two or more.
        family: number of contrasts.
        alpha: size for the whole family.
        power: chance to see the effect.
        correction: test size over training size, as in `paired_t_interval`.

    Raises:
        ParibusError: an argument is out of its range.

    >>> round(detectable_effect(1.0, 10), 3), round(detectable_effect(1.0, 10, 4), 3)
    (0.996, 1.284)
    """
    from scipy.special import nctdtrinc, stdtrit

    if n < 2:
        raise ParibusError("n", got=n, expected="2 or more", fix="Run more seeds.")
    if not (np.isfinite(spread) and spread >= 0):
        raise ParibusError(
            "spread",
            got=spread,
            expected="a finite number, 0 or more",
            fix="Pass the sample standard deviation of the differences.",
        )
    tail = fraction("alpha", alpha) / (2 * family_size(family))
    critical = -stdtrit(n - 1, tail)
    noncentrality = float(nctdtrinc(n - 1, 1 - fraction("power", power), critical))
    return noncentrality * spread * float(np.sqrt(1 / n + check_correction(correction)))


def deviation(d: Floats) -> float:
    """Return the sample deviation of `(seed,)`, two or more; exactly zero for equal values."""
    return float(d.std(ddof=1)) if (d != d[0]).any() else 0.0


def _above(d: Floats, edge: float, correction: float) -> float:
    """Return the one-sided p of `mean <= edge`, on `(seed,)`; small when the mean is well above the edge."""
    from scipy.special import stdtr

    gap, error = float(d.mean()) - edge, standard_error(d, correction)
    if error == 0:
        return 0.0 if gap > 0 else 1.0
    return float(stdtr(d.size - 1, -gap / error))


def standard_error(d: Floats, correction: float = 0.0) -> float:
    """Return `s · sqrt(1/n + correction)` of `(seed,)`, in the units of the score."""
    return deviation(d) * float(np.sqrt(1 / d.size + check_correction(correction)))
