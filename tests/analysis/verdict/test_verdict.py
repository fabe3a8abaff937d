"""Decision rule: each branch by hand, its order, its edges, and its error rates."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import inf, isnan, nan
from typing import Any

import numpy as np
import pytest
from scipy import stats as oracle
from scipy.stats import binom

from paribus import stats
from paribus.analysis.verdict import Contrast, Decision, Family, Size, decide
from paribus.analysis.verdict.fragility import signed_rank_p, trimmed_mean
from tests.helpers.refusals import refused

BASE = np.array([0.70, 0.72, 0.69, 0.71, 0.73, 0.70, 0.74, 0.68, 0.71, 0.72])
NOISE = np.array([3.0, -2.0, 1.0, -3.0, 2.0, -1.0, 2.5, -2.5, 0.5, -0.5]) / 1000


def judge(*differences: Sequence[float] | np.ndarray, **rule: Any) -> tuple[Contrast, ...]:
    """Decide on variants `v0`, `v1`, ... that are the baseline plus these differences."""
    n = len(differences[0])
    base = np.resize(BASE, n)
    rows = {f"v{i}": base + np.asarray(d) for i, d in enumerate(differences)}
    defaults = {"higher_is_better": True, "margin": 0.01, "failure_score": 0.5, "dummy": 0.5}
    return decide({"base": base, **rows}, **{"baseline": "base", **defaults, **rule})


def labels(*differences: Sequence[float] | np.ndarray, **rule: Any) -> list[str]:
    """Return the printed verdicts."""
    return [contrast.label for contrast in judge(*differences, **rule)]


def message(**changes: Any) -> str:
    """Return the text of the error that a bad argument raises."""
    good: dict[str, Any] = {
        "scores": {"a": [1.0, 2.0], "b": [1.0, 3.0]},
        "baseline": "a",
        "higher_is_better": True,
        "margin": None,
        "failure_score": 0.0,
    }
    return refused(decide, **{**good, **changes})


# --- each branch -----------------------------------------------------------------------------


def test_better_and_worse() -> None:
    """Ten unanimous seeds beyond the margin, either way."""
    assert labels(NOISE + 0.05, NOISE - 0.05) == ["clearly better", "clearly worse"]


def test_equivalent() -> None:
    """A spread of .002 around zero lies inside a margin of .01."""
    assert labels(NOISE) == ["equivalent"]


def test_a_difference_that_is_real_and_small_is_slightly_better() -> None:
    """Both questions are answered: there is one, and it does not matter."""
    (contrast,) = judge(np.abs(NOISE) + 0.001)
    assert max(contrast.p_holm, contrast.p_equivalent_holm or 1.0) <= 0.05
    assert (contrast.label, contrast.decision, contrast.size) == (
        "slightly better",
        Decision.better,
        Size.within,
    )
    assert labels(-np.abs(NOISE) - 0.001) == ["slightly worse"]


def test_a_difference_whose_size_is_open_is_better() -> None:
    """Its interval reaches from within the margin to beyond it."""
    (contrast,) = judge(3 * NOISE + 0.011)
    assert contrast.difference.low < 0.01 < contrast.difference.high
    assert (contrast.label, contrast.decision, contrast.size) == (
        "better",
        Decision.better,
        Size.open,
    )


def test_twenty_nine_small_wins_are_a_difference() -> None:
    """A mean of .0267 on 29 of 29 seeds against a margin of .05, p = 2^-28: not equivalent."""
    (contrast,) = judge(np.linspace(0.0217, 0.0317, 29), margin=0.05)
    assert contrast.p_holm == 2**-28
    assert contrast.label == "slightly better"


def test_the_interval_of_equivalence_lies_within_the_margin() -> None:
    """It is that of the test, at 90 %, and not widened for the family."""
    (contrast,) = judge(3 * NOISE + 0.002, family_size=6)
    assert contrast.label == "equivalent"
    assert contrast.difference.low < -0.01 or contrast.difference.high > 0.005
    d = (BASE + (3 * NOISE + 0.002)) - BASE
    assert contrast.tost == stats.paired_t_interval(d, level=0.9)
    assert -0.01 < contrast.tost.low < contrast.tost.high < 0.01


def test_more_can_be_asked_of_a_contrast() -> None:
    """No worse by the margin: one-sided, for the whole family; better by more than a margin of one's own."""
    up, small, wide, few = judge(NOISE + 0.05, NOISE, 10 * NOISE, 10 * NOISE, family_size=4)
    assert [c.not_worse for c in (up, small, wide, few)] == [True, True, False, False]
    assert up.better_by(0.04)
    assert not up.better_by(0.05)
    assert up.lower == stats.paired_t_interval((BASE + (NOISE + 0.05)) - BASE, 0.9, 4).low
    (look,) = judge((NOISE + 0.05)[:3])
    assert not look.not_worse
    assert not look.better_by(0.0)
    (open_,) = judge(NOISE + 0.05, margin=None)
    assert (open_.not_worse, open_.better_by(0.04), open_.size) == (False, True, Size.open)


def test_undecided_says_what_could_have_been_seen() -> None:
    """Too wide for either: undecided, and about the .996 deviations that the t test sees at n = 10."""
    (contrast,) = judge(10 * NOISE)
    assert (contrast.label, contrast.reason) == ("undecided", "")
    expected = 0.996 * (10 * NOISE).std(ddof=1)
    assert contrast.detectable == pytest.approx(expected, rel=0.08)


def test_only_the_undecided_carry_a_detectable_effect() -> None:
    """Beside a decision it would be noise."""
    contrasts = judge(NOISE + 0.05, NOISE, 10 * NOISE)
    assert [c.decision is Decision.undecided for c in contrasts] == [False, False, True]
    assert [c.detectable is None for c in contrasts] == [True, True, False]


def test_without_a_margin_nothing_is_equivalent() -> None:
    """And the reason says so."""
    (contrast,) = judge(NOISE, margin=None)
    assert contrast.label == "undecided (no margin)"
    assert contrast.p_equivalent is contrast.p_equivalent_holm is None
    assert labels(NOISE + 0.05, margin=None) == ["better"]


def test_direction_follows_the_metric() -> None:
    """A loss that falls is better, and the difference is positive."""
    scores = {"base": -BASE, "up": -BASE + 0.05 + NOISE, "down": -BASE - 0.05 + NOISE}
    up, down = decide(
        scores, baseline="base", higher_is_better=False, margin=0.01, failure_score=0.0, dummy=-0.5
    )
    assert (up.label, down.label) == ("clearly worse", "clearly better")
    assert down.difference.mean == pytest.approx(0.05)
    assert (down.wins.wins, up.wins.wins) == (10, 0)


def test_sign_of_the_mean_decides() -> None:
    """Fifteen seeds lose a little and fourteen win much: better, by the mean."""
    (contrast,) = judge([-0.001] * 15 + [0.1] * 14)
    assert contrast.label == "clearly better (fragile)"
    assert contrast.wins.wins < contrast.wins.losses


# --- interactions ----------------------------------------------------------------------------

CROSS = {"a : b": ("both", "a", "b", "base")}
SHIFTED = [0.02, 0.03, 0.025, 0.035, 0.02, 0.03, 0.025, 0.035, 0.03, 0.02]


def crossed(
    together: Sequence[float] | np.ndarray, scale: str = "score", **rule: Any
) -> tuple[Contrast, ...]:
    """Return a crossing in which a adds .1, b adds .2, and both add what each does and so much together."""
    scores = {"base": BASE, "a": BASE + 0.1, "b": BASE + 0.2, "both": BASE + 0.3 + together}
    defaults = {"higher_is_better": True, "margin": 0.01, "failure_score": 0.5, "dummy": 0.5}
    return decide(
        {name: np.array(row) for name, row in scores.items()},
        **{"baseline": "base", "interactions": CROSS, "scale": scale, **defaults, **rule},
    )


def test_an_interaction_is_what_both_do_beyond_the_sum_of_each() -> None:
    """Ten seeds of +.02 to +.035 beyond .1 + .2; all four contrasts are one family."""
    *others, found = crossed(np.array(SHIFTED))
    assert [c.variant for c in others] == ["a", "b", "both"]
    assert (found.variant, found.label, found.n) == ("a : b", "clearly better", 10)
    assert found.difference.mean == pytest.approx(0.027)
    assert found.p == 2**-9
    assert found.p_holm == 4 * 2**-9  # one of four, the smallest
    expected = stats.paired_t_interval(SHIFTED, family=4)
    assert (found.difference.low, found.difference.high) == pytest.approx(
        (expected.low, expected.high)
    )


@pytest.mark.parametrize(
    ("together", "label"),
    [(-np.array(SHIFTED), "clearly worse"), (NOISE, "equivalent"), (10 * NOISE, "undecided")],
)
def test_an_interaction_has_every_verdict(together: np.ndarray, label: str) -> None:
    assert crossed(together)[-1].label == label


def test_an_interaction_of_a_loss_is_positive_where_both_lower_it_more() -> None:
    scores = {"base": BASE, "a": BASE - 0.1, "b": BASE - 0.2, "both": BASE - 0.3 - SHIFTED}
    found = decide(
        scores,
        baseline="base",
        higher_is_better=False,
        margin=0.01,
        failure_score=2.0,
        dummy=2.0,
        interactions=CROSS,
    )[-1]
    assert (found.label, found.difference.mean) == ("clearly better", pytest.approx(0.027))


def test_a_cell_at_the_floor_withholds_the_interaction_and_no_contrast() -> None:
    """The baseline has learned nothing: what both changes do beyond each is an artefact of the floor."""
    *others, found = crossed(np.array(SHIFTED), dummy=BASE)
    assert found.label == "undecided (floor)"
    assert found.p_holm == found.p_equivalent_holm == 1.0
    assert [c.label for c in others] == ["clearly better"] * 3


def test_an_interaction_without_any_difference_is_an_identity() -> None:
    """Adding .3 rounds otherwise than adding .1 and .2: what is left of a zero is a zero."""
    found = crossed(np.zeros(10))[-1]
    assert (found.label, found.zero) == ("identical", 10)


def test_the_scale_makes_or_hides_an_interaction() -> None:
    """Doubling and trebling, together sixfold: none in logarithms, on which no margin holds; one in the score."""
    base = BASE + NOISE
    cells = {"base": base, "a": 2 * base, "b": 3 * base, "both": 6 * base * np.exp(NOISE)}
    rule: dict[str, Any] = {"baseline": "base", "higher_is_better": True, "margin": 0.01}
    rule |= {"failure_score": 0.1, "dummy": 0.1, "interactions": CROSS}
    assert decide(cells, **rule)[-1].label == "clearly better"
    found = decide(cells, **rule, scale="log")[-1]
    assert found.label == "undecided (no margin)"
    assert found.difference.mean == pytest.approx(NOISE.mean(), abs=1e-12)
    assert found.p_equivalent is None


def test_a_score_of_zero_has_no_logarithm() -> None:
    scores = {"base": BASE, "a": BASE, "b": BASE + NOISE, "both": BASE - BASE}
    rule: dict[str, Any] = {"baseline": "base", "higher_is_better": False, "margin": None}
    found = decide(scores, failure_score=1.0, dummy=None, interactions=CROSS, scale="log", **rule)[
        -1
    ]
    assert found.label == "undecided (no logarithm)"


def test_a_failed_run_of_any_of_the_four_is_counted_and_left_out_of_what_finished() -> None:
    broken = np.array(SHIFTED)
    broken[3] = nan
    found = crossed(broken)[-1]
    assert (found.n, found.failures, found.failures_p) == (10, (1, 0), None)
    assert found.finished is not None
    assert found.finished.mean == pytest.approx(np.delete(SHIFTED, 3).mean())


def test_a_family_that_is_too_small_for_its_interaction_is_refused() -> None:
    assert "family_size: got 3, expected 4 or more, the contrasts given." in refused(
        crossed, NOISE, family_size=3
    )


def test_each_variant_has_a_floor_and_a_penalty_of_its_own() -> None:
    """A split that varies gives each variant another dummy score, ``(variant, seed)``."""
    scores = {"even": BASE, "uneven": [nan, *(BASE[1:] + 0.2)]}
    dummy = np.array([np.full(10, 0.1), np.full(10, 0.95)])
    rule: dict[str, Any] = {"baseline": "even", "higher_is_better": True, "margin": 0.01}
    (found,) = decide(
        scores, failure_score=dummy[:, :1] * 0.1 + np.zeros((2, 10)), dummy=0.1, **rule
    )
    first = 0.095 - BASE[0]  # its own penalty, not the baseline's .01
    assert found.difference.mean == pytest.approx((first + 9 * 0.2) / 10)
    (found,) = decide(scores, failure_score=0.5, dummy=dummy, **rule)
    assert found.label != "undecided (floor)"  # the baseline beats its own .1
    (found,) = decide(scores, failure_score=0.5, dummy=dummy[::-1], **rule)
    assert found.label != "undecided (floor)"
    (found,) = decide(scores, failure_score=0.5, dummy=dummy[[1, 1]], **rule)
    assert found.label == "undecided (floor)"


# --- what has nothing to say -----------------------------------------------------------------


def test_floor() -> None:
    """Neither beats the dummy score by the margin, so neither learned: not equivalent."""
    assert labels(NOISE, dummy=0.705) == ["undecided (floor)"]
    assert labels(NOISE, dummy=BASE - 0.009) == ["undecided (floor)"]
    assert labels(NOISE, dummy=BASE - 0.011) == ["equivalent"]


def test_no_floor_when_one_side_learns() -> None:
    """A variant that learns where the baseline does not is better."""
    assert labels(NOISE + 0.05, dummy=0.71) == ["clearly better"]
    assert labels(NOISE - 0.05, dummy=0.69) == ["clearly worse"]


def test_floor_without_a_margin_or_without_a_dummy_score() -> None:
    """Without a margin, beating it at all is enough; without a dummy score there is no floor."""
    assert labels(NOISE, dummy=0.72, margin=None) == ["undecided (floor)"]
    assert labels(NOISE, dummy=0.709, margin=None) == ["undecided (no margin)"]
    assert labels(NOISE, dummy=None) == ["equivalent"]


def test_scores_that_are_equal_on_every_seed_are_identical() -> None:
    """An identity and no test: it counts as p = 1 in the family, and nothing could have been seen."""
    (contrast,) = judge(np.zeros(10))
    assert (contrast.label, contrast.size) == ("identical", Size.within)
    assert (contrast.zero, contrast.p, contrast.p_holm, contrast.detectable) == (10, 1.0, 1.0, None)
    assert contrast.not_worse


@pytest.mark.parametrize(("dtype", "label"), [("float64", "better"), ("float32", "identical")])
def test_a_difference_of_rounding_is_none(dtype: str, label: str) -> None:
    """One unit in the last place of float32 on eight seeds: equal, if they were computed in float32."""
    base = BASE[:8].astype(np.float32)
    up = np.nextafter(base, np.float32(2))
    (contrast,) = decide(
        {"base": base, "up": up},
        baseline="base",
        higher_is_better=True,
        margin=None,
        failure_score=0.5,
        rounding=8 * float(np.finfo(dtype).eps),
    )
    assert contrast.label == label


def test_one_unit_in_the_last_place_is_no_difference() -> None:
    (contrast,) = judge(np.spacing(BASE[:8]), margin=None)
    assert contrast.label == "identical"


def test_floor_comes_before_identity() -> None:
    """Two networks that both predict the dummy score tie at the floor."""
    assert labels(np.zeros(10), dummy=0.9) == ["undecided (floor)"]


def test_exhausted_withholds_the_verdict() -> None:
    """One run stopped by the clock, in either variant, on any seed."""
    done = ["completed"] * 10
    stopped = ["completed"] * 9 + ["exhausted"]
    for rows in ({"base": done, "v0": stopped}, {"base": stopped, "v0": done}):
        (contrast,) = judge(NOISE + 0.05, outcomes=rows)
        assert contrast.label == "undecided (exhausted)"
        assert (contrast.n, contrast.p_holm) == (9, 1.0)


def test_exhausted_concerns_its_own_contrast() -> None:
    """Others are judged, and the withheld one still counts in their family."""
    done = ["completed"] * 10
    rows = {"base": done, "v0": ["exhausted"] * 10, "v1": done}
    stopped, whole = judge(NOISE + 0.05, NOISE + 0.05, outcomes=rows)
    assert (stopped.label, whole.label) == ("undecided (exhausted)", "clearly better")
    assert whole.p_holm == 2 * whole.p == 2 * 2**-9


def test_skipped_pairs_are_left_out() -> None:
    """A seed that was skipped in one is no failure; all skipped says so."""
    done = ["completed"] * 10
    (contrast,) = judge(
        NOISE + 0.05, outcomes={"base": done, "v0": ["completed"] * 8 + ["skipped"] * 2}
    )
    assert (contrast.label, contrast.n, contrast.failures) == ("clearly better", 8, (0, 0))
    (contrast,) = judge(NOISE + 0.05, outcomes={"base": done, "v0": ["skipped"] * 10})
    assert contrast.label == "undecided (skipped)"
    assert (contrast.n, contrast.failures_p, contrast.p) == (0, None, 1.0)
    assert isnan(contrast.difference.mean)
    assert (contrast.difference.low, contrast.difference.high) == (-inf, inf)


def test_a_later_look_is_marked_exploratory() -> None:
    """Seeds added after a first look decide by the same rule, and the verdict says that it was not the first."""
    (contrast,) = judge(NOISE + 0.05, exploratory=["v0"])
    assert contrast.label == "clearly better (exploratory)"
    assert contrast.p_holm == 2**-9
    assert labels(NOISE, exploratory=["v0"]) == ["equivalent (exploratory)"]


# --- the least number of seeds ---------------------------------------------------------------


@pytest.mark.parametrize(("m", "least"), [(1, 6), (2, 7), (3, 7), (4, 8), (6, 8), (7, 9)])
def test_fewer_seeds_are_a_look(m: int, least: int) -> None:
    """One fewer than the least: neither better nor equivalent, however clear; with the least, any seed is needed."""
    clear, same = np.linspace(0.05, 0.06, least), np.linspace(-1e-5, 1e-5, least)
    assert labels(clear, family_size=m) == ["clearly better (fragile)"]
    assert labels(same, family_size=m) == ["equivalent"]
    look = f"undecided (few seeds: a look, {least - 1} of {least} needed)"
    assert labels(clear[1:], family_size=m) == labels(same[1:], family_size=m) == [look]


def test_seeds_that_differ_count_for_a_difference() -> None:
    """Five of ten differ: a look, unless it is equivalent, for which ties are evidence."""
    some = np.array([0.05, 0.06, 0.07, 0.08, 0.09] + [0.0] * 5)
    assert labels(some) == ["undecided (few seeds differ: a look, 5 of 6 needed)"]
    assert labels(some / 1000) == ["equivalent"]


@pytest.mark.parametrize("n", [1, 2])
def test_one_or_two_seeds(n: int) -> None:
    """The least that can be run is shown, not refused, and not judged."""
    (contrast,) = judge([0.05, 0.06][:n])
    assert contrast.label == f"undecided (few seeds: a look, {n} of 6 needed)"
    assert contrast.detectable is None
    assert (contrast.difference.high == inf) == (n == 1)


def test_no_seeds() -> None:
    """Nothing run yet is a look at nothing."""
    (contrast,) = judge([])
    assert contrast.label == "undecided (few seeds: a look, 0 of 6 needed)"
    assert (contrast.n, contrast.p_equivalent) == (0, 1.0)


# --- the family ------------------------------------------------------------------------------


def test_holm_over_the_contrasts() -> None:
    """p = 2/256 twice and a null: times 3, times 2, as by hand."""
    up = np.arange(1, 9) / 100
    first, second, null = judge(up, -up - 0.01, np.resize(NOISE * 40, 8))
    assert (first.p, first.p_holm) == (1 / 128, 3 / 128)
    assert (second.p, second.p_holm) == (1 / 128, 3 / 128)
    assert null.p_holm == null.p > 0.05


def test_holm_rejects_step_by_step() -> None:
    """The second smallest is judged at alpha / (m - 1): more than Bonferroni gives."""
    two = [0.05] * 9 + [-0.02]  # flips of the one or none: p = 4 / 1024
    a, b = judge(NOISE + 0.05, np.array(two) + NOISE / 100)
    assert a.p_holm == 2 * a.p
    assert b.p_holm == b.p


def test_declared_contrasts_count_though_not_run() -> None:
    """Eight unanimous seeds: better in a family of six, not in one that makes it a look."""
    up = np.arange(1, 9) / 100 + 0.01
    (six,) = judge(up, family_size=6)
    assert six.p_holm == 6 / 128
    assert (six.label, labels(up, family_size=7)) == (
        "clearly better (fragile)",
        ["undecided (few seeds: a look, 8 of 9 needed)"],
    )


def test_intervals_are_those_of_the_family() -> None:
    """Bonferroni, so that the picture has the verdict's level; wins as well."""
    (contrast,) = judge(NOISE + 0.05, family_size=4)
    d = (BASE + (NOISE + 0.05)) - BASE
    assert contrast.difference == stats.paired_t_interval(d, family=4)
    assert contrast.wins == stats.win_share(d, family=4)


def test_silent_contrasts_lend_nothing() -> None:
    """An identity has TOST p = 0, and still the other is judged as one of two."""
    alone, pair = judge(NOISE)[0], judge(np.zeros(10), NOISE)
    assert pair[0].label == "identical"
    assert (pair[0].p_holm, pair[0].p_equivalent_holm) == (1.0, 1.0)
    assert pair[1].p_equivalent_holm == 2 * alone.p_equivalent_holm  # type: ignore[operator]


def test_baseline_alone_and_order() -> None:
    """No variant, no contrast; otherwise the order of the scores, wherever the baseline stands."""
    rule: dict[str, Any] = {"higher_is_better": True, "margin": None, "failure_score": 0.5}
    assert decide({"base": BASE}, baseline="base", **rule) == ()
    assert decide({"base": BASE}, baseline="base", family_size=0, **rule) == ()
    rows = {"z": BASE + 0.1, "base": BASE, "a": BASE - 0.1}
    assert [c.variant for c in decide(rows, baseline="base", **rule)] == ["z", "a"]
    assert {c.baseline for c in decide(rows, baseline="base", **rule)} == {"base"}


# --- failures --------------------------------------------------------------------------------


def failing(variant: Sequence[int], baseline: Sequence[int], **rule: Any) -> Contrast:
    """Return a variant .05 above the baseline, with failures on these seeds of each."""
    a, b = BASE + 0.05 + NOISE, BASE.copy()
    a[list(variant)], b[list(baseline)] = nan, nan
    defaults = {"higher_is_better": True, "margin": 0.01, "failure_score": 0.5, "dummy": 0.5}
    (contrast,) = decide({"base": b, "v": a}, baseline="base", **{**defaults, **rule})
    return contrast


def test_failures_are_penalised_and_counted() -> None:
    """Two failures at .5 against about .71 outweigh eight gains of .05, and are shown apart."""
    contrast = failing([0, 1], [])
    d = np.append(0.05 + NOISE[2:], [0.5 - BASE[0], 0.5 - BASE[1]])
    assert contrast.difference.mean == pytest.approx(d.mean())
    assert contrast.label == "undecided"
    assert (contrast.failures, contrast.failures_p, contrast.n) == ((2, 0), 0.5, 10)
    assert contrast.finished is not None
    assert contrast.finished.mean == pytest.approx((0.05 + NOISE[2:]).mean())


def test_finished_means_both() -> None:
    """Seed 0 fails in one and seed 1 in the other: the eight others are shown apart."""
    contrast = failing([0], [1])
    assert contrast.failures == (1, 1)
    assert contrast.finished is not None
    assert contrast.finished.mean == pytest.approx((0.05 + NOISE[2:]).mean())


def test_failure_scores_no_better_than_the_worst_finisher() -> None:
    """A failure score above a bad finisher would reward failing."""
    contrast = failing([0], [], failure_score=0.9)
    assert contrast.zero == 1


def test_one_side_always_fails() -> None:
    """The variant that never finishes is worse, the one that always does is better."""
    never, always = failing(range(10), []), failing([], range(10))
    assert (never.label, always.label) == ("clearly worse", "clearly better")
    assert (never.failures, never.failures_p, never.finished) == ((10, 0), 2**-9, None)


@pytest.mark.parametrize("dummy", [None, 0.5])
def test_both_always_fail(dummy: float | None) -> None:
    """Neither learned anything: the floor, with or without a dummy score, and no equivalence."""
    contrast = failing(range(10), range(10), dummy=dummy)
    assert contrast.label == "undecided (floor)"
    assert (contrast.failures, contrast.failures_p) == ((10, 10), 1.0)


def test_a_diverged_run_loses_the_score_it_left() -> None:
    """What a diverged run scored before it broke is not used."""
    rows = {"base": ["completed"] * 10, "v0": ["diverged"] * 10}
    assert labels(NOISE + 0.05, outcomes=rows) == ["clearly worse"]


def test_a_failed_run_is_penalised_by_its_own_pair_alone() -> None:
    """A third variant that ends at 13000 on that seed changes nothing of the other two."""
    loss = {"base": 1 - BASE, "v": 1 - BASE - 0.05 - NOISE, "other": 1 - BASE + 0.02}
    loss["v"][3] = nan
    rule: dict[str, Any] = {"baseline": "base", "higher_is_better": False, "margin": 0.01}
    rule |= {"failure_score": 0.7, "family_size": 2}
    calm = decide(loss, **rule)[0]
    loss["other"] = np.where(np.arange(10) == 3, 13000.0, loss["other"])
    assert decide(loss, **rule)[0] == calm
    assert calm.difference.mean == pytest.approx(
        (np.delete(0.05 + NOISE, 3).sum() - (0.7 - (1 - BASE[3]))) / 10
    )


def test_no_third_variant_has_a_say_where_no_failure_score_is_known() -> None:
    """As for a correlation: a constant prediction has none, so the worst score of the pair itself is taken."""
    scores = {"base": BASE, "v": BASE + 0.05 + NOISE, "other": BASE - 0.02}
    scores["v"] = np.where(np.arange(10) == 3, nan, scores["v"])
    rule: dict[str, Any] = {"baseline": "base", "higher_is_better": True, "margin": 0.01}
    rule |= {"failure_score": np.full((3, 10), nan), "family_size": 2}
    calm = decide(scores, **rule)[0]
    scores["other"] = scores["other"] - 300
    assert decide(scores, **rule)[0] == calm
    assert calm.differences[3] == pytest.approx(BASE.min() - BASE[3])


def test_two_runs_that_failed_tie_whatever_their_failure_scores() -> None:
    """A split of its own gives each variant another one."""
    contrast = failing([0], [0], failure_score=np.array([[0.4] * 10, [0.6] * 10]))
    assert contrast.zero == 1


def test_a_failure_is_no_identity_though_it_scores_the_same() -> None:
    """The baseline scores what a failure does on that seed; equal in score, one of them failed."""
    base, failed = np.full(10, 0.8), np.full(10, 0.8)
    base[1], failed[1] = 0.3, nan
    rule: dict[str, Any] = {"baseline": "base", "higher_is_better": True, "margin": 0.01}
    (found,) = decide({"base": base, "v": failed}, failure_score=0.5, dummy=0.5, **rule)
    assert (found.label, found.failures) == ("undecided (runs failed)", (1, 0))
    assert not found.not_worse


def test_nothing_is_equivalent_where_a_run_failed() -> None:
    """Variants that are alike but for one failure: neither equivalent nor slightly anything."""
    same, small = BASE + NOISE / 10, BASE + np.abs(NOISE) + 0.001
    same[0] = small[0] = nan
    (alike, better) = decide(
        {"base": BASE, "same": same, "small": small},
        baseline="base",
        higher_is_better=True,
        margin=0.2,
        failure_score=BASE,
    )
    assert alike.label == "undecided (runs failed)"
    assert (better.label, better.size) == ("better", Size.open)
    assert alike.p_equivalent_holm == better.p_equivalent_holm == 1.0


# --- fragility -------------------------------------------------------------------------------


def test_a_direction_that_many_seeds_carry_is_firm() -> None:
    (contrast,) = judge(NOISE + 0.05)
    found = contrast.fragility
    assert found is not None
    assert (found.kept, found.seeds, found.agrees, found.fragile) == (10, 10, True, False)
    d = BASE + (NOISE + 0.05) - BASE
    assert found.sign_p == 2**-9
    assert found.wilcoxon_p == pytest.approx(oracle.wilcoxon(d).pvalue)
    assert found.median == pytest.approx(np.median(d))
    assert found.trimmed == pytest.approx(oracle.trim_mean(d, 0.1))


@pytest.mark.parametrize("seeds", [0, 1, 5, 10, 13, 14, 30, 41])
@pytest.mark.parametrize("tied", [False, True], ids=["all differ", "some are tied"])
def test_the_signed_rank_p_is_scipys(seeds: int, tied: bool) -> None:
    d = np.random.default_rng(seeds).normal(0.3, 1.0, seeds)
    if tied:
        d = np.where(d < 0, -1.0, 1.0) * np.ceil(2 * np.abs(d)) / 2
    expected = oracle.wilcoxon(d).pvalue if seeds else 1.0
    assert signed_rank_p(d) == pytest.approx(expected, abs=1e-12)


def test_a_direction_that_one_seed_carries_is_fragile() -> None:
    """Without the seed of .02 the rest has p = 3/256 and more, in a family of four; without any other it stays."""
    d = np.array([0.03, 0.02, 0.025, 0.03, 0.02, 0.025, 0.03, 0.02, 0.03])
    (firm,), (carried,) = judge(np.append(d, 0.02), family_size=4), judge(d, family_size=8)
    assert firm.fragility is not None
    assert carried.fragility is not None
    assert firm.label == "clearly better"
    assert (carried.label, carried.fragility.kept) == ("clearly better (fragile)", 0)


def test_a_mean_that_its_median_contradicts_is_fragile() -> None:
    """Eleven small wins of 29 seeds and few losses that are huge: the mean speaks of these alone."""
    d = np.array([0.02] * 16 + [-0.3] * 13)
    (contrast,) = judge(d)
    assert contrast.decision is Decision.worse
    assert contrast.fragility is not None
    assert not contrast.fragility.agrees
    assert contrast.label.endswith("worse (fragile)")


def test_a_direction_that_no_other_test_shows_is_fragile() -> None:
    """Eighteen small losses, eleven small wins, and losses of thousands among them: as one tuned optimizer had it."""
    d = np.array([0.01] * 11 + [-0.005] * 10 + [-(4.0**k) for k in range(8)])
    (contrast,) = judge(d)
    assert contrast.decision is Decision.worse
    found = contrast.fragility
    assert found is not None
    assert (found.agrees, found.alone, found.fragile) == (True, True, True)
    assert contrast.difference.low < 0 < contrast.difference.high


def test_no_fragility_is_told_where_there_is_no_direction() -> None:
    assert [c.fragility for c in judge(NOISE, 10 * NOISE, np.zeros(10))] == [None] * 3


def test_the_trimmed_mean_by_hand() -> None:
    """Ten numbers, one cut at either end: 2 to 9 have mean 5.5; winsorised 2, 2, 3, ..., 8, 9, 9."""
    x = np.array([1.0, 2, 3, 4, 5, 6, 7, 8, 9, 1000])
    spread = np.array([2.0, 2, 3, 4, 5, 6, 7, 8, 9, 9]).std(ddof=1)
    t = 0.8 * np.sqrt(10) * 5.5 / spread
    mean, p = trimmed_mean(x)
    assert (mean, p) == pytest.approx((5.5, 2 * oracle.t.sf(t, 7)))
    assert isnan(trimmed_mean(np.ones(8))[1])


# --- more evidence ---------------------------------------------------------------------------


def spread(mean: float, deviation: float, n: int) -> np.ndarray:
    """Return n differences with exactly this mean and sample deviation, evenly spaced."""
    x = np.linspace(-1, 1, n)
    return mean + deviation * (x - x.mean()) / x.std(ddof=1)


@pytest.mark.parametrize("margin", [0.01, 0.05])
@pytest.mark.parametrize("deviation", [0.002, 0.02, 0.1])
@pytest.mark.parametrize("mean", [0.0, 0.004, 0.012, 0.03, 0.06, -0.02])
def test_more_seeds_of_the_same_mean_and_spread_never_weaken_a_verdict(
    mean: float, deviation: float, margin: float
) -> None:
    """A direction stays, and what was shown of the size stays, from 6 seeds to 39."""
    found = [judge(spread(mean, deviation, n), margin=margin)[0] for n in (6, 8, 12, 20, 39)]
    rank = {Size.open: 0, Size.within: 1, Size.beyond: 1}
    for less, more in pairwise(found):
        if less.decision in (Decision.better, Decision.worse):
            assert more.decision is less.decision
        assert less.decision is Decision.undecided or more.decision is not Decision.undecided
        assert rank[more.size] >= rank[less.size]


# --- new data --------------------------------------------------------------------------------


def test_new_data_uses_the_corrected_t_throughout() -> None:
    """p, TOST and interval come from one corrected statistic."""
    d = (BASE + (3 * NOISE + 0.008)) - BASE
    (contrast,) = judge(3 * NOISE + 0.008, new_data=True, correction=0.25)
    assert contrast.p == stats.t_p(d, 0.25)
    assert contrast.p_equivalent == stats.tost_p(d, 0.01, 0.25)
    assert contrast.difference == stats.paired_t_interval(d, correction=0.25)
    wider = stats.detectable_effect(float(d.std(ddof=1)), 10, correction=0.25)
    assert contrast.detectable == pytest.approx(wider, rel=0.05)  # it is simulated


def test_new_data_is_harder() -> None:
    """What holds for this dataset may be undecided for new data."""
    d = 10 * NOISE + 0.025
    assert labels(d) == ["better"]
    assert labels(d, new_data=True, correction=0.25) == ["undecided"]
    assert labels(d, correction=0.25) == ["better"]


def test_new_data_with_one_seed() -> None:
    """No spread, no t: p is 1."""
    (contrast,) = judge([0.05], new_data=True, correction=0.25)
    assert (contrast.p, contrast.p_equivalent) == (1.0, 1.0)


# --- error rates of the whole rule -----------------------------------------------------------


def rate(shift: float, repeats: int, m: int, wanted: set[str], margin: float, seed: int) -> float:
    """Return how often any of m contrasts on a shared baseline gets a wanted decision at n = 10."""
    rng, hits = np.random.default_rng(seed), 0
    for _ in range(repeats):
        runs = rng.standard_normal((m + 1, 10))
        scores = {f"v{i}": row + shift * (i > 0) for i, row in enumerate(runs)}
        found = decide(
            scores, baseline="v0", higher_is_better=True, margin=margin, failure_score=-9.0
        )
        hits += bool({str(c.decision) for c in found} & wanted)
    return hits / repeats


def upper(p: float, repeats: int) -> float:
    """Return the upper end of the 99 % binomial band."""
    return float(binom.ppf(0.995, repeats, p)) / repeats


def test_a_a_seldom_differs() -> None:
    """Four nulls and a margin too small to call them equivalent: at most 5 % false verdicts."""
    assert rate(0.0, 300, 4, {"better", "worse"}, 0.01, seed=1) <= upper(0.05, 300)


def test_at_the_margin_seldom_equivalent() -> None:
    """Four contrasts exactly at the margin: at most 5 % with any false `equivalent`."""
    assert rate(3.0, 300, 4, {"equivalent"}, 3.0, seed=2) <= upper(0.05, 300)


def test_planted_effects_are_found() -> None:
    """A shift of three deviations of a run (2.1 of a difference) is found nearly always."""
    assert rate(3.0, 100, 1, {"better"}, 0.01, seed=3) >= 0.97


# --- refusals --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (
            {"baseline": "c"},
            "baseline: got 'c', expected one of a, b. Name a variant that was run.",
        ),
        (
            {"scores": {"a": [1.0, 2.0], "b": [1.0]}},
            "scores['b']: got shape (1,), expected (2,) as the baseline's. "
            "Pass one score a seed, NaN where a run has none.",
        ),
        (
            {"outcomes": {"a": ["completed"] * 2, "b": ["completed", "crashed"]}},
            "outcomes['b']: got crashed, expected 2 of completed, diverged, exhausted, skipped, "
            "undefined. Pass one outcome a seed.",
        ),
        (
            {"outcomes": {"a": ["completed"] * 2}},
            "outcomes['b']: got 0 outcomes, expected 2 of completed, diverged, exhausted, skipped, "
            "undefined. Pass one outcome a seed.",
        ),
        (
            {"scores": {"a": [1.0, 2.0], "b": [1.0, inf]}},
            "scores['b']: got 1 completed runs without a finite score, expected a finite score "
            "for every completed run. Record a run whose score is not finite as diverged, or as "
            "undefined where it ended well.",
        ),
        (
            {"family_size": 0},
            "family_size: got 0, expected 1 or more, the contrasts given. "
            "Declare the whole family before the run.",
        ),
        (
            {"margin": -0.1},
            "margin: got -0.1, expected a positive finite number. Declare the largest difference "
            "that does not matter, in the units of the score.",
        ),
        (
            {"alpha": 5},
            "alpha: got 5, expected between 0 and 1. Pass a fraction such as 0.95 or 0.05.",
        ),
        (
            {"correction": -1.0},
            "correction: got -1.0, expected 0, or test size over training size. "
            "Leave it at 0 to speak of this dataset.",
        ),
        (
            {"dummy": [0.1, 0.2, 0.3]},
            "dummy: got shape (3,) with 0 not finite, expected a finite number, or 2 of them. "
            "Pass one number, or one for each seed.",
        ),
    ],
)
def test_refusals(changes: dict[str, Any], expected: str) -> None:
    """Each bad input is named, with what was expected and the next step."""
    assert message(**changes) == expected


def test_family_holds_its_rule() -> None:
    """The correction is in force only when speaking of new data."""
    family = Family(baseline="a", higher_is_better=True, size=4, correction=0.25)
    assert (family.min_seeds, family.ratio) == (8, 0.0)
    assert Family(baseline="a", higher_is_better=True, size=1, correction=0.25, new_data=True).ratio
