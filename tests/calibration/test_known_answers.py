"""Known answers on handmade records: what is green, what is red, and the chance of a false alarm."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from math import comb
from typing import Any

import numpy as np
import pytest

from paribus.calibration.known_answers import (
    FAILED,
    KnownAnswer,
    Measured,
    absent_false_alarm,
    effects,
    judge,
    seen_false_alarm,
    share_false_alarm,
)
from paribus.calibration.known_answers_page import known_answers, write_known_answers
from paribus.experiment.comparison import Budget
from paribus.runs.run import Outcome
from paribus.runs.store import Store
from paribus.spec import canonical
from tests.helpers.handmade import Bench, comparison, filled
from tests.helpers.refusals import refused

QUICK = {"quick": Budget(12, 20, 1)}
SEEN = Measured(misses=0, seeds=200)


def a_known_answer(**settings: Any) -> KnownAnswer:
    fields: dict[str, Any] = {
        "name": "known",
        "text": "It is known.",
        "kind": "seen",
        "comparison": comparison(budgets=QUICK),
        "variant": "adam",
        "measured": SEEN,
        "source": "a test",
        "low": 0.1,
    }
    return KnownAnswer(**(fields | settings))


ABSENT = {"kind": "absent", "low": None, "measured": None, "margin": 0.05}
SHARE = {"kind": "share", "score": "dead", "against": "nothing", "expected": 0.5, "low": 0.3}
DIVERGED = {"outcome": Outcome.diverged, "scores": {}}
SAME = {"kind": "identical", "low": None, "measured": None}


@pytest.fixture
def bench(tmp_path):
    """Adam's log loss is lower by 0.2 on each of ten seeds."""
    with Store(tmp_path / "runs.sqlite") as store:
        yield filled(store, budgets=QUICK)


def test_an_effect_is_the_difference_from_the_baseline_the_dummy_score_or_nothing(bench) -> None:
    """Scores are 0.4 and 0.2 with 0.02 either way; the prior scores 0.7."""
    result = bench.result()
    assert effects(a_known_answer(), result) == pytest.approx(np.full(10, -0.2))
    assert effects(a_known_answer(scale="ratio"), result)[:2] == pytest.approx(
        [0.18 / 0.38, 0.22 / 0.42]
    )
    assert effects(a_known_answer(against="dummy"), result)[:2] == pytest.approx([-0.52, -0.48])
    assert effects(a_known_answer(against="nothing"), result)[:2] == pytest.approx([0.18, 0.22])
    other = a_known_answer(score="accuracy", against="dummy")
    assert effects(other, result) == pytest.approx(np.full(10, 0.4))


def test_failing_is_a_score_of_its_own(bench) -> None:
    bench.perturb("adam", 3, **DIVERGED)
    found = effects(a_known_answer(score=FAILED), bench.result())
    assert found.tolist() == [0, 0, 0, 1, 0, 0, 0, 0, 0, 0]


@pytest.mark.parametrize(("outside", "green"), [(0, True), (5, True), (6, False), (10, False)])
def test_a_seen_effect_needs_half_of_the_seeds(tmp_path, outside, green) -> None:
    """Five of ten are enough; what lies outside lies outside by a little."""
    with Store(tmp_path / "runs.sqlite") as store:
        bench = Bench(store, comparison(budgets=QUICK))
        for name in ("sgd", "rmsprop"):
            bench.put(name, [0.4] * 10)
        bench.put("adam", [0.301] * outside + [0.299] * (10 - outside))
        found = judge(a_known_answer(low=None, high=-0.1), bench.result())
    assert found.green == green
    assert found.seen.startswith(f"{10 - outside} of 10 seeds; median -0.")
    assert found.threshold == (
        "fewer than half of 10 seeds with log_loss, difference from the baseline, of at most -0.1"
    )


def test_a_seed_without_the_score_counts_as_a_miss(bench) -> None:
    for seed in range(6):
        bench.perturb("adam", seed, **DIVERGED)
    assert not judge(a_known_answer(low=None, high=-0.1), bench.result()).green


@pytest.mark.parametrize(("share", "green"), [(0.2, False), (0.3, True), (0.9, True)])
def test_a_share_must_lie_within_its_limits(bench, share, green) -> None:
    for seed in range(10):
        bench.perturb("adam", seed, scores={"log_loss": 0.2, "dead": float(seed < 10 * share)})
    found = judge(a_known_answer(**SHARE), bench.result())
    assert found.green == green
    assert found.seen == f"share {share:.3g} of 10 seeds, 0.5 expected"
    assert found.threshold == "a share of seeds with dead below 0.3"
    both = judge(a_known_answer(**SHARE, high=0.8), bench.result())
    assert both.threshold == "a share of seeds with dead below 0.3 or above 0.8"


@pytest.mark.parametrize(
    ("mean", "spread", "green"),
    [
        (0.0, 0.01, True),  # nothing there
        (0.04, 0.01, True),  # p < .001, within the margin
        (-0.04, 0.01, True),
        (0.08, 0.01, False),  # p < .001 and beyond the margin, either way
        (-0.08, 0.01, False),
        (0.08, 0.2, True),  # beyond the margin, and chance may have done it
    ],
)
def test_an_absent_effect_is_red_only_below_p_and_beyond_the_margin(
    tmp_path, mean, spread, green
) -> None:
    d = mean + spread * np.tile([-1.0, 1.0], 6)
    with Store(tmp_path / "runs.sqlite") as store:
        bench = Bench(store, comparison(budgets=QUICK), seeds=12)
        for name in ("sgd", "rmsprop"):
            bench.put(name, [0.4] * 12)
        bench.put("adam", (0.4 + d).tolist())
        found = judge(a_known_answer(**ABSENT), bench.result())
    assert found.green == green


def test_an_absent_effect_that_was_not_measured_is_red(bench) -> None:
    bench.perturb("adam", 0, **DIVERGED)
    found = judge(a_known_answer(**ABSENT), bench.result())
    assert not found.green
    assert found.seen == "1 of 10 seeds lack log_loss"


def test_identical_runs_are_green_and_one_bit_is_red(bench) -> None:
    known_answer = a_known_answer(
        **SAME, comparison=comparison(budgets={"quick": Budget(10, 20, 1)})
    )
    result = bench.result()
    again = [r for r in result.row("adam").records if r is not None]
    assert judge(known_answer, result, [replace(r, seconds=9.0) for r in again]).green
    one = again[4].scores | {"log_loss": np.nextafter(again[4].scores["log_loss"], 1)}
    changed = [*again[:4], replace(again[4], scores=one), *again[5:]]
    found = judge(known_answer, result, changed)
    assert (found.green, found.seen) == (False, "9 of 10 runs identical")
    assert not judge(known_answer, result, again[:9]).green
    assert not judge(known_answer, result).green


def binomial(counts, n: int, p: Fraction) -> float:
    return float(sum(comb(n, k) * p**k * (1 - p) ** (n - k) for k in counts))


def test_false_alarms_of_a_seen_effect_are_those_of_a_median() -> None:
    """At the 99 % upper limit of none of 200, 1 - .01^(1/200), six of ten seeds miss."""
    most = Fraction(1 - 0.01 ** (1 / 200))
    assert seen_false_alarm(SEEN, 10) == pytest.approx(binomial(range(6, 11), 10, most), rel=1e-6)
    assert seen_false_alarm(Measured(misses=20, seeds=200), 10) > seen_false_alarm(SEEN, 10)


def test_false_alarms_of_a_share_are_those_of_a_binomial_count() -> None:
    outside = [*range(3), *range(9, 11)]
    expected = binomial(outside, 10, Fraction(1, 2))
    assert share_false_alarm(0.5, 0.3, 0.8, 10) == pytest.approx(expected)


def test_false_alarms_of_an_absent_effect_are_the_size_of_the_test() -> None:
    """Below .001 there are two of 2048 flips at twelve seeds, and at eleven two of 1024 are .00195: none."""
    assert absent_false_alarm(12) == 2 / 2048
    assert absent_false_alarm(11) == 1 / 1024


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"measured": None},
            "known answer 'known': got kind 'seen' without limits and what was measured, expected limits and what was "
            "measured. Complete it before anything is trained.",
        ),
        (
            {"kind": "absent"},
            "known answer 'known': got kind 'absent' without a margin, expected a margin. Complete it before anything "
            "is trained.",
        ),
        (
            {"kind": "share"},
            "known answer 'known': got kind 'share' without limits and the share expected, expected limits and the "
            "share expected. Complete it before anything is trained.",
        ),
        (
            {"variant": "nobody"},
            "known answer 'known': got 'nobody', expected one of sgd, adam, rmsprop. Complete it before anything is "
            "trained.",
        ),
        (
            {**ABSENT, "comparison": comparison()},
            "seeds of known answer 'known': got 10, expected at least 11. Raise the seeds of its quick budget.",
        ),
    ],
)
def test_a_known_answer_that_could_not_be_judged_is_refused(settings, message) -> None:
    assert refused(a_known_answer, **settings) == message


def test_a_known_answer_is_plain_data() -> None:
    known_answer = a_known_answer()
    assert KnownAnswer.model_validate_json(canonical(known_answer)) == known_answer


def test_the_page_says_what_is_red_and_how_often_a_sound_bench_would_be(bench, tmp_path) -> None:
    good = judge(a_known_answer(low=None, high=-0.1), bench.result())
    bad = judge(a_known_answer(name="lost"), bench.result())
    page = write_known_answers([good, bad], tmp_path / "new").read_text(encoding="utf-8")
    assert "**Red: lost.**" in page
    assert "at most 5.4e-06 % of runs" in page
    assert "| lost" in page
    assert "**All 1 are green.**" in known_answers([good])
