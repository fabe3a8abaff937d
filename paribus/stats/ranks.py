"""Ranks of several variants over several data sets, one unit a data set.

After J. Demšar, Statistical Comparisons of Classifiers over Multiple Data Sets, JMLR 7 (2006), whose Table 6 is a
test. Arrays are `(dataset, variant)`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf, sqrt

import numpy as np
import numpy.typing as npt

from paribus.errors import ParibusError
from paribus.stats.checks import Floats, bad, fraction
from paribus.stats.families import holm


@dataclass(frozen=True, slots=True)
class Friedman:
    """Friedman's test that all variants rank alike.

    Attributes:
        chi2: Friedman's statistic, on `variants - 1` degrees of freedom.
        p: its p-value.
        f: Iman and Davenport's statistic, on `variants - 1` and `(variants - 1) (datasets - 1)`; infinite where all
            data sets rank alike.
        p_f: its p-value, the less conservative of the two and the one to use.
    """

    chi2: float
    p: float
    f: float
    p_f: float


def ranks_of(scores: npt.ArrayLike, *, higher_is_better: bool) -> Floats:
    """Rank the variants of each data set, the best 1, ties sharing the mean of their places.

    Raises:
        ParibusError: not two or more data sets and variants, or a score is not finite.

    >>> ranks_of([[0.9, 0.5, 0.5], [0.1, 0.2, 0.3]], higher_is_better=True).tolist()
    [[1.0, 2.5, 2.5], [3.0, 2.0, 1.0]]
    """
    from scipy.stats import rankdata

    x = _table(scores)
    ranks: Floats = rankdata(-x if higher_is_better else x, axis=1)
    return ranks


def friedman(ranks: npt.ArrayLike) -> Friedman:
    """Return Friedman's chi-square and Iman and Davenport's F of a table of ranks.

    `chi2 = 12 N / (k (k + 1)) (sum R_j^2 - k (k + 1)^2 / 4)` over the mean ranks `R_j`, and
    `F = (N - 1) chi2 / (N (k - 1) - chi2)`. As in Demšar's paper nothing is added for ties, which errs towards no
    difference; `scipy.stats.friedmanchisquare` adds it, and agrees where there are none.

    Raises:
        ParibusError: not two or more data sets and variants, or a rank is not finite.
    """
    from scipy.special import chdtrc, fdtrc

    x = _table(ranks)
    n, k = x.shape
    spread = float(np.square(x.mean(axis=0)).sum()) - k * (k + 1) ** 2 / 4
    chi2 = max(0.0, 12 * n / (k * (k + 1)) * spread)
    left = n * (k - 1) - chi2
    f = (n - 1) * chi2 / left if left > 1e-9 * n else inf
    p_f = 0.0 if f == inf else float(fdtrc(k - 1, (k - 1) * (n - 1), f))
    return Friedman(chi2, float(chdtrc(k - 1, chi2)), f, p_f)


def nemenyi_distance(variants: int, datasets: int, alpha: float = 0.05) -> float:
    """Return Nemenyi's critical difference of mean ranks, for all pairs at once.

    `q sqrt(k (k + 1) / (6 N))`, where q is the studentized range of k infinite samples over the root of two.

    Raises:
        ParibusError: fewer than two variants or data sets, or alpha outside (0, 1).

    >>> round(nemenyi_distance(4, 14), 2), round(nemenyi_distance(5, 5), 2)
    (1.25, 2.73)
    """
    from scipy.stats import studentized_range

    _several(variants, datasets)
    q = float(studentized_range.isf(fraction("alpha", alpha), variants, inf)) / sqrt(2)
    return q * rank_error(variants, datasets)


def rank_error(variants: int, datasets: int) -> float:
    """Return the standard error of the difference of two mean ranks when all variants are alike."""
    return sqrt(variants * (variants + 1) / (6 * datasets))


def against_baseline(ranks: npt.ArrayLike, baseline: int = 0) -> Floats:
    """Return the Holm-adjusted p of each variant against the baseline, by the normal approximation; 1 for itself.

    `z` is the difference of mean ranks over `sqrt(k (k + 1) / (6 N))`. A family of `k - 1`, so that it sees more than
    Nemenyi's comparison of all pairs.

    Raises:
        ParibusError: not two or more data sets and variants, or a rank is not finite.
    """
    from scipy.special import ndtr

    x = _table(ranks)
    n, k = x.shape
    means = x.mean(axis=0)
    z = np.abs(means - means[baseline]) / rank_error(k, n)
    others = [j for j in range(k) if j != baseline]
    p = np.ones(k)
    p[others] = holm(np.minimum(1.0, 2 * ndtr(-z[others])))
    return p


def not_told_apart(means: Sequence[float] | Floats, distance: float) -> list[list[int]]:
    """Return the largest groups of variants whose mean ranks lie within the critical difference.

    >>> not_told_apart([3.143, 2.0, 2.893, 1.964], 1.0)
    [[3, 1, 2], [2, 0]]
    """
    order = [int(i) for i in np.argsort(np.asarray(means), kind="stable")]
    groups: list[list[int]] = []
    for start in range(len(order)):
        near = [i for i in order[start:] if means[i] - means[order[start]] < distance]
        if len(near) > 1 and not (groups and set(near) <= set(groups[-1])):
            groups.append(near)
    return groups


def _table(values: npt.ArrayLike) -> Floats:
    """Return a finite `(dataset, variant)` table of two or more of each, or raise an error."""
    x = np.asarray(values, dtype=np.float64)
    if x.ndim != 2 or min(x.shape) < 2 or bad(x):
        raise ParibusError(
            "scores over data sets",
            got=f"shape {x.shape} with {bad(x)} not finite",
            expected="(dataset, variant), two or more of each, finite",
            fix="Pass one row a data set, failed runs at their penalty.",
        )
    return x


def _several(variants: int, datasets: int) -> None:
    if min(variants, datasets) < 2:
        raise ParibusError(
            "scores over data sets",
            got=f"{variants} variants and {datasets} data sets",
            expected="two or more of each",
            fix="Rank at least two variants over at least two data sets.",
        )
