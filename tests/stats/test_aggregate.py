"""Interquartile mean, its bootstrap, and performance profiles, by hand and by simulation."""

from __future__ import annotations

from math import inf

import numpy as np
import pytest
from scipy import stats as oracle

from paribus.stats import effort_ratios, interquartile_interval, interquartile_mean, profile
from tests.helpers.refusals import refused


def test_the_middle_half_by_hand() -> None:
    """Of eight the two least and the two largest are left out; of ten the same, as a quarter is rounded down."""
    assert interquartile_mean([[1, 2, 3, 4], [5, 6, 7, 100]]) == 4.5
    assert interquartile_mean(range(10)) == 4.5
    assert interquartile_mean([-1e9, 0, 0, 0, 0, 0, 0, 1e9]) == 0.0


def test_the_interval_holds_the_mean_and_is_the_same_every_time() -> None:
    tasks = [np.random.default_rng(i).standard_normal(10) + i for i in range(5)]
    found = interquartile_interval(tasks)
    assert found == interquartile_interval(tasks)
    assert found.low < found.mean < found.high
    assert found.mean == interquartile_mean(np.concatenate(tasks))
    assert found != interquartile_interval(tasks, seed=1)


def test_runs_are_redrawn_within_their_task() -> None:
    """Two tasks far apart, each without spread: redrawing within them changes nothing."""
    found = interquartile_interval([np.zeros(8), np.full(8, 100.0)])
    assert (found.low, found.mean, found.high) == (50.0, 50.0, 50.0)


def test_one_task_agrees_with_scipys_bootstrap() -> None:
    x = np.random.default_rng(6).standard_normal(20)
    found = interquartile_interval([x], draws=5000)
    other = oracle.bootstrap(
        (x,),
        lambda v, axis: oracle.trim_mean(v, 0.25, axis=axis),
        n_resamples=5000,
        method="percentile",
        rng=np.random.default_rng(7),
    ).confidence_interval
    assert (found.low, found.high) == pytest.approx((other.low, other.high), abs=0.04)


def test_the_interval_covers_about_as_often_as_it_says() -> None:
    """Five tasks of ten normal runs: 90 to 96 % over 400 repeats, a little short as the bootstrap is."""
    rng = np.random.default_rng(8)
    hits = 0
    for _ in range(400):
        found = interquartile_interval(list(rng.standard_normal((5, 10))), draws=200)
        hits += found.low <= 0.0 <= found.high
    assert 0.89 <= hits / 400 <= 0.97


def test_tasks_may_differ_in_their_number_of_runs() -> None:
    assert interquartile_interval([[1.0, 1.0], [1.0] * 6]).mean == 1.0


def test_ratios_are_to_the_least_effort_of_the_same_problem() -> None:
    """One that nobody solves counts against all alike."""
    efforts = [[100, 200, inf], [30, 10, 20], [inf, inf, inf]]
    assert effort_ratios(efforts).tolist() == [[1, 2, inf], [3, 1, 2], [inf, inf, inf]]


def test_a_profile_is_the_share_solved_within_each_factor() -> None:
    """Misses are never solved, however far one looks."""
    assert profile([1, 3, inf, 2], [0.5, 1, 2, 2.9, 3, 1e9]).tolist() == [
        0,
        0.25,
        0.5,
        0.5,
        0.75,
        0.75,
    ]


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        (
            lambda: interquartile_interval([]),
            "interquartile mean: got 0 tasks and 2000 draws, expected one or more of each. "
            "Pass the runs of each task, and leave the draws out for the default.",
        ),
        (
            lambda: interquartile_interval([[]]),
            "scores of a task: got 0, expected 1 or more. Run more seeds.",
        ),
        (
            lambda: effort_ratios([[0.0, 2.0]]),
            "efforts: got shape (1, 2) with 1 not positive, expected (problem, variant), positive, infinite where "
            "the target was missed. Pass one row a problem, and at least one step for a target met at the start.",
        ),
    ],
)
def test_what_cannot_be_aggregated_is_refused(call, expected) -> None:
    assert refused(call) == expected
