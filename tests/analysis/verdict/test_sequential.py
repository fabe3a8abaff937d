"""Verdicts of a sequence of seeds: where contrasts stop, what they may say then, and how often they are wrong."""

from __future__ import annotations

from math import isnan, nan
from typing import Any

import numpy as np
import pytest
from scipy.stats import binom

from paribus.analysis.verdict import Contrast, Decision, Size, decide_sequentially

BASE = np.linspace(0.6, 0.7, 30)
HARDLY = [1e-9, -1e-9] * 15  # no identity, and nothing more


def judge(*differences: Any, **rule: Any) -> tuple[Contrast, ...]:
    """Follow variants `v0`, `v1`, ... that are the baseline plus these differences."""
    n = max(len(d) for d in differences)
    padded = [[*d, *[nan] * (n - len(d))] for d in differences]
    rows = {f"v{i}": BASE[:n] + np.array(d) for i, d in enumerate(padded)}
    given = [["completed"] * len(d) + ["skipped"] * (n - len(d)) for d in differences]
    states = {f"v{i}": row for i, row in enumerate(given)} | {"base": ["completed"] * n}
    defaults: dict[str, Any] = {"higher_is_better": True, "failure_score": 0.1, "dummy": 0.1}
    defaults |= {"family_size": len(differences), "outcomes": states}
    return decide_sequentially({"base": BASE[:n], **rows}, baseline="base", **{**defaults, **rule})


def test_one_contrast_stops_at_eight_unanimous_seeds() -> None:
    better, worse = judge([0.01] * 8)[0], judge([-0.01] * 8)[0]
    assert (better.label, better.n, better.open, better.sequential) == (
        "wins more often",
        8,
        False,
        True,
    )
    assert worse.label == "wins less often"
    assert better.p == better.p_holm == pytest.approx(9 / 256)


def test_each_contrast_stops_by_itself_and_later_seeds_change_nothing() -> None:
    """Of two: nine unanimous seeds stop one, 2^9 / 10 = 51 of the 40 wanted; what came after is not looked at."""
    first, second = judge([0.01] * 9 + [-0.5] * 11, [0.01, -0.01] * 10)
    assert (first.label, first.n, first.wins.wins) == ("wins more often", 9, 9)
    assert first.difference.mean == pytest.approx(0.01)
    assert (second.label, second.open) == ("undecided (open after 20 seeds)", True)


def test_a_variant_with_fewer_seeds_is_judged_on_those() -> None:
    first, second = judge([0.01] * 9, [0.01, -0.01] * 10)
    assert (first.n, first.label) == (9, "wins more often")
    assert second.n == 20


def test_a_mean_has_no_interval_and_nothing_is_equivalent() -> None:
    (found,) = judge(HARDLY, margin=0.01)
    assert found.decision is Decision.undecided
    assert isnan(found.difference.low)
    assert isnan(found.difference.high)
    assert found.p_equivalent is found.p_equivalent_holm is found.detectable is None


def test_seeds_that_differ_by_nothing_are_identical() -> None:
    found = judge([0.0] * 10, margin=0.01, score_range=(0, 1))[0]
    assert (found.label, found.size, found.open) == ("identical", Size.within, True)


def test_the_share_of_wins_has_limits_that_agree_with_the_verdict() -> None:
    better, undecided = judge([0.01] * 8)[0], judge([0.01] * 7)[0]
    assert better.wins.low > 0.5
    assert undecided.wins.low < 0.5
    assert better.wins.level == 0.95


def test_a_floor_silences_it_and_it_stays_open() -> None:
    (found,) = judge([0.001] * 7, dummy=0.9)
    assert (found.label, found.open) == ("undecided (floor)", True)


def test_ties_are_no_evidence() -> None:
    (found,) = judge([0.01] + [0.0] * 19)
    assert (found.label, found.wins.ties, found.open) == (
        "undecided (open after 20 seeds)",
        19,
        True,
    )


def test_a_failed_run_loses_its_seed() -> None:
    (found,) = judge(
        [-0.01] * 7 + [nan],
        outcomes={"base": ["completed"] * 8, "v0": ["completed"] * 7 + ["diverged"]},
    )
    assert (found.label, found.failures, found.failures_p) == ("wins less often", (1, 0), None)


def test_an_earlier_look_of_another_kind_makes_it_exploratory() -> None:
    (found,) = judge([0.01] * 8, exploratory=("v0",))
    assert found.label == "wins more often (exploratory)"


def test_interactions_are_followed_in_the_same_family() -> None:
    scores = {"base": BASE, "a": BASE, "b": BASE, "both": BASE + 0.01}
    found = decide_sequentially(
        {name: row[:10] for name, row in scores.items()},
        baseline="base",
        higher_is_better=True,
        failure_score=0.1,
        family_size=4,
        interactions={"a : b": ("both", "a", "b", "base")},
    )
    assert [(c.variant, c.label) for c in found][-2:] == [
        ("both", "wins more often"),
        ("a : b", "wins more often"),
    ]
    assert found[-1].p_holm == pytest.approx(4 * 11 / 1024)


def test_a_family_of_nulls_is_wrong_at_most_once_in_twenty() -> None:
    """Four contrasts that share a baseline, thirty looks each: any verdict at all in at most 5 % of 400 repeats."""
    rng = np.random.default_rng(3)
    wrong = 0
    for _ in range(400):
        runs = rng.standard_normal((5, 30))
        table = {str(i): row for i, row in enumerate(runs)}
        found = decide_sequentially(
            table, baseline="0", higher_is_better=True, failure_score=-9.0, family_size=4
        )
        wrong += any(c.decision is not Decision.undecided for c in found)
    assert wrong <= binom.ppf(0.995, 400, 0.05)


# --- the mean, where the score has a known range -------------------------------------------------

SHARE: dict[str, Any] = {"score_range": (0.0, 1.0), "family_size": 1}


def test_a_mean_beyond_the_margin_is_clearly_better() -> None:
    """Signs stop after eight seeds; so one that loses its first seeds by little goes on, until the mean is known."""
    d = [-0.01, 0.35, -0.01, 0.35, -0.01, 0.35, -0.01] + [0.39] * 23
    (found,) = judge(d, margin=0.02, **SHARE)
    assert (found.label, found.size, found.open) == ("clearly better", "beyond", False)
    assert found.n < 30
    assert 0.02 < found.difference.low < found.difference.mean < found.difference.high
    assert (found.better_by(0.01), found.not_worse) == (True, True)
    (worse,) = judge([-x for x in d], margin=0.02, **SHARE)
    assert (worse.label, worse.n) == ("clearly worse", found.n)


def test_equal_accuracies_are_equivalent_within_a_wide_margin() -> None:
    """Limits of thirty equal scores are .149 away: within a margin of .15, and not of .14."""
    (found,) = judge(HARDLY, margin=0.15, **SHARE)
    assert (found.label, found.size, found.n, found.open) == ("equivalent", "within", 30, False)
    assert -0.15 < found.difference.low < 0 < found.difference.high < 0.15
    (narrow,) = judge(HARDLY, margin=0.14, **SHARE)
    assert (narrow.label, narrow.open) == ("undecided (open after 30 seeds)", True)


def test_without_a_range_nothing_is_said_of_the_mean() -> None:
    (found,) = judge(HARDLY, margin=0.15, family_size=1)
    assert found.label == "undecided (open after 30 seeds)"
    assert isnan(found.difference.low)


def test_beside_a_failure_nothing_is_equivalent() -> None:
    states = {"base": ["completed"] * 30, "v0": ["completed"] * 29 + ["diverged"]}
    (found,) = judge([0.0] * 29 + [nan], margin=0.25, **SHARE, outcomes=states)
    assert found.label == "equivalent"  # it was, before the failure came
    states["v0"] = ["diverged"] + ["completed"] * 29
    (found,) = judge([nan] + [0.0] * 29, margin=0.25, **SHARE, outcomes=states)
    assert found.decision is Decision.undecided


def test_wins_that_the_mean_does_not_bear_out_say_so() -> None:
    """Eleven small wins and a large loss: more wins, and a mean of the other sign."""
    small = [0.01] * 5 + [-0.9] + [0.01] * 8
    (found,) = judge(small)
    assert found.label == "wins more often (the mean has the other sign)"
    (found,) = judge([0.01] * 8, margin=0.05)
    assert found.label == "wins more often (the mean does not exceed the margin)"
    (found,) = judge([0.1] * 8, margin=0.05)
    assert found.label == "wins more often"


def test_an_interaction_of_scores_has_twice_their_range_and_one_of_logarithms_none() -> None:
    scores = {"base": BASE, "a": BASE, "b": BASE, "both": BASE + np.array(HARDLY)}
    rule: dict[str, Any] = {
        "baseline": "base",
        "higher_is_better": True,
        "failure_score": 0.1,
        "margin": 0.5,
        "family_size": 4,
        "interactions": {"a : b": ("both", "a", "b", "base")},
    }
    found = decide_sequentially(scores, score_range=(0.0, 1.0), **rule)
    single, crossed = found[0].difference, found[-1].difference
    assert found[-1].label == "equivalent"
    assert crossed.high > single.high
    logs = decide_sequentially(scores, score_range=(0.0, 1.0), scale="log", **rule)
    assert isnan(logs[-1].difference.high)
