"""Partial pooling over tasks: by hand where all is equal, by brute force elsewhere, and its calibration."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from scipy.stats import halfcauchy, norm

from paribus import stats
from tests.helpers.refusals import refused

EFFECTS = [2.1, 3.3, 2.6, -0.4, 3.9, 1.9, 0.2, 0.0, 1.1]
ERRORS = [0.3, 0.2, 0.5, 0.1, 0.6, 0.4, 0.05, 0.2, 0.8]


@cache
def by_brute_force() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the mean ``(mu, 1)``, the deviation ``(1, tau)``, and their density on a grid of both."""
    mu = np.linspace(-12, 15, 541)[:, None]
    tau = np.geomspace(0.02, 60, 300)[None, :]
    log_density = norm.logpdf(mu, 0, 2) + halfcauchy.logpdf(tau) + np.log(tau)  # of log(tau)
    for effect, error in zip(EFFECTS, ERRORS, strict=True):
        log_density = log_density + norm.logpdf(effect, mu, np.hypot(error, tau))
    density = np.exp(log_density - log_density.max())
    return mu, tau, density / density.sum()


@pytest.mark.parametrize("above", [0.0, 0.88, 3.0])
def test_a_new_tasks_effect_is_what_a_grid_over_both_parameters_gives(above: float) -> None:
    found = stats.pool(EFFECTS, ERRORS)
    mu, tau, density = by_brute_force()
    share = float((norm.sf(above, mu, tau) * density).sum())
    assert found.chance_above(above) == pytest.approx(share, abs=1e-3)
    assert found.chance_below(above) == pytest.approx(1 - share, abs=1e-3)
    assert found.mean.mean == pytest.approx(float((mu * density).sum()), abs=2e-3)
    assert found.between == pytest.approx(float((tau * density).sum()), rel=1e-2)


def test_effects_that_balance_leave_every_answer_even() -> None:
    found = stats.pool([1.0, -2.0, 3.0, -3.0, 2.0, -1.0, 0.5, -0.5], [0.5] * 8)
    assert found.mean.mean == pytest.approx(0.0, abs=1e-9)
    assert found.mean.low == pytest.approx(-found.mean.high, abs=1e-6)
    assert found.new.low == pytest.approx(-found.new.high, abs=1e-6)
    assert found.chance_above(0.0) == pytest.approx(0.5)


def test_many_exact_effects_leave_the_prior_behind() -> None:
    """Of 400 tasks with mean 2 and deviation 1: P(new > 0) = Phi(2), and the mean's error is 1/20."""
    effects = 2 + norm.ppf((np.arange(400) + 0.5) / 400)
    found = stats.pool(effects, [0.01] * 400)
    assert found.chance_above(0.0) == pytest.approx(norm.cdf(2), abs=2e-3)
    assert (found.mean.low, found.mean.high) == pytest.approx(
        (2 - 1.96 / 20, 2 + 1.96 / 20), abs=5e-3
    )


def test_a_task_that_is_known_better_weighs_more_where_tasks_agree() -> None:
    exact, vague = [0.1] * 4, [3.0] * 4
    assert stats.pool([1.0] * 4 + [2.0] * 4, exact + vague).mean.mean < 1.1


def test_a_new_task_is_less_certain_than_the_mean_of_all() -> None:
    found = stats.pool(EFFECTS, ERRORS)
    assert found.new.low < found.mean.low < found.mean.high < found.new.high
    assert found.chance_above(found.new.low) == pytest.approx(0.975, abs=1e-6)
    assert found.chance_above(found.new.high) == pytest.approx(0.025, abs=1e-6)


def test_turning_every_effect_turns_the_answer() -> None:
    found, turned = stats.pool(EFFECTS, ERRORS), stats.pool([-x for x in EFFECTS], ERRORS)
    assert turned.chance_below(-1.0) == pytest.approx(found.chance_above(1.0))
    assert turned.mean.low == pytest.approx(-found.mean.high)


def test_effects_without_any_error_are_pooled_too() -> None:
    found = stats.pool([1.0, 1.2, 0.8, 1.1, 0.9, 1.0, 1.05, 0.95], [0.0] * 8)
    assert found.mean.mean == pytest.approx(1.0, abs=0.01)
    assert found.chance_above(0.0) > 0.99


@pytest.mark.parametrize(
    ("effects", "errors", "message"),
    [
        (
            [1.0] * 7,
            [0.1] * 7,
            "effects of tasks: got 7, expected 8 or more. Add tasks: fewer say too little of how much tasks differ.",
        ),
        (
            [1.0] * 8,
            [0.1] * 7,
            "effects and errors of tasks: got 8 and 7, expected one length. Pass one of each a task.",
        ),
        (
            [1.0] * 8,
            [-0.1] * 8,
            "errors of tasks: got -0.1, expected standard errors, zero or more. Pass that of each effect.",
        ),
    ],
)
def test_what_cannot_be_pooled_is_refused(effects, errors, message) -> None:
    assert refused(stats.pool, effects, errors) == message


def test_margins_are_squeezed_linear_within_one_and_logarithmic_beyond() -> None:
    """asinh(0.1) = 0.0998 and asinh(100) = ln 200; an error shrinks by the slope 1 / sqrt(1 + x^2)."""
    effects, errors = stats.squeeze([0.1, 100.0, -100.0], [0.1, 10.0, 10.0])
    assert effects.tolist() == pytest.approx([0.0998, np.log(200), -np.log(200)], abs=1e-4)
    assert errors.tolist() == pytest.approx([0.1 / 1.01**0.5, 0.1, 0.1], rel=1e-3)
