"""Tests on signs: sign flips, shares of wins, and failures of one side."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import nan

import numpy as np
import numpy.typing as npt

from paribus.errors import ParibusError
from paribus.stats.checks import Floats, differences_of, family_size, flags, fraction, same_length

EXACT_SEEDS = 40
"""Most non-zero differences whose sign flips are counted exactly (two halves of 2^20 sums)."""

EXACT_LEFT_OUT = 32
"""The same where each of them is left out in turn, which takes as many counts."""

MONTE_CARLO_DRAWS = 100_000
"""Sign flips drawn beyond `EXACT_SEEDS`, and a tenth of them at least of so many seeds that they would take minutes."""
MOST_SIGNS = 2 * 10**8
"""Signs drawn at most, of all seeds of all flips, while there are more than the fewest flips."""
SIGNS_AT_ONCE = 2**20  # which stay in a processor's cache

ROUNDING = 1e-12
"""Two sums of differences this close, relative to the sum of absolute values, are one sum."""


@dataclass(frozen=True, slots=True)
class WinShare:
    """Share of seeds that the variant wins, among those without a tie.

    `share` is NaN and the limits are 0 and 1 where every seed is a tie.
    """

    share: float
    low: float
    high: float
    wins: int
    losses: int
    ties: int
    level: float


def win_share(differences: npt.ArrayLike, level: float = 0.95, family: int = 1) -> WinShare:
    """Count wins, losses and ties, with the Clopper-Pearson interval of the share of wins.

    Clopper-Pearson (Biometrika 26, 1934), not Wilson: it covers at every true share and at the
    small n of paired seeds, and it leaves out one half exactly when the two-sided sign test
    rejects, so that the interval and the count never contradict each other.

    Args:
        differences: `(seed,)`, any number; zeros are ties and are left out of the share.
        level: confidence that all intervals of the family cover at once.
        family: number of intervals in the family (Bonferroni).

    Raises:
        ParibusError: an argument is out of its range.

    >>> win_share([0.2, 0.1, 0.0, -0.3]).wins
    2
    """
    d = differences_of(differences, least=0)
    alpha = (1 - fraction("level", level)) / family_size(family)
    wins, losses = int((d > 0).sum()), int((d < 0).sum())
    low, high = _clopper_pearson(wins, wins + losses, alpha)
    share = wins / (wins + losses) if wins + losses else nan
    return WinShare(share, low, high, wins, losses, d.size - wins - losses, level)


def sign_flip_p(differences: npt.ArrayLike, draws: int | None = None) -> float:
    """Return the two-sided sign-flip permutation p of the mean: the share of flips at least as extreme.

    Zeros are dropped, since flipping them changes nothing. Up to `EXACT_SEEDS` non-zero differences
    all `2^n` flips are counted, so the least p is `2^(1-n)`; beyond it, `(1 + hits) / (1 + draws)`
    over `draws` flips of a fixed seed. It is a test that the differences are symmetric about zero,
    not that their mean is zero: rare failures break the second and not the first.

    Args:
        differences: `(seed,)`, any number; none, or nothing but zeros, gives 1.
        draws: number of random flips beyond `EXACT_SEEDS`, by default `MONTE_CARLO_DRAWS`; beyond 2000 seeds as many
            as take `MOST_SIGNS`, but a tenth of that at least.

    Raises:
        ParibusError: the differences are not a finite one-dimensional array, or `draws` < 1.

    >>> sign_flip_p([1.0, 2.0, 3.0, 4.0])
    0.125
    """
    d = differences_of(differences, least=0)
    if draws is not None and draws < 1:
        raise ParibusError(
            "draws", got=draws, expected="1 or more", fix="Leave it out for the default."
        )
    d = d[d != 0]
    if not d.size:
        return 1.0
    d = d / np.abs(d).max()  # so that neither tiny nor huge units under- or overflow
    threshold = abs(float(d.sum())) - ROUNDING * float(np.abs(d).sum())
    if d.size <= EXACT_SEEDS:
        return float(_count_flips(d, threshold) / 2.0**d.size)
    draws = draws or _draws(d.size)
    hits = sum(int((np.abs(signs @ d) >= threshold).sum()) for signs in _signs(d.size, draws))
    return (1 + hits) / (1 + draws)


def sign_flip_p_without_each(differences: npt.ArrayLike) -> Floats:
    """Return the sign-flip p of the differences without one of them, for each in turn, ``(seed,)``.

    Beyond `EXACT_LEFT_OUT` that differ all of them are counted on the same random flips.

    Raises:
        ParibusError: the differences are not a finite one-dimensional array.

    >>> sign_flip_p_without_each([1.0, 2.0, 3.0, -4.0]).tolist()
    [1.0, 1.0, 1.0, 0.25]
    """
    d = differences_of(differences, least=0)
    if not d.size:
        return d
    if np.count_nonzero(d) <= EXACT_LEFT_OUT:
        found = np.full(d.size, sign_flip_p(d))  # without a zero it is that of all
        for value in np.unique(d[d != 0]):
            places = np.flatnonzero(d == value)
            found[places] = sign_flip_p(np.delete(d, places[0]))
        return found
    d = d / np.abs(d).max()
    sizes, draws = np.abs(d), _draws(d.size)
    thresholds = np.abs(d.sum() - d) - ROUNDING * sizes.sum()
    hits = np.zeros(d.size)
    for signs in _signs(d.size, draws):
        flipped = signs * d
        hits += (np.abs(flipped.sum(axis=1, keepdims=True) - flipped) >= thresholds).sum(axis=0)
    found = (1 + hits) / (1 + draws)
    # Sums without it are differences of sums with it, in which a huge one leaves no digits of the others.
    largest = int(sizes.argmax())
    found[largest] = sign_flip_p(np.delete(d, largest), draws)
    return found


def sign_test_p(wins: int, losses: int) -> float:
    """Return the exact two-sided p that wins and losses are equally likely, ties left out (Dixon and Mood 1946).

    >>> sign_test_p(6, 0)
    0.03125
    """
    from scipy.special import bdtr  # scipy.stats takes a second to import

    n = wins + losses
    return min(1.0, 2 * float(bdtr(min(wins, losses), n, 0.5))) if n else 1.0


def mcnemar_exact_p(failed_a: npt.ArrayLike, failed_b: npt.ArrayLike) -> float:
    """Return the exact two-sided McNemar p that a and b fail equally often on the same seeds.

    Binomial over the seeds where just one of them failed (McNemar, Psychometrika 12, 1947); 1 where
    there is none.

    Args:
        failed_a: `(seed,)` booleans.
        failed_b: `(seed,)` booleans, the same seeds in the same order.

    Raises:
        ParibusError: the arrays are not boolean, not one-dimensional or not of one length.

    >>> mcnemar_exact_p([True] * 6, [False] * 6)
    0.03125
    """
    a, b = flags("failed_a", failed_a), flags("failed_b", failed_b)
    same_length(failed_a=a, failed_b=b)
    return sign_test_p(int((a & ~b).sum()), int((b & ~a).sum()))


def failure_limit(failures: int, n: int, level: float = 0.95) -> float:
    """Return the largest rate of failures that so many among n runs are consistent with: Clopper and Pearson's limit.

    One-sided. Without a failure it is `1 - (1 - level)^(1/n)`, near `3 / n` at 95 %: the rule of three.

    Args:
        failures: failed runs.
        n: all runs.
        level: confidence that the rate is not larger.

    Raises:
        ParibusError: there is no run, or more failed than were made.

    >>> round(failure_limit(0, 10), 3), round(failure_limit(0, 29), 3)
    (0.259, 0.098)
    """
    if n < 1:
        raise ParibusError("n", got=n, expected="1 or more", fix="Run more seeds.")
    if not 0 <= failures <= n:
        raise ParibusError(
            "failures",
            got=failures,
            expected=f"0 to {n}, the runs",
            fix="Count failed runs among all runs.",
        )
    return _clopper_pearson(failures, n, 2 * (1 - fraction("level", level)))[1]


def _clopper_pearson(wins: int, n: int, alpha: float) -> tuple[float, float]:
    """Return the limits of a share of n, (0, 1) where n is zero: quantiles of beta distributions."""
    from scipy.special import betaincinv

    low = betaincinv(wins, n - wins + 1, alpha / 2) if wins else 0.0
    high = betaincinv(wins + 1, n - wins, 1 - alpha / 2) if wins < n else 1.0
    return float(low), float(high)


def _count_flips(d: Floats, threshold: float) -> int:
    """Return the number of the `2^n` sign flips of `(seed,)` whose absolute sum is at least the threshold.

    Meet in the middle: each flip is a flip of one half plus a flip of the other, so `2^(n/2)` sums
    are looked up among as many sorted ones. By symmetry the lower tail is as large as the upper.
    """
    if threshold <= 0:
        return int(2**d.size)
    left, right = _flip_sums(d[::2]), np.sort(_flip_sums(d[1::2]))
    upper = right.size - np.searchsorted(right, threshold - left, side="left")
    return 2 * int(upper.sum())


def _flip_sums(d: Floats) -> Floats:
    """Return all `2^n` sums of `±d`."""
    sums = np.zeros(1)
    for x in d:
        sums = np.concatenate([sums + x, sums - x])
    return sums


def _draws(n: int) -> int:
    """Return how many flips of so many seeds are drawn."""
    return min(MONTE_CARLO_DRAWS, max(MONTE_CARLO_DRAWS // 10, MOST_SIGNS // n))


def _signs(n: int, draws: int) -> Iterator[Floats]:
    """Yield random signs, always the same, ``(draw, n)``; a part of the draws at a time, for memory."""
    generator, at_once = np.random.default_rng(0), max(1, SIGNS_AT_ONCE // n)
    for start in range(0, draws, at_once):
        count = min(at_once, draws - start)
        drawn = np.frombuffer(generator.bytes(-(-count * n // 8)), dtype=np.uint8)
        bits = np.unpackbits(drawn, count=count * n).reshape(count, n)
        yield np.float64(2.0) * bits - np.float64(1.0)
