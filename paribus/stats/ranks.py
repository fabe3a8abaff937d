"""Ranks of several variants over several data sets, one unit a data set.

After J. Demšar, Statistical Comparisons of Classifiers over Multiple Data Sets, JMLR 7 (2006), whose Table 6 is a
test. Arrays are `(dataset, variant)`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import permutations
from math import inf, sqrt

import numpy as np
import numpy.typing as npt

from paribus.errors import ParibusError
from paribus.stats.checks import Floats, bad, fraction
from paribus.stats.families import holm

MAX_VARIANTS = 7
"""Variants whose orders, 5040 of them, are still listed."""

MAX_STEPS = 20_000_000
"""Rank sums times orders, of all data sets, up to which permutations are counted; beyond it they are drawn."""

CHUNK = 1_000_000
"""Of these, how many are held at once."""

DRAWS = 100_000
"""Permutations drawn where there are too many to count."""


@dataclass(frozen=True, slots=True)
class Friedman:
    """Friedman's test that all variants rank alike.

    Attributes:
        chi2: Friedman's statistic.
        p: share of the permutations of ranks within data sets whose statistic is at least as large.
        exact: whether all of them were counted; else `DRAWS` were drawn.
    """

    chi2: float
    p: float
    exact: bool


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
    """Return Friedman's test of a table of ranks, by permutation within data sets.

    `chi2 = 12 N / (k (k + 1)) (sum R_j^2 - k (k + 1)^2 / 4)` over the mean ranks `R_j`. Its p is the share of all
    orders of each data set's ranks, ties as they are, that give as large a statistic. The approximations by chi-square
    and by F (Iman and Davenport) are for many data sets: over three or fewer they reject 17 to 50 % of true nulls.

    Raises:
        ParibusError: not two or more data sets and variants, or a rank is not finite.

    >>> friedman([[1, 2], [1, 2], [1, 2], [1, 2], [1, 2]]).p
    0.0625
    """
    x = _table(ranks)
    n, k = x.shape
    spread = float(np.square(x.mean(axis=0)).sum()) - k * (k + 1) ** 2 / 4
    chi2 = max(0.0, 12 * n / (k * (k + 1)) * spread)
    doubled = np.sort(np.rint(2 * x).astype(np.int64), axis=1)  # whole numbers, ties and all
    seen = int(np.square(np.rint(2 * x).astype(np.int64).sum(axis=0)).sum())
    rows = tuple(sorted(map(tuple, doubled.tolist())))
    counted = _sums_of_squares(rows)
    if counted is None:
        return Friedman(chi2, _drawn_p(doubled, seen), exact=False)
    at_least = sum(share for squares, share in counted.items() if squares >= seen)
    return Friedman(chi2, min(1.0, at_least), exact=True)


@lru_cache(maxsize=64)
def _sums_of_squares(rows: tuple[tuple[int, ...], ...]) -> dict[int, float] | None:
    """Return the chance of each sum of squared rank sums, data set by data set; None where there are too many.

    Sums are followed up to their order, since every order of the next data set's ranks is as likely.
    """
    k, base = len(rows[0]), 2 * len(rows[0]) * len(rows) + 1  # no sum reaches the base
    places = base ** np.arange(k, dtype=np.int64)
    if k > MAX_VARIANTS or base**k > np.iinfo(np.int64).max:
        return None
    codes, chances = np.zeros(1, dtype=np.int64), np.ones(1)
    steps = 0
    for row in rows:
        orders, counts = np.unique(
            np.array([*permutations(row)], dtype=np.int64), axis=0, return_counts=True
        )
        steps += len(codes) * len(orders)
        if steps > MAX_STEPS:
            return None
        parts = []
        for some in np.array_split(np.arange(len(codes)), 1 + len(codes) * len(orders) // CHUNK):
            sums = codes[some, None] // places % base
            reached = np.sort((sums[:, None] + orders[None]).reshape(-1, k), axis=1) @ places
            parts.append(_added(reached, np.outer(chances[some], counts / counts.sum()).ravel()))
        codes, chances = _added(*map(np.concatenate, zip(*parts, strict=True)))
    sums = codes[:, None] // places % base
    squares, shares = _added(np.square(sums).sum(axis=1), chances)
    return dict(zip(squares.tolist(), shares.tolist(), strict=True))


def _added(values: npt.NDArray[np.int64], chances: Floats) -> tuple[npt.NDArray[np.int64], Floats]:
    """Return each value once, with its chances added up."""
    found, place = np.unique(values, return_inverse=True)
    return found, np.bincount(place, chances).astype(np.float64)


def _drawn_p(rows: npt.NDArray[np.int64], seen: int) -> float:
    """Return the p by drawn permutations, the one seen among them."""
    generator = np.random.default_rng(0)
    sums = np.zeros((DRAWS, rows.shape[1]), dtype=np.int64)
    for row in rows:
        sums += generator.permuted(np.tile(row, (DRAWS, 1)), axis=1)
    hits = int((np.square(sums).sum(axis=1) >= seen).sum())
    return (1 + hits) / (1 + DRAWS)


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
    """Return the Holm-adjusted p of each variant against the baseline, by permutation; 1 for itself.

    If all variants are alike, any two of a data set's ranks are as likely as any others for the two, and data sets are
    independent: the distribution of the difference of their rank sums is that of a sum, which is counted exactly. A
    family of `k - 1`, so that it sees more than Nemenyi's comparison of all pairs.

    Raises:
        ParibusError: not two or more data sets and variants, or a rank is not finite.

    >>> against_baseline([[1, 2]] * 5).tolist()
    [1.0, 0.0625]
    """
    x = np.rint(2 * _table(ranks)).astype(np.int64)  # whole numbers, ties and all
    k = x.shape[1]
    size = 2 * k * len(x)  # no difference is larger
    chances = np.zeros(2 * size + 1)
    chances[size] = 1.0
    for row in x:
        steps, counts = np.unique(
            [a - b for i, a in enumerate(row) for j, b in enumerate(row) if i != j],
            return_counts=True,
        )
        shifted = [np.roll(chances, step) for step in steps.tolist()]
        chances = np.average(shifted, axis=0, weights=counts)
    distance = np.abs(np.arange(-size, size + 1))
    sums = np.abs(x.sum(axis=0) - x.sum(axis=0)[baseline])
    others = [j for j in range(k) if j != baseline]
    p = np.ones(k)
    p[others] = holm([min(1.0, float(chances[distance >= sums[j]].sum())) for j in others])
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
