"""Ranks over data sets against Demšar's published case, hand arithmetic, scipy and simulation."""

from __future__ import annotations

from itertools import permutations, product
from math import inf, sqrt

import numpy as np
import pytest
from scipy import stats as oracle

from paribus.errors import ParibusError
from paribus.stats import (
    against_baseline,
    friedman,
    holm,
    nemenyi_distance,
    not_told_apart,
    rank_error,
    ranks_of,
)
from paribus.stats import (
    ranks as rank_tests,
)
from tests.helpers.refusals import refused

# Area under the curve of C4.5, C4.5+m, C4.5+cf and C4.5+m+cf on fourteen data sets: Demšar, JMLR 7 (2006), Table 6.
# Two areas of voting are printed as 0.975 and ranked 2 and 3, so the digits that are not printed put them in order.
DEMSAR = np.array(
    [
        [0.763, 0.768, 0.771, 0.798],
        [0.599, 0.591, 0.590, 0.569],
        [0.954, 0.971, 0.968, 0.967],
        [0.628, 0.661, 0.654, 0.657],
        [0.882, 0.888, 0.886, 0.898],
        [0.936, 0.931, 0.916, 0.931],
        [0.661, 0.668, 0.609, 0.685],
        [0.583, 0.583, 0.563, 0.625],
        [0.775, 0.838, 0.866, 0.875],
        [1.000, 1.000, 1.000, 1.000],
        [0.940, 0.962, 0.965, 0.962],
        [0.619, 0.666, 0.614, 0.669],
        [0.972, 0.981, 0.975, 0.9749],
        [0.957, 0.978, 0.946, 0.970],
    ]
)
RANKS = ranks_of(DEMSAR, higher_is_better=True)


def test_the_mean_ranks_are_those_that_are_published() -> None:
    assert RANKS.mean(axis=0) == pytest.approx([3.143, 2.000, 2.893, 1.964], abs=5e-4)


def test_friedman_is_as_published() -> None:
    """Section 3.2.2: 9.28; over fourteen data sets the approximation that corrects for ties comes close."""
    found = friedman(RANKS)
    assert found.chi2 == pytest.approx(9.28, abs=5e-3)
    assert found.p == pytest.approx(oracle.friedmanchisquare(*RANKS.T).pvalue, abs=5e-3)


def test_nemenyis_distance_is_as_published() -> None:
    """2.569 for four at 5 %, so 1.25 over fourteen; 2.728 for five, so 2.73 over five, of the four there can be."""
    assert nemenyi_distance(4, 14) == pytest.approx(1.25, abs=5e-3)
    assert nemenyi_distance(4, 14) / rank_error(4, 14) == pytest.approx(2.569, abs=1e-3)
    assert nemenyi_distance(5, 5) == pytest.approx(2.73, abs=5e-3)
    assert nemenyi_distance(4, 14, alpha=0.10) == pytest.approx(2.291 * rank_error(4, 14), rel=1e-3)


def test_holm_against_the_baseline_is_as_published() -> None:
    """By the normal approximation p .016, .019 and .607, which knows of no ties; the first two are rejected by Holm."""
    found = against_baseline(RANKS)
    assert found[2] == pytest.approx(0.607, abs=0.02)
    assert 2 * 0.0114 < found[1] == found[3] < 3 * 0.016
    assert (found <= 0.05).tolist() == [False, True, False, True]


@pytest.mark.parametrize("seed", range(3))
def test_every_order_counts_once_for_two_variants(seed: int) -> None:
    """Against all permutations of three data sets, ties and all."""
    ranks = ranks_of(np.random.default_rng(seed).integers(0, 4, (3, 3)), higher_is_better=True)
    seen = np.abs(ranks.sum(axis=0) - ranks.sum(axis=0)[0])
    sums = [np.sum(rows, axis=0) for rows in product(*(permutations(row) for row in ranks))]
    p = [np.mean([abs(s[1] - s[0]) >= d - 1e-9 for s in sums]) for d in seen[1:]]
    assert against_baseline(ranks)[1:] == pytest.approx(holm(p))


@pytest.mark.parametrize("datasets", [5, 8])
def test_the_comparison_with_the_baseline_keeps_its_size(datasets: int) -> None:
    rng = np.random.default_rng(6)
    drawn = rng.standard_normal((1500, datasets, 3))
    p = [against_baseline(ranks_of(x, higher_is_better=True))[1:].min() for x in drawn]
    assert np.mean(np.array(p) <= 0.05) <= 0.05 + 4 * sqrt(0.05 * 0.95 / 1500)


def test_the_baseline_may_stand_anywhere() -> None:
    turned = RANKS[:, [1, 2, 0, 3]]
    assert against_baseline(turned, baseline=2)[[2, 0, 1, 3]] == pytest.approx(
        against_baseline(RANKS)
    )


def test_friedman_agrees_with_scipy_where_there_are_no_ties() -> None:
    scores = np.random.default_rng(3).standard_normal((7, 5))
    found = friedman(ranks_of(scores, higher_is_better=False))
    chi2, approximate = oracle.friedmanchisquare(*scores.T)
    assert (found.chi2, found.p) == (pytest.approx(chi2), pytest.approx(approximate, abs=0.03))


def test_friedman_by_hand() -> None:
    """Mean ranks 1.5, 1.5 and 3 over two: 12·2/12 (2.25 + 2.25 + 9 - 12) = 3.

    Of the 36 orders 18 have a statistic of 3 or more: 6 are alike in both rows (4), 12 as here (3).
    """
    found = friedman([[1, 2, 3], [2, 1, 3]])
    assert (found.chi2, found.p) == pytest.approx((3.0, 18 / 36))


@pytest.mark.parametrize(
    ("datasets", "variants", "p"), [(2, 2, 1 / 2), (2, 3, 1 / 6), (4, 2, 1 / 8), (5, 2, 1 / 16)]
)
def test_data_sets_that_all_rank_alike(datasets: int, variants: int, p: float) -> None:
    """One order of the first is as good as any: 1 / (k!)^(N - 1)."""
    found = friedman([[*range(1, variants + 1)]] * datasets)
    assert found.p == pytest.approx(p)
    assert found.exact


@pytest.mark.parametrize("seed", range(4))
def test_every_permutation_counts_once_ties_and_all(seed: int) -> None:
    """Against all of them, one by one."""
    scores = np.random.default_rng(seed).integers(0, 3, (3, 3))
    ranks = ranks_of(scores, higher_is_better=True)
    seen = np.square(ranks.sum(axis=0)).sum()
    sums = [np.sum(rows, axis=0) for rows in product(*(permutations(row) for row in ranks))]
    share = np.mean([np.square(total).sum() >= seen - 1e-9 for total in sums])
    assert friedman(ranks).p == pytest.approx(share)


def test_where_there_are_too_many_they_are_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    scores = np.random.default_rng(2).standard_normal((6, 5)) + np.arange(5) / 3
    exact = friedman(ranks_of(scores, higher_is_better=False))
    monkeypatch.setattr(rank_tests, "MAX_STEPS", 1)
    rank_tests._sums_of_squares.cache_clear()
    drawn = friedman(ranks_of(scores, higher_is_better=False))
    rank_tests._sums_of_squares.cache_clear()
    assert (exact.exact, drawn.exact) == (True, False)
    assert drawn.p == pytest.approx(exact.p, abs=0.01)


def test_nothing_but_ties_is_no_difference() -> None:
    found = friedman(ranks_of(np.ones((5, 3)), higher_is_better=True))
    assert (found.chi2, found.p) == (0.0, 1.0)


def test_the_best_is_first_either_way() -> None:
    assert ranks_of([[3, 1, 2], [1, 1, 2]], higher_is_better=False).tolist() == [
        [3, 1, 2],
        [1.5, 1.5, 3],
    ]


def test_groups_that_are_not_told_apart_overlap_and_none_lies_within_another() -> None:
    assert not_told_apart([1.0, 2.0, 3.0, 4.5], 1.5) == [[0, 1], [1, 2]]
    assert not_told_apart([1.0, 1.1, 1.2], 1.0) == [[0, 1, 2]]
    assert not_told_apart([1.0, 3.0], 2.0) == []


def test_the_error_of_a_rank_difference_is_that_of_random_ranks() -> None:
    rng = np.random.default_rng(4)
    drawn = np.array([rng.permuted(np.tile(np.arange(1, 6), (6, 1)), axis=1) for _ in range(4000)])
    difference = drawn[:, :, 0].mean(axis=1) - drawn[:, :, 1].mean(axis=1)
    assert difference.std() == pytest.approx(rank_error(5, 6), rel=0.05)


@pytest.mark.parametrize("datasets", [3, 6])
def test_the_test_keeps_its_size_over_a_few_data_sets(datasets: int) -> None:
    """Five variants without any difference: at most 5 % at 5 %, and little less, within four standard errors."""
    rng = np.random.default_rng(5)
    drawn = rng.standard_normal((2000, datasets, 5))
    p = [friedman(ranks_of(x, higher_is_better=True)).p for x in drawn]
    assert np.mean(np.array(p) <= 0.05) == pytest.approx(0.045, abs=4 * sqrt(0.05 * 0.95 / 2000))


@pytest.mark.parametrize("scores", [[1.0, 2.0], [[1.0, 2.0]], [[1.0], [2.0]], [[1, inf], [2, 3]]])
def test_less_than_two_of_each_are_refused(scores: list[object]) -> None:
    with pytest.raises(ParibusError) as caught:
        ranks_of(scores, higher_is_better=True)
    assert "expected (dataset, variant), two or more of each, finite." in str(caught.value)
    assert str(caught.value).endswith("Pass one row a data set, failed runs at their penalty.")


def test_a_distance_over_one_data_set_is_refused() -> None:
    assert refused(nemenyi_distance, 4, 1) == (
        "scores over data sets: got 4 variants and 1 data sets, expected two or more of each. "
        "Rank at least two variants over at least two data sets."
    )
