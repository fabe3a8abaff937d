"""The statistics of paired runs: pure functions on `(seed,)` arrays of differences.

A difference is variant minus baseline on one seed, turned by the caller so that positive means that
the variant is better. Nothing here knows what was trained, and nothing here decides: `verdict.py`
does. scipy and statsmodels are imported where they are used, since a worker never needs them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf, nan
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from paribus.errors import ParibusError

Floats: TypeAlias = npt.NDArray[np.float64]

EXACT_SEEDS = 40
"""Most non-zero differences whose sign flips are counted exactly (two halves of 2^20 sums)."""

MONTE_CARLO_DRAWS = 100_000
"""Sign flips drawn beyond `EXACT_SEEDS`."""

ROUNDING = 1e-12
"""Two sums of differences this close, relative to the sum of absolute values, are one sum."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean difference and its confidence limits, in the units of the score.

    `level` is the confidence of the whole family at once, such as 0.95.
    """

    mean: float
    low: float
    high: float
    level: float


@dataclass(frozen=True, slots=True)
class WinShare:
    """The share of seeds that the variant wins, among those that somebody wins.

    `share` is NaN and the limits are 0 and 1 where every seed is a tie.
    """

    share: float
    low: float
    high: float
    wins: int
    losses: int
    ties: int
    level: float


def paired_t_interval(
    differences: npt.ArrayLike, level: float = 0.95, family: int = 1, correction: float = 0.0
) -> Interval:
    """The t interval of the mean difference, Bonferroni-widened for a family of `family` of them.

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

    d = _differences(differences, least=2)
    tail = (1 - _fraction("level", level)) / (2 * _family(family))
    half = -float(stdtrit(d.size - 1, tail)) * _standard_error(d, correction)
    mean = float(d.mean())
    return Interval(mean, mean - half, mean + half, level)


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
    d = _differences(differences, least=0)
    alpha = (1 - _fraction("level", level)) / _family(family)
    wins, losses = int((d > 0).sum()), int((d < 0).sum())
    low, high = _clopper_pearson(wins, wins + losses, alpha)
    share = wins / (wins + losses) if wins + losses else nan
    return WinShare(share, low, high, wins, losses, d.size - wins - losses, level)


def sign_flip_p(differences: npt.ArrayLike, draws: int = MONTE_CARLO_DRAWS) -> float:
    """Two-sided sign-flip permutation p of the mean: the share of flips at least as extreme.

    Zeros are dropped, since flipping them changes nothing. Up to `EXACT_SEEDS` non-zero differences
    all `2^n` flips are counted, so the least p is `2^(1-n)`; beyond it, `(1 + hits) / (1 + draws)`
    over `draws` flips of a fixed seed. It is a test that the differences are symmetric about zero,
    not that their mean is zero: rare failures break the second and not the first.

    Args:
        differences: `(seed,)`, any number; none, or nothing but zeros, gives 1.
        draws: number of random flips beyond `EXACT_SEEDS`.

    Raises:
        ParibusError: the differences are not a finite one-dimensional array, or `draws` < 1.

    >>> sign_flip_p([1.0, 2.0, 3.0, 4.0])
    0.125
    """
    d = _differences(differences, least=0)
    if draws < 1:
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
    return (1 + _draw_flips(d, threshold, draws)) / (1 + draws)


def t_p(differences: npt.ArrayLike, correction: float = 0.0) -> float:
    """Two-sided p of the paired t test that the mean difference is zero.

    `t = mean / (s · sqrt(1/n + correction))` on `n - 1` degrees of freedom; see
    `paired_t_interval` for the correction. Without any spread p is 1 at mean zero and 0 elsewhere.

    Raises:
        ParibusError: fewer than two differences, one not finite, or a negative correction.
    """
    d = _differences(differences, least=2)
    return min(1.0, 2 * min(_above(d, 0.0, correction), _above(-d, 0.0, correction)))


def tost_p(differences: npt.ArrayLike, margin: float, correction: float = 0.0) -> float:
    """The p of equivalence: the larger of two one-sided t tests against -margin and +margin.

    Schuirmann, Journal of Pharmacokinetics and Biopharmaceutics 15, 1987. A small p says that the
    mean difference lies inside the margin. Without any spread p is 0 inside the margin, else 1.

    Args:
        differences: `(seed,)`, two or more, in the units of the score.
        margin: the largest difference that does not matter, in the same units; positive.
        correction: test size over training size, as in `paired_t_interval`.

    Raises:
        ParibusError: an argument is out of its range.
    """
    d = _differences(differences, least=2)
    edge = -check_margin(margin)
    return max(_above(d, edge, correction), _above(-d, edge, correction))


def noninferiority_p(differences: npt.ArrayLike, margin: float, correction: float = 0.0) -> float:
    """The p of "no worse": the one-sided t test that the mean difference is above -margin.

    Arguments and errors are those of `tost_p`, of which this is one side.
    """
    d = _differences(differences, least=2)
    return _above(d, -check_margin(margin), correction)


def holm(p_values: Sequence[float] | Floats, family: int | None = None) -> Floats:
    """Holm's step-down adjusted p-values (Scandinavian Journal of Statistics 6, 1979).

    The i-th smallest, from zero, is multiplied by `family - i`, and none is below the one before.
    By hand, because `statsmodels.stats.multitest.multipletests` collects garbage at every call:
    33 ms for four p-values in a bare process.

    Args:
        p_values: `(contrast,)`, each in [0, 1].
        family: number of contrasts declared; those that are not given count as p = 1.

    Returns:
        `(contrast,)` adjusted p-values, in the order given.

    Raises:
        ParibusError: a p-value is outside [0, 1], or more were given than declared.

    >>> holm([0.01, 0.04, 0.03, 0.005]).tolist()
    [0.03, 0.06, 0.06, 0.02]
    """
    p = _vector("p_values", p_values, least=0)
    if not ((p >= 0) & (p <= 1)).all():
        raise ParibusError(
            "p_values", got=p.tolist(), expected="each within [0, 1]", fix="Pass probabilities."
        )
    m = p.size if family is None else _family(family)
    if m < p.size:
        raise ParibusError(
            "family",
            got=m,
            expected=f"at least the {p.size} p-values given",
            fix="Declare the whole family before the run.",
        )
    order = np.argsort(p, kind="stable")
    adjusted = np.empty_like(p)
    adjusted[order] = np.maximum.accumulate(p[order] * (m - np.arange(p.size)))
    return np.minimum(adjusted, 1.0)


def least_seeds(family: int, alpha: float = 0.05) -> int:
    """The fewest non-zero differences with which one contrast of a family can reach a verdict.

    The smallest n with `2^(1-n) · family <= alpha`: unanimous signs, Holm's first step.

    Raises:
        ParibusError: the family is below 1 or alpha is outside (0, 1).

    >>> [least_seeds(m) for m in (1, 2, 3, 4, 6, 7)]
    [6, 7, 7, 8, 8, 9]
    """
    _fraction("alpha", alpha)
    n = 1
    while 2.0 ** (1 - n) * _family(family) > alpha:
        n += 1
    return n


def detectable_effect(
    spread: float,
    n: int,
    family: int = 1,
    *,
    alpha: float = 0.05,
    power: float = 0.8,
    correction: float = 0.0,
) -> float:
    """The smallest mean difference that n pairs show with the stated power, in units of the score.

    The noncentrality `δ` with `P(T'(n - 1, δ) > t(1 - alpha / (2 family), n - 1)) = power`, times
    `spread · sqrt(1/n + correction)`. A rejection in the wrong direction is not counted as finding
    the effect (a matter of 1e-6).

    This is the power of the t test at the Bonferroni level. The sign-flip test needs 1 to 3 % more
    at ten seeds, and about 25 % more at `least_seeds`, where only unanimous signs count.

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
    tail = _fraction("alpha", alpha) / (2 * _family(family))
    critical = -stdtrit(n - 1, tail)
    noncentrality = float(nctdtrinc(n - 1, 1 - _fraction("power", power), critical))
    return noncentrality * spread * float(np.sqrt(1 / n + check_correction(correction)))


def mcnemar_exact_p(failed_a: npt.ArrayLike, failed_b: npt.ArrayLike) -> float:
    """Exact two-sided McNemar p: do a and b fail equally often on the same seeds?

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
    from scipy.stats import binomtest

    a, b = _flags("failed_a", failed_a), _flags("failed_b", failed_b)
    _same_length(failed_a=a, failed_b=b)
    only_a, only_b = int((a & ~b).sum()), int((b & ~a).sum())
    return float(binomtest(only_a, only_a + only_b).pvalue) if only_a + only_b else 1.0


def sign_test_p(wins: int, losses: int) -> float:
    """Exact two-sided p that wins and losses are equally likely, ties left out (Dixon and Mood 1946).

    >>> sign_test_p(6, 0)
    0.03125
    """
    from scipy.stats import binomtest

    return float(binomtest(wins, wins + losses).pvalue) if wins + losses else 1.0


def penalised(
    scores: npt.ArrayLike, failure_score: npt.ArrayLike, *, higher_is_better: bool
) -> Floats:
    """Give each failed run the worse of the failure score and that seed's worst finisher.

    So failing never pays, on any seed, whatever the finishers reached.

    Args:
        scores: `(variant, seed)`, NaN where a run failed.
        failure_score: what the task says a failure scores, one number or `(seed,)`.
        higher_is_better: direction of the metric.

    Returns:
        `(variant, seed)` without NaN.

    Raises:
        ParibusError: the scores are not two-dimensional or infinite, or the failure score is not
            finite or does not have one number a seed.

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
    penalty = per_seed("failure_score", failure_score, x.shape[1])
    worse = np.fmin if higher_is_better else np.fmax  # both pass over NaN
    worst = worse(penalty, worse.reduce(x, axis=0, initial=nan))
    return np.where(np.isnan(x), worst, x)


def interaction(
    a_on: npt.ArrayLike, a_off: npt.ArrayLike, b_on: npt.ArrayLike, b_off: npt.ArrayLike
) -> Floats:
    """Per-seed difference of differences, `(a_on - a_off) - (b_on - b_off)`, as `(seed,)`.

    The scale must be declared beforehand: a floor or a ceiling can make an interaction or hide one.
    What is left of a zero by rounding is set to zero, so that a tie counts as a tie.

    Raises:
        ParibusError: an argument is not a finite `(seed,)` array, or the lengths differ.

    >>> interaction([0.8], [0.7], [0.2], [0.1]).tolist()
    [0.0]
    """
    named = {"a_on": a_on, "a_off": a_off, "b_on": b_on, "b_off": b_off}
    parts = {name: _vector(name, values, least=0) for name, values in named.items()}
    _same_length(**parts)
    p, q, r, s = parts.values()
    d: Floats = (p - q) - (r - s)
    d[np.abs(d) <= 8 * np.finfo(np.float64).eps * sum(np.abs(x) for x in parts.values())] = 0.0
    return d


def per_seed(name: str, value: npt.ArrayLike, n: int) -> Floats:
    """A finite number, or one number a seed, as `(seed,)` of length n; `name` is for the error."""
    x = np.asarray(value, dtype=np.float64)
    if x.shape not in ((), (n,)) or not np.isfinite(x).all():
        raise ParibusError(
            name,
            got=value if x.ndim == 0 else f"shape {x.shape} with {_bad(x)} not finite",
            expected=f"a finite number, or {n} of them",
            fix="Pass one number, or one for each seed.",
        )
    return np.broadcast_to(x, (n,))


def _above(d: Floats, edge: float, correction: float) -> float:
    """One-sided p of `mean <= edge`, on `(seed,)`; small when the mean is well above the edge."""
    from scipy.special import stdtr

    gap, error = float(d.mean()) - edge, _standard_error(d, correction)
    if error == 0:
        return 0.0 if gap > 0 else 1.0
    return float(stdtr(d.size - 1, -gap / error))


def _standard_error(d: Floats, correction: float) -> float:
    """`s · sqrt(1/n + correction)` of `(seed,)`, in the units of the score."""
    return deviation(d) * float(np.sqrt(1 / d.size + check_correction(correction)))


def deviation(d: Floats) -> float:
    """Sample deviation of `(seed,)`, two or more; exactly zero for equal values."""
    return float(d.std(ddof=1)) if (d != d[0]).any() else 0.0


def _clopper_pearson(wins: int, n: int, alpha: float) -> tuple[float, float]:
    """Limits of a share of n, (0, 1) where n is zero."""
    from statsmodels.stats.proportion import proportion_confint

    low, high = proportion_confint(wins, n, alpha=alpha, method="beta") if n else (0.0, 1.0)
    return float(low), float(high)


def _count_flips(d: Floats, threshold: float) -> int:
    """Number of the `2^n` sign flips of `(seed,)` whose absolute sum is at least the threshold.

    Meet in the middle: each flip is a flip of one half plus a flip of the other, so `2^(n/2)` sums
    are looked up among as many sorted ones. By symmetry the lower tail is as large as the upper.
    """
    if threshold <= 0:
        return int(2**d.size)
    left, right = _flip_sums(d[::2]), np.sort(_flip_sums(d[1::2]))
    upper = right.size - np.searchsorted(right, threshold - left, side="left")
    return 2 * int(upper.sum())


def _flip_sums(d: Floats) -> Floats:
    """All `2^n` sums of `±d`."""
    sums = np.zeros(1)
    for x in d:
        sums = np.concatenate([sums + x, sums - x])
    return sums


def _draw_flips(d: Floats, threshold: float, draws: int, chunk: int = 10_000) -> int:
    """Number of random flips whose absolute sum is at least the threshold; chunked for memory."""
    generator = np.random.default_rng(0)
    hits = 0
    for start in range(0, draws, chunk):
        signs = generator.choice(np.array([-1.0, 1.0]), (min(chunk, draws - start), d.size))
        hits += int((np.abs(signs @ d) >= threshold).sum())
    return hits


def _differences(values: npt.ArrayLike, *, least: int) -> Floats:
    """The differences as checked `(seed,)`."""
    return _vector("differences", values, least=least)


def _vector(name: str, values: npt.ArrayLike, *, least: int) -> Floats:
    """A finite one-dimensional array of at least `least` values, or an error that names it."""
    x = np.asarray(values, dtype=np.float64)
    if x.ndim != 1:
        raise ParibusError(
            name, got=f"shape {x.shape}", expected="one dimension", fix="Pass one value a seed."
        )
    if _bad(x):
        raise ParibusError(
            name,
            got=f"{_bad(x)} of {x.size} not finite",
            expected="finite numbers",
            fix="Give failed runs a score with `penalised` first.",
        )
    if x.size < least:
        raise ParibusError(name, got=x.size, expected=f"{least} or more", fix="Run more seeds.")
    return x


def _flags(name: str, values: npt.ArrayLike) -> npt.NDArray[np.bool_]:
    """A one-dimensional boolean array, or an error that names it."""
    x = np.asarray(values)
    if x.ndim != 1 or (x.size and x.dtype != np.bool_):
        raise ParibusError(
            name,
            got=f"{x.dtype} of shape {x.shape}",
            expected="booleans in one dimension",
            fix="Pass True where the seed's run failed.",
        )
    return x.astype(np.bool_)


def _same_length(**arrays: npt.NDArray[np.generic]) -> None:
    """Refuse arrays that cannot be paired by seed."""
    sizes = {name: x.size for name, x in arrays.items()}
    if len(set(sizes.values())) > 1:
        raise ParibusError(
            " and ".join(sizes),
            got=" and ".join(f"{size}" for size in sizes.values()),
            expected="one length",
            fix="Pair them by seed.",
        )


def _bad(x: Floats) -> int:
    """Number of values that are not finite."""
    return int((~np.isfinite(x)).sum())


def _fraction(name: str, value: float) -> float:
    """A number strictly between 0 and 1."""
    if not 0 < value < 1:
        raise ParibusError(
            name, got=value, expected="between 0 and 1", fix="Pass a fraction such as 0.95 or 0.05."
        )
    return value


def _family(m: int) -> int:
    """A count of contrasts."""
    if m < 1:
        raise ParibusError(
            "family", got=m, expected="1 or more", fix="Count the contrasts against the baseline."
        )
    return m


def check_margin(margin: float) -> float:
    """A positive finite margin, or an error."""
    if not 0 < margin < inf:
        raise ParibusError(
            "margin",
            got=margin,
            expected="a positive finite number",
            fix="Declare the largest difference that does not matter, in the units of the score.",
        )
    return margin


def check_correction(ratio: float) -> float:
    """A Nadeau-Bengio ratio that is finite and not negative, or an error."""
    if not 0 <= ratio < inf:
        raise ParibusError(
            "correction",
            got=ratio,
            expected="0, or test size over training size",
            fix="Leave it at 0 to speak of this dataset.",
        )
    return ratio
