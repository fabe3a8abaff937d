"""Directions without one seed: all of them at once as one after the other, and of many seeds in seconds."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from paribus import stats
from paribus.analysis.verdict import Family
from paribus.analysis.verdict.fragility import fragility


def shown(d: np.ndarray, family: Family, factor: float) -> bool:
    """Say by the rule, in its own words, whether differences show that their mean is positive."""
    if np.count_nonzero(d) < family.min_seeds or d.mean() <= 0:
        return False
    interval = stats.paired_t_interval(d, 1 - family.alpha, family.size, family.ratio)
    if family.margin is not None and interval.low > family.margin:
        return True
    p = stats.t_p(d, family.ratio) if family.new_data else stats.sign_flip_p(d)
    return factor * p <= family.alpha


@pytest.mark.parametrize("seed", range(40))
@pytest.mark.parametrize(
    "more",
    [{}, {"margin": 0.3}, {"new_data": True, "correction": 0.25}, {"margin": 0.3, "size": 4}],
)
def test_seeds_are_left_out_together_as_they_are_one_by_one(
    seed: int, more: dict[str, Any]
) -> None:
    rng = np.random.default_rng(seed)
    d = rng.standard_normal(int(rng.integers(3, 14))) + 0.9
    d[rng.random(d.size) < 0.1] = 0.0
    if seed % 4 == 0:
        d[0] += 4.0  # one seed that may carry it all
    family = Family(baseline="a", higher_is_better=True, **{"size": 1, **more})
    if d.mean() <= 0:
        d = -d
    expected = sum(shown(np.delete(d, i), family, 2.0) for i in range(d.size))
    for sign in (1, -1):
        assert fragility(tuple((sign * d).tolist()), family, 2.0).kept == expected


@pytest.mark.parametrize("huge", [1e5, 1e8, 1e12])
@pytest.mark.parametrize("more", [{"margin": 0.3}, {"new_data": True, "correction": 0.25}])
def test_one_huge_difference_takes_no_digits_from_the_others(
    huge: float, more: dict[str, Any]
) -> None:
    """As where one loss diverged."""
    family = Family(baseline="a", higher_is_better=True, size=1, **more)
    for seed in range(60):
        d = np.random.default_rng(seed).standard_normal(8) + 0.9
        d[seed % 8] = huge
        expected = sum(shown(np.delete(d, i), family, 1.0) for i in range(d.size))
        assert fragility(tuple(d.tolist()), family, 1.0).kept == expected


@pytest.mark.parametrize("new_data", [False, True])
def test_equal_differences_stay_shown_without_any_of_them(new_data: bool) -> None:
    family = Family(
        baseline="a", higher_is_better=True, size=1, margin=50.0, new_data=new_data, correction=0.25
    )
    assert fragility((7.3,) * 9, family, 1.0).kept == 9


def test_of_many_seeds_all_are_left_out() -> None:
    """One by one a thousand took minutes, a hundred thousand more memory than there is."""
    d = np.random.default_rng(1).standard_normal(20_000) + 0.05
    family = Family(baseline="a", higher_is_better=True, size=1, margin=1.0)
    found = fragility(tuple(d.tolist()), family, 1.0)
    assert (found.kept, found.fragile) == (20_000, False)
