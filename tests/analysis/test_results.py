"""Results of a comparison from the store, on handmade records."""

from __future__ import annotations

from dataclasses import replace
from math import inf, isnan, nan

import numpy as np
import pytest

from paribus import Claim, Factor, Metric, call, stats
from paribus.analysis.claims import answer_all
from paribus.analysis.results import (
    check_control,
    penalised,
    score_of,
    steps_to_target,
    timing_key,
)
from paribus.analysis.verdict import Decision, Size
from paribus.stats import paired_t_interval, t_p
from tests.helpers.handmade import FAILED, OPTIMIZERS, Bench, around, comparison, filled, record
from tests.helpers.toys import a_run


@pytest.fixture
def run(store):
    return Bench(store).runs("sgd")[0]


CURVES = {"step": [0, 10, 20], "validation/log_loss": [0.7, 0.3, 0.2]}


@pytest.mark.parametrize(
    ("target", "higher_is_better", "expected"),
    [
        (0.7, False, 0),
        (0.3, False, 10),
        (0.25, False, 20),
        (0.1, False, inf),
        (0.7, True, 0),
        (0.9, True, inf),
    ],
)
def test_steps_to_target_are_those_of_the_first_evaluation_that_reaches_it(
    run, target, higher_is_better, expected
) -> None:
    left = record(run, 0.2, curves=CURVES)
    assert steps_to_target(left, "log_loss", target, higher_is_better) == expected


def test_a_run_without_curves_never_reaches_a_target(run) -> None:
    assert steps_to_target(record(run, 0.2, curves={}), "log_loss", 0.5, False) == inf


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("log_loss", 0.2),
        ("validation/log_loss@0", 0.7),
        ("validation/log_loss@mean", 0.4),  # (0.7 + 0.3 + 0.2) / 3
        ("parameters", 17),
    ],
)
def test_a_score_is_found_by_name(run, name, expected) -> None:
    assert score_of(record(run, 0.2, curves=CURVES), name) == pytest.approx(expected)


@pytest.mark.parametrize("name", ["unknown", "unknown@0", "unknown@mean"])
def test_a_score_that_is_not_there_is_nan(run, name) -> None:
    assert isnan(score_of(record(run, 0.2), name))


def test_a_diverged_run_has_a_first_point_but_no_mean(run) -> None:
    diverged = record(run, FAILED)
    assert score_of(diverged, "validation/log_loss@0") == 0.7
    assert isnan(score_of(diverged, "validation/log_loss@mean"))


def test_verdicts_come_from_the_records(store) -> None:
    result = filled(store).result()
    assert {name: str(c.decision) for name, c in result.contrasts.items()} == {
        "adam": "better",
        "rmsprop": "equivalent",
    }
    assert result.contrasts["adam"].difference.mean == pytest.approx(0.2)
    assert [row.variant.name for row in result.rows] == ["sgd", "adam", "rmsprop"]
    assert result.baseline.dummy.tolist() == [0.7] * 10


def test_control_holds_where_split_order_and_weights_agree(store) -> None:
    control = filled(store).result().control
    assert control.broken == ()
    assert len(control.checked) == 3
    assert control.varied["recipe.optimizer.lr"] == {"sgd": 0.1, "adam": 0.01, "rmsprop": 0.01}


@pytest.mark.parametrize(
    ("part", "other"),
    [("split", "another"), ("order", "another"), ("init", {"Linear0.weight(4, 2)": "another"})],
)
def test_control_breaks_where_one_hash_differs_and_withholds_the_verdicts(
    store, part, other
) -> None:
    bench = filled(store)
    hashes = store.get([bench.runs("adam")[3].key]).popitem()[1].hashes
    result = bench.perturb("adam", 3, hashes={**hashes, part: other}).result()
    assert result.control.broken == (f"{part} of seed 3 differs between 'sgd' and 'adam'",)
    assert result.contrasts == {}


def test_weights_of_other_shapes_are_not_compared(store) -> None:
    bench = filled(store)
    for seed in range(bench.seeds):
        hashes = store.get([bench.runs("adam")[seed].key]).popitem()[1].hashes
        bench.perturb("adam", seed, hashes={**hashes, "init": {"LSTM0.weight(9, 9)": "x"}})
    assert bench.result().control.broken == ()


@pytest.mark.parametrize(
    ("path", "levels", "unchecked"),
    [
        (
            "recipe.init",
            {"own": None, "kaiming": call("paribus.models.initialise:kaiming_uniform")},
            {"init"},
        ),
        ("recipe.batch_size", {"8": 8, "16": 16}, {"order"}),
        ("task.split.imbalance", {"even": 1.0, "uneven": 10.0}, {"split", "order"}),
        ("recipe.salt", {"a": "a", "b": "b"}, {"order", "init"}),
        ("recipe.model.hidden", {"4": [4], "8": [8]}, set()),
    ],
)
def test_what_the_factor_changes_is_not_held_against_it(store, path, levels, unchecked) -> None:
    varied = comparison(factors=(Factor(path, levels),), baseline=(next(iter(levels)),))
    bench = Bench(store, varied)
    first, second = levels
    bench.put(first, around(0.4)).put(second, around(0.2))
    for seed in range(bench.seeds):
        other = {"data": "d", "split": "x", "order": "x", "init": {"Linear0.weight(4, 2)": "x"}}
        bench.perturb(second, seed, hashes=other)
    broken = check_control(varied, bench.result().rows).broken
    assert {text.split()[0] for text in broken} == {"split", "order", "init"} - unchecked


def test_an_incomplete_row_has_no_contrast_and_the_others_keep_the_family_size(store) -> None:
    bench = Bench(store).put("sgd", around(0.4)).put("adam", around(0.2)).put("rmsprop", [0.4] * 7)
    result = bench.result()
    assert not result.row("rmsprop").complete
    assert list(result.contrasts) == ["adam"]
    assert result.contrasts["adam"].p_holm == pytest.approx(
        2 * 2 / 2**10
    )  # two of 2^10 flips, times m = 2


def test_without_a_whole_baseline_there_are_no_contrasts(store) -> None:
    bench = Bench(store).put("sgd", [0.4] * 9).put("adam", around(0.2)).put("rmsprop", around(0.4))
    assert bench.result().contrasts == {}


def test_a_failed_test_takes_its_row_out(store) -> None:
    result = filled(store).result(failures={"adam": "boom"})
    assert not result.row("adam").complete
    assert list(result.contrasts) == ["rmsprop"]


def test_a_diverged_run_scores_the_worse_of_the_dummy_score_and_the_worst_finisher(store) -> None:
    scores = around(0.2)
    scores[0] = FAILED
    result = (
        Bench(store)
        .put("sgd", around(0.4))
        .put("adam", scores)
        .put("rmsprop", around(0.4))
        .result()
    )
    contrast = result.contrasts["adam"]
    # One pair is 0.38 - 0.7 (dummy), the nine others differ by 0.2.
    assert contrast.difference.mean == pytest.approx((0.38 - 0.7 + 9 * 0.2) / 10)
    assert contrast.failures == (1, 0)


def test_more_seeds_than_before_make_a_result_exploratory(store) -> None:
    bench = filled(store)
    assert bench.result().looks == (10,)
    bench.seeds = 12
    for name, mean in (("sgd", 0.4), ("adam", 0.2), ("rmsprop", 0.3)):
        bench.put(name, around(mean, 12))
    later = bench.result()
    assert later.looks == (10, 12)
    assert later.exploratory
    assert {c.label for c in later.contrasts.values()} == {"clearly better (exploratory)"}


def test_a_look_with_too_few_seeds_counts(store) -> None:
    """Look at five, stop at six if they are unanimous, else go on to twenty: the second look is marked."""
    bench = filled(store)
    bench.seeds = 5
    assert bench.result().looks == (5,)
    bench.seeds = 10
    later = bench.result()
    assert later.looks == (5, 10)
    assert later.contrasts["adam"].label == "clearly better (exploratory)"


def test_the_same_look_again_is_no_later_look(store) -> None:
    bench = filled(store)
    bench.result()
    assert bench.result().looks == (10,)


def test_an_incomplete_result_is_no_look(store) -> None:
    assert Bench(store).put("sgd", around(0.4)).result().looks == ()


def test_a_skipped_device_has_no_contrasts_whatever_the_store_holds(store) -> None:
    result = filled(store).result(skipped="no CUDA device was found")
    assert (result.contrasts, result.looks) == ({}, ())


def right(outputs, target, classes, *, weight: float = 1.0) -> float:
    """Share of right answers, times a weight."""
    assert classes == ["low", "high"]
    return weight * float((outputs.argmax(1) == target).mean())


RESCORED = {
    "metric": Metric(
        name="right", function=call(right, weight=1.0), higher_is_better=True, margin=0.01
    ),
    "factors": (Factor("metric.function.weight", {"whole": 1.0, "half": 0.5}),),
    "baseline": ("whole",),
}


def rescored(store) -> Bench:
    bench = Bench(store, comparison(**RESCORED)).put("whole", around(0.4))
    return bench.predict("whole", [[2, 1], [1, 2], [1, 2], [2, 1]], [0, 1, 1, 1])


def test_variants_that_differ_in_the_score_alone_share_their_runs(store) -> None:
    result = rescored(store).result()
    whole, half = result.rows
    assert [r.key for r in whole.runs] == [r.key for r in half.runs]
    assert whole.scores.tolist() == [0.75] * 10  # three of four are right
    assert half.scores.tolist() == [0.375] * 10
    assert result.baseline.dummy.tolist() == [0.25] * 10  # the first class is right once in four


def test_between_two_scores_of_the_same_predictions_nothing_is_better_or_worse(store) -> None:
    """METHOD 4: differences and identities are told, and claims alone are tested."""
    found = rescored(store).result().contrasts["half"]
    assert found.label == found.word == "not judged"
    assert (found.decision, found.size) == (Decision.unjudged, Size.open)
    assert found.difference.mean == pytest.approx(-0.375)
    assert not found.not_worse
    assert not found.better_by(0.1)
    assert not found.open
    assert found.fragility is found.detectable is found.margin_curve is None


def test_scores_of_the_same_predictions_that_differ_by_rounding_are_identical(store) -> None:
    twice = {
        **RESCORED,
        "factors": (Factor("metric.function.weight", {"whole": 1.0, "nearly": 1 - 1e-15}),),
    }
    bench = Bench(store, comparison(**twice)).put("whole", around(0.4))
    bench.predict("whole", [[2, 1], [1, 2], [1, 2], [2, 1]], [0, 1, 1, 1])
    assert bench.result().contrasts["nearly"].label == "identical"


def test_a_claim_between_two_scores_of_the_same_predictions_is_tested_by_itself(store) -> None:
    lower = Claim(name="C", text="Half is lower.", variant="half", relation="worse", source="here")
    bench = Bench(store, comparison(**RESCORED, claims=(lower,))).put("whole", around(0.4))
    bench.predict("whole", [[2, 1], [1, 2], [1, 2], [2, 1]], [0, 1, 1, 1])
    (found,) = answer_all(bench.result())
    assert (found.answer, found.untested) == ("supported", False)


def test_a_rescored_run_that_diverged_scores_as_the_dummy_predictor_does(store) -> None:
    bench = rescored(store).put("whole", [FAILED])
    store._db.execute("delete from predictions where key = ?", (bench.runs("whole")[0].key,))
    result = bench.result()
    assert isnan(result.rows[0].scores[0])
    assert np.isnan(result.baseline.dummy).sum() == 1
    assert result.contrasts["half"].n == 10


@pytest.mark.parametrize(
    ("higher_is_better", "dummy", "scores", "expected"),
    [
        (True, [0.1, 0.2], [[0.9, 0.8]], [0.1, 0.2]),
        (True, [0.1, nan], [[0.9, 0.0]], [0.1, 0.1]),
        (False, [0.7, nan, 0.8], [[0.9, 0.8, 0.9]], [0.7, 0.8, 0.8]),
        (False, [nan, nan], [[0.3, nan], [0.5, 0.4]], [0.5, 0.5]),
        (True, [nan, nan], [[nan, nan]], [0.0, 0.0]),
    ],
)
def test_a_failure_scores_the_dummy_score_or_else_the_worst_that_is_known(
    higher_is_better, dummy, scores, expected
) -> None:
    found = stats.failure_scores(higher_is_better, np.array(dummy), scores)
    assert found.tolist() == expected


def test_the_optimizers_are_three() -> None:
    """The family of these tests has two contrasts."""
    assert len(OPTIMIZERS) == 3


CROSSED = {
    "factors": (
        Factor("recipe.optimizer.lr", {"low": 0.1, "high": 0.3}),
        Factor("recipe.batch_size", {"8": 8, "4": 4}),
    ),
    "baseline": ("low", "8"),
    "interaction_scale": "score",
}


def crossed(store, together: float) -> Bench:
    """Put a crossing: a high rate gains .05, a small batch .1, and both together what each does and this much more."""
    bench = Bench(store, comparison(**CROSSED))
    bench.put("low × 8", around(0.5)).put("high × 8", around(0.45)).put("low × 4", around(0.4))
    uneven = [x - 0.001 * i for i, x in enumerate(around(0.35 - together))]
    return bench.put("high × 4", uneven)


def test_an_interaction_stands_beside_the_contrasts_in_one_family(store) -> None:
    result = crossed(store, 0.1).result()
    assert list(result.contrasts) == ["low × 4", "high × 8", "high × 4"]
    (found,) = result.interactions.values()
    assert (found.variant, found.label) == ("high : 4", "clearly better")
    assert found.difference.mean == pytest.approx(0.1045)  # .1 and the mean of 0 to .009
    assert found.p_holm == 4 * 2**-9


def test_an_interaction_needs_all_four_variants(store) -> None:
    bench = crossed(store, 0.1)
    assert bench.result(failures={"low × 4": "boom"}).interactions == {}


def test_an_interaction_at_a_floor_is_withheld_on_the_way_from_the_store(store) -> None:
    bench = crossed(store, 0.1).put("low × 8", around(0.69))
    assert bench.result().interactions["high : 4"].label == "undecided (floor)"


def test_a_later_look_marks_interactions_as_well(store) -> None:
    bench = crossed(store, 0.1)
    bench.result()
    bench.seeds = 12
    for name, loss in (("low × 8", 0.5), ("high × 8", 0.45), ("low × 4", 0.4), ("high × 4", 0.25)):
        bench.put(name, [x + 0.001 * i for i, x in enumerate(around(loss, 12))])
    assert bench.result().interactions["high : 4"].label == "clearly better (exploratory)"


def test_each_variant_is_held_against_its_own_dummy_score(store) -> None:
    """Where the split is the factor, so is the dummy score: here the variant's is .3, which it does not beat."""
    levels = {"even": 1.0, "10:1": 10.0}
    factor = Factor("task.split.imbalance", levels)
    bench = Bench(store, comparison(factors=(factor,), baseline=("even",)))
    bench.put("even", [*around(0.69)[:-1], FAILED]).put("10:1", [FAILED, *around(0.295)[1:]])
    for seed in range(10):
        bench.perturb("10:1", seed, dummy={"prior": {"log_loss": 0.3, "accuracy": 0.9}})
    result = bench.result()
    assert [row.dummy.tolist() for row in result.rows] == [[0.7] * 10, [0.3] * 10]
    assert result.contrasts["10:1"].label == "undecided (floor)"
    # Nine seeds differ by about .395; where the variant failed it scores as the baseline's finisher, the worse one.
    pairs = [0.0, *(a - b for a, b in zip(around(0.69)[1:-1], around(0.295)[1:-1], strict=True))]
    assert result.contrasts["10:1"].difference.mean == pytest.approx((sum(pairs) + 0.385) / 10)


def test_new_data_are_spoken_of_by_the_corrected_t(store) -> None:
    """Twelve test samples over thirty-six: the ratio is a third."""
    result = filled(store, inference="population").result()
    contrast = result.contrasts["adam"]
    d = [0.2] * 10
    assert result.correction == pytest.approx(1 / 3)
    assert contrast.p == t_p(np.array(around(0.4)) - around(0.2), 1 / 3)
    assert contrast.difference.mean == pytest.approx(np.mean(d))
    wide = paired_t_interval(np.array(around(0.4)) - result.rows[2].scores, 0.95, 2, 1 / 3)
    found = result.contrasts["rmsprop"].difference
    assert (found.low, found.high) == pytest.approx((wide.low, wide.high))
    assert filled(store).result().correction == 0.0


def test_runs_with_their_penalty_are_those_of_complete_rows(store) -> None:
    bench = Bench(store).put("sgd", around(0.4)).put("adam", [FAILED, *around(0.2)[1:]])
    rows, table, counted = penalised(bench.result())
    assert [row.variant.name for row in rows] == ["sgd", "adam"]
    assert (table[1, 0], counted.all()) == (0.7, True)
    assert penalised(bench.result(skipped="no CUDA device was found"))[0] == []


@pytest.mark.parametrize(
    ("changes", "same"),
    [
        ({"lr": 0.5}, True),
        ({"momentum": 0.9}, False),
        ({"momentum": 0.0}, True),
        ({"nesterov": True, "momentum": 0.9}, False),
    ],
)
def test_a_step_is_timed_once_for_all_numbers_that_take_the_same_operations(changes, same) -> None:
    plain, other = (
        a_run(optimizer=call("torch.optim:SGD", **{"lr": 0.1, "momentum": 0.0, **kwargs}))
        for kwargs in ({}, changes)
    )
    assert (timing_key(plain) == timing_key(other)) == same


def test_a_step_is_timed_once_for_all_seeds_trials_engines_and_salts() -> None:
    run = a_run()
    salted = run.recipe.model_copy(update={"salt": "other"})
    others = [
        replace(run, seed=7),
        replace(run, trial=3),
        replace(run, engine="stacked"),
        replace(run, recipe=salted),
    ]
    assert {timing_key(other) for other in others} == {timing_key(run)}
    assert timing_key(replace(run, device="cuda")) != timing_key(run)
