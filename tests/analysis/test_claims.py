"""Claims answered from records written by hand: supported, refuted or undecided."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from paribus import Claim, LogUniform, ParibusError, Suite, Tuning, call
from paribus.analysis.claims import _beyond_p, answer, answer_all, answer_suite
from paribus.analysis.hypothesis_tests import RELATIONS, Answer, Inference
from paribus.analysis.results import timing_key
from paribus.analysis.target_steps import target_steps
from paribus.analysis.verdict import Size, decide_sequentially
from paribus.experiment.search_space import space
from paribus.runs.run import Outcome
from paribus.runs.store import Timing
from paribus.stats import sign_flip_p, t_p
from tests.helpers.handmade import FAILED, Bench, around, comparison
from tests.helpers.refusals import refused

SIGNS = np.array([1, -1] * 5)
HALF = call("tests.helpers.handmade:half_of_the_score")


def claim(relation: str = "better", variant: str = "adam", **fields: object) -> Claim:
    return Claim(name="C", text="It is so.", variant=variant, relation=relation, **fields)


def answered(store, made: Claim, *, sgd=None, adam=None, rmsprop=None, **changes: object):
    """Return the answer to a claim; variants that are not named score about 0.4."""
    bench = Bench(store, comparison(claims=(made,)))
    for name, scores in (("sgd", sgd), ("adam", adam), ("rmsprop", rmsprop)):
        bench.put(name, around(0.4) if scores is None else scores)
    return answer(made, bench.result(**changes))


def beside(scores, shift: float, noise: float = 0.0) -> list[float]:
    """Scores moved by a shift, the pairs' differences being this noisy."""
    return [float(x) for x in np.array(scores) + shift + noise * SIGNS]


# Log losses of adam against sgd's 0.4, by what they show: lower is better, the margin is 0.02.
SHOWN = {
    "better": beside(around(0.4), -0.2, 0.01),
    "worse": beside(around(0.4), 0.2, 0.01),
    "equivalent": beside(around(0.4), 0.0, 0.001),
    "nothing": beside(around(0.4), 0.0, 0.2),
}
FAMILY = [
    ("better", "better", "supported"),
    ("better", "worse", "refuted"),
    ("better", "equivalent", "undecided"),
    ("better", "nothing", "undecided"),
    ("worse", "worse", "supported"),
    ("worse", "better", "refuted"),
    ("worse", "equivalent", "undecided"),
    ("worse", "nothing", "undecided"),
    ("equivalent", "equivalent", "supported"),
    ("equivalent", "better", "refuted"),
    ("equivalent", "worse", "refuted"),
    ("equivalent", "nothing", "undecided"),
]


@pytest.mark.parametrize(("relation", "shown", "expected"), FAMILY)
def test_a_claim_on_the_primary_metric_takes_the_familys_verdict(
    store, relation, shown, expected
) -> None:
    found = answered(store, claim(relation), adam=SHOWN[shown])
    assert (found.answer, found.single) == (expected, False)
    assert found.evidence.startswith("verdict ")


@pytest.mark.parametrize(("relation", "shown", "expected"), FAMILY)
def test_a_claim_against_another_variant_is_a_test_of_its_own(
    store, relation, shown, expected
) -> None:
    made = claim(relation, reference="rmsprop")
    found = answered(store, made, adam=SHOWN[shown])
    assert (found.answer, found.single) == (expected, True)


@pytest.mark.parametrize("shift", [-0.03, 0.03])
def test_a_small_difference_does_not_refute_equivalence(store, shift) -> None:
    """A difference of .03 +- .018 is shown, that it is beyond the margin of .02 is not."""
    found = answered(store, claim("equivalent"), adam=beside(around(0.4), shift, 0.02))
    assert found.answer is Answer.undecided
    assert found.evidence.startswith(f"verdict {'worse' if shift > 0 else 'better'}, ")


@pytest.mark.parametrize(("relation", "shift"), [("better", -0.01), ("worse", 0.01)])
@pytest.mark.parametrize("reference", [None, "rmsprop"])
def test_a_small_difference_supports_its_direction_and_its_size_is_told(
    store, relation, shift, reference
) -> None:
    """Ten wins of ten, p = 0.002: a difference, smaller than the margin of .02."""
    made = claim(relation, reference=reference)
    found = answered(store, made, adam=beside(around(0.4), shift, 0.001))
    assert found.answer is Answer.supported
    told = f"slightly {relation}" if reference is None else "smaller than 0.02 (p = "
    assert told in found.evidence


def test_a_small_difference_is_equivalence_too(store) -> None:
    """A claim of equivalence is one of size: a direction beside it refutes nothing."""
    found = answered(store, claim("equivalent"), adam=beside(around(0.4), 0.01, 0.001))
    assert found.answer is Answer.supported


def test_a_variant_that_a_claim_does_not_name_has_no_say_in_it(store) -> None:
    """Adam fails where sgd ends at 60: against rmsprop it scores what the dummy predictor does."""
    made = claim("not_worse", reference="rmsprop", margin=0.5)
    bench = Bench(store, comparison(claims=(made,))).put("sgd", [60.0, *around(0.4)[1:]])
    bench.put("adam", [FAILED, *around(0.4)[1:]]).put("rmsprop", around(0.4))
    assert answer(made, bench.result()).answer is Answer.supported


def test_a_failure_leaves_a_direction_undecided_and_is_a_look(store) -> None:
    """What failed keeps equivalence from being told; of a direction the evidence was looked at."""
    bench = Bench(store, comparison(claims=(claim("better"),)))
    bench.put("sgd", [FAILED, *around(0.4)[1:]]).put("rmsprop", around(0.4))
    bench.put("adam", [FAILED, *beside(around(0.4), 0.0, 0.001)[1:]])
    found = answer(claim("better"), bench.result())
    assert "undecided (runs failed)" in found.evidence
    assert (found.answer, found.untested) == ("undecided", False)


def test_equal_scores_of_a_single_seed_answer_nothing(store) -> None:
    made = claim("equivalent")
    bench = Bench(store, comparison(claims=(made,)), seeds=1)
    for name in ("sgd", "adam", "rmsprop"):
        bench.put(name, [0.4])
    found = answer(made, bench.result())
    assert (found.answer, found.untested) == ("undecided", True)


def test_an_interval_beyond_the_margin_refutes_by_itself(store) -> None:
    """Clearly worse, though four seeds won by a hair keep the sign-flip test above 5 %."""
    worse = [0.6, 0.61, 0.59, 0.6, 0.62, 0.58, 0.2995, 0.2994, 0.2993, 0.2992]
    bench = Bench(store, comparison(claims=(claim("better"),))).put("sgd", [0.3] * 10)
    bench.put("adam", worse).put("rmsprop", around(0.3))
    found = answer(claim("better"), bench.result())
    assert found.answer is Answer.refuted
    assert "clearly worse" in found.evidence
    assert found.refuting_p <= 0.05


def test_limits_of_a_sequence_refute_by_alpha_and_no_more() -> None:
    """The t test is of one look, and seeds were added until they said so."""
    scores = {"base": np.full(60, 0.9), "v": np.full(60, 0.1)}
    rule: dict[str, Any] = {"higher_is_better": True, "failure_score": 0.0, "margin": 0.02}
    rule["family_size"] = 1
    (found,) = decide_sequentially(scores, baseline="base", score_range=(0.0, 1.0), **rule)
    assert _beyond_p(replace(found, size=Size.beyond)) == 0.05


def test_half_the_margin_refutes_no_direction() -> None:
    """The opposite alone refutes: none of a hundred comparisons with a true effect of half the margin."""
    generator = np.random.default_rng(0)
    for _ in range(100):
        shifts = 0.01 + 0.005 * generator.standard_normal(10)
        found = RELATIONS["better"](shifts, 0.02, Inference())[0]
        assert found is not Answer.refuted


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        ("better", "supported"),
        ("equivalent", "supported"),
        ("worse", "refuted"),
        ("nothing", "undecided"),
    ],
)
def test_no_worse_is_non_inferiority_within_the_margin(store, shown, expected) -> None:
    found = answered(store, claim("not_worse"), adam=SHOWN[shown])
    assert (found.answer, found.single) == (expected, True)
    assert "non-inferiority p" in found.evidence


def test_worse_but_within_the_margin_is_no_worse(store) -> None:
    found = answered(store, claim("not_worse"), adam=beside(around(0.4), 0.01, 0.001))
    assert found.answer is Answer.supported


@pytest.mark.parametrize(
    ("shift", "expected"),
    [(-0.2, "supported"), (-0.1, "undecided"), (-0.05, "refuted"), (0.2, "refuted")],
)
def test_a_size_is_refuted_where_the_interval_ends_below_it(store, shift, expected) -> None:
    """Better by more than a tenth: .2 +- .01 is, .1 cannot be told from it, .05 is better and still refutes."""
    found = answered(store, claim("better_by", margin=0.1), adam=beside(around(0.4), shift, 0.01))
    assert (found.answer, found.single) == (expected, True)


def test_a_size_is_tested_both_ways_at_two_and_a_half_per_cent() -> None:
    """Ten differences of mean 1 and deviation 1: t = 3.162, so p = .0115 two-sided that the mean is above 0+."""
    d = np.array([1.0, -1.0] * 5)
    d = 1.0 + d / d.std(ddof=1)
    found = RELATIONS["better_by"](d, 1e-12, Inference())
    assert (found.answer, found.evidence) == ("supported", "more than 1e-12, p = 0.0115")
    against = RELATIONS["better_by"](d, 2.0, Inference())
    assert (against.answer, against.evidence) == ("refuted", "less than 2, p = 0.0115")
    assert against.refuting_p == pytest.approx(t_p(d))


COUNT = call("paribus.analysis.measures:parameters")
FACT = {"measure": COUNT, "higher_is_better": False, "fact": "counted"}


@pytest.mark.parametrize(
    ("theirs", "expected"), [(21, "supported"), (13, "refuted"), (17, "undecided")]
)
def test_a_count_is_read_off_without_a_p(store, theirs, expected) -> None:
    """Adam trains 17 parameters with every seed, the baseline more, fewer or as many; three seeds are enough."""
    made = claim("better", **FACT)
    bench = Bench(store, comparison(claims=(made,)), seeds=3)
    for name, parameters in (("sgd", theirs), ("adam", 17), ("rmsprop", 17)):
        bench.put(name, around(0.4, 3), parameters=parameters)
    found = answer(made, bench.result())
    assert (found.answer, found.single) == (expected, False)
    assert found.evidence == f"parameters 17 against {theirs}: counted, so no test"
    assert found.refuting_p == (0.0 if expected == "refuted" else 1.0)


@pytest.mark.parametrize(
    ("ratios", "expected", "told"),
    [
        ([0.8, 0.9, 0.85], "supported", "0.8 to 0.9"),
        ([1.1, 1.2, 3.0], "refuted", "1.1 to 3"),
        ([0.9, 1.2, 1.0], "undecided", "0.9 to 1.2"),
    ],
)
def test_a_clock_answers_where_all_its_rounds_agree(store, ratios, expected, told) -> None:
    """Step times of one machine: their spread is told, and one inside it answers nothing."""
    ratio = call("paribus.analysis.measures:step_ratio")
    made = claim("below", measure=ratio, value=1.0, fact="rounds of one machine's clock")
    bench = Bench(store, comparison(claims=(made,)))
    for name in ("sgd", "adam", "rmsprop"):
        bench.put(name, around(0.4))
    names = (timing_key(bench.runs("adam")[0]), timing_key(bench.runs("sgd")[0]), "cpu")
    store.add_timing(*names, Timing(ratios, [1.0] * 3))
    found = answer(made, bench.result())
    assert found.answer == expected
    assert found.evidence == (
        f"step ratio {told} against the value 1: rounds of one machine's clock, so no test"
    )


def test_an_identity_with_a_value_is_no_test(store) -> None:
    made = claim("identical", measure=HALF, value=0.2, margin=0.0101)
    assert answered(store, made).answer is Answer.supported  # halves of .38 and .42
    found = answered(store, made, adam=[0.4] * 9 + [0.45])
    assert (found.answer, found.single) == (Answer.refuted, False)
    assert "largest difference 0.025" in found.evidence


def test_a_score_at_the_end_of_training_is_that_of_the_curve(store) -> None:
    """Whichever weights are kept; a run that failed has no end."""
    bench = Bench(store, seeds=2).put("adam", [0.4, FAILED])
    bench.perturb("adam", 0, scores={"log_loss": 0.4, "gap/loss": 0.1})
    for seed in range(2):
        bench.perturb("adam", seed, curves={"step": [0, 10, 20], "gap/loss": [0.0, 0.1, 0.9]})
    found = bench.result().row("adam").values("gap/loss@last")
    assert found.tolist()[:1] == [0.9]
    assert np.isnan(found[1])


def test_a_margin_of_the_claims_own_replaces_the_metrics(store) -> None:
    made = claim("not_worse", margin=0.005)
    assert answered(store, made, adam=beside(around(0.4), 0.01, 0.001)).answer is Answer.refuted


def test_a_family_contrast_is_adjusted_where_a_single_test_would_not_be(store) -> None:
    """Nine wins of ten: p = 0.0039 alone, and with two in the family, of which one shows nothing, 0.0078."""
    adam = beside(around(0.4), -0.1, 0.0)
    adam[0] = around(0.4)[0] + 0.05
    found = answered(store, claim("better"), adam=adam)
    assert found.evidence == (
        "verdict clearly better, mean difference 0.085, p = 0.00781 (Holm), n = 10 seeds"
    )


def test_identity_is_equality_of_every_pair(store) -> None:
    same, made = around(0.4), claim("identical")
    assert answered(store, made, adam=same).answer is Answer.supported
    other = [*same[:-1], same[-1] + 1e-9]
    found = answered(store, made, adam=other)
    assert (found.answer, found.single) == (Answer.refuted, False)
    assert "largest difference 1e-09" in found.evidence


def test_a_recorded_score_is_compared_in_the_direction_that_the_claim_states(store) -> None:
    made = claim("better", metric="dead_share", higher_is_better=False)
    bench = Bench(store, comparison(claims=(made,)))
    for name, share in (("sgd", 0.3), ("adam", 0.1), ("rmsprop", 0.3)):
        bench.put(name, around(0.4), scores={"log_loss": 0.4, "dead_share": share})
    found = answer(made, bench.result())
    assert found.answer is Answer.supported
    assert (
        found.evidence == "dead_share 0.1 against 0.3 (means), p = 0.00195, n = 10 seeds"
    )  # 2 of 2^10


def test_a_score_that_some_runs_lack_is_undecided(store) -> None:
    made = claim("better", metric="accuracy")
    scores = [FAILED, *around(0.2)[1:]]
    found = answered(store, made, adam=scores)
    assert found.answer is Answer.undecided
    assert found.evidence.endswith("9 of 10 pairs have the score")


@pytest.mark.parametrize(
    ("made", "slip"),
    [
        (claim("not_worse", metric="dead_share", higher_is_better=False), "without a margin"),
        (claim("better", metric="dead_share"), "without a direction"),
        (claim("better", reference="adam"), "the same variant on both sides"),
        (claim("not_worse", metric="steps_to_target"), "steps_to_target and 'not_worse'"),
        (claim("better_by", metric="dead_share", higher_is_better=False), "without a margin"),
        (claim("better", measure=HALF, higher_is_better=True, unit="task"), "tasks as units"),
    ],
)
def test_a_claim_that_no_run_could_answer_is_refused_before_any_is_made(made, slip) -> None:
    with pytest.raises(ParibusError, match=slip):
        comparison(claims=(made,))


@pytest.mark.parametrize("relation", ["better", "not_worse"])
def test_a_claim_at_the_floor_is_withheld(store, relation) -> None:
    """Both score what the dummy predictor scores, so even an equality within the margin says nothing."""
    made = claim(relation)
    bench = Bench(store, comparison(claims=(made,)))
    for name in ("sgd", "adam", "rmsprop"):
        bench.put(name, around(0.9))
    found = answer(made, bench.result())
    assert found.answer is Answer.undecided
    assert "withheld" in found.evidence


WITHHELD = [
    ("floor", "not_worse", None, around(0.9), {}),
    ("exhausted", "better", "accuracy", around(0.3), {"outcome": Outcome.exhausted}),
    ("skipped", "better", "accuracy", around(0.3), {"outcome": Outcome.skipped}),
]


@pytest.mark.parametrize("trials", [{"sgd": 3, "adam": 3, "rmsprop": 3}, {"sgd": 1, "adam": 3}])
@pytest.mark.parametrize(("kind", "relation", "metric", "scores", "changes"), WITHHELD)
def test_a_claim_is_withheld_with_its_verdict_whether_or_not_budgets_are_equal(
    store, kind, relation, metric, scores, changes, trials
) -> None:
    """Unequal budgets are a remark beside the reason and hide none."""
    spaces = space(lr=LogUniform(low=1e-3, high=1.0))
    tuning = Tuning(
        spaces=spaces, trials={"quick": {"rmsprop": 3, **trials}}, widen=False, unequal=True
    )
    made = claim(relation, metric=metric, arm="tuned")
    bench = Bench(store, comparison(claims=(made,), tuning=tuning))
    bench.put("sgd", around(0.9 if kind == "floor" else 0.4)).put("rmsprop", around(0.4))
    bench.put("adam", scores, **changes)
    result = bench.result(arm="tuned")
    unequal = "; unequal budgets" if result.unequal else ""
    assert result.contrasts["adam"].label == f"undecided ({kind}{unequal})"
    found = answer(made, result)
    assert (found.answer, found.evidence) == (Answer.undecided, f"withheld: {kind}")


def test_equal_scores_are_no_worse_and_show_no_direction(store) -> None:
    same = around(0.4)
    assert answered(store, claim("not_worse"), adam=same).answer is Answer.supported
    found = answered(store, claim("better"), adam=same)
    assert (found.answer, found.evidence.partition(",")[0]) == ("undecided", "verdict identical")


def test_too_few_seeds_decide_nothing(store) -> None:
    made = claim("not_worse")
    bench = Bench(store, comparison(claims=(made,)), seeds=5)
    for name, mean in (("sgd", 0.4), ("adam", 0.3), ("rmsprop", 0.4)):
        bench.put(name, around(mean, 5))
    found = answer(made, bench.result())
    assert (found.answer, found.single) == (Answer.undecided, False)
    assert found.evidence.endswith("few seeds: 5 of 6 needed")


def test_a_run_that_failed_counts_as_learning_nothing_and_not_as_missing(store) -> None:
    """Against another variant too: ten runs that diverged score 0.7 each, where the others score 0.4."""
    found = answered(store, claim("worse", reference="rmsprop"), adam=[FAILED] * 10)
    assert found.answer is Answer.supported
    assert found.evidence.startswith("log_loss 0.7 against 0.4 (means)")


ALONE = [
    ("above", 0.3, None, "supported"),
    ("above", 0.5, None, "refuted"),
    ("above", 0.4, None, "undecided"),
    ("below", 0.5, None, "supported"),
    ("below", 0.3, None, "refuted"),
    ("within", 0.41, 0.05, "supported"),
    ("within", 0.6, 0.05, "refuted"),
    ("within", 0.45, 0.05, "undecided"),
]


@pytest.mark.parametrize(("relation", "value", "margin", "expected"), ALONE)
def test_a_variants_own_number_is_held_against_a_value(
    store, relation, value, margin, expected
) -> None:
    """Log losses of .38 and .42 in turns, so that a mean of .4 is sure to about .014."""
    made = claim(relation, value=value, margin=margin)
    found = answered(store, made)
    assert (found.answer, found.single) == (expected, True)
    assert f"log_loss 0.4 against the value {value:g}" in found.evidence


def test_what_is_undecided_says_what_would_have_been_seen(store) -> None:
    """A standard deviation of .02 * sqrt(10 / 9) at ten seeds: sign flips show 1.04 of it with 80 % power."""
    found = answered(store, claim("above", value=0.4))
    assert found.evidence.endswith("n = 10 seeds; 0.022 would have been seen")


@pytest.mark.parametrize(("rmsprop", "withheld"), [(0.85, True), (0.4, False)])
def test_a_pair_that_learns_nothing_is_withheld_though_the_baseline_learns(
    store, rmsprop: float, withheld: bool
) -> None:
    """The dummy predictor scores .7: that one of two which do not reach it is ahead says nothing of either."""
    made = claim("not_worse", reference="rmsprop", margin=0.02)
    found = answered(store, made, sgd=around(0.4), adam=around(0.8), rmsprop=around(rmsprop))
    if withheld:
        assert (found.answer, found.evidence) == (Answer.undecided, "withheld: floor")
    else:
        assert found.answer is Answer.refuted


def test_an_equivalence_that_is_not_shown_tells_its_margin(store) -> None:
    """No difference was sought, so none is said to have been visible."""
    made = claim("within", value=0.4, margin=0.001)
    found = answered(store, made)
    assert found.answer is Answer.undecided
    assert found.evidence.endswith("margin 0.001, n = 10 seeds")


def test_a_score_that_stays_at_the_dummy_one_can_be_claimed(store) -> None:
    """A contrast at its floor says nothing of two variants; that one stands there is a claim of its own."""
    made = claim("within", value=0.7, margin=0.05)
    found = answered(store, made, sgd=around(0.7), adam=around(0.7), rmsprop=around(0.7))
    assert found.answer is Answer.supported


def test_identity_within_a_margin_lets_rounding_pass(store) -> None:
    other = [score + 1e-12 for score in around(0.4)]
    assert answered(store, claim("identical", margin=1e-9), adam=other).answer == "supported"
    assert answered(store, claim("identical"), adam=other).answer == "refuted"


def test_a_measure_makes_the_number_that_is_compared(store) -> None:
    made = claim("better", measure=HALF, higher_is_better=False)
    found = answered(store, made, adam=SHOWN["better"])
    assert (found.answer, found.single) == (Answer.supported, True)
    assert found.evidence.startswith("half of the score 0.1 against 0.2 (means)")


def test_counts_of_thousands_keep_their_digits_and_a_tiny_p_is_a_bound(store) -> None:
    made = claim("within", metric="log_loss", value=12961.0, margin=1.0)
    found = answered(store, made, adam=[12961.0] * 10)
    assert found.evidence == (
        "log_loss 12,961 against the value 12961 (means), equivalence p < 0.0001, margin 1, n = 10 seeds"
    )


def test_a_measure_is_held_against_a_value(store) -> None:
    made = claim("within", measure=HALF, value=0.2, margin=0.02)
    assert answered(store, made).answer is Answer.supported


def test_a_measure_without_numbers_is_undecided(store) -> None:
    made = claim("below", measure=call("paribus.analysis.measures:step_ratio"), value=1.0)
    found = answered(store, made)
    assert (found.answer, found.evidence) == (Answer.undecided, "no step ratio was measured")


def test_the_evidence_names_what_a_measure_is_of(store) -> None:
    """Adam scores 0.4 and the prior 0.7."""
    measure = call("paribus.analysis.measures:over_dummy", predictor="prior", metric="log_loss")
    found = answered(store, claim("above", measure=measure, value=0.0))
    assert found.evidence.startswith("over dummy (prior, log_loss) 0.3 against the value 0")


def test_a_measure_waits_for_every_row_since_it_may_look_at_any(store) -> None:
    """Of the gap between two others, one has half of its runs: theirs cannot be paired."""
    measure = call(
        "paribus.analysis.measures:past_midpoint", metric="log_loss", worst="sgd", best="rmsprop"
    )
    made = claim("above", measure=measure, value=0.0)
    found = answered(store, made, rmsprop=around(0.2)[:5])
    assert (found.answer, found.evidence) == (Answer.undecided, "not run")


def test_a_claim_of_two_variants_does_not_wait_for_a_third(store) -> None:
    found = answered(store, claim("better"), adam=SHOWN["better"], rmsprop=around(0.4)[:5])
    assert found.answer is Answer.supported


def both(store, made: Claim, *, seeds: int = 10, known: int = 10) -> list:
    """Results of two comparisons with a claim over both; the second has so many seeds, its last row so many runs."""
    suite, results = over_both(made), []
    for compared, given, last in zip(suite.comparisons, (10, seeds), (10, known), strict=True):
        # Another task's name makes other runs of the second.
        task = compared.task.model_copy(update={"name": compared.name})
        bench = Bench(store, compared.model_copy(update={"task": task}), seeds=given)
        for name, count in (("sgd", given), ("adam", given), ("rmsprop", min(given, last))):
            bench.put(name, around(0.4, count))
        results.append(bench.result(suite=suite))
    return results


@pytest.mark.parametrize(
    ("second", "expected"),
    [
        ({}, "mean of the scores 0.4 against the value 0.5"),
        ({"known": 4}, "not run"),
        ({"seeds": 8}, "withheld: its comparisons have different seeds"),
    ],
)
def test_a_suites_measure_needs_every_row_of_every_comparison_on_equal_seeds(
    store, second, expected
) -> None:
    made = claim("below", measure=call("tests.helpers.handmade:mean_of_the_scores"), value=0.5)
    (found,) = answer_suite(both(store, made, **second))
    assert found.evidence.startswith(expected)
    assert found.single == (not second)


def test_a_claim_on_another_budget_waits_for_it(store) -> None:
    made = claim("better", budget="full")
    found = answered(store, made, adam=SHOWN["better"])
    assert (found.answer, found.evidence) == (Answer.undecided, "stated for the budget 'full'")


@pytest.mark.parametrize(
    ("fields", "slip"),
    [
        ({"relation": "above"}, "'above' without a value"),
        ({"relation": "better", "value": 1.0}, "'better' and a value"),
        ({"relation": "above", "value": 1.0, "reference": "sgd"}, "a value and a reference"),
        (
            {"relation": "better", "metric": "x", "measure": HALF, "higher_is_better": True},
            "a metric and a measure",
        ),
        ({"relation": "better", "measure": HALF}, "a measure without a direction"),
        ({"relation": "equivalent", "measure": HALF}, "a measure, 'equivalent' and no margin"),
        ({"relation": "within", "value": 1.0}, "'within' without a margin"),
        ({"relation": "better_by", "measure": HALF, "higher_is_better": True}, "no margin"),
        ({"relation": "better", "unit": "task"}, "tasks as units without a measure"),
        ({"relation": "not_worse", "fact": "counted"}, "a fact and 'not_worse'"),
    ],
)
def test_a_claim_that_contradicts_itself_is_refused(fields, slip) -> None:
    assert slip in refused(claim, **fields)


def over_both(made: Claim) -> Suite:
    """Return a suite of two comparisons with a claim over both."""
    one, two = comparison(name="one"), comparison(name="two", target=0.3)
    return Suite(name="both", title="Both", comparisons=(one, two), claims=(made,))


REGRETS = claim(
    "better", reference="sgd", unit="task", higher_is_better=False,
    measure=call("paribus.analysis.measures:task_regrets", pair=["adam", "sgd"]),
)  # fmt: skip


def over_tasks(store, wins: int, losses: int = 0) -> list:
    """Results on tasks of 2 to 4 seeds, on each of which adam is ahead of sgd by a seventh of the way, or behind."""
    tasks = [
        comparison(name=f"t{i}", task=comparison().task.model_copy(update={"name": f"t{i}"}))
        for i in range(wins + losses)
    ]
    suite = Suite(name="many", title="Many", comparisons=tuple(tasks), claims=(REGRETS,))
    results = []
    for i, compared in enumerate(tasks):
        bench = Bench(store, compared, seeds=2 + i % 3)
        bench.put("sgd", around(0.4)).put("rmsprop", around(0.4))
        bench.put("adam", around(0.3 if i < wins else 0.5))
        results.append(bench.result(suite=suite))
    return results


@pytest.mark.parametrize(
    ("wins", "losses", "expected"),
    [
        (6, 0, "p = 0.0312, n = 6 tasks"),  # 2 / 2^6
        (6, 1, "p = 0.125, n = 7 tasks"),  # sums of signs at least as far as 6 - 1: 16 of 2^7
        (5, 0, "few tasks: 5 of 6 needed"),
    ],
)
def test_a_claim_on_tasks_counts_tasks_however_many_seeds_each_has(
    store, wins, losses, expected
) -> None:
    results = over_tasks(store, wins, losses)
    (found,) = answer_suite(results)
    assert expected in found.evidence
    assert (found.answer is Answer.supported) == expected.startswith("p = 0.03")
    (alone,) = answer_suite(results[:1])
    assert (alone.answer, alone.evidence) == (Answer.undecided, "not run")


def test_the_evidence_on_tasks_tells_both_regrets(store) -> None:
    """A tenth of the dummy predictor's .7 behind on six tasks, and nothing."""
    (found,) = answer_suite(over_tasks(store, 6))
    assert found.evidence.startswith("task regrets (adam, sgd) 0 against 0.143 (means), p = ")


@pytest.mark.parametrize(
    ("fields", "got"),
    [
        ({"measure": HALF, "variant": "lion", "value": 1.0, "relation": "above"}, "'lion'"),
        ({"variant": "adam", "value": 1.0, "relation": "above"}, "no measure"),
        (
            {"measure": HALF, "variant": "adam", "relation": "better", "higher_is_better": True},
            "None",
        ),
    ],
)
def test_a_suites_claim_needs_a_measure_and_shared_variants(fields, got) -> None:
    with pytest.raises(ParibusError, match="claim C of suite 'both'") as caught:
        over_both(claim(**fields))
    assert got in str(caught.value)


STEPS = claim("better", metric="steps_to_target")
REACHED = {"step": [0, 10, 20], "validation/log_loss": [0.7, 0.3, 0.3]}  # the target of 0.4, at 10
LATE = {"step": [0, 10, 20], "validation/log_loss": [0.7, 0.5, 0.3]}
MISSED = {"step": [0, 10, 20], "validation/log_loss": [0.7, 0.6, 0.5]}


def steps_bench(store, sgd, adam, made: Claim = STEPS) -> Bench:
    """Curves of each seed for two variants."""
    bench = Bench(store, comparison(claims=(made,)))
    for name in ("sgd", "adam", "rmsprop"):
        bench.put(name, around(0.4))
    for name, curves in (("sgd", sgd), ("adam", adam)):
        for seed, curve in enumerate(curves):
            bench.perturb(name, seed, curves=curve)
    return bench


@pytest.mark.parametrize(
    ("sgd", "adam", "expected"),
    [
        ([MISSED] * 10, [REACHED] * 10, "supported"),
        ([REACHED] * 10, [MISSED] * 10, "refuted"),
        ([LATE] * 10, [REACHED] * 10, "supported"),
        ([MISSED] * 10, [MISSED] * 10, "undecided"),  # all ties
        ([LATE] * 10, [REACHED] * 5 + [MISSED] * 5, "undecided"),
        # Six fewer, none more, the rest ties: 2 / 2^6 = 0.031.
        ([LATE] * 10, [REACHED] * 6 + [LATE] * 4, "supported"),
        ([LATE] * 10, [REACHED] * 5 + [LATE] * 5, "undecided"),
    ],
)
def test_steps_to_target_are_compared_by_the_sign_test(store, sgd, adam, expected) -> None:
    found = answer(STEPS, steps_bench(store, sgd, adam).result())
    assert (found.answer, found.single) == (expected, True)


@pytest.mark.parametrize(
    ("sgd", "adam", "medians"),
    [
        (MISSED, REACHED, "at most 10 steps against never"),
        (REACHED, MISSED, "never against at most 10 steps"),
        (LATE, REACHED, "at most 10 against 20 steps"),
        (MISSED, MISSED, "never against never"),
    ],
)
def test_the_evidence_on_steps_names_a_miss(store, sgd, adam, medians) -> None:
    found = answer(STEPS, steps_bench(store, [sgd] * 10, [adam] * 10).result())
    assert found.evidence.startswith(f"{medians} (medians), ")


def test_the_evidence_on_steps_counts_seeds(store) -> None:
    found = answer(STEPS, steps_bench(store, [MISSED] * 10, [REACHED] * 10).result())
    assert found.evidence.endswith("(medians), 10 seeds fewer, 0 more, sign test p = 0.00195")


def test_more_steps_can_be_claimed_as_well(store) -> None:
    made = claim("worse", metric="steps_to_target")
    result = steps_bench(store, [REACHED] * 10, [LATE] * 10, made).result()
    assert answer(made, result).answer is Answer.supported


def test_target_steps_are_one_a_seed(store) -> None:
    result = steps_bench(store, [MISSED] * 10, [REACHED] * 4 + [LATE] * 6).result()
    found = target_steps(result.comparison, result.row("adam"))
    assert found.tolist() == [10.0] * 4 + [20.0] * 6


def test_what_was_not_run_is_undecided(store) -> None:
    made = claim("better")
    bench = Bench(store, comparison(claims=(made,))).put("sgd", around(0.4))
    assert answer(made, bench.result()).evidence == "not run"


@pytest.mark.parametrize("relation", ["better", "not_worse"])
def test_a_skipped_device_answers_nothing_whatever_the_store_holds(store, relation) -> None:
    found = answered(store, claim(relation), skipped="no CUDA device was found")
    assert (found.answer, found.evidence) == (Answer.undecided, "not run")


def test_a_failed_test_answers_nothing(store) -> None:
    found = answered(store, claim("not_worse"), failures={"adam": "boom"})
    assert (found.answer, found.evidence) == (Answer.undecided, "not run")


def test_broken_control_withholds_every_answer(store) -> None:
    made = claim("not_worse")
    bench = Bench(store, comparison(claims=(made,)))
    for name in ("sgd", "adam", "rmsprop"):
        bench.put(name, around(0.4))
    bench.perturb("rmsprop", 0, hashes={"split": "another"})
    found = answer(made, bench.result())
    assert (found.answer, found.evidence) == (Answer.undecided, "withheld, because control broke")


def test_a_later_look_answers_no_claim_that_rests_on_a_verdict(store) -> None:
    made = claim("better")
    answered(store, made, adam=SHOWN["better"])
    bench = Bench(store, comparison(claims=(made,)), seeds=12)
    for name, mean in (("sgd", 0.4), ("adam", 0.2), ("rmsprop", 0.4)):
        bench.put(name, around(mean, 12))
    found = answer(made, bench.result())
    assert found.answer is Answer.undecided
    assert found.evidence == "a later look"


def test_every_claim_is_answered_in_its_order(store) -> None:
    claims = (claim("better"), claim("not_worse"), claim("identical"))
    bench = Bench(store, comparison(claims=claims))
    for name in ("sgd", "adam", "rmsprop"):
        bench.put(name, around(0.4))
    assert [a.claim.relation for a in answer_all(bench.result())] == [
        "better",
        "not_worse",
        "identical",
    ]


def test_claims_of_new_data_rest_on_the_corrected_t(store) -> None:
    """Test over training is a third, so p is that of the corrected t and larger than by sign flips."""
    made = claim("better", reference="rmsprop")
    bench = Bench(store, comparison(claims=(made,), inference="population"))
    scores = {"sgd": around(0.4), "adam": beside(around(0.4), -0.01, 0.015), "rmsprop": around(0.4)}
    for name, losses in scores.items():
        bench.put(name, losses)
    d = np.array(scores["rmsprop"]) - scores["adam"]
    assert f"p = {t_p(d, 1 / 3):.3g}" in answer(made, bench.result()).evidence
    assert t_p(d, 1 / 3) > sign_flip_p(d)


def test_shares_of_seeds_do_not_speak_of_new_data(store) -> None:
    made = claim(metric="steps_to_target")
    bench = Bench(store, comparison(claims=(made,), inference="population"))
    for name in ("sgd", "adam", "rmsprop"):
        bench.put(name, around(0.4))
    found = answer(made, bench.result())
    assert (found.answer, found.evidence) == (
        Answer.undecided,
        "withheld: shares of seeds do not speak of new data",
    )
