"""Counted rates against binomial bands; the oracle adds up the binomial distribution in rational numbers."""

from __future__ import annotations

from fractions import Fraction
from math import comb

import pytest

from paribus.calibration.rates import Rate, Rule, band, limits
from tests.helpers.refusals import refused


def tail(low: int, high: int, trials: int, rate: Fraction) -> Fraction:
    """Probability of a count from low to high."""
    return sum(
        (comb(trials, k) * rate**k * (1 - rate) ** (trials - k) for k in range(low, high + 1)),
        Fraction(0),
    )


@pytest.mark.parametrize(
    ("rate", "trials"), [(Fraction(1, 20), 200), (Fraction(1, 32), 150), (Fraction(19, 20), 100)]
)
def test_a_band_leaves_out_half_a_thousandth_on_either_side_and_is_no_wider(rate, trials) -> None:
    """So a sound procedure turns a run red in one of a thousand cases at most."""
    low, high = (round(x * trials) for x in band(float(rate), trials))
    half = Fraction(5, 10_000)
    assert tail(0, low - 1, trials, rate) <= half < tail(0, low, trials, rate)
    assert tail(high + 1, trials, trials, rate) <= half < tail(high, trials, trials, rate)


def a_rate(hits: int, rule: Rule) -> Rate:
    return Rate("A/A", "rejections", hits, 200, 0.05, rule, "a bug")


@pytest.mark.parametrize(
    ("rule", "passing", "failing"),
    [
        ("equal", {2, 10, 21}, {0, 1, 22, 200}),
        ("at_most", {0, 1, 21}, {22, 200}),
        ("at_least", {2, 22, 200}, {0, 1}),
        ("above", {22, 200}, {0, 2, 21}),
        ("below", {0, 1}, {2, 21, 22}),
        ("shown", {0, 10, 200}, set()),
    ],
)
def test_rules_hold_a_count_against_the_band(rule, passing, failing) -> None:
    """Of 200 at 5 % the band is 2 to 21."""
    assert all(a_rate(hits, rule).passed for hits in passing)
    assert not any(a_rate(hits, rule).passed for hits in failing)
    assert a_rate(10, rule).planted == (rule in ("above", "below"))


def test_limits_are_those_of_clopper_and_pearson() -> None:
    """None of 200: the rate at which that has a chance of half a thousandth."""
    assert limits(0, 200) == (0.0, pytest.approx(1 - 0.0005 ** (1 / 200)))
    assert limits(200, 200) == (pytest.approx(0.0005 ** (1 / 200)), 1.0)


@pytest.mark.parametrize(
    ("hits", "trials", "expected"), [(3, 2, 0.5), (-1, 2, 0.5), (0, 0, 0.5), (1, 2, 1.5)]
)
def test_counts_that_cannot_be_are_refused(hits, trials, expected) -> None:
    assert refused(Rate, "A/A", "rejections", hits, trials, expected, "equal", "") == (
        f"rate 'rejections': got {hits} of {trials}, {expected:g} expected, expected hits within 0 and trials, at "
        "least one trial, a rate within 0 and 1. Count again."
    )
