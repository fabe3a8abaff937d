"""Sentence that answers a comparison's question, on records written by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from paribus import Budget, Metric, call
from paribus.experiment.factor import Factor
from paribus.report.answers import answer, outcome
from paribus.runs.run import Outcome
from tests.helpers.handmade import FAILED, RECIPE, Bench, around, comparison, filled

NO_GPU = "no CUDA device was found"


def test_verdicts_are_named_with_scores_and_margin(store) -> None:
    assert answer([filled(store).result()]) == (
        "**Which optimizer is best?** Test log_loss of the best weights in 20 steps, 10 seeds: adam is clearly better "
        "than sgd (0.200 against 0.400); rmsprop is equivalent to sgd (no difference beyond the margin of 0.02 nats). "
        "Median steps to a validation log_loss of 0.4: adam 20, rmsprop never and sgd never."
    )


def test_variants_of_one_verdict_share_a_phrase(store) -> None:
    bench = filled(store).put("rmsprop", around(0.3))
    assert outcome(bench.result()) == (
        "adam and rmsprop are clearly better than sgd (0.200 and 0.300 against 0.400)"
    )


def test_equivalent_is_no_small_difference(store) -> None:
    """A difference that was seen and is small is told as one; where none was seen the margin bounds it."""
    wobble = [0.002 * (-1) ** (i // 2) for i in range(10)]
    bench = filled(store).put("adam", [x + w for x, w in zip(around(0.4), wobble, strict=True)])
    assert outcome(bench.result()) == (
        "adam and rmsprop are equivalent to sgd (no difference beyond the margin of 0.02 nats)"
    )
    shifted = filled(store).put("adam", [x + 0.01 for x in around(0.4)])
    assert outcome(shifted.result()).startswith(
        "adam is slightly worse than sgd (0.410 against 0.400), by less than the margin of 0.02 nats; "
    )


def test_undecided_is_neither_a_difference_nor_its_absence(store) -> None:
    scores = [0.4 + 0.1 * (-1) ** (i // 3) for i in range(10)]
    assert outcome(filled(store).put("adam", scores).result()).endswith(
        "no difference from sgd was shown for adam, nor its absence"
    )


def test_too_few_seeds_give_no_verdict(store) -> None:
    bench = Bench(store, seeds=2)
    for name in ("sgd", "adam", "rmsprop"):
        bench.put(name, around(0.4, 2) if name == "sgd" else around(0.2, 2))
    assert outcome(bench.result()) == (
        "too few seeds for a verdict on adam and rmsprop (a look, 2 of 7 needed)"
    )


def test_a_single_seed_is_not_said_in_the_plural(store) -> None:
    bench = Bench(store, seeds=1)
    for name in ("sgd", "adam", "rmsprop"):
        bench.put(name, [0.4 if name == "sgd" else 0.2])
    assert "Test log_loss of the best weights in 20 steps, 1 seed: too few seeds" in answer(
        [bench.result()]
    )


def test_broken_control_withholds_the_answer(store) -> None:
    result = filled(store).perturb("adam", 3, hashes={"split": "x"}).result()
    assert outcome(result) == (
        "no verdict, because control broke: something besides the factor differs between variants"
    )


def test_where_every_run_failed_nothing_is_answered(store) -> None:
    bench = Bench(store)
    for name in ("sgd", "adam", "rmsprop"):
        bench.put(name, [FAILED] * 10)
    assert outcome(bench.result()) == "no verdict, because no run of any variant completed"


def test_failed_runs_are_counted_beside_the_name(store) -> None:
    bench = filled(store).put("adam", [FAILED] * 10)
    assert "adam (10 of 10 diverged) is clearly worse than sgd" in outcome(bench.result())
    both = filled(store).put("sgd", [FAILED, *around(0.4)[1:]])
    assert "than sgd (1 of 10 diverged)" in outcome(both.result())


def test_the_floor_names_the_predictor_that_learns_nothing(store) -> None:
    bench = filled(store).put("sgd", [0.75] * 10).put("adam", around(0.72))
    assert (
        "neither sgd nor adam beats the predictor that learns nothing (`prior`) by the margin"
        in outcome(bench.result())
    )


def test_a_floor_of_several_and_a_single_step_are_sentences(store) -> None:
    recipe = RECIPE.model_copy(update={"steps": 1})
    bench = filled(store, recipe=recipe, budgets={"quick": Budget(10, 1, 1)})
    for name in ("sgd", "adam", "rmsprop"):
        bench.put(name, around(0.72))
    assert answer([bench.result()]).endswith(
        "Test log_loss of the best weights in 1 step, 10 seeds: none of sgd, adam and rmsprop beats the predictor that "
        "learns nothing (`prior`) by the margin."
    )


def test_equal_scores_are_equal(store) -> None:
    bench = filled(store).put("rmsprop", around(0.4))
    assert "rmsprop scores exactly as sgd on every seed" in outcome(bench.result())


def test_a_run_that_the_clock_stopped_withholds_its_verdict(store) -> None:
    result = filled(store).perturb("adam", 0, outcome=Outcome.exhausted).result()
    assert "no verdict on adam (1 of 10 exhausted) (exhausted)" in outcome(result)


def test_what_is_missing_is_said(store) -> None:
    bench = Bench(store).put("sgd", around(0.4)).put("adam", around(0.2)[:7])
    assert outcome(bench.result()) == (
        "adam has no result (not run (7 of 10 seeds)); rmsprop has no result (not run)"
    )
    alone = Bench(store, device="cuda").put("adam", around(0.2))
    assert outcome(alone.result()) == (
        "no verdict, because the baseline sgd has no result (not run)"
    )


def test_each_arm_and_each_device_has_its_outcome(store) -> None:
    result = filled(store).result()
    tuned = replace(result, arm="tuned")
    assert (
        "? Stated settings, test log_loss of the best weights in 20 steps, 10 seeds: adam is"
        in (answer([result, tuned]).replace("**", ""))
    )
    assert ". Tuned: adam is clearly better than sgd" in answer([result, tuned])
    assert (
        "** Tuned, test log_loss of the best weights in 20 steps, 10 seeds: adam is clearly better"
        in answer([tuned])
    )
    gpu = filled(store)
    gpu.device = "cuda"
    for name, mean in (("sgd", 0.4), ("adam", 0.2), ("rmsprop", 0.3)):
        gpu.put(name, around(mean))
    text = answer([result, gpu.result()])
    assert "** On cpu: Test log_loss of the best weights in 20 steps, 10 seeds" in text
    assert " On cuda: Test log_loss of the best weights in 20 steps, 10 seeds" in text
    assert "adam and rmsprop are clearly better" in text


def test_a_device_that_was_skipped_answers_nothing(store) -> None:
    ran = filled(store).result()
    skipped = Bench(store, device="cuda").result(skipped=NO_GPU)
    assert answer([ran, skipped]) == answer([ran])
    assert (
        answer([skipped])
        == f"**Which optimizer is best?** Not answered: skipped on cuda, {NO_GPU}."
    )


@pytest.mark.parametrize(("looks", "marked"), [((10,), False), ((8, 10), True)])
def test_a_later_look_is_exploratory(store, looks, marked) -> None:
    result = replace(filled(store).result(), looks=looks)
    assert ("(exploratory, since it was looked at before" in outcome(result)) is marked


def test_steps_are_named_where_all_variants_have_the_same(store) -> None:
    factor = Factor("recipe.steps", {"20": 20, "40": 40})
    bench = Bench(store, comparison(factors=(factor,), baseline=("20",)))
    for name, mean in (("20", 0.4), ("40", 0.2)):
        bench.put(name, around(mean))
    assert 'Test log_loss, 10 seeds: "40" is clearly better than "20"' in answer([bench.result()])


def test_wins_that_the_mean_does_not_bear_out_say_so(store) -> None:
    """In a sequence of seeds: ten small wins, within the margin of .02; and larger ones."""
    bench = filled(store).put("adam", [x - 0.01 for x in around(0.4)])
    text = answer([bench.result(cap=30)])
    assert "adam wins on more seeds than sgd, though the mean does not exceed the margin" in text
    bench.put("adam", [x - 0.05 for x in around(0.4)])
    assert "adam wins on more seeds than sgd;" in answer([bench.result(cap=30)])


def right(outputs, target, classes, *, weight: float) -> float:
    """Share of right answers, times a weight."""
    del classes
    return weight * float((outputs.argmax(1) == target).mean())


def test_where_splits_differ_the_score_is_better_and_not_the_network(store) -> None:
    """An easier test part flatters; a random split of a series does."""
    splits = {
        "by time": call("paribus.data.splits:time_split"),
        "random": call("paribus.data.splits:random_split"),
    }
    bench = Bench(store, comparison(factors=(Factor("task.split", splits),), baseline=("by time",)))
    bench.put("by time", around(0.4)).put("random", around(0.2))
    assert (
        outcome(bench.result()) == "random scores clearly better than by time (0.200 against 0.400)"
    )


def test_another_score_of_the_same_predictions_is_told_and_not_judged(store) -> None:
    metric = Metric(name="right", function=call(right, weight=1.0), higher_is_better=True)
    weights = Factor("metric.function.weight", {"whole": 1.0, "half": 0.5, "third": 0.3})
    bench = Bench(store, comparison(metric=metric, factors=(weights,), baseline=("whole",)))
    bench.put("whole", around(0.4))
    bench.predict("whole", [[2, 1], [1, 2], [1, 2], [2, 1]], [0, 1, 1, 1])
    assert outcome(bench.result()) == (
        "half and third are other scores than whole (0.375 and 0.225 against 0.750), and no score is better than "
        "another"
    )


def test_what_turns_with_the_budget_is_told_beside_the_answer(store) -> None:
    bench = Bench(store, comparison(turns="at 20 steps adam leads, at 80 sgd"))
    for name, score in (("sgd", 0.4), ("adam", 0.2), ("rmsprop", 0.4)):
        bench.put(name, around(score))
    told = " The answer depends on the budget: at 20 steps adam leads, at 80 sgd."
    result = bench.result()
    assert answer([result]).endswith(told)
    own = result.comparison.model_copy(
        update={"task": result.comparison.task.model_copy(update={"path": "mine.csv"})}
    )
    assert told not in answer([replace(result, comparison=own)])
