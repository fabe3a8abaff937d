"""Limits of failure rates, and equivalence by margin, against hand arithmetic, another library and bisection."""

from __future__ import annotations

from math import inf, sqrt

import numpy as np
import pytest
from statsmodels.stats.proportion import proportion_confint

from paribus import stats
from tests.helpers.refusals import refused


def test_no_failure_in_ten_leaves_a_rate_of_a_quarter_open() -> None:
    """By hand: (1 - p)^n = .05, so p = 1 - .05^(1/n); at n = 10 that is .2589, at n = 29 .0981."""
    assert stats.failure_limit(0, 10) == pytest.approx(1 - 0.05**0.1, rel=1e-12)
    assert stats.failure_limit(0, 10) == pytest.approx(0.2589, abs=1e-4)
    assert stats.failure_limit(0, 29) == pytest.approx(0.0981, abs=1e-4)
    assert stats.failure_limit(0, 1) == pytest.approx(0.95)


def test_the_limit_is_near_three_over_n() -> None:
    """The rule of three: -log(.05) = 2.996."""
    assert stats.failure_limit(0, 1000) * 1000 == pytest.approx(3, rel=0.005)


@pytest.mark.parametrize(("failures", "n"), [(1, 10), (3, 29), (28, 29)])
def test_the_limit_of_some_failures_is_that_of_clopper_and_pearson(failures: int, n: int) -> None:
    """One-sided at 95 % is the upper end of the two-sided interval at 90 %."""
    _, upper = proportion_confint(failures, n, alpha=0.1, method="beta")
    assert stats.failure_limit(failures, n) == pytest.approx(upper, rel=1e-9)


def test_where_every_run_failed_any_rate_is_possible() -> None:
    assert stats.failure_limit(10, 10) == 1.0


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ((0, 0), "n: got 0, expected 1 or more. Run more seeds."),
        ((3, 2), "failures: got 3, expected 0 to 2, the runs. Count failed runs among all runs."),
        ((-1, 2), "failures: got -1, expected 0 to 2, the runs. Count failed runs among all runs."),
    ],
)
def test_impossible_counts_are_refused(given: tuple[int, int], text: str) -> None:
    assert refused(stats.failure_limit, *given) == text


def test_the_margin_of_equivalence_by_hand() -> None:
    """Of 1, 2, 3: mean 2, standard error 1/sqrt(3), t(.95, 2) = 2.9200, so 2 + 1.6859."""
    margin = stats.equivalence_margins([1.0, 2.0, 3.0], [0.05])
    assert margin == pytest.approx([2 + 2.9199856 / sqrt(3)])
    assert stats.equivalence_margins([-1.0, -2.0, -3.0], [0.05]) == pytest.approx(margin)


@pytest.mark.parametrize("correction", [0.0, 0.25])
def test_tost_turns_at_that_margin(correction: float) -> None:
    d = np.array([0.3, -0.1, 0.4, 0.2, -0.2, 0.1])
    levels = np.array([0.05, 0.025, 0.01])
    for level, margin in zip(levels, stats.equivalence_margins(d, levels, correction), strict=True):
        assert stats.tost_p(d, margin, correction) == pytest.approx(level)


def test_without_spread_it_is_the_difference_itself() -> None:
    assert stats.equivalence_margins([0.5, 0.5], [0.05, 0.01]).tolist() == [0.5, 0.5]


def test_margins_under_holm_by_hand() -> None:
    """Rows: margins at 5 % and at 2.5 %. The first is equivalent at 3, Holm's first step; the second then at its 2."""
    table = np.array([[1.0, 3.0], [2.0, 9.0]])
    assert stats.holm_margins(table, [inf, inf]).tolist() == [3.0, 3.0]


def test_a_contrast_at_its_floor_lends_nothing_to_others() -> None:
    """The first is at its floor from 2.5 on, before its 3: then the second has to pass at 2.5 % by itself."""
    table = np.array([[1.0, 3.0], [2.0, 9.0]])
    assert stats.holm_margins(table, [2.5, inf]).tolist() == [inf, 9.0]


def test_margins_under_holm_are_those_of_holm() -> None:
    """Random margins at each level; every one of many margins is judged by Holm's adjusted p-values."""
    generator = np.random.default_rng(1)
    for _ in range(30):
        d = [generator.normal(generator.normal(), 1.0, 9) for _ in range(4)]
        levels = 0.05 / np.arange(1, 6)
        floors = np.where(generator.random(4) < 0.3, generator.uniform(0.5, 3, 4), inf)
        table = np.array([stats.equivalence_margins(x, levels) for x in d])
        found = stats.holm_margins(table, floors)
        tried = np.sort(np.concatenate([table.ravel() + 1e-9, floors[floors < 9] + 1e-9]))
        for i in range(4):
            passing = (m for m in tried if m < floors[i] and _adjusted(d, floors, m)[i] <= 0.05)
            assert next(passing, inf) == pytest.approx(found[i], abs=1e-8)


def _adjusted(d: list[np.ndarray], floors: np.ndarray, margin: float) -> np.ndarray:
    p = [
        1.0 if floor <= margin else stats.tost_p(x, margin)
        for x, floor in zip(d, floors, strict=True)
    ]
    return stats.holm(p, 5)
