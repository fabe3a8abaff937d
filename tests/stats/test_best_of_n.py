"""Expected best of n trials, by hand and by enumeration."""

from __future__ import annotations

from itertools import combinations
from statistics import fmean

import pytest

from paribus.stats.best_of_n import best_of
from tests.helpers.refusals import refused


def test_the_expected_best_of_n_by_hand() -> None:
    """Of .2 .4 .8: pairs' best are .4 .8 .8, whose mean is 2/3; lower better: .2 .2 .4."""
    values = [0.8, 0.2, 0.4]
    assert best_of(values, 1) == pytest.approx(1.4 / 3)
    assert best_of(values, 2) == pytest.approx(2.0 / 3)
    assert best_of(values, 3) == 0.8
    assert best_of(values, 2, higher_is_better=False) == pytest.approx(0.8 / 3)


@pytest.mark.parametrize("n", range(1, 8))
@pytest.mark.parametrize("higher", [True, False])
def test_the_expected_best_of_n_is_the_mean_over_all_ways_to_pick_n(n, higher) -> None:
    values = [0.3, -1.0, 2.5, 2.5, 0.0, 7.0, 1.25]
    best = max if higher else min
    assert best_of(values, n, higher) == pytest.approx(
        fmean(best(picked) for picked in combinations(values, n))
    )


@pytest.mark.parametrize("n", [0, 4])
def test_a_best_of_more_than_there_are_is_refused(n) -> None:
    assert refused(best_of, [1.0, 2.0, 3.0], n) == (
        f"n of an expected best of n: got {n}, expected 1 to 3, the trials that there are. "
        "Ask for no more than were run."
    )
