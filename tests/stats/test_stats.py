"""Statistics against hand arithmetic, a published case, another library, and simulation."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from math import inf, isnan, nan, sqrt

import numpy as np
import pytest
from scipy import stats as oracle
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.power import TTestPower
from statsmodels.stats.proportion import proportion_confint
from statsmodels.stats.weightstats import DescrStatsW

from paribus.stats import (
    Interval,
    detectable_effect,
    holm,
    interaction,
    mcnemar_exact_p,
    min_seeds,
    noninferiority_p,
    paired_t_interval,
    penalised,
    sign_flip_p,
    sign_flip_p_without_each,
    sign_test_p,
    t_p,
    tost_p,
    win_share,
)
from tests.helpers.refusals import refused

# Darwin's maize, crossed minus self-fertilised, in eighths of an inch: Fisher, The Design of
# Experiments (1935), sections 17 and 21.
DARWIN = np.array([49, -67, 8, 16, 6, 23, 28, 41, 14, 29, 56, 24, 75, 60, -48], dtype=float)

REPEATS = 2000


def normals(n: int, repeats: int = REPEATS, seed: int = 1) -> np.ndarray:
    """`(repeat, seed)` standard normal differences."""
    return np.random.default_rng(seed).standard_normal((repeats, n))


def band(p: float, repeats: int) -> tuple[float, float]:
    """Return the 99 % binomial band of a rate with true value p."""
    low, high = oracle.binom.interval(0.99, repeats, p)
    return low / repeats, high / repeats


# --- t interval ------------------------------------------------------------------------------


def test_interval_by_hand() -> None:
    """mean 2, s 1, n 3, t(.975, 2) = 4.302653 (any t table): half width 4.302653 / sqrt(3)."""
    got = paired_t_interval([1.0, 2.0, 3.0])
    assert (got.mean, got.level) == (2.0, 0.95)
    assert got.high - 2.0 == pytest.approx(4.302653 / sqrt(3), abs=1e-6)
    assert 2.0 - got.low == pytest.approx(4.302653 / sqrt(3), abs=1e-6)


def test_interval_of_darwin() -> None:
    """Fisher's maize: mean 20.93, t(.975, 14) = 2.145, standard error 9.746."""
    got = paired_t_interval(DARWIN)
    assert (got.mean, got.low, got.high) == pytest.approx((20.933, 0.03, 41.84), abs=5e-3)


def test_interval_of_a_family_is_bonferroni() -> None:
    """Four at 95 % are each one at 98.75 %."""
    four, one = paired_t_interval(DARWIN, 0.95, family=4), paired_t_interval(DARWIN, 0.9875)
    assert (four.low, four.high, four.level) == pytest.approx((one.low, one.high, 0.95))


def test_interval_corrected_by_hand() -> None:
    """1..5 has variance 2.5; with ratio 1/4 the standard error is sqrt(2.5 (1/5 + 1/4))."""
    got = paired_t_interval([1, 2, 3, 4, 5], correction=0.25)
    assert got.high - 3 == pytest.approx(2.776445 * sqrt(2.5 * 0.45), abs=1e-5)


def test_interval_without_spread_is_a_point() -> None:
    """Equal differences have no spread, whatever their mean rounds to."""
    assert paired_t_interval([0.1] * 4) == Interval(0.1, 0.1, 0.1, 0.95)
    assert paired_t_interval([0.1] * 7).low == paired_t_interval([0.1] * 7).high


@pytest.mark.parametrize("n", [6, 10, 29])
def test_interval_covers(n: int) -> None:
    """The 95 % interval covers the true mean within the 99 % band of 2000 repeats."""
    found = [paired_t_interval(d) for d in normals(n, seed=n) + 0.3]
    low, high = band(0.95, REPEATS)
    assert low <= np.mean([i.low <= 0.3 <= i.high for i in found]) <= high


def test_family_of_intervals_covers_at_once() -> None:
    """Four independent Bonferroni intervals cover together with .9875^4 = .951."""
    draws = normals(10, 4 * REPEATS, seed=4)
    inside = [i.low <= 0 <= i.high for i in (paired_t_interval(d, family=4) for d in draws)]
    low, high = band(0.9875**4, REPEATS)
    assert low <= np.reshape(inside, (REPEATS, 4)).all(axis=1).mean() <= high


# --- wins ------------------------------------------------------------------------------------


def test_wins_by_hand() -> None:
    """Ten of ten: the Clopper-Pearson lower limit is .025^(1/10) = .6915; ties are left out."""
    got = win_share([0.0, *range(1, 11)])
    assert (got.wins, got.losses, got.ties, got.share, got.high) == (10, 0, 1, 1.0, 1.0)
    assert got.low == pytest.approx(0.025**0.1)


def test_wins_published() -> None:
    """Clopper-Pearson of 7 in 10 is (.3475, .9333), as in R's binom.test(7, 10)."""
    got = win_share([1.0] * 7 + [-1.0] * 3)
    assert (got.share, got.low, got.high) == pytest.approx((0.7, 0.3475, 0.9333), abs=5e-5)


@pytest.mark.parametrize("differences", [[], [0.0, 0.0]])
def test_wins_without_any_difference(differences: list[float]) -> None:
    """Ties alone say nothing about the share."""
    got = win_share(differences)
    assert isnan(got.share)
    assert (got.low, got.high, got.wins, got.ties) == (0.0, 1.0, 0, len(differences))


@pytest.mark.parametrize("wins", range(11))
def test_wins_interval_agrees_with_the_sign_test(wins: int) -> None:
    """One half lies outside exactly when the two-sided sign test rejects."""
    got = win_share([1.0] * wins + [-1.0] * (10 - wins))
    assert (oracle.binomtest(wins, 10).pvalue <= 0.05) == (not got.low <= 0.5 <= got.high)


def test_sign_tests_and_limits_of_shares_are_those_of_scipy_and_statsmodels() -> None:
    for n in range(1, 13):
        for wins in range(n + 1):
            assert sign_test_p(wins, n - wins) == pytest.approx(oracle.binomtest(wins, n).pvalue)
            got = win_share([1.0] * wins + [-1.0] * (n - wins), level=0.9, family=2)
            limits = proportion_confint(wins, n, alpha=0.05, method="beta")
            assert (got.low, got.high) == pytest.approx(limits)


def test_wins_of_a_family_is_bonferroni() -> None:
    """Five at 95 % are each one at 99 %."""
    five, one = win_share(DARWIN, family=5), win_share(DARWIN, level=0.99)
    assert (five.low, five.high) == pytest.approx((one.low, one.high))


# --- sign flips ------------------------------------------------------------------------------


def test_sign_flip_of_darwin() -> None:
    """Fisher counts 863 of 32768 arrangements in each tail, 5.267 % in both."""
    assert sign_flip_p(DARWIN) == 2 * 863 / 32768


@pytest.mark.parametrize("n", range(1, 30))
def test_sign_flip_of_unanimous_signs(n: int) -> None:
    """The least p is 2^(1-n), and equal sizes in tenths, which round, change nothing."""
    assert sign_flip_p(np.full(n, 0.1)) == 2.0 ** (1 - n)
    assert sign_flip_p(-np.arange(1, n + 1) / 10) == 2.0 ** (1 - n)


def brute_force(d: np.ndarray) -> float:
    """Count by the textbook enumeration, in exact integers."""
    sums = [abs(sum(s * int(x) for s, x in zip(signs, d, strict=True))) for signs in flips(d.size)]
    return float(np.mean(np.array(sums) >= abs(int(d.sum()))))


def flips(n: int) -> list[tuple[int, ...]]:
    """Return all sign vectors of length n."""
    return list(product((-1, 1), repeat=n))


@pytest.mark.parametrize("seed", range(12))
def test_sign_flip_against_brute_force_with_ties(seed: int) -> None:
    """Small integers tie often; scaled by 1/114 and 1e-9 they tie only up to rounding."""
    d = np.random.default_rng(seed).integers(-4, 6, 3 + seed % 8).astype(float)
    for scale in (1.0, 1 / 114, 1e-9, 3e200, 1e-300):
        assert sign_flip_p(d * scale) == brute_force(d)


def test_sign_flip_drops_zeros_and_ignores_order_and_direction() -> None:
    """Zeros, order and orientation do not matter."""
    p = sign_flip_p(DARWIN)
    assert p == sign_flip_p(np.concatenate([DARWIN[::-1], np.zeros(30)])) == sign_flip_p(-DARWIN)


@pytest.mark.parametrize("differences", [[], [0.0], [0.0] * 12, [1.0, -1.0], [3.0]])
def test_sign_flip_of_nothing_is_one(differences: list[float]) -> None:
    """No difference, a mean of zero, or one seed: every flip is as extreme."""
    assert sign_flip_p(differences) == 1.0


def test_sign_flip_exact_at_its_largest_agrees_with_draws() -> None:
    """At n = 36 the exact count is within four standard errors of the random flips just beyond."""
    d = np.random.default_rng(2).standard_normal(36) + 0.3
    exact = sign_flip_p(d)
    padded = np.concatenate([d, np.full(5, 1e-6)])  # 41 non-zero: drawn, and all but unchanged
    assert 0.01 < exact < 0.5
    assert sign_flip_p(padded) == pytest.approx(exact, abs=4 * sqrt(exact / 100_000))


def test_sign_flip_drawn_is_never_zero_and_repeats() -> None:
    """Beyond the exact size the least p is 1 / (1 + draws), the same every time."""
    assert 1 / 100_001 == sign_flip_p(np.ones(50)) == sign_flip_p(np.ones(50))
    assert sign_flip_p(np.ones(50), draws=10) == 1 / 11


@pytest.mark.parametrize("n", [60, 3000])
def test_sign_flips_that_are_drawn_agree_with_the_normal_distribution(n: int) -> None:
    """Sums of many signs are normal: within four errors of the draws, however many these are."""
    d = np.random.default_rng(3).standard_normal(n)
    d += 2.0 * np.sqrt((d**2).sum()) / n - d.mean()
    z = d.sum() / np.sqrt((d**2).sum())
    draws = round(1 / sign_flip_p(np.ones(n))) - 1
    assert draws == {60: 100_000, 3000: 66_666}[n]
    expected = 2 * float(oracle.norm.sf(z))
    assert sign_flip_p(d) == pytest.approx(expected, abs=4 * sqrt(expected / draws) + 1 / n)


def test_as_many_signs_are_drawn_as_a_machine_has_time_for() -> None:
    assert sign_flip_p(np.ones(100_000)) == 1 / 10_001


@pytest.mark.parametrize("n", [5, 12, 32])
def test_sign_flips_without_each_seed_are_those_without_it(n: int) -> None:
    d = np.random.default_rng(n).standard_normal(n) + 0.5
    d[1] = 0.0
    assert sign_flip_p_without_each(d).tolist() == [sign_flip_p(np.delete(d, i)) for i in range(n)]


def test_one_huge_difference_among_many_leaves_the_digits_of_the_others() -> None:
    d = np.random.default_rng(7).standard_normal(60) + 0.8
    d[11] = 1e14
    without = sign_flip_p(np.delete(d, 11))
    assert sign_flip_p_without_each(d)[11] == pytest.approx(without, abs=1e-4)
    assert without < 0.01


def test_many_ties_beside_few_differences_cost_no_more_than_these() -> None:
    """Each tie left out leaves the same differences: counted once, not five thousand times."""
    d = np.concatenate([np.arange(1.0, 13.0) - 3, np.zeros(5000)])
    found = sign_flip_p_without_each(d)
    assert {*found[12:]} == {sign_flip_p(d)} == {found[2]}
    assert found[11] == sign_flip_p(np.arange(1.0, 12.0) - 3)


def test_sign_flips_without_each_of_many_seeds_agree_with_those_drawn_one_by_one() -> None:
    d = np.random.default_rng(5).standard_normal(80) + 0.2
    d[:3] = 0.0
    found = sign_flip_p_without_each(d)
    assert len({*found[:3]}) == 1  # what is zero takes nothing away
    for i in (0, 10, 40, 79):
        alone = sign_flip_p(np.delete(d, i))
        assert found[i] == pytest.approx(alone, abs=6 * sqrt(alone / 100_000))


def test_sign_flip_size_is_the_attainable_one() -> None:
    """At n = 10 the largest attainable size up to 5 % is 25/512 = 4.88 %."""
    rejected = np.mean([sign_flip_p(d) <= 0.05 for d in normals(10, seed=5)])
    low, high = band(25 / 512, REPEATS)
    assert low <= rejected <= high


def test_sign_flip_holm_size_for_four_contrasts() -> None:
    """Four independent nulls reject first at 6/512 each: 1 - (1 - 6/512)^4 = 4.6 % in all."""
    p = np.reshape([sign_flip_p(d) for d in normals(10, 4 * REPEATS, seed=6)], (REPEATS, 4))
    low, high = band(1 - (1 - 6 / 512) ** 4, REPEATS)
    assert low <= np.mean([(holm(row) <= 0.05).any() for row in p]) <= high


def test_sign_flip_holm_size_with_a_shared_baseline() -> None:
    """Contrasts that share a baseline are dependent, and Holm stays within its size."""
    runs = np.random.default_rng(7).standard_normal((REPEATS, 5, 10))
    p = [[sign_flip_p(row - run[0]) for row in run[1:]] for run in runs]
    assert np.mean([(holm(row) <= 0.05).any() for row in p]) <= band(0.05, REPEATS)[1]


# --- t, equivalence, non-inferiority ---------------------------------------------------------


def test_t_of_darwin() -> None:
    """Fisher: t = 2.148 on 14 degrees of freedom, p = .0497."""
    assert t_p(DARWIN) == pytest.approx(0.0497, abs=5e-5)
    assert t_p(DARWIN) == pytest.approx(oracle.ttest_1samp(DARWIN, 0).pvalue)


def test_t_corrected_by_hand() -> None:
    """1..5 with ratio 1/4: t = 3 / sqrt(2.5 · .45) = 2.8284 on 4, p = .0474."""
    p = t_p([1, 2, 3, 4, 5], correction=0.25)
    assert p == pytest.approx(0.0474, abs=5e-5)
    assert p == pytest.approx(2 * oracle.t.sf(3 / sqrt(2.5 * 0.45), 4))


def test_t_is_the_dual_of_its_interval() -> None:
    """p <= .05 exactly when the interval leaves out zero, corrected or not."""
    for d in normals(8, 200, seed=8) + 0.6:
        for ratio in (0.0, 0.25):
            interval = paired_t_interval(d, correction=ratio)
            assert (t_p(d, ratio) <= 0.05) == (not interval.low <= 0 <= interval.high)


def test_tost_by_hand() -> None:
    """-1, 0, 1 with margin 2: t = 2 sqrt(3) = 3.4641 on 2, one-sided p = .0371."""
    assert tost_p([-1, 0, 1], 2.0) == pytest.approx(0.0371, abs=5e-5)


def test_tost_against_statsmodels() -> None:
    """`DescrStatsW.ttost_mean` is another implementation of the uncorrected test."""
    for d in normals(9, 20, seed=9):
        assert tost_p(d, 0.7) == pytest.approx(DescrStatsW(d).ttost_mean(-0.7, 0.7)[0])


def test_tost_is_the_dual_of_the_ninety_percent_interval() -> None:
    """p <= .05 exactly when the 90 % interval lies inside the margin."""
    for d in normals(10, 200, seed=10) * 0.8:
        for ratio in (0.0, 0.1):
            i = paired_t_interval(d, 0.90, correction=ratio)
            assert (tost_p(d, 0.7, ratio) <= 0.05) == (i.low > -0.7 and i.high < 0.7)


def test_noninferiority_by_hand() -> None:
    """1, 2, 3 with margin 1: t = 3 sqrt(3) on 2; and equivalence is the worse of two sides."""
    d = np.array([1.0, 2.0, 3.0])
    assert noninferiority_p(d, 1.0) == pytest.approx(oracle.t.sf(3 * sqrt(3), 2))
    assert tost_p(d, 1.0) == max(noninferiority_p(d, 1.0), noninferiority_p(-d, 1.0))


@pytest.mark.parametrize(
    ("differences", "t", "tost", "noninferior"),
    [
        ([0.0] * 5, 1.0, 0.0, 0.0),
        ([0.1] * 7, 0.0, 0.0, 0.0),
        ([0.5] * 5, 0.0, 1.0, 0.0),
        ([1.0] * 5, 0.0, 1.0, 0.0),
        ([-0.5] * 5, 0.0, 1.0, 1.0),
    ],
)
def test_no_spread(differences: list[float], t: float, tost: float, noninferior: float) -> None:
    """Without spread the tests compare the mean with the edge, and the edge is outside."""
    got = t_p(differences), tost_p(differences, 0.5), noninferiority_p(differences, 0.5)
    assert got == (t, tost, noninferior)


def test_false_equivalence_at_the_margin_is_held_by_holm() -> None:
    """Four contrasts exactly at the margin: 1 - .95^4 = 18.5 % uncorrected, at most 5 % by Holm."""
    draws = normals(10, 4 * REPEATS, seed=11) + 2.0  # far enough that the other side never matters
    p = np.reshape([tost_p(d, 2.0) for d in draws], (REPEATS, 4))
    dummy = band(1 - 0.95**4, REPEATS)
    assert dummy[0] <= (p <= 0.05).any(axis=1).mean() <= dummy[1]
    low, high = band(1 - (1 - 0.05 / 4) ** 4, REPEATS)
    assert low <= np.mean([(holm(row) <= 0.05).any() for row in p]) <= high


def test_correction_restores_the_size_for_overlapping_parts() -> None:
    """Differences correlated by r reject too often by t; with ratio r / (1 - r) they do not.

    For equicorrelated normals that ratio makes the corrected statistic exactly t.
    """
    rng, rho = np.random.default_rng(12), 0.2
    shared = rng.standard_normal((REPEATS, 1)) * sqrt(rho)
    draws = shared + rng.standard_normal((REPEATS, 10)) * sqrt(1 - rho)
    low, high = band(0.05, REPEATS)
    assert np.mean([t_p(d) <= 0.05 for d in draws]) > 0.2
    assert low <= np.mean([t_p(d, rho / (1 - rho)) <= 0.05 for d in draws]) <= high


def test_the_corrected_interval_covers_the_truth_of_new_data_where_the_plain_one_does_not() -> None:
    """Ten test parts of 12 redrawn from one data set of 60, of which 36 train: they overlap by a fifth.

    The plain interval then covers the mean over the population about as often as that of ten values correlated by .2,
    2 T(2.262 / sqrt(3.5)) - 1 = 74 %; the correction takes them to be correlated by 12 / (36 + 12), which is enough.
    """
    rng, hits = np.random.default_rng(16), np.zeros(2)
    for _ in range(600):
        gains = rng.standard_normal(60) + 0.3
        d = [rng.permutation(gains)[:12].mean() for _ in range(10)]
        found = [paired_t_interval(d, correction=ratio) for ratio in (0.0, 12 / 36)]
        hits += [i.low <= 0.3 <= i.high for i in found]
    plain = 1 - 2 * oracle.t.sf(oracle.t.isf(0.025, 9) / sqrt(3.5), 9)
    assert plain == pytest.approx(0.74, abs=0.005)
    low, high = band(plain, 600)
    assert low <= hits[0] / 600 <= high
    assert hits[1] / 600 >= band(0.95, 600)[0]


# --- families --------------------------------------------------------------------------------


def test_holm_by_hand() -> None:
    """.005·4, .01·3, .03·2, then .04·1 raised to what came before."""
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])


def test_holm_counts_undeclared_as_one() -> None:
    """Two of four declared: as if the other two had p = 1."""
    assert holm([0.01, 0.02], family=4) == pytest.approx([0.04, 0.06])
    assert holm([0.01, 0.02, 1, 1])[:2].tolist() == holm([0.01, 0.02], family=4).tolist()


def test_holm_of_nothing() -> None:
    """No contrast, no p."""
    assert holm([]).size == holm([], family=3).size == 0


def test_holm_against_statsmodels() -> None:
    """`multipletests` is another implementation, ties included."""
    for p in np.random.default_rng(15).random((10, 5)).round(1):
        assert holm(p) == pytest.approx(multipletests(p, method="holm")[1])


def test_holm_of_one_changes_nothing() -> None:
    """A family of one is not adjusted, and nothing exceeds 1."""
    assert holm([0.04]).tolist() == [0.04]
    assert holm([0.6, 0.9]).tolist() == [1.0, 1.0]


@pytest.mark.parametrize("m", range(1, 40))
def test_least_seeds_is_where_a_unanimous_result_can_win(m: int) -> None:
    """With that many unanimous seeds Holm's first step passes; with one fewer it cannot."""
    n = min_seeds(m)
    assert holm([sign_flip_p(np.ones(n))], family=m)[0] <= 0.05
    assert holm([sign_flip_p(np.ones(n - 1))], family=m)[0] > 0.05


def test_least_seeds_by_hand() -> None:
    """2^-5 = .03125; 2^-6·3 = .047; 2^-7·6 = .0469, so eight seeds serve four to six contrasts."""
    assert [min_seeds(m) for m in range(1, 8)] == [6, 7, 7, 8, 8, 8, 9]
    assert min_seeds(1, alpha=0.01) == 8
    assert min_seeds(1, alpha=2**-5) == 6


# --- power -----------------------------------------------------------------------------------


def test_detectable_effect_at_ten_seeds() -> None:
    """.996 deviations for one contrast, 1.284 for four."""
    assert detectable_effect(1.0, 10) == pytest.approx(0.9960, abs=5e-5)
    assert detectable_effect(1.0, 10, 4) == pytest.approx(1.2843, abs=5e-5)


def test_detectable_effect_published() -> None:
    """Cohen's d = .5 needs 34 pairs for 80 % at 5 % two-sided (G*Power 3.1, matched pairs)."""
    assert detectable_effect(1.0, 34) < 0.5 < detectable_effect(1.0, 33)


@pytest.mark.parametrize("n", [2, 3, 4, 6, 10, 29, 200])
@pytest.mark.parametrize("m", [1, 4, 20])
def test_detectable_effect_by_integration(n: int, m: int) -> None:
    """Power as a mean of normal tails over the quantiles of the deviation is .8 there.

    An oracle that holds where statsmodels' search does not (n = 2, m = 4 stops at 10 of 46.2).
    """
    s = np.sqrt(oracle.chi2.ppf((np.arange(20_000) + 0.5) / 20_000, n - 1) / (n - 1))
    critical = oracle.t.isf(0.025 / m, n - 1)
    shift = detectable_effect(1.0, n, m) * sqrt(n)
    assert oracle.norm.sf(critical * s - shift).mean() == pytest.approx(0.8, abs=1e-4)


@pytest.mark.parametrize(("n", "m"), [(8, 1), (10, 4), (29, 1)])
def test_detectable_effect_against_statsmodels(n: int, m: int) -> None:
    """Where statsmodels' search works, it agrees."""
    expected = TTestPower().solve_power(nobs=n, alpha=0.05 / m, power=0.8)
    assert detectable_effect(1.0, n, m) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(("n", "m"), [(10, 1), (10, 4), (29, 4)])
def test_detectable_effect_is_found_at_its_power(n: int, m: int) -> None:
    """The t test at the Bonferroni level finds it in 80 % of 2000 repeats."""
    draws = normals(n, seed=13) + detectable_effect(1.0, n, m)
    low, high = band(0.8, REPEATS)
    assert low <= np.mean([t_p(d) <= 0.05 / m for d in draws]) <= high


def test_detectable_effect_scales() -> None:
    """Linear in the deviation; the correction widens by sqrt(1 + n ratio)."""
    one = detectable_effect(1.0, 10)
    assert detectable_effect(3.0, 10) == pytest.approx(3 * one)
    assert detectable_effect(1.0, 10, correction=0.25) == pytest.approx(sqrt(1 + 10 * 0.25) * one)
    assert detectable_effect(0.0, 10) == 0.0


# --- failures, interactions ------------------------------------------------------------------


def test_mcnemar_by_hand() -> None:
    """1 against 9 discordant seeds: 2 (1 + 10) / 1024; concordant seeds say nothing."""
    a = [True] * 1 + [False] * 9 + [True] * 5 + [False] * 3
    b = [False] * 1 + [True] * 9 + [True] * 5 + [False] * 3
    assert mcnemar_exact_p(a, b) == mcnemar_exact_p(b, a) == pytest.approx(22 / 1024)


@pytest.mark.parametrize("failed", [[], [False] * 4, [True] * 4])
def test_mcnemar_without_discordant_seeds(failed: list[bool]) -> None:
    """Nothing to compare gives 1."""
    assert mcnemar_exact_p(failed, failed) == 1.0


def test_penalised_by_hand() -> None:
    """Failure 0.5: seed 0 has a worse finisher, seed 1 has not, seed 2 has no finisher."""
    scores = [[nan, nan, nan], [0.2, 0.7, nan], [0.9, 0.8, nan]]
    expected = [[0.2, 0.5, 0.5], [0.2, 0.7, 0.5], [0.9, 0.8, 0.5]]
    assert penalised(scores, 0.5, higher_is_better=True).tolist() == expected
    mirrored = penalised(-np.array(scores), -0.5, higher_is_better=False)
    assert (-mirrored).tolist() == expected


def test_penalised_with_one_failure_score_a_seed() -> None:
    """The dummy baseline of each seed's test part may be the failure score."""
    got = penalised([[nan, nan], [0.9, 0.9]], [0.4, 0.6], higher_is_better=True)
    assert got[0].tolist() == [0.4, 0.6]


def test_failing_never_pays() -> None:
    """A failed run is never above a finisher of its seed."""
    rng = np.random.default_rng(14)
    scores = np.where(rng.random((5, 40)) < 0.4, nan, rng.standard_normal((5, 40)))
    filled = penalised(scores, -0.2, higher_is_better=True)
    best_failure = np.where(np.isnan(scores), filled, -inf).max(axis=0)
    worst_finisher = np.fmin.reduce(scores, axis=0, initial=inf)
    assert (best_failure <= worst_finisher).all()


def test_interaction_by_hand() -> None:
    """(5 - 3) - (4 - 1) = -1; and rounding does not undo a tie."""
    assert interaction([5], [3], [4], [1]).tolist() == [-1.0]
    assert interaction([0.8], [0.7], [0.2], [0.1]).tolist() == [0.0]
    assert (0.8 - 0.7) - (0.2 - 0.1) != 0


# --- refusals --------------------------------------------------------------------------------

ONE_D = [sign_flip_p, t_p, paired_t_interval, win_share]


@pytest.mark.parametrize("call", ONE_D)
def test_refuses_two_dimensions(call: object) -> None:
    """A table is not a list of differences."""
    assert (
        refused(call, [[1.0, 2.0], [3.0, 4.0]])
        == "differences: got shape (2, 2), expected one dimension. Pass one value a seed."
    )


@pytest.mark.parametrize("call", ONE_D)
@pytest.mark.parametrize("bad", [nan, inf])
def test_refuses_what_is_not_finite(call: object, bad: float) -> None:
    """A failed run has no difference until it is given a score."""
    assert refused(call, [1.0, bad, 2.0]) == (
        "differences: got 1 of 3 not finite, expected finite numbers. "
        "Give failed runs a score with `penalised` first."
    )


@pytest.mark.parametrize("call", [t_p, paired_t_interval])
def test_refuses_one_seed(call: object) -> None:
    """A spread needs two."""
    assert refused(call, [1.0]) == "differences: got 1, expected 2 or more. Run more seeds."


@pytest.mark.parametrize("call", [tost_p, noninferiority_p])
@pytest.mark.parametrize("margin", [0.0, -1.0, nan, inf])
def test_refuses_a_margin_that_is_not_positive(call: object, margin: float) -> None:
    """Equivalence needs a positive margin."""
    assert (
        f"margin: got {margin}, expected a positive finite number. "
        "Declare the largest difference that does not matter, in the units of the score."
    ) == refused(call, [1.0, 2.0], margin)


@pytest.mark.parametrize("level", [0.0, 1.0, -0.1, 95, nan])
@pytest.mark.parametrize("call", [paired_t_interval, win_share])
def test_refuses_a_level_outside_its_range(call: object, level: float) -> None:
    """A level is a fraction."""
    assert (
        f"level: got {level}, expected between 0 and 1. Pass a fraction such as 0.95 or 0.05."
    ) == refused(call, [1.0, 2.0], level)


FAMILY = "family: got 0, expected 1 or more. Count the contrasts against the baseline."
CORRECTION = (
    "correction: got -0.1, expected 0, or test size over training size. "
    "Leave it at 0 to speak of this dataset."
)


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        (lambda: paired_t_interval([1.0, 2.0], family=0), FAMILY),
        (lambda: min_seeds(0), FAMILY),
        (lambda: detectable_effect(1.0, 10, 0), FAMILY),
        (lambda: t_p([1.0, 2.0], -0.1), CORRECTION),
        (lambda: detectable_effect(1.0, 10, correction=-0.1), CORRECTION),
        (
            lambda: min_seeds(1, 2),
            "alpha: got 2, expected between 0 and 1. Pass a fraction such as 0.95 or 0.05.",
        ),
        (
            lambda: detectable_effect(1.0, 10, power=80),
            "power: got 80, expected between 0 and 1. Pass a fraction such as 0.95 or 0.05.",
        ),
        (lambda: detectable_effect(1.0, 1), "n: got 1, expected 2 or more. Run more seeds."),
        (
            lambda: detectable_effect(-1.0, 10),
            "spread: got -1.0, expected a finite number, 0 or more. "
            "Pass the sample standard deviation of the differences.",
        ),
        (
            lambda: holm([0.1, 0.2], 1),
            "family: got 1, expected at least the 2 p-values given. "
            "Declare the whole family before the run.",
        ),
        (
            lambda: holm([1.5]),
            "p_values: got [1.5], expected each within [0, 1]. Pass probabilities.",
        ),
        (
            lambda: sign_flip_p([1.0], 0),
            "draws: got 0, expected 1 or more. Leave it out for the default.",
        ),
        (
            lambda: mcnemar_exact_p([True], [True, False]),
            "failed_a and failed_b: got 1 and 2, expected one length. Pair them by seed.",
        ),
        (
            lambda: mcnemar_exact_p([1.0], [True]),
            "failed_a: got float64 of shape (1,), expected booleans in one dimension. "
            "Pass True where the seed's run failed.",
        ),
        (
            lambda: interaction([1.0, 2.0], [1.0], [1.0], [1.0]),
            "a_on and a_off and b_on and b_off: got 2 and 1 and 1 and 1, expected one length. "
            "Pair them by seed.",
        ),
        (
            lambda: penalised([1.0, 2.0], 0.0, higher_is_better=True),
            "scores: got shape (2,) with 0 infinite, expected (variant, seed), finite or NaN. "
            "Pass one row a variant, NaN where a run failed.",
        ),
        (
            lambda: penalised([[1.0, 2.0]], inf, higher_is_better=True),
            "failure_score: got inf, expected a finite number, or 2 of them. "
            "Pass one number, or one for each seed.",
        ),
        (
            lambda: penalised([[1.0, 2.0]], [1.0, 2.0, 3.0], higher_is_better=True),
            "failure_score: got shape (3,) with 0 not finite, expected a finite number, "
            "or 2 of them. Pass one number, or one for each seed.",
        ),
    ],
)
def test_refusals(call: Callable[[], object], expected: str) -> None:
    """Each bad input is named, with what was expected and the next step."""
    assert refused(call) == expected
