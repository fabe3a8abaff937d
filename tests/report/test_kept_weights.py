"""Lines on the weights that were scored, on records written by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from paribus import Factor
from paribus.analysis.results import Result
from paribus.report.answers import answer
from paribus.report.kept_weights import lines
from paribus.runs.store import Store
from tests.helpers.handmade import OPTIMIZERS, RECIPE, TASK, Bench, around, comparison

STEPS = [0, 5, 10, 15, 20]
FALLING = [0.9, 0.7, 0.54, 0.38, 0.30]
RISING = [0.7, 0.2, 0.3, 0.4, 0.5]
FLAT = [0.7, 0.3, 0.3, 0.3, 0.3]


def result(path: Path, curves: dict[str, list[float]], **changes: Any) -> Result:
    """Return a result whose runs have these validation curves, the best at step 5, and 0.4 at the end instead."""
    bench = Bench(Store(path / "runs.sqlite"), comparison(**changes))
    for name, other in (("sgd", 0.31), ("adam", 0.6), ("rmsprop", 0.31)):
        bench.put(
            name,
            around(0.3),
            best_step=5,
            other_scores={"log_loss": other},
            standard_errors={"log_loss": 0.05},
            curves={"step": STEPS, "validation/log_loss": curves.get(name, FLAT)},
        )
    return bench.result()


def test_each_line_where_the_best_weights_are_scored(tmp_path: Path) -> None:
    found = lines(result(tmp_path, {"adam": RISING, "sgd": FALLING}))
    assert found == [
        "Scored are each run's weights with the best validation log_loss, seen in the median at step 5 of 20.",
        "At the end of training instead: adam 0.600 (scored: 0.300); the others stay within the margin.",
        "At the last step, by the validation curve and the margin: sgd (by 0.080 in the last quarter) still "
        "improving; adam past its best; rmsprop at its best. Which is best in the end takes more steps to tell: "
        "about 10 more, if gains go on to shrink as they did.",
        "For new data, each seed's score has besides a standard error of 0.050 from its 12 test samples, taken as "
        "independent; more seeds on the same data do not replace more samples.",
    ]


def test_a_failed_run_makes_no_difference_between_kept_and_other_weights(tmp_path: Path) -> None:
    """Its penalty is in the mean score of the table, and of the weights that are not kept nothing is known."""
    bench = Bench(Store(tmp_path / "runs.sqlite"), comparison())
    curves = {"step": STEPS, "validation/log_loss": FLAT}
    for name in ("sgd", "adam", "rmsprop"):
        scores = around(0.3) if name == "sgd" else [float("nan")] * 5 + around(0.3)[5:]
        bench.put(name, scores, other_scores={"log_loss": 0.3}, curves=curves)
    assert "At the end of training all variants have scores within the margin of these." in lines(
        bench.result()
    )


def test_the_reason_stands_where_the_last_weights_are_scored(tmp_path: Path) -> None:
    recipe = RECIPE.model_copy(update={"keep": "last"})
    made = result(tmp_path, {}, recipe=recipe, keep_reason="how it ends is the question")
    found = lines(made)
    assert found[0] == "Scored are the weights at the end: how it ends is the question."
    assert found[1].startswith("With the weights of the best validation score instead: adam 0.600")
    assert found[2] == "At the last step every variant was at its best, by the margin."
    assert "Test log_loss at the last of 20 steps, 10 seeds:" in answer([made])


def kept_apart(path: Path, others: dict[str, float]) -> Result:
    """Return a result of variants that score their last weights, with one more, `kept`, that scores its best."""
    names = [*others, "kept"]
    factor = Factor("recipe", {n: {"keep": "best" if n == "kept" else "last"} for n in names})
    # Variants that differ in nothing else would be one run, which has one record.
    levels = {n: {**factor.levels[n], "batch_size": 8 + i} for i, n in enumerate(names)}
    made = comparison(
        recipe=RECIPE.model_copy(update={"keep": "last"}),
        keep_reason="the best score is a variant here",
        factors=(Factor("recipe", levels),),
        baseline=(names[0],),
    )
    bench = Bench(Store(path / "runs.sqlite"), made)
    for name, other in {**others, "kept": 0.6}.items():
        bench.put(name, around(0.3), other_scores={"log_loss": other})
    return bench.result()


def test_where_the_weights_vary_only_those_of_the_end_are_told_of_the_best(tmp_path: Path) -> None:
    found = lines(kept_apart(tmp_path, {"plain": 0.1, "small": 0.31, "wide": 0.2}))
    assert found[:2] == [
        "Scored are the weights with the best validation score of kept, of the others those at the end: the best "
        "score is a variant here.",
        "With the weights of the best validation score instead: plain 0.100 (scored: 0.300) and wide 0.200 "
        "(scored: 0.300); small stays within the margin.",
    ]


def test_where_the_weights_vary_all_that_score_alike_are_named(tmp_path: Path) -> None:
    found = lines(kept_apart(tmp_path, {"plain": 0.3, "small": 0.31}))
    assert found[1] == (
        "With the weights of the best validation score plain and small have scores within the margin of these."
    )


def test_six_variants_of_other_scores_are_all_named(tmp_path: Path) -> None:
    found = lines(kept_apart(tmp_path, {f"v{i}": 0.1 for i in range(6)}))
    assert "v5 0.100 (scored: 0.300)." in found[1]
    found = lines(kept_apart(tmp_path / "7", {f"v{i}": 0.1 for i in range(7)}))
    assert "v5 0.100 (scored: 0.300), and 1 more differs." in found[1]


def test_the_answer_begins_with_the_steps_where_a_variant_still_improves(tmp_path: Path) -> None:
    still = answer([result(tmp_path / "a", {"sgd": FALLING})])
    assert (
        " After 20 steps (sgd still improving), test log_loss of the best weights in 20 steps, 10 seeds: "
        in still
    )
    done = answer([result(tmp_path / "b", {})])
    assert " Test log_loss of the best weights in 20 steps, 10 seeds: " in done
    assert done.endswith(
        "Median steps to a validation log_loss of 0.4: adam at most 5, rmsprop at most 5 and sgd at most 5."
    )


def test_names_that_read_as_counts_are_quoted(tmp_path: Path) -> None:
    """`1 to 3` of a weighting and `all three` of changes are variants, not how many of them there are."""
    named = {
        "all three": OPTIMIZERS["sgd"],
        "1 to 3": OPTIMIZERS["adam"],
        "rest": OPTIMIZERS["rmsprop"],
    }
    made = comparison(factors=(Factor("recipe.optimizer", named),), baseline=("all three",))
    bench = Bench(Store(tmp_path / "runs.sqlite"), made)
    for name, curve, score in (
        ("all three", FALLING, 0.3),
        ("1 to 3", RISING, 0.2),
        ("rest", FLAT, 0.3),
    ):
        curves = {"step": STEPS, "validation/log_loss": curve}
        bench.put(name, around(score), other_scores={"log_loss": 0.6}, curves=curves)
    found = answer([bench.result()])
    assert 'After 20 steps ("all three" still improving), ' in found
    assert '"1 to 3" is clearly better than "all three" (0.200 against 0.300)' in found
    assert 'rest scores exactly as "all three" on every seed' in found
    assert found.endswith('"1 to 3" at most 5, rest at most 5 and "all three" 15.')
    _, other, ended = lines(bench.result())
    assert other.startswith(
        'At the end of training instead: "all three" 0.600 (scored: 0.300), "1 to 3" 0.600 '
    )
    assert (
        '"all three" (by 0.080 in the last quarter) still improving; "1 to 3" past its best;'
        in ended
    )


def test_of_a_search_only_its_best_trial_is_told(tmp_path: Path) -> None:
    made = result(tmp_path, {"sgd": FALLING, "adam": RISING}, keep_reason="a step is a trial")
    found = lines(made)
    assert found[0] == "Scored is the best validation log_loss of all steps: a step is a trial."
    assert len(found) == 2
    assert "still improving" not in answer([made])


def test_data_that_every_seed_draws_anew_are_told_nothing_of_sampling(tmp_path: Path) -> None:
    made = result(tmp_path, {}, task=TASK.model_copy(update={"redrawn": True}))
    assert not any("standard error" in line for line in lines(made))
