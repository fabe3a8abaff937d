"""Confidence sequence of a bounded mean: by hand, for the first bets, and its coverage at every look."""

from __future__ import annotations

from math import log

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.stats import binom

from paribus.stats import mean_sequence
from tests.helpers.refusals import refused


def by_hand(x: list[float], alpha: float) -> float:
    """Return the lower limit after all of them, from the paper's formulas, one candidate at a time."""

    def excess(m: float) -> float:
        wealth, most, total, squares, variance = 0.0, 0.0, 0.5, 0.25, 0.25
        for i, value in enumerate(x, 1):
            bet = np.sqrt(2 * log(2 / alpha) / (variance * i * log(i + 1)))
            wealth += log(1 + min(bet, 0.75 / m) * (value - m))
            most = max(most, wealth)
            total += value
            squares += (value - total / (i + 1)) ** 2
            variance = squares / (i + 1)
        return most - log(2 / alpha)

    return float(brentq(excess, 1e-6, 1.0))


def test_it_is_what_the_formulas_give() -> None:
    x = [0.9, 0.7, 1.0, 0.8, 0.9, 0.2, 0.9, 0.8, 1.0, 0.9, 0.7, 0.9]
    low, high = mean_sequence(x, 0.0, 1.0, 0.1)
    assert low[-1] == pytest.approx(by_hand(x, 0.1), abs=1e-6)
    assert high[-1] == pytest.approx(1 - by_hand([1 - y for y in x], 0.1), abs=1e-6)
    assert low[6] == pytest.approx(by_hand(x[:7], 0.1), abs=1e-6)


def test_limits_move_with_the_bounds_and_never_widen() -> None:
    x = np.random.default_rng(0).random(30)
    low, high = mean_sequence(x, 0.0, 1.0)
    moved_low, moved_high = mean_sequence(10 * x - 5, -5.0, 5.0)
    assert moved_low == pytest.approx(10 * low - 5)
    assert moved_high == pytest.approx(10 * high - 5)
    assert (np.diff(low) >= 0).all()
    assert (np.diff(high) <= 0).all()


def test_equal_values_are_known_slowly() -> None:
    """Each factor is 1 + .75 (m - x) / (1 - m) at most: thirty of them reach 40 where m is .0745 above a half."""
    low, high = mean_sequence([0.5] * 30, 0.0, 1.0)
    assert high[-1] - 0.5 == pytest.approx(0.5 - low[-1])
    m = high[-1]
    assert 30 * log(1 + 0.75 * (m - 0.5) / (1 - m)) == pytest.approx(log(40), rel=1e-4)
    assert m == pytest.approx(0.5745, abs=5e-4)


def test_a_family_widens_it() -> None:
    one, four = mean_sequence([0.5] * 30, 0.0, 1.0), mean_sequence([0.5] * 30, 0.0, 1.0, family=4)
    assert four[0][-1] < one[0][-1]


def test_nothing_is_known_before_the_first_value() -> None:
    low, high = mean_sequence([], 0.0, 1.0)
    assert (low.size, high.size) == (0, 0)


@pytest.mark.parametrize("draw", ["skewed", "rare"])
def test_it_covers_at_every_look_at_once(draw: str) -> None:
    """Of 200 sequences of 40 skewed shares, or of one rare loss in twenty, at most 5 % ever leave out the mean."""
    rng = np.random.default_rng(7)
    missed = 0
    for _ in range(200):
        x = rng.beta(0.5, 1.5, 40) if draw == "skewed" else 1.0 - (rng.random(40) < 0.05)
        mean = 0.25 if draw == "skewed" else 0.95
        low, high = mean_sequence(x, 0.0, 1.0)
        missed += not low[-1] <= mean <= high[-1]  # they never widen, so the last look tells of all
    assert missed <= binom.ppf(0.999, 200, 0.05)


def test_a_value_outside_of_its_bounds_is_refused() -> None:
    assert refused(mean_sequence, [0.5, 1.5], 0.0, 1.0) == (
        "bounds of the values: got 0 to 1, for values from 0.5 to 1.5, expected a range that holds every value. "
        "Declare the range that the score has for certain, or none."
    )
