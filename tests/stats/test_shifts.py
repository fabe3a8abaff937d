"""Shifts: by hand, and against the tests that they stand for, moved to just above and just below."""

from __future__ import annotations

from math import inf

import numpy as np
import pytest

from paribus import stats
from paribus.stats.shifts import sign_flip_shifts, t_shifts


def drawn(n: int, ties: float, draws: int = 40) -> tuple[np.ndarray, np.ndarray]:
    """Return normal differences, ``(draw, seed)``, a share of them zero, and which are not."""
    generator = np.random.default_rng(n)
    changed = generator.random((draws, n)) >= ties
    return np.where(changed, generator.standard_normal((draws, n)), 0.0), changed


def test_seven_seeds_by_hand() -> None:
    """At 5 %, 3 of 128 flips may reach the sum: that of no seed, and two more; the third lowest mean of a set decides.

    The lowest are -4, (-4 - 2) / 2 = -3 and -2; the highest 2, and (2 + 1) / 2 = 1.5 four times.
    """
    d = np.array([[-4.0, -2.0, 1.0, 1.0, 1.0, 1.0, 2.0]])
    (up,), (down,) = sign_flip_shifts(d, d != 0, 0.05)
    assert (up, down) == pytest.approx((2.0, 1.5))


@pytest.mark.parametrize(("n", "ties", "level"), [(7, 0.0, 0.05), (11, 0.3, 0.05), (11, 0.0, 0.01)])
def test_above_its_shift_a_draw_is_told_and_below_it_is_not(
    n: int, ties: float, level: float
) -> None:
    """Against the exact sign-flip test of each draw."""
    d, changed = drawn(n, ties)
    shifts = sign_flip_shifts(d, changed, level)
    for sign, found in zip((1, -1), shifts, strict=True):
        assert np.isfinite(found).any()
        for x, moved, shift in zip(sign * d, changed, found, strict=True):
            if shift == inf:  # even alike, so few seeds cannot reach the level
                assert 2.0 ** (1 - moved.sum()) > level
                continue
            above, below = (np.where(moved, x + shift + by, 0.0) for by in (1e-5, -1e-5))
            assert above.mean() > 0
            assert stats.sign_flip_p(above) <= level
            assert below.mean() <= 0 or stats.sign_flip_p(below) > level


def test_a_part_of_the_sets_says_about_the_same() -> None:
    """At 20 seeds 2048 of a million sets are looked at: their 80 % quantile is that of the exact test within 4 %."""
    d, changed = drawn(20, 0.0)
    up, _ = sign_flip_shifts(d, changed, 0.05 / 4)

    def exact(x: np.ndarray) -> float:
        low, high = -x.mean(), 5.0
        for _ in range(9):
            middle = (low + high) / 2
            told = stats.sign_flip_p(x + middle) <= 0.05 / 4
            low, high = (low, middle) if told else (middle, high)
        return high

    assert np.quantile(up, 0.8) == pytest.approx(np.quantile([*map(exact, d)], 0.8), rel=0.04)


@pytest.mark.parametrize(("ties", "edge", "correction"), [(0.0, 0.0, 0.25), (0.3, 0.4, 0.0)])
def test_t_shifts_put_the_limit_on_the_edge(ties: float, edge: float, correction: float) -> None:
    """Against the interval of each shifted draw."""
    d, changed = drawn(10, ties)
    found = t_shifts(d, changed, edge, 0.05 / 8, correction)
    for x, moved, shift in zip(d, changed, found, strict=True):
        if shift < inf:
            y = np.where(moved, x + shift, 0.0)
            limits = stats.paired_t_interval(y, 0.95, 4, correction)
            assert limits.low == pytest.approx(edge, abs=1e-9)
    assert np.isfinite(found).mean() > 0.5


def test_where_most_seeds_tie_no_shift_lifts_the_limit() -> None:
    """One of six moved: mean and deviation grow alike, and the lower limit stays below zero."""
    d = np.zeros((1, 6))
    assert t_shifts(d, np.arange(6)[None] == 0, 0.0, 0.025)[0] == inf
